//! Measures the client library against hand-written JavaScript and other crates, in one browser. `cargo xtask bench
//! client` builds what it needs and runs it.

use std::path::PathBuf;

use clap::Parser;
use wirescope_testkit::bench::{self, Options};

/// Measures the client library against hand-written JavaScript and other crates, in one browser.
#[derive(Debug, Parser)]
struct Flags {
    /// The folder with the page and the Wasm of the implementations.
    #[arg(long, value_name = "FOLDER")]
    bundle: PathBuf,
    /// Such a folder of another build, whose sockets are measured too.
    #[arg(long, value_name = "FOLDER")]
    against: Option<PathBuf>,
    /// The server to echo.
    #[arg(long, value_name = "PROGRAM")]
    server: PathBuf,
    /// How often every cell is measured.
    #[arg(long, value_name = "N", default_value_t = 30)]
    rounds: usize,
    /// Where everything measured goes.
    #[arg(long, value_name = "FILE")]
    json: PathBuf,
    /// Keep to these rows and hand-written JavaScript.
    #[arg(long, value_name = "ROW,ROW", value_delimiter = ',')]
    rows: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let flags = Flags::parse();
    bench::client(&Options {
        bundle: flags.bundle,
        against: flags.against,
        server: flags.server,
        rounds: flags.rounds,
        json: flags.json,
        only: flags.rows,
    })
    .await;
}
