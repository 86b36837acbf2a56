//! `/inspect`: the request as the server saw it, as JSON, when the connection opens and as the answer to every message;
//! and over plain HTTP.
//!
//! Secrets are replaced by `[redacted]`: the values of `Authorization` and `Proxy-Authorization` after their scheme, of
//! offers that begin with `wirescope.token.`, and of cookies. Cookies whose names begin with `wirescope` are shown, so that a
//! test can see its own: a browser sends a server the cookies of every other server on the same host, whatever its port,
//! and pages must not learn through this one what is hidden from them.

use std::{borrow::Cow, convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{Extension, Router, extract::Request as AxumRequest, routing::get};
use http::{HeaderName, Request, Version, header};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use wirescope_protocol::subprotocol;

use super::{About, Scenario, State, json};
use crate::{
    access,
    connection::{Connection, Ending, Message},
    opening::{Head, MAX_HEADERS},
    stream::Arrival,
    trace,
};

pub(super) const ABOUT: About = About {
    path: "/inspect",
    text: "the request as the server saw it, as JSON: at once and for every message; also HTTP",
    parameters: &[],
    any_parameter: true,
    http: Some(http),
    parse: |_, _| Ok(Scenario::Inspect(Inspect(None))),
};

const REDACTED: &str = "[redacted]";

/// What the names of cookies begin with whose values are shown.
const SHOWN_COOKIES: &str = "wirescope";

/// What was seen of the request.
#[derive(Clone, Debug)]
pub(crate) struct Inspect(Option<Arc<Seen>>);

/// A request without its secrets.
#[derive(Clone, Debug, Serialize)]
struct Seen {
    method: String,
    /// As in the request line: path and query.
    target: String,
    version: &'static str,
    path: String,
    /// As it came, without its question mark; null where there was none.
    query: Option<String>,
    /// The query's parameters, decoded.
    parameters: Vec<(String, String)>,
    /// In the order in which they came, as they were written; on a connection that was used for another request before, and
    /// over HTTP, in lower case and those of the same name together.
    headers: Vec<(String, String)>,
    origin: Option<String>,
    cookies: Vec<(String, String)>,
    subprotocols: Subprotocols,
    /// Whether it came over TLS.
    tls: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Subprotocols {
    offered: Vec<String>,
    selected: Option<String>,
}

/// What is sent.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    seen: &'a Seen,
    peer: SocketAddr,
}

impl Inspect {
    pub(super) fn see<B>(&mut self, request: &Request<B>, subprotocol: Option<&str>) {
        self.0 = Some(Arc::new(Seen::new(request, subprotocol)));
    }

    pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
    ) -> Result<Infallible, Ending> {
        let report = self.0.as_deref().map(|seen| Report { seen, peer: connection.peer() });
        let report = Message::Text(serde_json::to_string(&report).unwrap_or_default().into());
        loop {
            connection.send(report.clone()).await?;
            connection.recv().await?;
        }
    }
}

fn http(_: &Arc<State>) -> Router {
    let answer = async |Extension(arrival): Extension<Arrival>, request: AxumRequest| {
        let seen = Seen::new(&request, None);
        json(&Report { seen: &seen, peer: arrival.peer })
    };
    Router::new().route(ABOUT.path, get(answer))
}

impl Seen {
    fn new<B>(request: &Request<B>, subprotocol: Option<&str>) -> Self {
        let uri = request.uri();
        let values = |name: HeaderName| {
            request.headers().get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()))
        };
        let offers: Vec<Cow<'_, str>> = values(header::SEC_WEBSOCKET_PROTOCOL).collect();
        let offered = subprotocol::parse_offers(offers.iter().map(AsRef::as_ref)).unwrap_or_default();
        Self {
            method: request.method().to_string(),
            target: trace::without_password(
                &uri.path_and_query().map_or_else(|| uri.to_string(), ToString::to_string),
            ),
            version: if request.version() == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
            path: uri.path().to_owned(),
            query: uri.query().map(trace::without_password),
            parameters: form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
                .into_owned()
                .map(
                    |(key, value)| {
                        if key == "basic-auth" { (key, REDACTED.to_owned()) } else { (key, value) }
                    },
                )
                .collect(),
            headers: headers(request),
            origin: values(header::ORIGIN).next().map(Cow::into_owned),
            cookies: values(header::COOKIE).flat_map(|value| cookies(&value)).collect(),
            subprotocols: Subprotocols {
                offered: offered.into_iter().map(without_token).collect(),
                selected: subprotocol.map(without_token),
            },
            tls: request.extensions().get::<Arrival>().is_some_and(|arrival| arrival.tls),
        }
    }
}

fn headers<B>(request: &Request<B>) -> Vec<(String, String)> {
    let shown = |name: &str, value: &[u8]| {
        let value = String::from_utf8_lossy(value);
        (name.to_owned(), redacted(name, &value))
    };
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut raw = httparse::Request::new(&mut fields);
    let head = request.extensions().get::<Head>();
    match head.map(|head| raw.parse(&head.0)) {
        Some(Ok(_)) => raw.headers.iter().map(|field| shown(field.name, field.value)).collect(),
        _ => request.headers().iter().map(|(name, value)| shown(name.as_str(), value.as_bytes())).collect(),
    }
}

/// A header's value without its secrets.
fn redacted(name: &str, value: &str) -> String {
    let is = |header: HeaderName| name.eq_ignore_ascii_case(header.as_str());
    if is(header::AUTHORIZATION) || is(header::PROXY_AUTHORIZATION) {
        match value.split_once(' ') {
            Some((scheme, _)) if subprotocol::is_token(scheme) => format!("{scheme} {REDACTED}"),
            _ => REDACTED.to_owned(),
        }
    } else if is(header::COOKIE) {
        let cookies = cookies(value).into_iter();
        let cookies: Vec<String> = cookies
            .map(|(name, value)| if name.is_empty() { value } else { format!("{name}={value}") })
            .collect();
        cookies.join("; ")
    } else if is(header::SEC_WEBSOCKET_PROTOCOL) {
        value.split(',').map(|offer| without_token(offer.trim())).collect::<Vec<_>>().join(", ")
    } else {
        value.to_owned()
    }
}

fn without_token(offer: &str) -> String {
    if access::is_token_offer(offer) {
        format!("{}{REDACTED}", access::TOKEN_OFFER)
    } else {
        offer.to_owned()
    }
}

/// The cookies of a header's value (RFC 6265 section 4.2.1): names, and values where they may be shown. One without a name,
/// which browsers do send, is all value.
fn cookies(value: &str) -> Vec<(String, String)> {
    let pairs = value.split(';').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if name.starts_with(SHOWN_COOKIES) => (name.to_owned(), value.to_owned()),
            Some((name, _)) => (name.to_owned(), REDACTED.to_owned()),
            None => (String::new(), REDACTED.to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_redacted_and_what_they_are_is_not() {
        for (name, value, shown) in [
            ("Authorization", "Basic dXNlcjpwYXNz", "Basic [redacted]"),
            ("authorization", "secret", "[redacted]"),
            ("AUTHORIZATION", "se:cret more", "[redacted]"),
            ("Proxy-Authorization", "Bearer abc", "Bearer [redacted]"),
            (
                "Cookie",
                "sid=secret; wirescope-test=1; secret",
                "sid=[redacted]; wirescope-test=1; [redacted]",
            ),
            ("Sec-WebSocket-Protocol", "a,wirescope.token.c2VjcmV0 , b", "a, wirescope.token.[redacted], b"),
            ("X-Any", "secret", "secret"),
        ] {
            assert_eq!(redacted(name, value), shown, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_secret_is_shown(before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
            const SECRET: &str = "c2VjcmV0LXNlY3JldA";
            for value in [
                format!("sid={SECRET}; {before}={SECRET}; x{after}={SECRET}"),
                format!("{SECRET}; {after};sid={SECRET}"),
            ] {
                // A name that begins as those that are shown is shown.
                if !before.contains(SHOWN_COOKIES) && !after.contains(SHOWN_COOKIES) && !before.contains(';')
                    && !after.contains(';')
                {
                    prop_assert!(!redacted("Cookie", &value).contains(SECRET));
                }
            }
            let offers = format!("a, {}{SECRET},b", access::TOKEN_OFFER);
            prop_assert!(!redacted("Sec-WebSocket-Protocol", &offers).contains(SECRET));
            let credentials = format!("Basic {before}{SECRET}");
            for value in [SECRET, &credentials] {
                prop_assert!(!redacted("Authorization", value).contains(SECRET));
            }
        }

        #[test]
        fn any_header_is_shown(name in "[a-zA-Z-]{1,20}", value in "\\PC{0,60}") {
            let _ = redacted(&name, &value);
            let _ = (redacted("Cookie", &value), redacted("Authorization", &value));
        }
    }
}
