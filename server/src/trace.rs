//! The second eye: what the server saw and put on the wire, for whoever knows a connection's trace.
//!
//! `?trace=ID` on a connection records it; `/trace/ID` shows it live, and `/trace/ID.ndjson` whole. The ID is a secret that the
//! client chose, so it is long. A trace can be watched before its connection exists, and numbers the connections that use
//! it one after the other.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::Notify;
use wirescope_protocol::CloseCode;

use crate::{
    access,
    fault::{Direction, Effect},
    wire::Frame,
};

/// How much of a trace is kept; then its oldest events go, and are counted.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// How many traces there are at once; then the one that was used longest ago goes.
const MAX_TRACES: usize = 64;
/// How much of the handshakes is kept beside that: they are what a trace is opened for, and few.
const MAX_PINNED: usize = 64 * 1024;
/// How long a trace is kept that nobody uses.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// How much of a payload is recorded.
const SHOWN: usize = 64;

/// What an ID must be.
pub(crate) const ID_ALLOWED: &str =
    "22 to 64 letters, digits, - and _: at least 128 bits that nobody can guess, such as crypto.randomUUID()";

/// All traces of a server.
#[derive(Debug, Default)]
pub(crate) struct Traces(Mutex<HashMap<String, Arc<Trace>>>);

/// The events of the connections that used one ID.
#[derive(Debug)]
pub(crate) struct Trace {
    id: String,
    state: Mutex<State>,
    more: Notify,
}

#[derive(Debug)]
struct State {
    /// One JSON object each.
    events: VecDeque<Arc<str>>,
    /// The number of the first that is still here.
    first: u64,
    bytes: usize,
    /// The handshakes of those that are gone.
    pinned: VecDeque<Arc<str>>,
    pinned_bytes: usize,
    connections: u64,
    used: Instant,
}

/// Records one connection.
#[derive(Debug)]
pub(crate) struct Tracer {
    trace: Arc<Trace>,
    connection: u64,
    opened: Instant,
}

/// What became of a connection, as the server saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) sent: Tally,
    pub(crate) received: Tally,
    /// How often each fault struck.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// How long writing had to wait for the peer.
    pub(crate) blocked: Duration,
    /// The codes of the first Close frames.
    pub(crate) close_sent: Option<CloseCode>,
    pub(crate) close_received: Option<CloseCode>,
}

/// Frames, data messages and their payloads' bytes, one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// Whether a text can be a trace's ID.
pub(crate) fn is_id(text: &str) -> bool {
    (22..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl Traces {
    /// The trace of an ID, if there is one.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Trace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).map(Arc::clone)
    }

    /// The trace of an ID, new if there is none.
    pub(crate) fn get(&self, id: &str) -> Arc<Trace> {
        let mut traces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        traces.retain(|_, trace| trace.is_used() || now - trace.state().used < KEPT);
        if let Some(trace) = traces.get(id) {
            trace.state().used = now;
            return Arc::clone(trace);
        }
        if traces.len() >= MAX_TRACES {
            let oldest = traces.iter().min_by_key(|(_, trace)| trace.state().used);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                traces.remove(&oldest);
            }
        }
        let trace = Arc::new(Trace::new(id, now));
        traces.insert(id.to_owned(), Arc::clone(&trace));
        trace
    }
}

impl Trace {
    fn new(id: &str, now: Instant) -> Self {
        let state = State {
            events: VecDeque::new(),
            first: 0,
            bytes: 0,
            pinned: VecDeque::new(),
            pinned_bytes: 0,
            connections: 0,
            used: now,
        };
        Self { id: id.to_owned(), state: Mutex::new(state), more: Notify::new() }
    }

    /// Begins the record of a connection.
    pub(crate) fn begin(self: &Arc<Self>) -> Tracer {
        let mut state = self.state();
        state.connections += 1;
        Tracer { trace: Arc::clone(self), connection: state.connections, opened: Instant::now() }
    }

    /// The event with this number and the number after it; where events are gone, one that says how many. Waits until there
    /// is one.
    pub(crate) async fn next(&self, number: u64) -> (Arc<str>, u64) {
        loop {
            // Before the look, so that nothing is recorded unseen between the look and the wait.
            let more = self.more.notified();
            if let Some(found) = self.state().at(number) {
                return found;
            }
            more.await;
        }
    }

    /// As [`next`](Self::next), with those that follow while all are within so many bytes, one a line.
    pub(crate) async fn next_lines(&self, number: u64, most: usize) -> (String, u64) {
        let (event, mut next) = self.next(number).await;
        let mut lines = String::from(&*event);
        let state = self.state();
        while let Some((event, after)) = state.at(next).filter(|(event, _)| lines.len() + event.len() < most)
        {
            lines.push('\n');
            lines.push_str(&event);
            next = after;
        }
        drop(state);
        (lines, next)
    }

    /// All events that are kept, one a line.
    pub(crate) fn ndjson(&self) -> String {
        let state = self.state();
        let missed = (state.first > 0).then(|| missed(state.first));
        let events = state.pinned.iter().chain(&missed).chain(&state.events);
        events.fold(String::new(), |mut text, event| {
            let _ = writeln!(text, "{event}");
            text
        })
    }

    fn is_used(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > 1
    }

    fn record(&self, event: &Value) {
        let event: Arc<str> = event.to_string().into();
        let mut state = self.state();
        state.used = Instant::now();
        state.bytes += event.len();
        state.events.push_back(event);
        while state.bytes > MAX_BYTES {
            let Some(oldest) = state.events.pop_front() else { break };
            state.bytes -= oldest.len();
            state.first += 1;
            state.pin(oldest);
        }
        drop(state);
        self.more.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn at(&self, number: u64) -> Option<(Arc<str>, u64)> {
        if number < self.first {
            return Some((missed(self.first - number), self.first));
        }
        let event = self.events.get(usize::try_from(number - self.first).ok()?)?;
        Some((Arc::clone(event), number + 1))
    }

    /// Keeps what goes, if it is a handshake.
    fn pin(&mut self, event: Arc<str>) {
        if !event.contains("\"event\":\"handshake\"") {
            return;
        }
        self.pinned_bytes += event.len();
        self.pinned.push_back(event);
        while self.pinned_bytes > MAX_PINNED {
            let Some(oldest) = self.pinned.pop_front() else { break };
            self.pinned_bytes -= oldest.len();
        }
    }
}

/// The event that stands for so many that are gone.
fn missed(count: u64) -> Arc<str> {
    json!({ "event": "missed", "count": count }).to_string().into()
}

impl Tracer {
    /// The ID of its trace.
    pub(crate) fn id(&self) -> &str {
        &self.trace.id
    }

    /// The opening handshake, one way of it, with its secrets taken out.
    pub(crate) fn handshake(&self, direction: Direction, head: &str) {
        self.record("handshake", direction, json!({ "text": redacted(head) }));
    }

    /// A frame, as it is on the wire, of the data message with this number; 0 where it is of none.
    pub(crate) fn frame(&self, direction: Direction, frame: &Frame, message: u64) {
        let mut event = json!({
            "fin": frame.fin(),
            "rsv": frame.rsv(),
            "opcode": frame.opcode(),
            "mask": frame.key().map(|key| hex(&key)),
            "length": frame.payload.len(),
            "head": hex(&frame.head),
            "payload": hex(&frame.unmasked(SHOWN)),
        });
        if let Some((code, reason)) = frame.close() {
            event["code"] = json!(code.number());
            event["reason"] = json!(reason);
        }
        if message > 0 {
            event["message"] = json!(message);
        }
        self.record("frame", direction, event);
    }

    /// Bytes that are no whole frame, of the data message with this number; 0 where they are of none.
    pub(crate) fn raw(&self, direction: Direction, bytes: &[u8], message: u64) {
        let mut event = json!({ "length": bytes.len(), "payload": hex(start(bytes)) });
        if message > 0 {
            event["message"] = json!(message);
        }
        self.record("raw", direction, event);
    }

    /// A fault that bent a message, with what it did, or that came after one.
    pub(crate) fn fault(&self, name: &str, direction: Direction, message: u64, effect: Option<&Effect>) {
        let mut event = json!({ "fault": name, "message": message });
        if let Some(effect) = effect {
            event["later_ms"] = milliseconds(effect.later);
        }
        if let Some((opcode, payload)) = effect.and_then(|effect| effect.was.as_ref()) {
            event["was"] =
                json!({ "opcode": opcode, "length": payload.len(), "payload": hex(start(payload)) });
        }
        self.record("fault", direction, event);
    }

    /// Other faults from now on.
    pub(crate) fn plan(&self, plan: &str) {
        self.record("plan", Direction::Out, json!({ "plan": plan }));
    }

    /// What became of it all.
    pub(crate) fn verdict(&self, verdict: &Verdict, over: &str) {
        let mut event = verdict.to_json();
        event["over"] = json!(over);
        event["event"] = json!("verdict");
        self.finish(event);
    }

    fn record(&self, kind: &str, direction: Direction, mut event: Value) {
        event["event"] = json!(kind);
        event["dir"] = json!(direction.name());
        self.finish(event);
    }

    fn finish(&self, mut event: Value) {
        event["conn"] = json!(self.connection);
        event["ms"] = milliseconds(self.opened.elapsed());
        self.trace.record(&event);
    }
}

impl Verdict {
    pub(crate) fn to_json(&self) -> Value {
        let tally = |tally: Tally| json!({ "frames": tally.frames, "messages": tally.messages, "bytes": tally.bytes });
        let close = |close: Option<CloseCode>| close.map(CloseCode::number);
        json!({
            "sent": tally(self.sent),
            "received": tally(self.received),
            "faults": self.faults,
            "blocked_ms": milliseconds(self.blocked),
            "close_sent": close(self.close_sent),
            "close_received": close(self.close_received),
        })
    }
}

/// As much of a payload as is recorded.
fn start(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(SHOWN)]
}

/// To the microsecond.
fn milliseconds(time: Duration) -> Value {
    json!((time.as_secs_f64() * 1e6).round() / 1e3)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

const PASSWORD: &str = "basic-auth=";

/// A URL or query without the password that a fault asks for.
pub(crate) fn without_password(text: &str) -> String {
    match text.split_once(PASSWORD) {
        Some((before, after)) => {
            let rest = after.find(['&', ' ']).map_or("", |at| &after[at..]);
            format!("{before}{PASSWORD}…{rest}")
        }
        None => text.to_owned(),
    }
}

/// A request's or response's head without what lets somebody in: credentials, cookies, tokens.
fn redacted(head: &str) -> String {
    head.split_inclusive('\n').map(redacted_line).collect()
}

fn redacted_line(line: &str) -> String {
    const SECRET: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
    let end = line.len() - line.trim_end().len();
    let (text, end) = line.split_at(line.len() - end);
    if text.contains(PASSWORD) {
        return without_password(text) + end;
    }
    let Some((name, value)) = text.split_once(':') else { return line.to_owned() };
    if SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
        return format!("{name}: …{end}");
    }
    if name.eq_ignore_ascii_case("sec-websocket-protocol") {
        let offers = value.split(',').map(|offer| match offer.trim() {
            token if access::is_token_offer(token) => "wirescope.token.…",
            offer => offer,
        });
        return format!("{name}: {}{end}", offers.collect::<Vec<_>>().join(", "));
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "an-id-that-nobody-guesses";

    #[test]
    fn an_id_has_128_bits() {
        assert!(is_id("0123456789abcdef0123456789abcdef"));
        assert!(is_id("3f2504e0-4f89-41d3-9a0c-0305e82c3301"));
        for wrong in ["short", "with a space in between it", "0123456789abcdef01234/", &"x".repeat(65)] {
            assert!(!is_id(wrong), "{wrong}");
        }
    }

    #[tokio::test]
    async fn events_are_numbered_and_can_be_waited_for() {
        let traces = Traces::default();
        let trace = traces.get(ID);
        let same = Arc::clone(&trace);
        let watcher = tokio::spawn(async move { same.next(0).await });
        tokio::task::yield_now().await;
        trace.begin().fault("drop", Direction::Out, 7, None);
        let (event, next) = watcher.await.unwrap();
        assert!(event.contains("\"fault\":\"drop\"") && event.contains("\"message\":7"), "{event}");
        assert_eq!(next, 1);
        trace.begin().fault("drop", Direction::Out, 8, None);
        assert!(traces.get(ID).next(1).await.0.contains("\"conn\":2"));
    }

    #[tokio::test]
    async fn events_are_taken_together_within_a_bound() {
        let trace = Arc::new(Trace::new(ID, Instant::now()));
        let tracer = trace.begin();
        for message in 1..=100 {
            tracer.fault("drop", Direction::Out, message, None);
        }
        let one = trace.next(0).await.0.len();
        assert_eq!(
            trace.next_lines(0, 0).await,
            ((*trace.next(0).await.0).to_owned(), 1),
            "never fewer than one"
        );
        let (mut number, mut lines) = (0, Vec::new());
        while number < 100 {
            let (text, next) = trace.next_lines(number, 10 * one).await;
            let enough = next > number + 5 || next == 100;
            assert!(text.len() <= 10 * one && enough, "{} bytes up to {next}", text.len());
            lines.extend(text.lines().map(str::to_owned));
            number = next;
        }
        assert_eq!(lines.join("\n") + "\n", trace.ndjson());
    }

    #[test]
    fn the_oldest_events_go() {
        let trace = Arc::new(Trace::new(ID, Instant::now()));
        let tracer = trace.begin();
        for _ in 0..100 {
            tracer.handshake(Direction::In, &"x".repeat(50_000));
        }
        let state = trace.state();
        assert!(state.bytes <= MAX_BYTES && state.first > 50);
        assert!(state.pinned_bytes <= MAX_PINNED && state.pinned.len() == 1, "the newest of what is gone");
        let (event, next) = state.at(0).unwrap();
        assert_eq!((&*event, next), (&*missed(state.first), state.first));
        assert!(state.at(next).unwrap().0.contains("handshake"));
    }

    #[test]
    fn the_trace_used_longest_ago_goes_when_there_are_too_many() {
        let traces = Traces::default();
        let ids: Vec<_> = (0..=MAX_TRACES).map(|number| format!("{ID}{number}")).collect();
        for id in &ids {
            traces.get(id).begin();
        }
        assert_eq!(traces.0.lock().unwrap().len(), MAX_TRACES);
        assert_eq!(traces.get(&ids[0]).state().connections, 0, "it is new");
    }

    #[test]
    fn secrets_are_taken_out() {
        let head = "GET /echo?basic-auth=a:b&x=1 HTTP/1.1\r\nHost: x\r\nauthorization: Basic abc\r\nCookie: a=b\r\n\
                    Sec-WebSocket-Protocol: wirescope.v1, wirescope.token.c2VjcmV0\r\n\r\n";
        assert_eq!(
            redacted(head),
            "GET /echo?basic-auth=…&x=1 HTTP/1.1\r\nHost: x\r\nauthorization: …\r\nCookie: …\r\n\
             Sec-WebSocket-Protocol: wirescope.v1, wirescope.token.…\r\n\r\n"
        );
    }
}
