//! The end of the server, which everything in it waits for.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A cancellation token that can be asked without a lock, as connections do whenever they wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shutdown {
    has_begun: Arc<AtomicBool>,
    token: CancellationToken,
}

impl Shutdown {
    pub(crate) fn begin(&self) {
        // Whoever the token wakes sees it: a wake-up orders what was before it.
        self.has_begun.store(true, Relaxed);
        self.token.cancel();
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Relaxed)
    }

    /// Waits for it.
    pub(crate) async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// The same, to be kept.
    pub(crate) fn begun_owned(&self) -> WaitForCancellationFutureOwned {
        self.token.clone().cancelled_owned()
    }

    pub(crate) async fn run_until<F: Future>(&self, run: F) -> Option<F::Output> {
        self.token.run_until_cancelled(run).await
    }
}
