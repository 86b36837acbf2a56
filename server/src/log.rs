//! The log on standard error, through a bounded queue: a reader that stalls never stalls the server.

use std::{io::IsTerminal as _, time::Duration};

use tokio::{task::JoinHandle, time::interval};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// How many lines wait for the reader of standard error before further ones are lost.
const QUEUED_LINES: usize = 8 * 1024;

/// How often it is looked whether lines were lost.
const LOOK: Duration = Duration::from_secs(1);

/// Keeps the log going; dropping it writes what is queued, if the reader takes it within a second.
#[derive(Debug)]
pub(crate) struct Log {
    reporter: JoinHandle<()>,
    _writer: WorkerGuard,
}

/// Starts the log of this process: lines that pass the filter, such as `info` or `warn,wirescope_server=debug`, go to
/// standard error. At most [`QUEUED_LINES`] wait for its reader; those past that are lost, and a line says how many.
///
/// # Errors
///
/// A sentence that says what is wrong with the filter, or that the process has a log already.
pub(crate) fn start(filter: &str) -> Result<Log, String> {
    let targets: Targets = filter.parse().map_err(|error| {
        format!(
            "--log {filter:?}: {error}; use error, warn, info, debug, trace or off, or module=level pairs with commas"
        )
    })?;
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUED_LINES)
        .finish(std::io::stderr());
    let reporter = tokio::spawn(report(writer.error_counter()));
    let lines =
        tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(targets).with(lines).try_init().map_err(|error| error.to_string())?;
    Ok(Log { reporter, _writer: guard })
}

impl Drop for Log {
    fn drop(&mut self) {
        self.reporter.abort();
    }
}

/// Says how many lines were lost once some were; when its own line is lost too, it counts with the next.
async fn report(lost: ErrorCounter) {
    let mut said = 0;
    let mut look = interval(LOOK);
    loop {
        look.tick().await;
        let now = lost.dropped_lines();
        if now > said {
            tracing::warn!(
                lost = now - said,
                in_all = now,
                "log lines were lost: standard error is not read fast enough"
            );
            // Had this line been lost as well, the counter would have moved.
            if lost.dropped_lines() == now {
                said = now;
            }
        }
    }
}
