//! Measures echo servers on one machine's loopback. `cargo xtask bench server` builds what it needs and runs it.

mod connect;
mod load;
mod process;
mod report;
mod tls;
mod wire;
mod workload;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::Parser;

use crate::{process::Kind, report::Results, workload::WORKLOADS};

/// Measures echo servers on one machine's loopback.
#[derive(Debug, Parser)]
struct Flags {
    /// The server that is compared.
    #[arg(long, value_name = "PROGRAM")]
    server: PathBuf,
    /// Another build of it, measured beside it.
    #[arg(long, value_name = "PROGRAM")]
    against: Option<PathBuf>,
    /// The folder with the servers that it is compared with.
    #[arg(long, value_name = "FOLDER")]
    peers: PathBuf,
    /// The script that serves with Node's ws.
    #[arg(long, value_name = "FILE")]
    node: Option<PathBuf>,
    /// The server by uWebSockets.
    #[arg(long, value_name = "PROGRAM")]
    uwebsockets: Option<PathBuf>,
    /// How often everything is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long a server is loaded for one measurement.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5)]
    seconds: f64,
    /// Keep to the workloads and servers whose names contain one of these.
    #[arg(long, value_name = "NAME", value_delimiter = ';')]
    only: Vec<String>,
    /// Where everything measured goes.
    #[arg(long, value_name = "FILE")]
    json: PathBuf,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    ensure!((0.01..=60.0).contains(&flags.seconds), "--seconds is from 0.01 to 60");
    let open_files = process::raise_open_files()?;
    let cores = process::separate()?;
    let time = Duration::from_secs_f64(flags.seconds);

    let kinds = kinds(&flags);
    let kinds: Vec<Kind> = chosen(kinds, &flags.only, |kind| kind.name);
    let workloads = chosen(WORKLOADS.iter().collect(), &flags.only, |workload| workload.name);
    ensure!(!kinds.is_empty() && !workloads.is_empty(), "nothing is left to measure");
    let mut results = Results::new(cores, kinds.iter().map(|kind| kind.name), &workloads);
    let started = Instant::now();
    for round in 0..flags.rounds as usize {
        for (at, workload) in workloads.iter().enumerate() {
            for place in 0..kinds.len() {
                // Each has every place over the rounds, so what one leaves behind is not always the same one's.
                let kind = (place + round) % kinds.len();
                match workload.obstacle(&kinds[kind], open_files) {
                    Some(reason) => results.skip(at, kind, reason),
                    None => match workload.measure(&kinds[kind], cores, time) {
                        Ok(sample) => results.add(at, kind, round, sample),
                        Err(error) => results.skip(at, kind, format!("failed: {error:#}")),
                    },
                }
            }
        }
        eprintln!("round {} of {}: {} s", round + 1, flags.rounds, started.elapsed().as_secs());
    }
    print!("{}", results.to_text());
    results.save(&flags.json)?;
    println!("\neverything measured: {}", flags.json.display());
    Ok(())
}

/// This server first, the floor second: what the others are compared with.
fn kinds(flags: &Flags) -> Vec<Kind> {
    let own = |name, program: &PathBuf| Kind {
        name,
        program: program.clone(),
        // Everything as it comes, on a free port.
        arguments: ["--listen", "127.0.0.1:0"].map(str::to_owned).to_vec(),
        chats: true,
        tls: Some("--tls-self-signed"),
    };
    let peer = |name, program: &str, chats| Kind {
        name,
        program: flags.peers.join(program),
        arguments: Vec::new(),
        chats,
        tls: Some("--tls"),
    };
    let mut kinds = vec![own(report::OWN, &flags.server), peer(report::FLOOR, "floor", true)];
    kinds.extend(flags.against.as_ref().map(|program| own("wirescope, other", program)));
    kinds.extend([
        peer("tokio-tungstenite", "plain", false),
        peer("fastwebsockets", "fastwebsockets", false),
        peer("tokio-websockets", "tokio_websockets", false),
    ]);
    kinds.extend(flags.uwebsockets.as_ref().map(|program| Kind {
        name: "uWebSockets",
        program: program.clone(),
        arguments: Vec::new(),
        chats: false,
        tls: None,
    }));
    kinds.extend(flags.node.as_ref().map(|script| Kind {
        name: "Node ws",
        program: "node".into(),
        arguments: vec![script.display().to_string()],
        chats: false,
        tls: None,
    }));
    kinds
}

/// Those that are asked for; all when none of them is.
fn chosen<T>(all: Vec<T>, only: &[String], name: impl Fn(&T) -> &str) -> Vec<T> {
    let wanted = |one: &T| only.iter().any(|only| name(one).contains(only.as_str()));
    if all.iter().any(wanted) { all.into_iter().filter(wanted).collect() } else { all }
}
