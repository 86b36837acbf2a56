//! What the misbehaving peer saw of connections that asked for a report.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

/// The most reports that are kept; later ones are dropped.
const MAX_REPORTS: usize = 4096;

/// How long a test that asks for a report is kept waiting for it.
const WAIT: Duration = Duration::from_secs(10);

/// How connections ended, by the name that each test gave its own.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    endings: Mutex<HashMap<String, String>>,
    changed: Notify,
}

impl Reports {
    /// Keeps the first report of a name.
    pub(crate) fn put(&self, name: &str, ending: String) {
        let mut endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
        if endings.len() < MAX_REPORTS {
            endings.entry(name.to_owned()).or_insert(ending);
        }
        drop(endings);
        self.changed.notify_waiters();
    }

    /// Waits for the report of this name.
    pub(crate) async fn wait_for(&self, name: &str) -> Result<String, String> {
        timeout(WAIT, async {
            loop {
                // Listening before looking, so that a report put in between is not missed.
                let changed = self.changed.notified();
                let ending = self.endings.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
                match ending {
                    Some(ending) => return ending,
                    None => changed.await,
                }
            }
        })
        .await
        .map_err(|_| {
            format!("no connection to the peer with report={name} ended within {} s", WAIT.as_secs())
        })
    }
}
