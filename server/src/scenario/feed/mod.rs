//! `/feed/prices`: quotes of invented shares, over WebSocket, as server-sent events, by long polling and by polling.
//!
//! Each update is JSON: `{"number":7,"time":1763719246123,"quotes":{"ACME":101.25}}`, its number counted from 1 and its time
//! in milliseconds since 1970. A number has the same quotes in every run with the same seed. All who ask for the same
//! parameters read the same feed; it begins with its first reader and ends a minute after its last, and then begins
//! anew with 1.
//!
//! * WebSocket: the latest update, then each as it is made; with `after=N`, first those after N that are still kept, at most
//!   512.
//! * Server-sent events, for a request with `Accept: text/event-stream`: the same, the number being the event's id.
//!   `Last-Event-ID` is as `after`, and goes before it. A comment every 15 seconds shows that the connection lives.
//! * Polling: `{"recovered":true,"latest":7,"updates":[…]}` at once. With `wait=30s`, which may be up to a minute, the same as
//!   soon as there is an update, and without any when the time is over.
//!
//! A reader that asks for what is not there is told: by a message `{"recovered":false,"after":…,"oldest":…,"latest":…}`, by an
//! event of type `lost` with it, or by `"recovered":false`; and gets what there is. That is so too for one that reads so
//! slowly that it falls out of what is kept.

pub(crate) mod cost;
mod stream;
mod walk;

use std::{convert::Infallible, fmt::Write as _, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout, timeout_at},
};
use wirescope_protocol::CloseCode;

use self::{
    cost::{Meter, Way},
    stream::{News, Options, Reader, Update},
};
use super::{About, Scenario, State, json};
use crate::{
    connection::{Connection, Ending, Message},
    opening::{self, Head},
    query::{PerSecond, Query, QueryError},
};

pub(crate) use stream::Feeds;

pub(super) const ABOUT: About = About {
    path: "/feed/prices",
    text: "live quotes as JSON; also as server-sent events, by long polling and by polling",
    parameters: &[
        ("seed", "what the prices are drawn from; 0 unless given"),
        ("rate", "updates a second, 0.01 to 1000; 1 unless given"),
        ("symbols", "up to 16 names with commas between; ACME,GLOBEX,INITECH unless given"),
        ("after", "the number of the last update that you have"),
        ("wait", "over HTTP: how long to wait for an update, up to 60s"),
    ],
    any_parameter: false,
    http: Some(http),
    parse: |_, query| {
        let wanted = Wanted::take(query)?;
        if wanted.wait.is_some() {
            return Err(QueryError::unfit("wait", "is for polling over HTTP; a WebSocket needs none"));
        }
        Ok(Scenario::Feed(Feed { wanted: Box::new(wanted), request: 0 }))
    },
};

const COST: &str = "/feed/prices/cost";

const LAST_EVENT_ID: &str = "last-event-id";

const SYMBOLS: [&str; 3] = ["ACME", "GLOBEX", "INITECH"];

const MAX_SYMBOLS: usize = 16;

const MAX_SYMBOL: usize = 12;

const MAX_WAIT: Duration = Duration::from_secs(60);

/// How many updates are sent before what the peer says is looked at, and how many a response over HTTP has.
const IN_A_ROW: usize = 64;
const IN_A_RESPONSE: usize = 512;

/// How often a stream of events says that it lives. Proxies end what is silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

const BUSY: &str = "too many different feeds are running; end some or read one that runs";

/// The bytes of the answer to an opening handshake without a subprotocol.
const RESPONSE: u64 = 129;

#[derive(Clone, Debug)]
pub(crate) struct Feed {
    wanted: Box<Wanted>,
    /// The size of the request in bytes.
    request: u64,
}

#[derive(Clone, Debug)]
struct Wanted {
    options: Options,
    after: Option<u64>,
    wait: Option<Duration>,
}

impl Wanted {
    fn take(query: &mut Query) -> Result<Self, QueryError> {
        let rate = query
            .take_within("rate", PerSecond(0.01)..=PerSecond(1000.0), "how many in a second: 0.01 to 1000")?
            .unwrap_or(PerSecond(1.0));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is from 0.01 to 1000"
        )]
        let rate = (rate.0 * 1e6).round() as u64;
        let symbols = match query.take_text("symbols") {
            None => SYMBOLS.map(str::to_owned).to_vec(),
            Some(text) => symbols(&text).ok_or_else(|| {
                let allowed =
                    "1 to 16 different names with commas between, each of 1 to 12 of A-Z, 0-9 and .";
                QueryError::invalid("symbols", text, allowed)
            })?,
        };
        Ok(Self {
            options: Options { seed: query.share("seed")?.unwrap_or(0), rate, symbols },
            after: query.take("after")?,
            wait: query.take_within("wait", Duration::ZERO..=MAX_WAIT, "a time up to 60s, such as 30s")?,
        })
    }
}

fn symbols(text: &str) -> Option<Vec<String>> {
    let mut symbols: Vec<String> = Vec::new();
    for symbol in text.split(',') {
        let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'.';
        let fits = (1..=MAX_SYMBOL).contains(&symbol.len()) && symbol.bytes().all(is_plain);
        if !fits || symbols.len() == MAX_SYMBOLS || symbols.iter().any(|earlier| earlier == symbol) {
            return None;
        }
        symbols.push(symbol.to_owned());
    }
    Some(symbols)
}

impl Feed {
    pub(super) fn see<B>(&mut self, request: &Request<B>) {
        let length = match request.extensions().get::<Head>() {
            Some(head) => head.0.len(),
            // As short as it can have been written.
            None => {
                let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
                let headers = request.headers().iter();
                let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + 4);
                target + headers.sum::<usize>() + "GET  HTTP/1.1\r\n\r\n".len()
            }
        };
        self.request = length as u64;
    }

    pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
    ) -> Result<Infallible, Ending> {
        let scenarios = Arc::clone(&connection.context().scenarios);
        let account = scenarios.feeds.costs.account(Way::WebSocket);
        account.request();
        account.bytes(self.request, RESPONSE);
        let read = async {
            let Some(reader) = scenarios.feeds.read(&self.wanted.options) else {
                return Err(Ending::Failed { code: CloseCode::TRY_AGAIN_LATER, reason: BUSY.to_owned() });
            };
            let mut after = self.wanted.after;
            loop {
                let News { updates, last, lost } = reader.news(after, IN_A_ROW);
                after = Some(last);
                if let Some(lost) = lost {
                    let lost = serde_json::to_string(&lost).unwrap_or_default();
                    account.bytes(0, framed(lost.len()));
                    connection.send(Message::Text(lost.into())).await?;
                }
                account.updates(updates.len());
                for Update { json, .. } in updates {
                    account.bytes(0, framed(json.len()));
                    connection.send(Message::Text(json)).await?;
                }
                tokio::select! {
                    message = connection.recv() => {
                        // What is said to a feed means nothing.
                        account.bytes(framed(message?.len()) + 4, 0);
                    }
                    () = reader.after(last) => {}
                }
            }
        };
        account.time_turns(read).await
    }
}

/// The bytes of a frame that the server sends, with this payload.
fn framed(payload: usize) -> u64 {
    let head = match payload {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    };
    payload as u64 + head
}

fn http(state: &Arc<State>) -> Router {
    let (for_feed, for_cost) = (Arc::clone(state), Arc::clone(state));
    let feed = move |Extension(meter): Extension<Meter>, uri: Uri, headers: HeaderMap| {
        let state = Arc::clone(&for_feed);
        async move { serve(&state.feeds, &meter, &uri, &headers).await.unwrap_or_else(|refused| refused) }
    };
    let cost = move || {
        let statement = json(&for_cost.feeds.costs.statement());
        async { statement }
    };
    Router::new().route(ABOUT.path, get(feed)).route(COST, get(cost))
}

async fn serve(feeds: &Feeds, meter: &Meter, uri: &Uri, headers: &HeaderMap) -> Result<Response, Response> {
    let bad = |error: &QueryError| opening::text(StatusCode::BAD_REQUEST, error.to_string()).into_response();
    let query = Query::parse(uri.query().unwrap_or_default());
    let Wanted { options, mut after, wait } = query
        .and_then(|mut query| {
            let wanted = Wanted::take(&mut query)?;
            query.finish(|| ABOUT.parameters.iter().map(|(key, _)| *key).collect())?;
            Ok(wanted)
        })
        .map_err(|error| bad(&error))?;
    let events = wants_events(headers);
    if events && wait.is_some() {
        return Err(bad(&QueryError::unfit("wait", "is for polling; a stream of events needs none")));
    }
    if let (true, Some(id)) = (events, headers.get(LAST_EVENT_ID)) {
        // An id that this feed did not give is as good as none.
        after = id.to_str().ok().and_then(|id| id.parse().ok()).or(after);
    }
    let Some(reader) = feeds.read(&options) else {
        return Err(opening::text(StatusCode::SERVICE_UNAVAILABLE, BUSY).into_response());
    };
    let way = match wait {
        _ if events => Way::Events,
        Some(_) => Way::LongPolling,
        None => Way::Polling,
    };
    meter.charge(&feeds.costs, way);
    if events {
        return Ok(event_stream(feeds, reader, after));
    }
    let mut news = reader.news(after, IN_A_RESPONSE);
    if let Some(wait) = wait
        && news.updates.is_empty()
        && news.lost.is_none()
    {
        let _ = timeout(wait, feeds.shutdown.run_until(reader.after(news.last))).await;
        news = reader.news(Some(news.last), IN_A_RESPONSE);
    }
    feeds.costs.account(way).updates(news.updates.len());
    Ok(polled(&news))
}

/// Whether the request asks for server-sent events.
fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(','));
    kinds.any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("text/event-stream")
    })
}

/// The answer to a poll. The updates are JSON already.
fn polled(news: &News) -> Response {
    let updates: Vec<&str> = news.updates.iter().map(|update| update.json.as_str()).collect();
    let body = format!(
        "{{\"recovered\":{},\"latest\":{},\"updates\":[{}]}}\n",
        news.lost.is_none(),
        news.last,
        updates.join(",")
    );
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// The response that goes on until the reader leaves or the server shuts down.
fn event_stream(feeds: &Feeds, reader: Reader, after: Option<u64>) -> Response {
    let (costs, shutdown) = (Arc::clone(&feeds.costs), feeds.shutdown.clone());
    let events = futures_util::stream::unfold((reader, after, true), move |(reader, after, is_first)| {
        let (costs, shutdown) = (Arc::clone(&costs), shutdown.clone());
        async move {
            if !is_first {
                let patience = Instant::now() + KEEP_ALIVE;
                let next = shutdown.run_until(reader.after(after.unwrap_or(0)));
                match timeout_at(patience, next).await {
                    Ok(Some(())) => {}
                    Ok(None) => return None,
                    Err(_) => {
                        let comment = Bytes::from_static(b": no news\n\n");
                        return Some((Ok::<_, Infallible>(comment), (reader, after, false)));
                    }
                }
            }
            let news = reader.news(after, IN_A_ROW);
            costs.account(Way::Events).updates(news.updates.len());
            Some((Ok(events(&news, is_first)), (reader, Some(news.last), false)))
        }
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(events)).into_response()
}

/// As a stream of events writes it (HTML Standard section 9.2.5).
fn events(news: &News, is_first: bool) -> Bytes {
    let mut text = String::new();
    if is_first {
        text.push_str("retry: 1000\n\n");
    }
    if let Some(lost) = &news.lost {
        let _ = write!(text, "event: lost\ndata: {}\n\n", serde_json::to_string(lost).unwrap_or_default());
    }
    for Update { number, json } in &news.updates {
        let _ = write!(text, "id: {number}\ndata: {json}\n\n");
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wanted(query: &str) -> Result<Wanted, String> {
        Query::parse(query).and_then(|mut query| Wanted::take(&mut query)).map_err(|error| error.to_string())
    }

    #[test]
    fn parameters_are_checked() {
        let wanted_all = wanted("seed=7&rate=0.5&symbols=A,B.2&after=9&wait=30s").unwrap();
        assert_eq!(
            wanted_all.options,
            Options { seed: 7, rate: 500_000, symbols: vec!["A".to_owned(), "B.2".to_owned()] }
        );
        assert_eq!((wanted_all.after, wanted_all.wait), (Some(9), Some(Duration::from_secs(30))));
        let seventeen = (0..17).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        for wrong in ["", "a", "A,", "A,A", "A B", "ABCDEFGHIJKLM", "\"", &seventeen] {
            assert!(wanted(&format!("symbols={wrong}")).is_err(), "{wrong}");
        }
        for wrong in ["rate=0.001", "rate=1001", "wait=61s", "after=-1", "seed=x"] {
            assert!(wanted(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn events_are_asked_for_by_accept() {
        for (accept, wants) in [
            ("text/event-stream", true),
            ("text/html, Text/Event-Stream;q=0.9", true),
            ("*/*", false),
            ("text/event-streams", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(wants_events(&headers), wants, "{accept}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_a_feed_within_bounds_or_refused(
            rate in "[0-9.]{0,8}", symbols in "[A-Z0-9.,]{0,40}|\\PC{0,20}", after in "[0-9]{0,22}",
        ) {
            let symbols: String = form_urlencoded::byte_serialize(symbols.as_bytes()).collect();
            if let Ok(wanted) = wanted(&format!("rate={rate}&symbols={symbols}&after={after}")) {
                prop_assert!((10_000..=1_000_000_000).contains(&wanted.options.rate));
                let symbols = &wanted.options.symbols;
                prop_assert!((1..=MAX_SYMBOLS).contains(&symbols.len()));
                prop_assert!(symbols.iter().all(|symbol| !symbol.is_empty() && symbol.is_ascii()));
            }
        }
    }
}
