//! The opening handshake: what RFC 6455 section 4.2 asks of a request, and the answer to it.

use std::{fmt::Write as _, io, sync::Arc};

use base64::{
    Engine as _, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{self, CONNECTION, UPGRADE},
};
use tokio::{io::AsyncWriteExt as _, time::sleep};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wirescope_protocol::subprotocol;

use crate::{
    access::{self, Denied},
    fault::{Answer, Direction, Made, Plan},
    metrics::Metrics,
    opening::{self, Head},
    query::{Query, QueryError},
    scenario::{self, Scenario},
    server::Context,
    stream::Stream,
    trace::{self, Tracer, Verdict},
};

/// The only version of the protocol there is (RFC 6455 section 4.1, item 9).
const VERSION: &str = "13";

/// Base64 for keys. RFC 6455 asks only that one decodes to 16 bytes, so the bits past the last byte may be any.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A request that may become a WebSocket, and what the answer says.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) path: String,
    pub(crate) scenario: Scenario,
    /// What goes wrong on the way.
    pub(crate) plan: Arc<Plan>,
    /// Whoever records it.
    pub(crate) tracer: Option<Tracer>,
    /// The subprotocol that was selected.
    pub(crate) subprotocol: Option<String>,
    accept: HeaderValue,
}

/// A request that cannot become a WebSocket, and why.
#[derive(Clone, Debug)]
pub(crate) struct Rejection {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    text: String,
}

/// Whether a request asks for a WebSocket, rightly or wrongly. In HTTP/1.0 the header means nothing (RFC 9110 section 7.8).
pub(crate) fn is_upgrade<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_11 && has_token(request.headers(), &UPGRADE, "websocket")
}

/// Checks a request that [`is_upgrade`].
pub(crate) fn check<B>(request: &Request<B>, context: &Context) -> Result<Accepted, Rejection> {
    let headers = request.headers();
    if headers.get_all(header::HOST).iter().count() != 1 {
        return Err(Rejection::bad("the request must have one Host header"));
    }
    context.admit(request)?;
    let path = request.uri().path();
    if !is_served(path, context) {
        return Err(Rejection::new(StatusCode::NOT_FOUND, not_served(path)));
    }
    if request.method() != Method::GET {
        return Err(Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket is opened with GET")
            .with(header::ALLOW, "GET"));
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(Rejection::bad("the request has Upgrade: websocket and lacks Connection: Upgrade"));
    }
    if only(headers, &header::SEC_WEBSOCKET_VERSION) != Some(VERSION) {
        let why = format!("this server speaks Sec-WebSocket-Version {VERSION} only");
        return Err(Rejection::upgrade_required(why).with(header::SEC_WEBSOCKET_VERSION, VERSION));
    }
    let Some(key) = only(headers, &header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key)) else {
        return Err(Rejection::bad("the request must have one Sec-WebSocket-Key: 16 bytes in base64"));
    };
    // What follows the head is read as frames, so a body would be taken for them.
    if headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get_all(header::CONTENT_LENGTH).iter().any(|length| length != "0")
    {
        return Err(Rejection::bad("a request that opens a WebSocket must have no body"));
    }
    let Ok(offers) = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .map(HeaderValue::to_str)
        .collect::<Result<Vec<_>, _>>()
    else {
        return Err(Rejection::bad("Sec-WebSocket-Protocol has bytes that are not ASCII"));
    };
    let (offers, selected) = access::without_tokens(&offers);
    let offers = subprotocol::parse_offers(offers.iter().map(AsRef::as_ref))
        .map_err(|error| Rejection::bad(error.to_string()))?;
    let Asked { scenario, plan, trace } = read(path, request.uri().query().unwrap_or_default(), context)?;
    // Last, since a script that is taken is gone.
    let script = || context.scripts.take(path).map(Scenario::Script);
    let Some(mut scenario) = scenario.or_else(script) else {
        return Err(Rejection::new(StatusCode::NOT_FOUND, format!("no script is left on {path}")));
    };
    let subprotocol = selected.or_else(|| scenario.select(&offers));
    scenario.see(request, subprotocol);
    let accept =
        HeaderValue::try_from(derive_accept_key(key.as_bytes())).expect("base64 is valid in a header");
    Ok(Accepted {
        path: path.to_owned(),
        subprotocol: subprotocol.map(str::to_owned),
        scenario,
        plan: Arc::new(plan),
        tracer: trace.map(|id| context.traces.get(&id).begin()),
        accept,
    })
}

/// What a URL asks for.
struct Asked {
    /// `None` where a script is to be taken.
    scenario: Option<Scenario>,
    plan: Plan,
    trace: Option<String>,
}

/// Reads the URL of a WebSocket that is served.
fn read(path: &str, query: &str, context: &Context) -> Result<Asked, QueryError> {
    let mut query = Query::parse(query)?;
    let trace = query.take_text("trace");
    // A script comes first, so that a test suite can put it where a client's path is fixed.
    let about = scenario::About::find(path).filter(|_| !context.scripts.has(path));
    let scenario = about.map(|about| about.open(path, &mut query)).transpose()?;
    let plan = Plan::take(&mut query)?;
    if about.is_none_or(|about| !about.any_parameter) {
        let own = about.map_or(&[][..], |about| about.parameters);
        query.finish(|| {
            let own = own.iter().map(|(key, _)| *key);
            // What a scenario has of its own hides a fault of the same name.
            let faults = Plan::keys().filter(|key| !own.clone().any(|own| own == *key));
            own.clone().chain(["trace"]).chain(faults).collect()
        })?;
    }
    if let Some(id) = trace.as_ref().filter(|id| !trace::is_id(id)) {
        return Err(QueryError::invalid("trace", id, trace::ID_ALLOWED));
    }
    Ok(Asked { scenario, plan, trace })
}

/// Why a WebSocket of this URL would be refused, whoever asks for it; `None` if it would not. A page asks this, since a
/// browser does not tell it how a handshake was answered.
pub(crate) fn refusal(path: &str, query: &str, context: &Context) -> Option<String> {
    if !is_served(path, context) {
        return Some(not_served(path));
    }
    read(path, query, context).err().map(|error| error.to_string())
}

fn is_served(path: &str, context: &Context) -> bool {
    scenario::About::find(path).is_some() || context.scripts.has(path)
}

fn not_served(path: &str) -> String {
    let paths: Vec<&str> = scenario::ALL.iter().map(|about| about.path).collect();
    format!("no WebSocket is served on {path}; there is: {}", paths.join(", "))
}

/// Checks a request that [`is_upgrade`] and comes on a connection on which there were others before.
pub(crate) fn check_later<B>(request: &Request<B>, context: &Context) -> Result<Accepted, Rejection> {
    let accepted = check(request, context)?;
    if accepted.plan.bends_the_handshake() {
        return Err(Rejection::bad("a fault of the opening handshake needs a TCP connection of its own"));
    }
    if let Some(tracer) = &accepted.tracer {
        tracer.handshake(Direction::In, &head_of(request));
    }
    Ok(accepted)
}

/// Answers a request that was accepted, as its faults have it. Whether a WebSocket is open then.
pub(crate) async fn answer<S: Stream>(
    stream: &mut S,
    request: &Request<()>,
    accepted: &Accepted,
    metrics: &Metrics,
) -> io::Result<bool> {
    let mut answer = Answer::new(accepted.response().map(str::to_owned));
    let tracer = accepted.tracer.as_ref();
    if let Some(tracer) = tracer {
        tracer.handshake(Direction::In, &head_of(request));
    }
    for (setting, made) in accepted.plan.made() {
        let Made::Opening(fault) = made else { continue };
        let mut chance = accepted.plan.chance(setting.fault.name, Direction::Out, 0);
        if setting.trigger.chance.is_none_or(|share| chance.share() < share.0) {
            fault.strike(request, &mut answer, &mut chance);
            metrics.fault(setting.fault.name);
            if let Some(tracer) = tracer {
                tracer.fault(setting.fault.name, Direction::Out, 0, None);
            }
        }
    }
    let opens = answer.opens();
    let mut bytes = answer.instead.unwrap_or_else(|| opening::rendered(&answer.response, false).into_bytes());
    if let Some(tracer) = tracer {
        tracer.handshake(Direction::Out, &String::from_utf8_lossy(&bytes));
        if !opens {
            let mut verdict = Verdict::default();
            if let Some(frame) = &answer.with {
                tracer.frame(Direction::Out, frame, 0);
                verdict.sent.frames = 1;
                verdict.close_sent = frame.close().map(|(code, _)| code);
            }
            tracer.verdict(&verdict, "not opened");
        }
    }
    if let Some(frame) = answer.with {
        bytes.extend([frame.head, frame.payload].concat());
    }
    if !answer.delay.is_zero() {
        sleep(answer.delay).await;
    }
    if answer.drip.is_zero() {
        stream.write_all(&bytes).await?;
        return Ok(opens);
    }
    for byte in bytes {
        stream.write_all(&[byte]).await?;
        stream.flush().await?;
        sleep(answer.drip).await;
    }
    Ok(opens)
}

/// A request's head: as it came, or where that is gone, as it may have been.
fn head_of<B>(request: &Request<B>) -> String {
    if let Some(Head(head)) = request.extensions().get() {
        return String::from_utf8_lossy(head).into_owned();
    }
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        let _ = write!(head, "{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
    head + "\r\n"
}

/// The answer to a request of a WebSocket's path that does not ask for one.
pub(crate) fn upgrade_required(path: &str) -> Rejection {
    Rejection::upgrade_required(format!(
        "{path} is a WebSocket: open it with a WebSocket client, such as new WebSocket(\"ws://…{path}\") in a \
         browser's console, or use the page on /"
    ))
}

impl Accepted {
    /// The 101 response (RFC 6455 section 4.2.2, item 5). No extension is ever selected.
    pub(crate) fn response(&self) -> Response<&'static str> {
        let mut response = Response::new("");
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        if let Some(subprotocol) = &self.subprotocol {
            let value = HeaderValue::from_str(subprotocol).expect("a token is valid in a header");
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        response
    }
}

impl Rejection {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), text: text.into() }
    }

    fn bad(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    fn upgrade_required(text: impl Into<String>) -> Self {
        Self::new(StatusCode::UPGRADE_REQUIRED, text).with(UPGRADE, "websocket").with(CONNECTION, "upgrade")
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn why(&self) -> &str {
        &self.text
    }

    pub(crate) fn response(&self) -> Response<String> {
        let mut response = opening::text(self.status, self.text.as_str());
        response.headers_mut().extend(self.headers.iter().cloned());
        response
    }
}

impl From<Denied> for Rejection {
    fn from(denied: Denied) -> Self {
        let headers = denied.header().map(|(name, value)| (name, HeaderValue::from_static(value)));
        Self { status: denied.status(), headers: headers.into_iter().collect(), text: denied.text }
    }
}

impl From<QueryError> for Rejection {
    fn from(error: QueryError) -> Self {
        Self::bad(error.to_string())
    }
}

/// The value of a header that must be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() { None } else { Some(value.trim()) }
}

/// Whether a header that is a comma-separated list has this element, in any case of letters.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|element| element.trim().eq_ignore_ascii_case(token))
}

fn is_key(key: &str) -> bool {
    KEY_BASE64.decode(key).is_ok_and(|nonce| nonce.len() == 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_16_bytes_in_base64() {
        assert!(is_key("dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(is_key("dGhlIHNhbXBsZSBub25jZR=="), "with bits past the last byte");
        for wrong in ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZQ==", "!GhlIHNhbXBsZSBub25jZQ=="] {
            assert!(!is_key(wrong), "{wrong:?}");
        }
    }
}
