//! `wirescope-server run`: plays a script against any WebSocket server and says how each step went.

mod connect;
mod peer;
mod report;

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use tokio::time::timeout;
use wirescope_protocol::{
    CloseCode, Text,
    script::{Connect, Cursor, Script, Step, What},
};

use self::{
    peer::{Arrived, Peer},
    report::Report,
};
use crate::flags::Time;

/// The largest script file.
const MAX_FILE: u64 = 64 << 20;

/// How long the peer may take to answer the Close frame that ends a run.
const PARTING: Duration = Duration::from_secs(2);

/// What to play, and how.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// The script; - is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// What to connect to, in the place of what the script says.
    #[arg(long)]
    url: Option<String>,

    /// For the connection to open, for a message to be sent, and for each `expect` that does not say itself.
    #[arg(long, value_name = "TIME", default_value_t = Time(Duration::from_secs(10)))]
    timeout: Time,

    /// How often to play it, each time on a new connection; the first failure ends it.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,

    /// Print only steps that fail, and how it ended.
    #[arg(long)]
    quiet: bool,

    /// Certificates in PEM that wss: trusts beside those of the system.
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Why a run did not pass.
enum Failed {
    /// A step was not as it should be: status 1.
    Step,
    /// There was nothing to play, or nobody to play it with: status 2.
    Never(String),
}

/// Plays a script. The status is 0 if every step passed, 1 if one failed, and 2 if nothing could be played.
pub(crate) async fn run(options: Options) -> ExitCode {
    let mut report = Report::new(options.quiet);
    match play_all(&options, &mut report).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed::Step) => ExitCode::from(1),
        Err(Failed::Never(why)) => {
            report.never(&why);
            ExitCode::from(2)
        }
    }
}

async fn play_all(options: &Options, report: &mut Report) -> Result<(), Failed> {
    let never = |why: String| Failed::Never(why);
    let file = options.file.display();
    let text = read(&options.file).map_err(|error| never(format!("{file} cannot be read: {error}")))?;
    let script = Script::parse(&text).map_err(|error| never(format!("{file}: {error}")))?;
    let connect = match (&options.url, &script.connect) {
        (None, None) => {
            return Err(never(format!(
                "{file} does not say what to connect to: add --url, or a first line \"connect URL\""
            )));
        }
        (None, Some(connect)) => connect.clone(),
        (Some(url), given) => {
            // Read as the script's own line would be, so that the same is allowed.
            let line = Script::parse(&format!("connect {url}"))
                .map_err(|error| never(format!("--url: {}", of_a_line(error.says()))))?;
            let offers = given.as_ref().map(|connect| connect.offers.clone()).unwrap_or_default();
            match line.connect {
                Some(connect) if connect.offers.is_empty() => Connect { line: 0, offers, ..connect },
                _ => return Err(never("--url takes a URL and nothing more".to_owned())),
            }
        }
    };
    let begun = Instant::now();
    for round in 1..=options.repeat {
        if options.repeat > 1 {
            report.round(round, options.repeat);
        }
        play(options, &script, &connect, report).await?;
    }
    report.passed(begun.elapsed());
    Ok(())
}

/// What is wrong with a line, without where that is.
fn of_a_line(says: &str) -> &str {
    says.split_once(": ").map_or(says, |(_, what)| what)
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().take(MAX_FILE + 1).read_to_string(&mut text)?
    } else {
        fs::File::open(file)?.take(MAX_FILE + 1).read_to_string(&mut text)?
    };
    if read as u64 > MAX_FILE {
        return Err(io::Error::other("it is larger than 64 MiB"));
    }
    Ok(text)
}

/// Plays a script once, on a connection of its own.
async fn play(
    options: &Options,
    script: &Script,
    connect: &Connect,
    report: &mut Report,
) -> Result<(), Failed> {
    let begun = Instant::now();
    let opening = connect::open(connect, options);
    let mut peer = match timeout(options.timeout.0, opening).await {
        Ok(Ok(peer)) => peer,
        Ok(Err(why)) => return Err(Failed::Never(format!("cannot connect to {}: {why}", connect.url))),
        Err(_) => {
            let within = options.timeout;
            return Err(Failed::Never(format!(
                "cannot connect to {}: it did not open within {within}",
                connect.url
            )));
        }
    };
    report.opened(connect, &peer.subprotocol, begun.elapsed());
    let mut cursor = Cursor::new(script);
    while let Some(step) = cursor.step(script) {
        let begun = Instant::now();
        match do_step(step, &mut peer, options).await {
            Ok(()) => report.step(step, cursor.rounds(), begun.elapsed()),
            Err(instead) => {
                report.failed(step, cursor.rounds(), &instead);
                return Err(Failed::Step);
            }
        }
        cursor.advance(script);
    }
    peer.part(PARTING).await;
    Ok(())
}

/// Does a step; an error says what came instead.
async fn do_step(step: &Step, peer: &mut Peer, options: &Options) -> Result<(), String> {
    match &step.what {
        What::Send(data) => match timeout(options.timeout.0, peer.send(data)).await {
            Ok(sent) => sent,
            Err(_) => Err(format!("the peer took nothing for {}", options.timeout)),
        },
        What::Expect { what, within } => {
            let within = within.unwrap_or(options.timeout.0);
            let Ok(arrived) = timeout(within, peer.next()).await else {
                return Err(format!("nothing within {}", wirescope_protocol::script::duration(within)));
            };
            let Some(arrived) = arrived else {
                return Err("nothing more: the end of the connection was expected before".to_owned());
            };
            if what.accepts(arrived.as_arrival()) { Ok(()) } else { Err(told(&arrived)) }
        }
        What::Wait(time) => {
            tokio::time::sleep(*time).await;
            Ok(())
        }
        What::Close { code, reason } => peer.close(*code, reason).await,
        What::Repeat { .. } | What::End { .. } => Ok(()),
    }
}

/// What came, in a script's words.
fn told(arrived: &Arrived) -> String {
    let mut text = Text::new();
    arrived.as_arrival().add_to(&mut text);
    if let Arrived::Closed(CloseCode::ABNORMAL, _) = arrived {
        text.add(": the connection ended without a Close frame");
    }
    text.as_str().to_owned()
}
