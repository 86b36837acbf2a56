use std::collections::VecDeque;

use super::Message;

/// How much may wait to be read, and what happens to what comes on top.
///
/// The browser's `WebSocket` cannot be told to stop reading, so a reader slower than its peer fills this queue. A message that
/// is alone in the queue is always taken, however long it is. Over [`Transport::Stream`](super::Transport::Stream) nothing
/// overflows: reading stops once a message has passed a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InboundLimits {
    /// The most messages that wait; 16,384 by default.
    pub messages: usize,
    /// The most bytes of payload that wait; 64 MiB by default.
    pub bytes: usize,
    /// What happens to a message that would pass either limit.
    pub overflow: Overflow,
}

impl Default for InboundLimits {
    fn default() -> Self {
        Self { messages: 16 * 1024, bytes: 64 * 1024 * 1024, overflow: Overflow::Fail }
    }
}

impl InboundLimits {
    /// These limits with at most this many waiting messages.
    #[must_use]
    pub fn messages(self, messages: usize) -> Self {
        Self { messages, ..self }
    }

    /// These limits with at most this many waiting bytes.
    #[must_use]
    pub fn bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    /// These limits with this rule for what does not fit.
    #[must_use]
    pub fn overflow(self, overflow: Overflow) -> Self {
        Self { overflow, ..self }
    }
}

/// What happens to a message that does not fit into the inbound queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The connection is closed; the reader gets what was queued, then [`Error::Overflow`](super::Error::Overflow).
    Fail,
    /// The oldest waiting messages make room for it, and are counted as dropped.
    DropOldest,
    /// It is dropped itself, and counted.
    DropNewest,
}

/// The bounded queue between the browser's message events and the reader.
#[derive(Debug)]
pub(crate) struct Inbound {
    waiting: VecDeque<Message>,
    bytes: usize,
    dropped: u64,
    limits: InboundLimits,
}

/// What [`Inbound::push`] did not take, under [`Overflow::Fail`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflowed {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Inbound {
    pub(crate) fn new(limits: InboundLimits) -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, dropped: 0, limits }
    }

    /// Takes a message, if need be beyond the limits where that is allowed.
    pub(crate) fn push(&mut self, message: Message, beyond: bool) -> Result<(), Overflowed> {
        while !beyond && !self.fits(&message) {
            match self.limits.overflow {
                Overflow::Fail => return Err(Overflowed { messages: self.waiting.len(), bytes: self.bytes }),
                Overflow::DropOldest => {
                    self.pop();
                    self.dropped += 1;
                }
                Overflow::DropNewest => {
                    self.dropped += 1;
                    return Ok(());
                }
            }
        }
        self.bytes += message.len();
        self.waiting.push_back(message);
        Ok(())
    }

    /// Whether a limit is passed, so that no more is to be read.
    pub(crate) fn is_beyond(&self) -> bool {
        self.waiting.len() > self.limits.messages || self.bytes > self.limits.bytes
    }

    pub(crate) fn pop(&mut self) -> Option<Message> {
        let message = self.waiting.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn fits(&self, message: &Message) -> bool {
        self.waiting.is_empty()
            || (self.waiting.len() < self.limits.messages && self.bytes + message.len() <= self.limits.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(overflow: Overflow) -> Inbound {
        let mut queue = Inbound::new(InboundLimits { messages: 2, bytes: 10, overflow });
        queue.push("one".into(), false).unwrap();
        queue.push("two".into(), false).unwrap();
        queue
    }

    fn drain(mut queue: Inbound) -> Vec<Message> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn fail_keeps_what_was_queued() {
        let mut queue = filled(Overflow::Fail);
        assert_eq!(queue.push("three".into(), false), Err(Overflowed { messages: 2, bytes: 6 }));
        assert_eq!(drain(queue), ["one".into(), "two".into()]);
    }

    #[test]
    fn drop_oldest_makes_room_and_counts() {
        let mut queue = filled(Overflow::DropOldest);
        queue.push("ten bytes!".into(), false).unwrap();
        assert_eq!(queue.dropped(), 2);
        assert_eq!(drain(queue), ["ten bytes!".into()]);
    }

    #[test]
    fn drop_newest_leaves_the_queue_as_it_is_and_counts() {
        let mut queue = filled(Overflow::DropNewest);
        queue.push("three".into(), false).unwrap();
        assert_eq!(queue.dropped(), 1);
        assert_eq!(drain(queue), ["one".into(), "two".into()]);
    }

    #[test]
    fn what_cannot_be_given_back_is_taken_beyond_the_limits() {
        let mut queue = filled(Overflow::Fail);
        assert!(!queue.is_beyond(), "at the limit, where one more is still asked for");
        queue.push("three".into(), true).unwrap();
        assert!(queue.is_beyond());
        queue.pop();
        assert!(!queue.is_beyond());
        queue.push("x".into(), true).unwrap();
        assert!(queue.is_beyond(), "by messages, of ten bytes less one");
        assert_eq!(drain(queue), ["two".into(), "three".into(), "x".into()]);
    }

    #[test]
    fn a_message_alone_is_taken_however_long() {
        let mut queue = Inbound::new(InboundLimits { messages: 2, bytes: 10, overflow: Overflow::Fail });
        queue.push("longer than ten bytes".into(), false).unwrap();
        assert_eq!(queue.push("x".into(), false), Err(Overflowed { messages: 1, bytes: 21 }));
    }
}
