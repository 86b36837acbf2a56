//! The server's binary: flags, logging, signals; and `run`, which plays a script instead.

mod flags;
mod log;
mod run;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;
use tokio::runtime::Builder;
use wirescope_server::{BindError, Server};

use crate::flags::{Command, Flags};

fn main() -> ExitCode {
    let flags = Flags::parse();
    // Where there is one core there is nobody to share tasks with, and being ready to costs 7 % of a small message's
    // instructions.
    let is_alone = std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
    let mut runtime = if is_alone { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(start(flags)),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "wirescope-server: no runtime: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start(flags: Flags) -> ExitCode {
    match flags.command {
        Some(Command::Faults { json }) => {
            // Whoever reads only the beginning has read enough.
            let _ = std::io::stdout().write_all(wirescope_server::faults(json).as_bytes());
            return ExitCode::SUCCESS;
        }
        Some(Command::Run(options)) => return run::run(options).await,
        None => {}
    }
    match serve(flags).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is gone, the exit status still says it.
            let _ = writeln!(std::io::stderr(), "wirescope-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(flags: Flags) -> Result<(), Box<dyn std::error::Error>> {
    let _log = log::start(&flags.log)?;
    if let Err(error) = wirescope_server::raise_descriptor_limit() {
        tracing::warn!(%error, "the number of file descriptors stays at its soft limit");
    }
    // Before the address is printed: whoever reads it may send a signal at once.
    let stop = stop_signal()?;
    let mut hangup = Hangup::wanted(flags.has_certificate_files())?;
    let config = flags.config()?;
    let listen = config.listen;
    let server = Server::bind(config).await.map_err(|error| match error {
        BindError::Listen { .. } => {
            format!("{error}; choose another with --listen ADDR:PORT (port 0 picks a free one)")
        }
        _ => error.to_string(),
    })?;
    let address = server.page();
    let beyond = if listen.ip().is_unspecified() {
        format!(" and all other addresses of this machine ({})", server.addr())
    } else {
        String::new()
    };
    // Nobody may be reading standard output, and the server serves all the same.
    let _ = writeln!(std::io::stdout(), "listening on {address}{beyond}");
    if flags.open
        && let Err(error) = open::that_detached(&address)
    {
        // Asked for on the command line, so it is answered there whatever is logged.
        let _ = writeln!(std::io::stderr(), "--open found no browser ({error}); open {address} yourself");
    }
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = hangup.comes() => reload(&server),
        }
    }
    server.shutdown().await;
    Ok(())
}

#[cfg(feature = "tls")]
fn reload(server: &Server) {
    match server.reload_certificate() {
        Ok(()) => tracing::info!("the certificate was read again"),
        Err(error) => tracing::error!(%error, "the certificate was not read again; the one before goes on"),
    }
}

#[cfg(not(feature = "tls"))]
fn reload(_: &Server) {}

/// SIGHUP, where something is to be done about it; otherwise it ends the process as ever.
struct Hangup {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangup {
    #[cfg(unix)]
    fn wanted(wanted: bool) -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { signal: if wanted { Some(signal(SignalKind::hangup())?) } else { None } })
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
    fn wanted(_: bool) -> std::io::Result<Self> {
        Ok(Self {})
    }

    async fn comes(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal {
            signal.recv().await;
            return;
        }
        std::future::pending::<()>().await;
    }
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
