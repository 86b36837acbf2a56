//! What comes from the peer, until it is taken as a message or handed to tungstenite.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BufMut as _, BytesMut};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::head::{self, Head};
use crate::message::{self, Message, Text};

/// How much is read at once, unless a longer frame has begun.
const SHARED: usize = 64 * 1024;

/// How much is read after a long frame, to see how long the next one is: then that is read where it stays.
const PEEK: usize = 4 * 1024;

/// With less room than this the buffer is made anew.
const ROOM: usize = 4 * 1024;

thread_local! {
    /// What all connections of a thread read into, so that one that waits for a message holds nothing.
    static SCRATCH: Cell<BytesMut> = Cell::default();
}

/// What has come and was not taken.
#[derive(Debug, Default)]
pub(super) struct Inward {
    ahead: BytesMut,
    /// Whether that is the thread's buffer, which is to be given back.
    is_shared: bool,
    /// How long the last message was.
    last: usize,
    /// What is still to come of a frame that is handed to tungstenite.
    left: u64,
    /// Whether tungstenite waits for the rest of a fragmented message.
    is_fragmented: bool,
    has_ended: bool,
}

/// What the bytes that have come begin with.
pub(super) enum Next {
    Message(Message),
    /// Perhaps a message: so many bytes will tell.
    Incomplete(usize),
    /// Anything else, right or wrong: that is for tungstenite to judge.
    Other,
}

impl Inward {
    pub(super) fn new(leftover: &[u8]) -> Self {
        Self { ahead: BytesMut::from(leftover), ..Self::default() }
    }

    /// Takes a message that came in one frame: final, masked, with no reserved bit, not too long, and in UTF-8 if it is
    /// text. Nothing is ever refused here.
    #[inline]
    pub(super) fn next(&mut self, longest: usize) -> Next {
        let is_text = match self.ahead.first() {
            None => return Next::Incomplete(1),
            Some(&head::TEXT) => true,
            Some(&head::BINARY) => false,
            Some(_) => return Next::Other,
        };
        let Some(head) = Head::parse(&self.ahead) else {
            // A byte more, since it is not known how long the head is.
            return Next::Incomplete(self.ahead.len() + 1);
        };
        let (Some(key), true, Ok(length)) = (head.key, head.is_shortest, usize::try_from(head.length)) else {
            return Next::Other;
        };
        if length > longest {
            return Next::Other;
        }
        let end = head.size + length;
        let Some(payload) = self.ahead.get_mut(head.size..end) else {
            return Next::Incomplete(end);
        };
        head::mask(payload, key);
        if is_text && !message::is_text(payload) {
            head::mask(payload, key);
            return Next::Other;
        }
        self.last = length;
        let mut payload = self.ahead.split_to(end).freeze();
        payload.advance(head.size);
        Next::Message(if is_text { Message::Text(Text::checked(payload)) } else { Message::Binary(payload) })
    }

    /// Whether nothing is there that was not taken.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.ahead.is_empty()
    }

    /// Reads more; `wanted` is how much is to be there in the end. None is the end of the stream.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        wanted: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.make_room(wanted);
        let most = if self.last > SHARED / 2 && self.ahead.is_empty() { PEEK } else { usize::MAX };
        let read = poll_read_buf(Pin::new(stream), cx, &mut (&mut self.ahead).limit(most));
        if read.is_pending() {
            self.settle(wanted);
        }
        let count = ready!(read)?;
        self.has_ended |= count == 0;
        Poll::Ready(Ok(count))
    }

    /// Gives what a read of tungstenite's asks for, but nothing beyond the frame at hand: so it never holds more than it was
    /// handed for.
    pub(super) fn poll_hand<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        into: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.left == 0 {
                if let Some(head) = Head::parse(&self.ahead) {
                    self.left = (head.size as u64).saturating_add(head.length);
                    match (head.first & 0x80 != 0, head.first & 0x0f) {
                        (true, 0) => self.is_fragmented = false,
                        (false, 1 | 2) => self.is_fragmented = true,
                        _ => {}
                    }
                } else if self.has_ended {
                    // No whole head comes any more.
                    self.left = self.ahead.len() as u64;
                }
            }
            let left = usize::try_from(self.left).unwrap_or(usize::MAX);
            let count = left.min(self.ahead.len()).min(into.len());
            if count > 0 || self.has_ended {
                self.ahead.copy_to_slice(&mut into[..count]);
                self.left -= count as u64;
                return Poll::Ready(Ok(count));
            }
            ready!(self.poll_fill(stream, self.ahead.len() + 1, cx))?;
        }
    }

    /// Whether all that was handed over are whole messages and control frames.
    pub(super) fn is_at_a_boundary(&self) -> bool {
        self.left == 0 && !self.is_fragmented
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.ahead.capacity()
    }

    /// Gives the thread its buffer back; what is in it is kept, with room for `wanted` bytes in all.
    pub(super) fn settle(&mut self, wanted: usize) {
        if self.is_shared {
            let length = self.ahead.len();
            let mut shared = if length == 0 {
                std::mem::take(&mut self.ahead)
            } else {
                self.move_to(BytesMut::with_capacity(wanted.max(length)))
            };
            self.is_shared = false;
            shared.clear();
            // Where the thread has another by now, or is ending, this one goes.
            let _ = SCRATCH.try_with(|scratch| scratch.set(shared));
        }
    }

    /// Makes room to read into. A frame that is longer than the thread's buffer gets one of its own, in which it stays; the
    /// rest of a shorter one is read together with what follows.
    fn make_room(&mut self, wanted: usize) {
        let (length, capacity) = (self.ahead.len(), self.ahead.capacity());
        if wanted > SHARED {
            self.settle(wanted);
            if self.ahead.capacity() < wanted {
                self.move_to(BytesMut::with_capacity(wanted));
            }
        } else if !self.is_shared && (length <= PEEK || capacity < wanted) {
            let mut shared = SCRATCH.try_with(Cell::take).unwrap_or_default();
            if !shared.try_reclaim(SHARED) {
                shared = BytesMut::with_capacity(SHARED);
            }
            if length == 0 {
                self.ahead = shared;
            } else {
                self.move_to(shared);
            }
            self.is_shared = true;
        } else if self.is_shared
            && capacity < wanted.max(length + ROOM)
            && !self.ahead.try_reclaim(SHARED - length)
        {
            // What was read is still in use.
            self.move_to(BytesMut::with_capacity(SHARED));
        }
    }

    /// Goes on with another buffer, and gives the one before.
    fn move_to(&mut self, mut buffer: BytesMut) -> BytesMut {
        buffer.extend_from_slice(&self.ahead);
        std::mem::replace(&mut self.ahead, buffer)
    }
}
