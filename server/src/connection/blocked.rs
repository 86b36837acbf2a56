//! A peer that does not take what is written to it, and who does not wait for it for ever.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};
use wirescope_protocol::CloseCode;

use crate::{
    ending::Ending,
    metrics::{Hit, Metrics, Queued},
};

/// A peer that does not read what waits for it.
#[derive(Debug)]
pub(super) struct Blocked {
    patience: Duration,
    /// How much had been written when it last read something, and when that was.
    written: u64,
    since: Instant,
    timer: Pin<Box<Sleep>>,
    queued: Queued,
}

impl Blocked {
    /// So much waits, after so much was written.
    pub(super) fn new(patience: Duration, metrics: &Arc<Metrics>, written: u64, waits: usize) -> Self {
        let since = Instant::now();
        let timer = Box::pin(sleep_until(since + patience));
        Self { patience, written, since, timer, queued: metrics.queued(waits as u64) }
    }

    /// Ready when it has read nothing for too long.
    pub(super) fn poll(
        &mut self,
        written: u64,
        waits: usize,
        metrics: &Metrics,
        task: &mut Task<'_>,
    ) -> Poll<Ending> {
        let patience = self.patience;
        if written != self.written {
            (self.written, self.since) = (written, Instant::now());
            self.queued.now(waits as u64);
        }
        while self.timer.as_mut().poll(task).is_ready() {
            if self.since + patience <= Instant::now() {
                metrics.hit(Hit::OutboundQueue);
                let reason =
                    format!("the peer read nothing for {patience:?} while {waits} bytes waited for it");
                return Poll::Ready(Ending::Failed { code: CloseCode::TRY_AGAIN_LATER, reason });
            }
            self.timer.as_mut().reset(self.since + patience);
        }
        Poll::Pending
    }
}
