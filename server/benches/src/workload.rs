//! What is sent, and what is measured of it.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    connect::{self, Socket},
    load::{Bound, Load, Outcome, Pace},
    process::{self, Cores, Kind, Server},
    tls::Connector,
    wire::{BINARY, TEXT},
};

/// How long a server is loaded before what it does is measured.
const WARM_UP: Duration = Duration::from_millis(100);
/// How long a server may take to come to rest before it is measured.
const REST: Duration = Duration::from_millis(5);
/// What is left of a process's descriptors beside its connections.
const SPARE: u64 = 100;
/// After messages have gone through all connections: a server may give memory back when it has time.
const SETTLE: Duration = Duration::from_secs(1);
/// Of the idle connections, how many are then active.
const ACTIVE: usize = 100;

/// The numbers of one server, workload and round, by their names.
pub(crate) type Sample = BTreeMap<&'static str, f64>;

/// What is done with a server.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    what: What,
}

#[derive(Debug)]
enum What {
    Echo { connections: usize, pace: Pace, opcode: u8, size: usize, tls: bool },
    FanOut { receivers: usize, in_flight: u32 },
    Idle { connections: usize },
}

const fn echo(name: &'static str, connections: usize, pace: Pace, opcode: u8, size: usize) -> Workload {
    Workload { name, what: What::Echo { connections, pace, opcode, size, tls: false } }
}

const fn over_tls(name: &'static str, connections: usize, pace: Pace, opcode: u8, size: usize) -> Workload {
    Workload { name, what: What::Echo { connections, pace, opcode, size, tls: true } }
}

const fn fan_out(name: &'static str, receivers: usize, in_flight: u32) -> Workload {
    Workload { name, what: What::FanOut { receivers, in_flight } }
}

pub(crate) const WORKLOADS: [Workload; 11] = [
    echo("64 B, 32 connections, request-reply", 32, Pace::InFlight(1), BINARY, 64),
    echo("64 B, 32 connections, 64 in flight", 32, Pace::InFlight(64), BINARY, 64),
    echo("64 KiB, 4 connections, 4 in flight", 4, Pace::InFlight(4), BINARY, 64 * 1024),
    echo("1 MiB, 2 connections, request-reply", 2, Pace::InFlight(1), BINARY, 1024 * 1024),
    echo("16 KiB of UTF-8 text, 4 connections, 4 in flight", 4, Pace::InFlight(4), TEXT, 16 * 1024),
    over_tls("64 B over TLS, 32 connections, request-reply", 32, Pace::InFlight(1), BINARY, 64),
    echo("64 B, 32 connections, 2,000 a second", 32, Pace::Rate(2_000), BINARY, 64),
    fan_out("64 B from one to 1,000, one in flight", 1_000, 1),
    fan_out("64 B from one to 1,000, 16 in flight", 1_000, 16),
    Workload { name: "2,000 idle", what: What::Idle { connections: 2_000 } },
    Workload { name: "10,000 idle", what: What::Idle { connections: 10_000 } },
];

impl Workload {
    /// Why it cannot be done.
    pub(crate) fn obstacle(&self, kind: &Kind, open_files: u64) -> Option<String> {
        let connections = match self.what {
            What::Echo { tls: true, .. } if kind.tls.is_none() => {
                return Some("has no certificate".to_owned());
            }
            What::Echo { connections, .. } | What::Idle { connections } => connections,
            What::FanOut { .. } if !kind.chats => return Some("has no chat".to_owned()),
            What::FanOut { receivers, .. } => receivers + 1,
        };
        let needed = connections as u64 + SPARE;
        (needed > open_files).then(|| format!("takes {needed} open files, and the limit is {open_files}"))
    }

    /// Starts a server, loads it, and measures.
    pub(crate) fn measure(&self, kind: &Kind, cores: Option<Cores>, time: Duration) -> Result<Sample> {
        let server = kind.start(cores, matches!(self.what, What::Echo { tls: true, .. }))?;
        let bound = Bound { time, messages: 2_000_000 };
        match self.what {
            What::Echo { connections, pace, opcode, size, tls } => {
                let payload = payload(opcode, size);
                let connector = if tls { Some(Connector::new()?) } else { None };
                let mut sockets = connect::open(&server.address, "/echo", connections, connector.as_ref())?;
                connect::echo_once(&mut sockets, opcode, &payload)?;
                let in_flight = if let Pace::InFlight(count) = pace { count as usize } else { 1 };
                let mut load = Load::new(sockets, opcode, &payload, in_flight)?;
                loaded(&server, &mut load, pace, bound)
            }
            What::FanOut { receivers, in_flight } => {
                let sockets = connect::open(&server.address, "/chat", receivers + 1, None)?;
                let mut load = Load::new(sockets, TEXT, &payload(TEXT, 64), in_flight as usize)?;
                // A chat tells everybody of everybody.
                load.drain(Duration::from_millis(300))?;
                loaded(&server, &mut load, Pace::FanOut(in_flight), bound)
            }
            What::Idle { connections } => idle(&server, connections, bound),
        }
    }
}

fn loaded(server: &Server, load: &mut Load, pace: Pace, bound: Bound) -> Result<Sample> {
    load.run(pace, Bound { time: WARM_UP, ..bound }).context("warming up")?;
    thread::sleep(REST);
    let (before, own_before) = (server.cpu()?, process::own_cpu()?);
    let Outcome { messages, took, round_trips } = load.run(pace, bound)?;
    thread::sleep(REST);
    let (cpu, own) = (server.cpu()? - before, process::own_cpu()? - own_before);
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer")]
    let (messages, quantile) = (messages as f64, |at: f64| round_trips.value_at_quantile(at) as f64 / 1e3);
    Ok(Sample::from([
        ("cpu_us", cpu / messages),
        ("load_cpu_us", own / messages),
        ("per_second", messages / took.as_secs_f64()),
        ("p50_us", quantile(0.5)),
        ("p99_us", quantile(0.99)),
        ("p999_us", quantile(0.999)),
    ]))
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer connections")]
fn idle(server: &Server, connections: usize, bound: Bound) -> Result<Sample> {
    let settled = |wait: Duration| {
        thread::sleep(wait);
        server.memory()
    };
    // What a server does for its first connection ever is no other connection's.
    drop(connect::open(&server.address, "/echo", 1, None)?);
    let empty = settled(Duration::from_millis(200))?;
    let (cpu, started) = (server.cpu()?, Instant::now());
    let mut sockets = connect::open(&server.address, "/echo", connections, None)?;
    let took = started.elapsed();
    let fresh = settled(Duration::from_millis(300))?;
    let cpu = server.cpu()? - cpu;
    connect::echo_once(&mut sockets, BINARY, &payload(BINARY, 16 * 1024))?;
    let after = settled(SETTLE)?;

    let (active, rest): (Vec<(usize, Socket)>, _) =
        sockets.into_iter().enumerate().partition(|(at, _)| at.is_multiple_of(connections / ACTIVE));
    let active = active.into_iter().map(|(_, socket)| socket).collect();
    let mut load = Load::new(active, BINARY, &payload(BINARY, 64), 1)?;
    let busy = loaded(server, &mut load, Pace::InFlight(1), bound)?;
    drop(rest);
    let count = connections as f64;
    Ok(Sample::from([
        ("connects_per_second", count / took.as_secs_f64()),
        ("connect_cpu_us", cpu / count),
        ("kib_idle", (fresh - empty) / count),
        ("kib_after_16_kib", (after - empty) / count),
        ("active_cpu_us", busy["cpu_us"]),
        ("active_p99_us", busy["p99_us"]),
    ]))
}

/// Text has characters of one to four bytes; binary is no UTF-8.
fn payload(opcode: u8, size: usize) -> Vec<u8> {
    if opcode == BINARY {
        return (0..size).map(|at| u8::try_from(at % 251).unwrap_or_default() | 0x80).collect();
    }
    let mut text = String::new();
    for character in "Grüße, мир, 世界, 🦀! ".chars().cycle() {
        if text.len() + character.len_utf8() > size {
            break;
        }
        text.push(character);
    }
    text.extend(std::iter::repeat_n('.', size - text.len()));
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_their_size_and_kind() {
        for size in [0, 1, 64, 16 * 1024] {
            assert_eq!(payload(BINARY, size).len(), size);
            let text = payload(TEXT, size);
            assert_eq!(text.len(), size);
            assert!(String::from_utf8(text).is_ok());
        }
    }
}
