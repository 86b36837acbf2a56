//! What a connection counts of its own: plain integers, added to the server's counts whenever it waits.

use std::{fmt, sync::Arc};

use wirescope_protocol::CloseCode;

use crate::metrics::Metrics;

/// What a connection counts, added to the server's counts whenever it waits, and at its end.
#[derive(Debug)]
pub(crate) struct Tally {
    metrics: Arc<Metrics>,
    pub(crate) received: Count,
    pub(crate) sent: Count,
    published: (Count, Count),
    /// The code in the log, and who closed.
    pub(crate) close: (u16, &'static str),
}

/// Messages and the bytes of their payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Count {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    fn since(self, earlier: Self) -> Self {
        Self { messages: self.messages - earlier.messages, bytes: self.bytes - earlier.bytes }
    }
}

impl Tally {
    pub(crate) fn new(metrics: &Arc<Metrics>) -> Self {
        metrics.opened();
        Self {
            metrics: Arc::clone(metrics),
            received: Count::default(),
            sent: Count::default(),
            published: Default::default(),
            close: (CloseCode::ABNORMAL.number(), "nobody"),
        }
    }

    pub(crate) fn publish(&mut self) {
        let now = (self.received, self.sent);
        if now != self.published {
            self.metrics.traffic(now.0.since(self.published.0), now.1.since(self.published.1));
            self.published = now;
        }
    }
}

/// However a connection ends, also when its task is cut.
impl Drop for Tally {
    fn drop(&mut self) {
        self.publish();
        self.metrics.closed(self.close.0, self.close.1);
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}B", self.messages, self.bytes)
    }
}
