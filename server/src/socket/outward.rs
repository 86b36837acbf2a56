//! What goes to the peer: whole frames in the order in which they were made.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use tokio::io::AsyncWrite;

use super::head;

/// From this length on a payload is not copied to the others: a piece of its own in a write costs less then.
const LARGE: usize = 4 * 1024;

/// How many pieces are written at once.
const PIECES: usize = 16;

/// The largest buffer that a thread keeps.
const SHARED: usize = 128 * 1024;

/// And how many places for large payloads.
const SHARED_LARGE: usize = 64;

/// Past so much a connection that cannot write keeps a large payload where it is. A smaller one is copied then, since it
/// may be a small part of what others share.
const ITS_OWN: usize = 32 * 1024;

thread_local! {
    /// What all connections of a thread gather frames in, so that one with nothing to write holds nothing.
    static SCRATCH: Cell<Option<Box<Frames>>> = const { Cell::new(None) };
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Outward {
    frames: Option<Box<Frames>>,
    waiting: usize,
    written: u64,
}

/// Frames, of which some may be partly written.
#[derive(Debug, Default)]
struct Frames {
    /// Small frames, and the heads of large ones.
    gathered: Vec<u8>,
    /// How much of that is written.
    start: usize,
    large: VecDeque<Large>,
}

/// A payload that is not copied.
#[derive(Debug)]
struct Large {
    /// Where among what was gathered it has its place.
    at: usize,
    payload: Bytes,
    /// Whether it may be a small part of a buffer that it keeps alive.
    is_part: bool,
}

impl Outward {
    /// How much waits, in bytes.
    #[inline]
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How much was ever written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    #[cfg(test)]
    pub(super) fn holds_memory(&self) -> bool {
        self.frames.is_some()
    }

    /// Appends a frame.
    #[inline]
    pub(super) fn push(&mut self, first: u8, payload: &Bytes) {
        let frames = begun(&mut self.frames);
        let before = frames.gathered.len();
        head::put(&mut frames.gathered, first, payload.len());
        self.waiting += frames.gathered.len() - before + payload.len();
        frames.append(payload, true);
    }

    /// Appends frames that are made already.
    pub(super) fn push_made(&mut self, made: &Bytes) {
        begun(&mut self.frames).append(made, false);
        self.waiting += made.len();
    }

    /// Appends what tungstenite has made.
    pub(super) fn push_bytes(&mut self, made: &[u8]) {
        begun(&mut self.frames).gathered.extend_from_slice(made);
        self.waiting += made.len();
    }

    /// Writes all that waits.
    #[inline]
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        task: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(frames) = &mut self.frames {
            let written = frames.poll_write(stream, task);
            if written.is_pending() {
                frames.settle();
            }
            let count = ready!(written)?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count as u64;
            self.waiting -= count;
            if self.waiting > 0 {
                frames.advance(count);
            } else if let Some(frames) = self.frames.take() {
                frames.give_back();
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[inline]
fn begun(frames: &mut Option<Box<Frames>>) -> &mut Frames {
    frames.get_or_insert_with(|| SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default())
}

impl Frames {
    #[inline]
    fn append(&mut self, bytes: &Bytes, is_part: bool) {
        if bytes.len() < LARGE {
            self.gathered.extend_from_slice(bytes);
        } else {
            self.large.push_back(Large { at: self.gathered.len(), payload: bytes.clone(), is_part });
        }
    }

    #[inline]
    fn poll_write<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        task: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.large.is_empty() {
            Pin::new(stream).poll_write(task, &self.gathered[self.start..])
        } else {
            self.poll_write_pieces(Pin::new(stream), task)
        }
    }

    fn poll_write_pieces<S: AsyncWrite>(
        &self,
        stream: Pin<&mut S>,
        task: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); PIECES];
        let (mut from, mut count) = (self.start, 0);
        for Large { at, payload, .. } in self.large.iter().take(PIECES / 2) {
            if *at > from {
                slices[count] = IoSlice::new(&self.gathered[from..*at]);
                (from, count) = (*at, count + 1);
            }
            slices[count] = IoSlice::new(payload);
            count += 1;
        }
        // Where there are more of them, what is behind the last has to wait.
        if self.large.len() < PIECES / 2 && from < self.gathered.len() {
            slices[count] = IoSlice::new(&self.gathered[from..]);
            count += 1;
        }
        if stream.is_write_vectored() {
            stream.poll_write_vectored(task, &slices[..count])
        } else {
            stream.poll_write(task, &slices[0])
        }
    }

    /// So much is written, and more is left.
    fn advance(&mut self, mut count: usize) {
        while let Some(Large { at, payload, .. }) = self.large.front_mut() {
            let before = *at - self.start;
            if count < before {
                break;
            }
            (self.start, count) = (*at, count - before);
            if count < payload.len() {
                payload.advance(count);
                return;
            }
            count -= payload.len();
            self.large.pop_front();
        }
        self.start += count;
    }

    #[inline]
    fn give_back(mut self: Box<Self>) {
        self.gathered.clear();
        self.large.clear();
        self.start = 0;
        if self.gathered.capacity() <= SHARED && self.large.capacity() <= SHARED_LARGE {
            let _ = SCRATCH.try_with(|scratch| scratch.set(Some(self)));
        }
    }

    /// Keeps no more memory than what waits needs, since it may have to wait for long.
    fn settle(&mut self) {
        if self.gathered.capacity() > 2 * (self.gathered.len() - self.start) {
            self.gathered.drain(..self.start);
            self.gathered.shrink_to_fit();
            for Large { at, .. } in &mut self.large {
                *at -= self.start;
            }
            self.start = 0;
        }
        for Large { payload, is_part, .. } in &mut self.large {
            if std::mem::take(is_part) && payload.len() < ITS_OWN {
                *payload = Bytes::copy_from_slice(payload);
            }
        }
    }
}
