//! The client's benchmark: rows are implementations, columns are workloads, and every cell is measured once a round, in
//! one page of one browser, against one server.
//!
//! What is compared is the time that the page's main thread spends on a message, by the browser's own account. The rate is
//! told too, but most of a message's way is the browser's other processes and the same for all, so rates differ little.

mod chromium;
mod files;
mod report;

use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    path::PathBuf,
    time::Instant,
};

use futures_util::FutureExt as _;
use serde_json::json;

use self::{
    chromium::Chromium,
    report::{Results, Sample},
};
use crate::page::Server;

/// Rounds whose measurements are thrown away: browsers compile code that runs often a second time, for speed.
const WARM_UP: usize = 2;

/// The rows that are JavaScript, written by hand: one and the same, so that what they differ by is noise.
pub(crate) const YARDSTICK: [&str; 2] = ["JavaScript", "JavaScript again"];

/// The rows that are Rust: what the table calls them, and the function that they export.
const RUST: [(&str, &str); 7] = [
    ("web-sys callbacks", "callbacks"),
    ("wirescope EventSocket", "event_socket"),
    ("wirescope Socket", "socket"),
    ("wirescope Socket, spawn", "socket_spawn"),
    ("wirescope Socket, stream", "socket_stream"),
    ("gloo-net", "gloo_net"),
    ("ws_stream_wasm", "ws_stream_wasm"),
];

/// The rows of another build of this library.
const AGAINST: [(&str, &str); 3] = [
    ("other EventSocket", "event_socket"),
    ("other Socket", "socket"),
    ("other Socket, spawn", "socket_spawn"),
];

/// What is sent in a cell.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    binary: bool,
    messages: u32,
    in_flight: u32,
}

pub(crate) const WORKLOADS: [Workload; 3] = [
    Workload { name: "32-byte text, one in flight", binary: false, messages: 1_500, in_flight: 1 },
    Workload { name: "32-byte text, 256 in flight", binary: false, messages: 4_000, in_flight: 256 },
    Workload { name: "1 KiB binary, 256 in flight", binary: true, messages: 2_000, in_flight: 256 },
];

/// What to measure, and with what.
#[derive(Debug)]
pub struct Options {
    /// The folder with the page and the Wasm of the implementations.
    pub bundle: PathBuf,
    /// Such a folder of another build, whose sockets are measured too.
    pub against: Option<PathBuf>,
    /// The server to echo.
    pub server: PathBuf,
    /// How often every cell is measured.
    pub rounds: usize,
    /// Where everything measured goes.
    pub json: PathBuf,
    /// The rows to keep to, beside JavaScript; all when empty.
    pub only: Vec<String>,
}

/// Measures, prints the tables, and writes the file.
pub async fn client(options: &Options) {
    let server = Server::start(&options.server, "127.0.0.1:0").await;
    let page = files::serve(options.bundle.clone(), options.against.clone()).await;
    let mut chromium = Chromium::start().await;
    // A panic must not leave the browser behind.
    let measured = AssertUnwindSafe(measure(options, &mut chromium, &page, server.address()));
    let measured = measured.catch_unwind().await;
    chromium.close().await;
    let results = measured.unwrap_or_else(|panic| resume_unwind(panic));
    print!("{}", results.to_text());
    results.save(&options.json);
    println!("\neverything measured: {}", options.json.display());
}

async fn measure(options: &Options, chromium: &mut Chromium, page: &str, server: &str) -> Results {
    chromium.open(page).await;
    let clock = chromium.check_clock().await;
    let rows = load(options, chromium).await;
    let url = format!("ws://{server}/echo");
    let mut results = Results::new(chromium.version().await, clock, &rows);
    let started = Instant::now();
    for round in 0..WARM_UP + options.rounds {
        for (at, workload) in WORKLOADS.iter().enumerate() {
            for row in order(rows.len(), round) {
                let function = &rows[row].1;
                let sample = cell(chromium, function, &url, workload).await;
                if round >= WARM_UP {
                    results.add(at, row, sample);
                }
            }
        }
        let seconds = started.elapsed().as_secs();
        if round < WARM_UP {
            eprintln!("warm-up {} of {WARM_UP}: {seconds} s", round + 1);
        } else if (round - WARM_UP + 1).is_multiple_of(5) {
            eprintln!("round {} of {}: {seconds} s", round - WARM_UP + 1, options.rounds);
        }
    }
    results
}

/// Loads what is measured, and gives each row's name and function.
async fn load(options: &Options, chromium: &Chromium) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> =
        YARDSTICK.map(|name| (name.to_owned(), "js".to_owned())).into_iter().collect();
    let wanted = |name: &&(&str, &str)| {
        options.only.is_empty() || options.only.iter().any(|only| name.0.contains(only))
    };
    let builds = [("/bundle", "", &RUST[..]), ("/against", "other ", &AGAINST[..])];
    for (folder, prefix, all) in builds.into_iter().take(1 + usize::from(options.against.is_some())) {
        let chosen = || all.iter().filter(wanted);
        let functions: Vec<&str> = chosen().map(|row| row.1).collect();
        chromium.call("load", &[json!(folder), json!(prefix), json!(functions)]).await;
        rows.extend(chosen().map(|row| (row.0.to_owned(), format!("{prefix}{}", row.1))));
    }
    rows
}

/// One connection, opened before the measurement and closed after it.
async fn cell(chromium: &Chromium, function: &str, url: &str, workload: &Workload) -> Sample {
    let Workload { binary, messages, in_flight, .. } = workload;
    let arguments = [json!(function), json!(url), json!(binary), json!(messages), json!(in_flight)];
    chromium.call("prepare", &arguments).await;
    let before = chromium.thread_time().await;
    let milliseconds = chromium.call("run", &[]).await.as_f64().expect("a number");
    let after = chromium.thread_time().await;
    chromium.call("close", &[]).await;
    let messages = f64::from(*messages);
    Sample { cpu: (after - before) * 1e6 / messages, rate: messages * 1e3 / milliseconds }
}

/// The order of the rows in a round: over rounds, each row has every place, and every other row goes before it.
fn order(rows: usize, round: usize) -> impl Iterator<Item = usize> {
    let has_common_factor =
        |step: usize| (2..=step).any(|n| step.is_multiple_of(n) && rows.is_multiple_of(n));
    let steps: Vec<usize> = (1..rows).filter(|step| !has_common_factor(*step)).collect();
    let step = steps[round / rows % steps.len()];
    (0..rows).map(move |place| (round + place * step) % rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_runs_in_every_round_and_in_every_place() {
        for rows in 2..10 {
            let orders: Vec<Vec<usize>> = (0..rows).map(|round| order(rows, round).collect()).collect();
            for order in &orders {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..rows).collect::<Vec<_>>());
            }
            for place in 0..rows {
                let mut there: Vec<usize> = orders.iter().map(|order| order[place]).collect();
                there.sort_unstable();
                assert_eq!(there, (0..rows).collect::<Vec<_>>());
            }
        }
    }
}
