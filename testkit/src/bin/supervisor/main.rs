//! Starts, kills and restarts servers on a browser test's request, since a page can do none of that, and is itself a
//! WebSocket peer that misbehaves in the ways that a real server will not.
//!
//! ```text
//! supervisor --server target/debug/wirescope-server
//! listening on http://127.0.0.1:40001
//! server on http://127.0.0.1:40002
//! ```
//!
//! The first address is this program's own interface, described in [`api`]; the second is a server that stays up for
//! as long as this program runs. It ends, and takes every server that it started with it, when its standard input
//! closes or on SIGINT or SIGTERM: whoever started it cannot leave it behind by accident.

mod api;
mod peer;
mod reports;
mod script;
mod servers;

use std::{io::Write as _, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Parser;
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpSocket},
    signal::unix::{SignalKind, signal},
};

use self::{reports::Reports, servers::Servers};

/// Starts, kills and restarts test servers for browser tests.
#[derive(Debug, Parser)]
struct Flags {
    /// The `wirescope-server` binary to start servers from.
    #[arg(long, value_name = "PATH")]
    server: PathBuf,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("supervisor: cannot start the async runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(run(flags));
    // The thread that reads standard input may be blocked in that read, and would be waited for.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("supervisor: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<(), String> {
    let servers = Arc::new(Servers::new(flags.server));
    // A port that is bound and not listened on refuses every connection, and nobody else can take it.
    let refusing = TcpSocket::new_v4().map_err(|error| format!("cannot make a socket: {error}"))?;
    refusing
        .bind(([127, 0, 0, 1], 0).into())
        .map_err(|error| format!("cannot bind a port on 127.0.0.1: {error}"))?;
    let (peer, peer_address) = bind().await?;
    let (interface, address) = bind().await?;
    let reports = Arc::new(Reports::default());
    let api = api::router(api::Context {
        servers: Arc::clone(&servers),
        reports: Arc::clone(&reports),
        peer: peer_address,
        refusing: local(refusing.local_addr())?,
    });
    say(&format!("listening on http://{address}"))?;
    let mut lasting = servers.start_lasting().await?;
    say(&format!("server on http://{}", lasting.address()))?;

    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let outcome = tokio::select! {
        () = standard_input_closes() => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        ending = lasting.ended() => Err(format!("the server that stays up ended by itself: {ending}")),
        result = async { axum::serve(interface, api).await } => result.map_err(|error| format!("its own interface failed: {error}")),
        () = peer::run(peer, reports) => Err("its misbehaving peer ended".to_owned()),
    };
    lasting.kill().await;
    servers.kill_all().await;
    outcome
}

async fn bind() -> Result<(TcpListener, std::net::SocketAddr), String> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| format!("cannot bind a port on 127.0.0.1: {error}"))?;
    let address = local(listener.local_addr())?;
    Ok((listener, address))
}

fn local(address: std::io::Result<std::net::SocketAddr>) -> Result<std::net::SocketAddr, String> {
    address.map_err(|error| format!("cannot tell the port that was bound: {error}"))
}

fn say(line: &str) -> Result<(), String> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| format!("cannot write to standard output: {error}"))
}

async fn standard_input_closes() {
    let mut input = tokio::io::stdin();
    let mut scratch = [0; 256];
    while matches!(input.read(&mut scratch).await, Ok(1..)) {}
}
