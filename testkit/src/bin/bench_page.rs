//! Measures the page in a real browser: what it loads, how it bears a flood, and how it goes about a million rows. `cargo
//! xtask bench page` builds what it needs and runs it.

use std::path::PathBuf;

use clap::Parser;
use wirescope_testkit::page::bench::{self, Options};

/// Measures the page in a real browser.
#[derive(Debug, Parser)]
struct Flags {
    /// How many messages the flood has; some 10,000 come in a second.
    #[arg(long, value_name = "N", default_value_t = 600_000)]
    messages: u64,
    /// How many rows are scrolled and filtered.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    rows: u64,
    /// How often the page and those it is compared with are loaded and flooded.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// How long the memory is watched under a steady stream, in minutes; 0 leaves it out.
    #[arg(long, value_name = "N", default_value_t = 0)]
    minutes: u64,
    /// Where everything measured goes.
    #[arg(long, value_name = "FILE")]
    json: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Flags { messages, rows, rounds, minutes, json } = Flags::parse();
    bench::page(&Options { messages, rows, rounds, minutes, json }).await;
}
