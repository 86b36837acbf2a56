//! What an echoed message costs the server, counted and not timed, beside what is kept of it in `kept.txt`.
//! `cargo xtask bench server --check` runs it, and `cargo xtask test` does as the suite `cost`.
//!
//! The server is the library's, in this process, so that allocations and calls can be counted; the instructions are those of
//! the program, under callgrind. Nothing here depends on the machine or on how busy it is.

mod callgrind;
mod counting;
mod kept;
mod load;

use std::{
    env,
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_tungstenite::tungstenite::Message;
use wirescope_server::{Config, Server};

use crate::{
    counting::{COUNTS_CALLS, counts},
    kept::{Kept, Verdict, number},
    load::{Result, Socket},
};

/// Before anything is counted: what grows once has grown.
const WARM_UP: usize = 100;
const TIMES: usize = 500;
const SIZE: u16 = 64;
const BURST: usize = 64;
const SINGLE: &str = "64 B, request-reply";
const BURSTS: &str = "64 B, a burst of 64";
const IDLE: usize = 200;
/// How long a server may take to give back what it does not need any more.
const SETTLE: Duration = Duration::from_millis(1_500);

/// One number, and what is allowed beyond it when it is kept for the first time.
struct Counted {
    name: String,
    number: f64,
    beyond: f64,
}

fn main() -> ExitCode {
    counting::leave_out_this_thread();
    let renews = env::args().any(|argument| argument == "--renew");
    match check(renews) {
        Ok(code) => code,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn check(renews: bool) -> Result<ExitCode> {
    kept::check_itself()?;
    let mut kept = if renews { Kept::read().unwrap_or_default() } else { Kept::read()? };
    let (mut all, mut skipped) = (Vec::new(), Vec::new());
    let runtime = runtime()?;
    let server = runtime.block_on(Server::bind(Config::default()))?;
    all.extend(echoes(server.addr(), SINGLE, 1)?);
    all.extend(echoes(server.addr(), BURSTS, BURST)?);
    all.extend(idle(server.addr(), &kept, renews)?);
    let names = [SINGLE, BURSTS].map(|workload| format!("{workload}: instructions a message"));
    let kept_by = if renews { callgrind::compiler() } else { kept.compiler.clone() };
    match callgrind::obstacle(&kept_by) {
        Some(why) => skipped.extend(names.map(|name| (name, why.clone()))),
        None => {
            let (single, burst) =
                callgrind::instructions(&PathBuf::from(env!("CARGO_TARGET_TMPDIR")), SIZE, BURST)?;
            let counted = |(name, number)| Counted { name, number, beyond: number / 10.0 };
            all.extend(names.into_iter().zip([single, burst]).map(counted));
        }
    }
    if renews {
        for Counted { name, number, beyond } in &all {
            kept.renew(name, *number, *beyond);
        }
        kept.compiler = callgrind::compiler();
        kept.write()?;
    }
    let control = control(&runtime, &kept)?;
    drop(server);
    runtime.shutdown_background();
    Ok(report(&kept, &all, &skipped, &control))
}

/// As the program has it on one core.
fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

/// What one connection's messages cost, so many of them in one write.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer")]
fn echoes(address: SocketAddr, workload: &str, at_once: usize) -> Result<Vec<Counted>> {
    let mut socket = Socket::open(address)?;
    socket.echo(SIZE, at_once, WARM_UP)?;
    let before = counts();
    socket.echo(SIZE, at_once, TIMES)?;
    let after = counts();
    let (messages, of_what) = ((TIMES * at_once) as f64, if at_once == 1 { "a message" } else { "a burst" });
    let row = |name: String, counted: u64, of: f64, beyond: f64| Counted {
        name: format!("{workload}: {name}"),
        number: counted as f64 / of,
        beyond,
    };
    let calls = TIMES as f64;
    let mut rows = vec![
        row("allocations a message".to_owned(), after.allocations - before.allocations, messages, 0.1),
        row("bytes allocated a message".to_owned(), after.allocated - before.allocated, messages, 8.0),
        row(format!("reads {of_what}"), after.reads - before.reads, calls, 0.1),
        row(format!("writes {of_what}"), after.writes - before.writes, calls, 0.1),
    ];
    if !COUNTS_CALLS {
        rows.truncate(2);
    }
    if COUNTS_CALLS && rows[2..].iter().any(|row| row.number < 0.99) {
        return Err("the server answers by calls that are not counted: see counting.rs".into());
    }
    Ok(rows)
}

/// What an idle connection holds, before and after a message of 16 KiB.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer")]
fn idle(address: SocketAddr, kept: &Kept, renews: bool) -> Result<Vec<Counted>> {
    let row = |when: &str, held: u64| Counted {
        name: format!("{when}: bytes held"),
        number: held as f64 / IDLE as f64,
        beyond: 256.0,
    };
    let settled = |when: &str, before: u64| {
        let started = Instant::now();
        loop {
            let row = row(when, counts().held.saturating_sub(before));
            let done = !renews && kept.bounds(&row.name).is_some_and(|(_, most)| row.number <= most);
            if done || started.elapsed() > SETTLE {
                return row;
            }
            thread::sleep(Duration::from_millis(10));
        }
    };
    let before = counts().held;
    let mut sockets = (0..IDLE).map(|_| Socket::open(address)).collect::<Result<Vec<_>>>()?;
    let fresh = settled("an idle connection", before);
    for socket in &mut sockets {
        socket.echo(16 * 1024, 1, 1)?;
    }
    let after = settled("an idle connection, after 16 KiB", before);
    Ok(vec![fresh, after])
}

/// A server that allocates for each message and writes each by itself: what is to be told from one that does not.
fn control(runtime: &Runtime, kept: &Kept) -> Result<Vec<String>> {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(async move {
        let (stream, _) = listener.accept().await.ok()?;
        let mut socket = tokio_tungstenite::accept_async(stream).await.ok()?;
        while let Some(Ok(message)) = socket.next().await {
            let copy = message.into_data().to_vec();
            socket.send(Message::Binary(copy.into())).await.ok()?;
        }
        Some(())
    });
    let rows = echoes(address, BURSTS, BURST)?;
    let missed = |what: &str| {
        let row = rows.iter().find(|row| row.name.contains(what))?;
        match kept.judge(&row.name, row.number) {
            Verdict::Worse(_) => None,
            verdict => Some(format!("{}, {}: {verdict:?}", row.name, number(row.number))),
        }
    };
    Ok(["allocations", "writes"].into_iter().filter_map(missed).collect())
}

/// Says all of it as tests do, and then what to do.
fn report(kept: &Kept, all: &[Counted], skipped: &[(String, String)], control: &[String]) -> ExitCode {
    println!("{:<60} {:>10} {:>10} {:>10}", "", "counted", "kept", "allowed");
    let (mut worse, mut better) = (Vec::new(), Vec::new());
    let mut results = Vec::new();
    for row in all {
        let (from, most) = kept.bounds(&row.name).unwrap_or_default();
        println!("{:<60} {:>10} {:>10} {:>10}", row.name, number(row.number), number(from), number(most));
        let verdict = kept.judge(&row.name, row.number);
        results.push((&row.name, if matches!(verdict, Verdict::Worse(_)) { "FAILED" } else { "ok" }));
        match verdict {
            Verdict::Worse(why) => worse.push(why),
            Verdict::Better(how) => better.push(how),
            Verdict::Kept => {}
        }
    }
    println!();
    for (name, result) in results {
        println!("test {name} ... {result}");
    }
    let name = "a server that allocates for each message and writes each by itself is told";
    println!("test {name} ... {}", if control.is_empty() { "ok" } else { "FAILED" });
    for (name, why) in skipped {
        println!("test {name} ... ignored, {why}");
    }
    for better in &better {
        println!("note: {better}; `cargo xtask bench server --check --renew` keeps it so");
    }
    for worse in &worse {
        println!("error: {worse}");
    }
    for missed in control {
        println!("error: the control was not told from the server: {missed}");
    }
    if !worse.is_empty() {
        println!(
            "If that is the price of something wanted, `cargo xtask bench server --check --renew` keeps it; say why in the \
             commit.\nElse look at what the last changes do for each message, in server/src/connection and below: what \
             they allocate, and\nwhether each answer is written by itself. docs/performance.md says how to look."
        );
    }
    let failed = worse.len() + usize::from(!control.is_empty());
    let passed = all.len() + 1 - failed;
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {passed} passed; {failed} failed; {} ignored", skipped.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
