//! What each second of each connection had, counted from the beginning: whoever looks later sees the minute before.

use std::cell::RefCell;

use super::series::{AllSeries, Second, Series};
use crate::{model::Id, session::Happening};

#[derive(Default)]
pub(crate) struct Counts {
    series: RefCell<AllSeries>,
}

impl Counts {
    /// What happened to a connection is counted in its second.
    pub(crate) fn saw(&self, id: Id, now: u64, happening: &Happening) {
        match happening {
            Happening::Received(message) => self.passed(id, now, None, Some(message.len())),
            Happening::Opened(_) => self.count(id, now, |second| second.opened += 1),
            Happening::Closed(_) | Happening::GivenUp => self.count(id, now, |second| second.closed += 1),
            _ => {}
        }
    }

    /// A message was taken to be sent.
    pub(crate) fn saw_sent(&self, id: Id, now: u64, bytes: usize) {
        self.passed(id, now, Some(bytes), None);
    }

    /// A message of so many bytes went out or came in.
    pub(super) fn passed(&self, id: Id, now: u64, sent: Option<usize>, received: Option<usize>) {
        self.count(id, now, |second| {
            if let Some(bytes) = sent {
                second.sent.add(bytes as u64);
            }
            if let Some(bytes) = received {
                second.received.add(bytes as u64);
            }
        });
    }

    /// So much waits: bytes with the browser, messages with the library.
    pub(super) fn waits(&self, id: Id, now: u64, buffered: u64, queued: u64) {
        self.count(id, now, |second| {
            second.buffered = second.buffered.max(buffered);
            second.queued = second.queued.max(queued);
        });
    }

    /// The latest seconds of one connection, or of all; those of connections that are no more are forgotten.
    pub(super) fn series(&self, of: Option<Id>, now: u64, is_there: impl Fn(Id) -> bool) -> Series {
        let mut series = self.series.borrow_mut();
        series.retain(is_there);
        series.get(of, now)
    }

    fn count(&self, id: Id, now: u64, count: impl Fn(&mut Second)) {
        self.series.borrow_mut().count(id, now, count);
    }
}
