//! The server's binary: flags, logging, signals.

mod log;

use std::{io::Write as _, net::SocketAddr, process::ExitCode};

use clap::Parser;
use wirescope_protocol::limits::{DEFAULT_MAX_MESSAGE, DEFAULT_PORT};
use wirescope_server::{Config, Server};

const ABOUT: &str = "\
A WebSocket test server: point a client at ws://127.0.0.1:8080/echo, or a browser at http://127.0.0.1:8080.

The first line on standard output is the address, \"listening on http://ADDR:PORT\"; the log goes to standard error. \
SIGINT and SIGTERM send every client Close 1001 and end the server within five seconds, with status 0.";

const PATHS: &str = "\
Paths:
  /echo      WebSocket: sends every message back
  /          the workbench page
  /healthz   says ok

A connection whose first line is not HTTP is raw TCP echo: telnet 127.0.0.1 8080";

/// What the command line says.
#[derive(Debug, Parser)]
#[command(version, about = ABOUT, max_term_width = 100, after_help = PATHS)]
struct Flags {
    /// The address to listen on; port 0 picks a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value_t = SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)))]
    listen: SocketAddr,

    /// The largest message taken, in bytes (or with KiB, MiB); a longer one ends its connection with 1009.
    #[arg(long, value_name = "SIZE", default_value_t = Size(DEFAULT_MAX_MESSAGE))]
    max_message: Size,

    /// Let peers beyond this machine use the raw TCP echo as well.
    #[arg(long)]
    raw_tcp: bool,

    /// Let whoever may use the server reach into the connections of all: list them, change their faults, cut them.
    #[arg(long)]
    control: bool,

    /// Open the page in the default browser.
    #[arg(long)]
    open: bool,

    /// What to log: error, warn, info, debug (a line per message), trace or off; or module=level pairs.
    #[arg(long, value_name = "FILTER", default_value = "info", env = "RUST_LOG")]
    log: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is gone, the exit status still says it.
            let _ = writeln!(std::io::stderr(), "wirescope-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<(), Box<dyn std::error::Error>> {
    let _log = log::start(&flags.log)?;
    // Before the address is printed: whoever reads it may send a signal at once.
    let stop = stop_signal()?;
    let mut config = Config::default();
    config.listen = flags.listen;
    config.max_message = flags.max_message.0;
    config.raw_tcp = flags.raw_tcp;
    config.control = flags.control;
    let server = Server::bind(config).await.map_err(|error| {
        format!("{error}; choose another with --listen ADDR:PORT (port 0 picks a free one)")
    })?;
    let address = format!("http://{}", server.addr());
    // Nobody may be reading standard output, and the server serves all the same.
    let _ = writeln!(std::io::stdout(), "listening on {address}");
    if flags.open
        && let Err(error) = open::that_detached(&address)
    {
        tracing::warn!(%error, "cannot open a browser; open {address} yourself");
    }
    stop.await;
    server.shutdown().await;
    Ok(())
}

/// Registers for SIGINT and SIGTERM, and gives what resolves at the first.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(windows)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

/// A number of bytes, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(usize);

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unit = match unit {
            "" | "B" => 1,
            "KiB" => 1024,
            "MiB" => 1024 * 1024,
            _ => return Err("a size is a number of bytes, or with a unit: 65536, 64KiB, 16MiB".to_owned()),
        };
        match number.parse::<usize>().ok().and_then(|number| number.checked_mul(unit)) {
            Some(size @ 1..=0x4000_0000) => Ok(Self(size)),
            _ => Err("a size is from 1 byte to 1024MiB".to_owned()),
        }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            size if size % (1024 * 1024) == 0 => write!(f, "{}MiB", size / 1024 / 1024),
            size if size % 1024 == 0 => write!(f, "{}KiB", size / 1024),
            size => write!(f, "{size}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse_with_and_without_units() {
        assert_eq!("16MiB".parse(), Ok(Size(16 * 1024 * 1024)));
        assert_eq!("1500".parse(), Ok(Size(1500)));
        assert_eq!(Size(64 * 1024).to_string(), "64KiB");
        for wrong in ["", "MiB", "0", "-1", "1.5MiB", "16MB", "99999999999999999999"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_flags_are_consistent() {
        <Flags as clap::CommandFactory>::command().debug_assert();
    }
}
