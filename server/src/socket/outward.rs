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

/// Past so much a connection that cannot write keeps a large payload where it is. A smaller one is copied then, since it
/// may be a small part of what others share.
const ITS_OWN: usize = 32 * 1024;

thread_local! {
    /// What all connections of a thread gather frames in, so that one with nothing to write holds nothing.
    static SCRATCH: Cell<Vec<u8>> = Cell::default();
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Outward {
    /// Small frames, and the heads of large ones.
    gathered: Vec<u8>,
    /// How much of that is written.
    start: usize,
    large: VecDeque<Large>,
    waiting: usize,
    written: u64,
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
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How much was ever written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Appends a frame.
    pub(super) fn push(&mut self, first: u8, payload: &Bytes) {
        self.begin();
        let before = self.gathered.len();
        head::put(&mut self.gathered, first, payload.len());
        self.waiting += self.gathered.len() - before;
        self.append(payload, true);
    }

    /// Appends frames that are made already.
    pub(super) fn push_made(&mut self, frames: &Bytes) {
        self.begin();
        self.append(frames, false);
    }

    /// Appends what tungstenite has made.
    pub(super) fn push_bytes(&mut self, frames: &[u8]) {
        self.begin();
        self.gathered.extend_from_slice(frames);
        self.waiting += frames.len();
    }

    fn begin(&mut self) {
        if self.gathered.capacity() == 0 {
            self.gathered = SCRATCH.try_with(Cell::take).unwrap_or_default();
        }
    }

    fn append(&mut self, bytes: &Bytes, is_part: bool) {
        if bytes.len() < LARGE {
            self.gathered.extend_from_slice(bytes);
        } else {
            self.large.push_back(Large { at: self.gathered.len(), payload: bytes.clone(), is_part });
        }
        self.waiting += bytes.len();
    }

    /// Writes all that waits.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.waiting > 0 {
            let written = self.poll_write_some(stream, cx);
            if written.is_pending() {
                self.settle();
            }
            let count = ready!(written)?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_some<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(stream);
        if self.large.is_empty() {
            return stream.poll_write(cx, &self.gathered[self.start..]);
        }
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
        // What is behind the last of more has to wait for those between.
        if self.large.len() < PIECES / 2 && from < self.gathered.len() {
            slices[count] = IoSlice::new(&self.gathered[from..]);
            count += 1;
        }
        if stream.is_write_vectored() {
            stream.poll_write_vectored(cx, &slices[..count])
        } else {
            stream.poll_write(cx, &slices[0])
        }
    }

    /// So much is written.
    fn advance(&mut self, mut count: usize) {
        self.written += count as u64;
        self.waiting -= count;
        if self.waiting == 0 {
            self.large.clear();
            self.give_back();
            return;
        }
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

    fn give_back(&mut self) {
        let mut gathered = std::mem::take(&mut self.gathered);
        self.start = 0;
        if gathered.capacity() <= SHARED {
            gathered.clear();
            let _ = SCRATCH.try_with(|scratch| scratch.set(gathered));
        }
        if self.large.capacity() > PIECES {
            self.large = VecDeque::new();
        }
    }

    /// Keeps no more memory than what waits needs, since it may have to wait for long.
    fn settle(&mut self) {
        if self.gathered.capacity() > 2 * (self.gathered.len() - self.start) {
            let rest = self.gathered[self.start..].to_vec();
            let start = self.start;
            for Large { at, .. } in &mut self.large {
                *at -= start;
            }
            self.gathered.clear();
            self.give_back();
            self.gathered = rest;
        }
        for Large { payload, is_part, .. } in &mut self.large {
            if std::mem::take(is_part) && payload.len() < ITS_OWN {
                *payload = Bytes::copy_from_slice(payload);
            }
        }
    }
}
