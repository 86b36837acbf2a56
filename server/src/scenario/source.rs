//! `/source`: numbered payloads, as fast as the peer reads or at a rate, and then a report.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::sleep_until,
};
use wirescope_protocol::CloseCode;

use super::{
    About, Scenario,
    numbered::{MIN_BINARY, MIN_TEXT, Maker},
    pace::Pace,
};
use crate::{
    connection::{Connection, Ending, Message},
    query::{PerSecond, Query, QueryError, Size},
};

pub(super) const ABOUT: About = About {
    path: "/source",
    text: "sends numbered, checksummed messages by itself, then a report and Close 1000",
    parameters: &[
        ("count", "how many messages; without it they go on for ever"),
        ("size", "of each, in bytes: 1KiB unless given; at least 12, as text 25; or 0, which has no number"),
        ("rate", "messages a second; as fast as the peer reads unless given"),
        ("kind", "text or binary; binary unless given"),
    ],
    any_parameter: false,
    http: None,
    parse: |_, query| parse(query),
};

/// The largest message, since the server sends much for a short request.
const MAX_SIZE: usize = 1024 * 1024;

/// The highest rate that can be asked for, for the same reason; without one the peer's reading is the limit.
const MAX_RATE: f64 = 100_000.0;

#[derive(Clone, Debug)]
pub(crate) struct Source {
    count: Option<u64>,
    size: usize,
    rate: Option<PerSecond>,
    text: bool,
}

/// The last message, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    messages: u64,
    bytes: u64,
    elapsed_ms: f64,
    /// For how much of it nothing could be written, since the peer had not read what was written before.
    blocked_ms: f64,
}

fn parse(query: &mut Query) -> Result<Scenario, QueryError> {
    let text = match query.take_text("kind").as_deref() {
        None | Some("binary") => false,
        Some("text") => true,
        Some(other) => return Err(QueryError::invalid("kind", other, "text or binary")),
    };
    let floor = if text { MIN_TEXT } else { MIN_BINARY };
    let size = match query.take::<Size>("size")? {
        None => 1024,
        Some(Size(size)) => match usize::try_from(size) {
            Ok(size) if size == 0 || (floor..=MAX_SIZE).contains(&size) => size,
            _ => {
                let kind = if text { "text" } else { "binary" };
                let allowed = format!("0, or for {kind} from {floor} bytes to 1MiB");
                return Err(QueryError::invalid("size", size.to_string(), allowed));
            }
        },
    };
    let allowed = "how many in a second: more than 0, up to 100000";
    Ok(Scenario::Source(Source {
        count: query.take("count")?,
        size,
        rate: query.take_within("rate", PerSecond(0.0)..=PerSecond(MAX_RATE), allowed)?,
        text,
    }))
}

impl Source {
    pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
    ) -> Result<Infallible, Ending> {
        let started = Instant::now();
        let mut maker = Maker::new(self.text, self.size);
        let mut pace = self.rate.map(Pace::new);
        let mut sent = 0;
        // What the peer sends means nothing here; it is read for the sake of its pings and its Close.
        while self.count.is_none_or(|count| sent < count) {
            if let Some(pace) = &mut pace {
                wait(connection, pace).await?;
            }
            while connection.recv_or_ready().await?.is_some() {}
            sent += 1;
            connection.send(maker.make(sent)).await?;
        }
        while connection.recv_or_written().await?.is_some() {}
        let report = Report {
            messages: sent,
            bytes: sent.saturating_mul(self.size as u64),
            elapsed_ms: milliseconds(started.elapsed()),
            blocked_ms: milliseconds(connection.blocked()),
        };
        let report = serde_json::to_string(&report).unwrap_or_default();
        connection.send(Message::Text(report.into())).await?;
        Err(Ending::Done { code: CloseCode::NORMAL, reason: format!("{sent} messages") })
    }
}

/// Waits until the next message is due.
async fn wait<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    pace: &mut Pace,
) -> Result<(), Ending> {
    while tokio::time::Instant::now() < pace.due() {
        tokio::select! {
            biased;
            message = connection.recv() => { message?; }
            () = sleep_until(pace.due()) => {}
        }
    }
    pace.advance();
    Ok(())
}

/// In milliseconds, to the microsecond.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(query: &str) -> Result<Source, String> {
        let mut query = Query::parse(query).unwrap();
        match parse(&mut query) {
            Ok(Scenario::Source(source)) => Ok(source),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn sizes_have_a_floor_and_a_ceiling() {
        for (query, size) in [
            ("", 1024),
            ("size=0", 0),
            ("size=12", 12),
            ("size=1MiB", MAX_SIZE),
            ("kind=text&size=25", 25),
            ("kind=text&size=0", 0),
        ] {
            assert_eq!(parsed(query).unwrap().size, size, "{query}");
        }
        for wrong in ["size=11", "size=1", "kind=text&size=24", "size=1048577", "size=2GiB", "size=-1"] {
            let error = parsed(wrong).unwrap_err();
            assert!(error.starts_with("parameter size is"), "{wrong}: {error}");
        }
        assert_eq!(
            parsed("kind=text&size=24").unwrap_err(),
            "parameter size is \"24\"; allowed is 0, or for text from 25 bytes to 1MiB"
        );
        assert!(parsed("rate=100001").unwrap_err().starts_with("parameter rate is"));
        assert!(parsed("kind=Text").unwrap_err().starts_with("parameter kind is"));
    }

    proptest! {
        #[test]
        fn any_source_is_within_bounds(size in "[0-9]{0,9}(KiB|MiB|)", rate in "[0-9.]{0,8}", text: bool) {
            let kind = if text { "text" } else { "binary" };
            if let Ok(source) = parsed(&format!("size={size}&rate={rate}&kind={kind}")) {
                prop_assert!(source.size <= MAX_SIZE);
                prop_assert!(source.rate.is_some_and(|rate| rate.0 > 0.0 && rate.0 <= MAX_RATE));
            }
        }
    }
}
