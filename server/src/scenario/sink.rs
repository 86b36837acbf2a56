//! `/sink`: reads, at a rate if one is given, and reports what it read.
//!
//! A report is JSON: messages and bytes, what became of payloads numbered as those of `/source` are, and how long it has
//! read. There is one each second, and the last, with `"last":true`, comes when the peer has sent its Close frame, before
//! the answer to it. Since a browser passes over what comes once it has closed, the answer's reason has the counts as well,
//! as JSON, where they fit into its 123 bytes: a browser shows it as `CloseEvent.reason`.
//!
//! With a rate nothing is read between two messages, so that a ping or a Close frame waits its turn as well. A peer that
//! reads neither reports nor acknowledgements is not read any more once the sockets' buffers are full of them.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Interval, MissedTickBehavior, interval_at},
};

use super::{
    About, Scenario,
    numbered::{Account, Checker},
    pace::Pace,
    source::milliseconds,
};
use crate::{
    connection::{Connection, Ending, Message},
    query::PerSecond,
};

pub(super) const ABOUT: About = About {
    path: "/sink",
    text: "reads, at a rate if one is given, and reports on it: each second and at the end",
    parameters: &[
        ("rate", "messages a second that it reads at most"),
        ("ack", "answers each message with its size in bytes, as text"),
    ],
    any_parameter: false,
    http: None,
    parse: |_, query| Ok(Scenario::Sink(Sink { rate: query.take("rate")?, ack: query.take_flag("ack")? })),
};

/// How often it reports.
const REPORTS: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(crate) struct Sink {
    rate: Option<PerSecond>,
    ack: bool,
}

/// What was read so far, as JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    messages: u64,
    bytes: u64,
    #[serde(flatten)]
    account: &'a Account,
    elapsed_ms: f64,
    /// Whether this is all there was.
    last: bool,
}

/// The same in what fits in a Close frame.
#[derive(Debug, Serialize)]
struct Short {
    messages: u64,
    bytes: u64,
    missing: u64,
    repeated: u64,
    late: u64,
    corrupt: u64,
}

struct Run {
    started: Instant,
    messages: u64,
    bytes: u64,
    checker: Checker,
}

impl Sink {
    pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
    ) -> Result<Infallible, Ending> {
        let mut run = Run { started: Instant::now(), messages: 0, bytes: 0, checker: Checker::new() };
        let over = self.read(&mut run, connection).await;
        if let Err(Ending::Closed { .. }) = over {
            connection.say_at_close(run.report(true), run.short());
        }
        over
    }

    async fn read<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        run: &mut Run,
        connection: &mut Connection<S>,
    ) -> Result<Infallible, Ending> {
        let mut pace = self.rate.map(Pace::new);
        let mut reports = interval_at(tokio::time::Instant::now() + REPORTS, REPORTS);
        reports.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            if let Some(pace) = &mut pace {
                wait(run, connection, pace, &mut reports).await?;
            }
            let message = loop {
                tokio::select! {
                    biased;
                    _ = reports.tick() => report(run, connection).await?,
                    message = connection.recv() => break message?,
                }
            };
            let length = message.len();
            run.messages += 1;
            run.bytes += length as u64;
            run.checker.check(&message);
            if self.ack {
                connection.send(Message::Text(length.to_string().into())).await?;
                // Nothing may be left to write when the Close frame comes: the last report goes before its answer.
                connection.flush().await?;
            }
        }
    }
}

/// Waits until the next message may be read. Until then nothing is, not even a ping or a Close frame.
async fn wait<S: AsyncRead + AsyncWrite + Unpin>(
    run: &Run,
    connection: &mut Connection<S>,
    pace: &mut Pace,
    reports: &mut Interval,
) -> Result<(), Ending> {
    while tokio::time::Instant::now() < pace.due() {
        tokio::select! {
            _ = reports.tick() => report(run, connection).await?,
            rested = connection.rest_until(pace.due()) => rested?,
        }
    }
    pace.advance();
    Ok(())
}

async fn report<S: AsyncRead + AsyncWrite + Unpin>(
    run: &Run,
    connection: &mut Connection<S>,
) -> Result<(), Ending> {
    connection.send(run.report(false)).await?;
    connection.flush().await
}

impl Run {
    fn report(&self, last: bool) -> Message {
        let report = Report {
            messages: self.messages,
            bytes: self.bytes,
            account: &self.checker.account,
            elapsed_ms: milliseconds(self.started.elapsed()),
            last,
        };
        Message::Text(serde_json::to_string(&report).unwrap_or_default().into())
    }

    fn short(&self) -> String {
        let Account { missing, repeated, late, corrupt, .. } = self.checker.account;
        let short = Short { messages: self.messages, bytes: self.bytes, missing, repeated, late, corrupt };
        serde_json::to_string(&short).unwrap_or_default()
    }
}
