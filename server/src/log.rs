//! The log on standard error, through a bounded queue: a reader that stalls never stalls the server.

use std::{io::IsTerminal as _, time::Duration};

use tokio::{task::JoinHandle, time::interval};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// What is logged unless something else is asked for.
pub(crate) const DEFAULT: &str = "info";

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
    let targets = parse(filter)?;
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

/// Reads a filter. An empty one, as of a variable that is set to nothing, is the default. A word that is no level would
/// be taken for a module of whose lines all are wanted, and so silence all others.
fn parse(filter: &str) -> Result<Targets, String> {
    let filter = if filter.trim().is_empty() { DEFAULT } else { filter };
    let wrong = |why: &str| {
        format!(
            "--log {filter:?} (or RUST_LOG): {why}; use error, warn, info, debug, trace or off, or module=level pairs \
             with commas"
        )
    };
    // No text at all would parse as one.
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    if let Some(word) = filter.split(',').map(str::trim).find(|word| !word.contains('=') && !is_level(word)) {
        return Err(wrong(&format!("{word:?} is no level")));
    }
    filter.parse().map_err(|error: tracing_subscriber::filter::ParseError| wrong(&error.to_string()))
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

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_filter_is_levels_and_pairs_and_nothing_else() {
        for (filter, level) in [
            ("", Level::INFO),
            (" ", Level::INFO),
            ("debug", Level::DEBUG),
            ("WARN", Level::WARN),
            ("error,wirescope_server=debug", Level::DEBUG),
        ] {
            let targets = parse(filter).unwrap();
            assert!(targets.default_level().is_some(), "{filter}");
            assert!(targets.would_enable("wirescope_server", &level), "{filter}");
        }
        for wrong in ["foo", "info,foo", "info,", "wirescope_server", "a=b", "a=info=b"] {
            assert!(parse(wrong).unwrap_err().contains("debug"), "{wrong}");
        }
    }
}
