//! What waits to be sent: bounded in messages, bytes and age.

use std::{collections::VecDeque, time::Duration};

use super::policy::{Millis, millis};
use crate::socket::Message;

/// How much may wait to be sent, while there is no connection or the one there is has no room.
///
/// What does not fit is refused, so the caller knows at once; what grows too old is dropped, and its receipt says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueLimits {
    /// The most messages that wait; 1,024 by default.
    pub messages: usize,
    /// The most bytes of payload that wait; 1 MiB by default. A message that is alone in the queue is always taken.
    pub bytes: usize,
    /// How long a message may wait; for ever by default.
    pub age: Option<Duration>,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { messages: 1024, bytes: 1024 * 1024, age: None }
    }
}

impl QueueLimits {
    /// These limits with at most this many waiting messages; with 0 nothing ever waits.
    #[must_use]
    pub fn messages(self, messages: usize) -> Self {
        Self { messages, ..self }
    }

    /// These limits with at most this many waiting bytes.
    #[must_use]
    pub fn bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    /// These limits with this longest wait.
    #[must_use]
    pub fn age(self, age: Duration) -> Self {
        Self { age: Some(age), ..self }
    }
}

/// A queue of messages, each with something of the caller's.
#[derive(Debug)]
pub(super) struct Queue<T> {
    limits: QueueLimits,
    waiting: VecDeque<Entry<T>>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<T> {
    message: Message,
    with: T,
    since: Millis,
}

impl<T> Queue<T> {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self { limits, waiting: VecDeque::new(), bytes: 0 }
    }

    /// Whether a message of this length fits.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.limits.messages > 0
            && (self.waiting.is_empty()
                || (self.waiting.len() < self.limits.messages && self.bytes + bytes <= self.limits.bytes))
    }

    /// Takes a message that [`Queue::fits`].
    pub(super) fn push(&mut self, message: Message, with: T, now: Millis) {
        self.bytes += message.len();
        self.waiting.push_back(Entry { message, with, since: now });
    }

    /// The message that has waited longest.
    pub(super) fn pop(&mut self) -> Option<(Message, T)> {
        let entry = self.waiting.pop_front()?;
        self.bytes -= entry.message.len();
        Some((entry.message, entry.with))
    }

    /// The message that has waited longest, if it has waited too long.
    pub(super) fn pop_expired(&mut self, now: Millis) -> Option<(Message, T)> {
        // Where the clock was set back, the wait begins anew rather than lasting until it is as late again.
        if let Some(first) = self.waiting.front_mut() {
            first.since = first.since.min(now);
        }
        if self.expires_at()? <= now { self.pop() } else { None }
    }

    /// When the next message will have waited too long.
    pub(super) fn expires_at(&self) -> Option<Millis> {
        Some(self.waiting.front()?.since + millis(self.limits.age?))
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(limits: QueueLimits) -> Queue<u32> {
        Queue::new(limits)
    }

    #[test]
    fn it_is_bounded_in_messages_and_in_bytes() {
        let mut queue = queue(QueueLimits::default().messages(2).bytes(10));
        assert!(queue.fits(1_000), "alone, whatever its length");
        queue.push("123456".into(), 1, 0);
        assert!(!queue.fits(5) && queue.fits(4));
        queue.push("1234".into(), 2, 0);
        assert!(!queue.fits(0));
        assert_eq!(queue.pop(), Some(("123456".into(), 1)));
        assert_eq!((queue.len(), queue.bytes()), (1, 4));
    }

    #[test]
    fn what_is_too_old_leaves_in_order() {
        let mut queue = queue(QueueLimits::default().age(Duration::from_secs(1)));
        queue.push("a".into(), 1, 5_000);
        queue.push("b".into(), 2, 5_500);
        assert_eq!(queue.pop_expired(5_999), None);
        assert_eq!(queue.pop_expired(6_000), Some(("a".into(), 1)));
        assert_eq!(queue.pop_expired(6_000), None);
        assert_eq!(queue.expires_at(), Some(6_500));
    }

    #[test]
    fn a_clock_that_is_set_back_prolongs_no_wait() {
        let mut queue = queue(QueueLimits::default().age(Duration::from_secs(1)));
        queue.push("a".into(), 1, 3_600_000);
        assert_eq!(queue.pop_expired(0), None);
        assert_eq!(queue.pop_expired(1_000), Some(("a".into(), 1)));
    }

    #[test]
    fn ages_of_every_length_are_lengths() {
        for age in [Duration::from_millis(u64::MAX), Duration::MAX] {
            let mut queue = queue(QueueLimits::default().age(age));
            queue.push("a".into(), 1, 1_700_000_000_000);
            assert_eq!(queue.pop_expired(1_700_000_000_001), None);
        }
    }

    #[test]
    fn a_queue_of_none_takes_none() {
        assert!(!queue(QueueLimits::default().messages(0)).fits(0));
    }
}
