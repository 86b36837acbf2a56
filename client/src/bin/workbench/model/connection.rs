//! One connection, as the page knows it.

use wirescope::{
    CloseCode,
    socket::{self, CloseEvent, Diagnosis, Initiator, Message},
};

use crate::{
    format,
    log::{Content, Delivery, Kind, Log, Moment, Note, Origin},
    measure::Histogram,
    model::{Id, Setup},
};

/// The state that the header shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Idle,
    Connecting,
    Open,
    /// A link waits before it tries again.
    Waiting,
    Closing,
    /// Ended as one side asked.
    Closed,
    /// Never opened.
    Failed,
    /// Opened, and ended without a closing handshake.
    Lost,
}

impl Phase {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Waiting => "waiting",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

/// How many endings are kept, as a link keeps them.
const ENDINGS: usize = 16;

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: Id,
    pub(crate) setup: Setup,
    /// The setup by which it was opened last, and the same as it is written in the log: without secrets.
    pub(crate) opened_as: Setup,
    pub(crate) told_as: Setup,
    pub(crate) phase: Phase,
    /// A few words beside the phase.
    pub(crate) detail: String,
    /// The how manyth WebSocket this is, from 1.
    socket: u32,
    /// How many data messages it sent and received.
    sent: u32,
    received: u32,
    started: u64,
    opened: Option<u64>,
    /// The user asked for the end.
    asked: bool,
    /// How long the answers took to what was sent.
    pub(crate) round_trips: Histogram,
    /// How its latest WebSockets ended, the last one last.
    pub(crate) endings: Vec<CloseEvent>,
    /// When a link tries again, in milliseconds since 1970, if it waits for that.
    pub(crate) until: Option<u64>,
    /// The how manyth try of a link this is.
    pub(crate) attempt: u32,
    /// How the last WebSocket ended and what that means; none while there is another that is open.
    pub(crate) verdict: Option<Verdict>,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// In a sentence.
    pub(crate) what: String,
    pub(crate) diagnosis: Option<Diagnosis>,
    /// What was found out since, beyond what a browser tells.
    pub(crate) found: Found,
}

/// What others than the browser say of an ending; empty where they say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The likely cause, what to do, and what that rests on, in the place of the diagnosis's.
    pub(crate) cause: String,
    pub(crate) advice: String,
    pub(crate) evidence: String,
    /// Whether trying again as it is would only repeat it.
    pub(crate) lasts: bool,
    /// What the server says.
    pub(crate) server: String,
}

impl Verdict {
    fn undiagnosed(what: &str) -> Self {
        Self { what: what.to_owned(), diagnosis: None, found: Found::default() }
    }
}

impl Connection {
    pub(crate) fn new(id: Id) -> Self {
        Self {
            id,
            setup: Setup::default(),
            opened_as: Setup::default(),
            told_as: Setup::default(),
            phase: Phase::default(),
            detail: String::new(),
            socket: 0,
            sent: 0,
            received: 0,
            started: 0,
            opened: None,
            asked: false,
            round_trips: Histogram::default(),
            endings: Vec::new(),
            until: None,
            attempt: 0,
            verdict: None,
        }
    }

    /// Whether there is something to send on, or to end.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Connecting | Phase::Open | Phase::Waiting | Phase::Closing)
    }

    /// Whether a message would be taken: by the peer, or by a link that waits for one.
    pub(crate) fn takes(&self) -> bool {
        let waits = matches!(self.phase, Phase::Connecting | Phase::Waiting);
        self.phase == Phase::Open || (self.setup.lasts && waits)
    }

    /// The user begins it anew: how it ended before is history.
    pub(crate) fn begun(&mut self) {
        self.opened_as = self.setup.clone();
        self.told_as = self.setup.clone();
        self.endings.clear();
        self.verdict = None;
    }

    /// The how manyth WebSocket this is, from 1; 0 before the first.
    pub(crate) fn socket(&self) -> u32 {
        self.socket
    }

    /// How many data messages its WebSocket was handed, and how many it received.
    pub(crate) fn counts(&self) -> (u32, u32) {
        (self.sent, self.received)
    }

    /// Whether its WebSocket has opened and not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.opened.is_some()
    }

    /// A WebSocket is tried: the how manyth time in a row.
    pub(crate) fn connecting(&mut self, log: &mut Log, now: Moment, attempt: u32) {
        self.attempt = attempt;
        (self.socket, self.sent, self.received) = (self.socket + 1, 0, 0);
        (self.started, self.opened, self.asked) = (now.mono, None, false);
        let mut tail = String::new();
        for (place, offer) in self.told_as.offers.iter().enumerate() {
            tail.push_str(if place == 0 { "offering " } else { ", " });
            tail.push_str(offer);
        }
        self.enter(Phase::Connecting, String::new());
        let head = self.told_as.url.clone();
        self.note(log, now, Kind::Connecting, Note { head, tail, ..Note::default() });
    }

    /// The browser refused to try.
    pub(crate) fn refused(&mut self, log: &mut Log, now: Moment, error: String) {
        self.enter(Phase::Failed, "never opened".to_owned());
        self.verdict = Some(Verdict::undiagnosed("The browser refused to try."));
        self.error(log, now, error);
    }

    pub(crate) fn opened(&mut self, log: &mut Log, now: Moment, subprotocol: &str) {
        self.opened = Some(now.mono);
        self.verdict = None;
        let head = format!("after {}", format::duration(now.mono.saturating_sub(self.started)));
        let tail = if subprotocol.is_empty() {
            "no subprotocol".to_owned()
        } else {
            format!("subprotocol {subprotocol}")
        };
        self.enter(Phase::Open, subprotocol.to_owned());
        self.note(log, now, Kind::Open, Note { head, tail, ..Note::default() });
    }

    /// A message to be sent; gives its number in the log.
    pub(crate) fn sent(&mut self, log: &mut Log, now: Moment, message: Message) -> u64 {
        log.push(self.origin(0), now, Kind::Sent, Content::Message(message))
    }

    /// A message was handed to the WebSocket there is now.
    pub(crate) fn handed_over(&mut self, log: &mut Log, number: u64) {
        self.sent += 1;
        let origin = self.origin(self.sent);
        log.amend(number, |entry| {
            (entry.origin, entry.delivery) = (origin, Some(Delivery::HandedOver));
        });
    }

    pub(crate) fn received(&mut self, log: &mut Log, now: Moment, message: Message) {
        self.received += 1;
        let number = log.push(self.origin(self.received), now, Kind::Received, Content::Message(message));
        if let Some(sent) = log.get(number).and_then(|entry| entry.partner) {
            self.round_trips.record(sent.lag);
        }
    }

    /// A message that is not logged has its place among those of its socket all the same.
    pub(crate) fn passed(&mut self, sent: bool, received: bool) {
        self.sent += u32::from(sent);
        self.received += u32::from(received);
    }

    /// A link waits before it tries again, until then if it knows.
    pub(crate) fn waiting(&mut self, log: &mut Log, now: Moment, what: &str, until: Option<u64>) {
        self.enter(Phase::Waiting, what.to_owned());
        self.until = until;
        self.note(log, now, Kind::Waiting, Note { head: what.to_owned(), ..Note::default() });
    }

    /// A link tries no more, for this reason; how its last WebSocket ended was told.
    pub(crate) fn ended(&mut self, log: &mut Log, now: Moment, why: &str) {
        if matches!(self.phase, Phase::Connecting | Phase::Waiting | Phase::Closing) {
            self.enter(Phase::Closed, "given up".to_owned());
        }
        if !why.is_empty() {
            self.note(log, now, Kind::Closed, Note { head: why.to_owned(), ..Note::default() });
        }
    }

    /// The user gave up an attempt.
    pub(crate) fn given_up(&mut self, log: &mut Log, now: Moment) {
        let tail = format!("tried for {}", format::duration(now.mono.saturating_sub(self.started)));
        self.enter(Phase::Closed, "given up".to_owned());
        let why = "Given up before it opened, as you asked.".to_owned();
        self.verdict = Some(Verdict::undiagnosed(&why));
        self.note(log, now, Kind::Closed, Note { tail, why, ..Note::default() });
    }

    /// The user waits no more for the peer to close, or wants none of it any more: it is over for this page.
    pub(crate) fn abandoned(&mut self, log: &mut Log, now: Moment, why: &str) {
        self.enter(Phase::Closed, "not waited for".to_owned());
        self.verdict = Some(Verdict::undiagnosed(why));
        (self.opened, self.asked) = (None, false);
        self.note(log, now, Kind::Closed, Note { why: why.to_owned(), ..Note::default() });
    }

    /// The user asked for the end, and the socket took it.
    pub(crate) fn closing(&mut self, log: &mut Log, now: Moment, code: CloseCode, reason: &str) {
        self.asked = true;
        if self.opened.is_some() {
            let head = code.to_string();
            self.note(log, now, Kind::Closing, Note { head, quoted: reason.to_owned(), ..Note::default() });
        }
        self.enter(Phase::Closing, String::new());
    }

    pub(crate) fn error(&mut self, log: &mut Log, now: Moment, error: String) {
        self.note(log, now, Kind::Error, Note { head: error, ..Note::default() });
    }

    /// A WebSocket ended, or never opened.
    pub(crate) fn closed(&mut self, log: &mut Log, now: Moment, close: &CloseEvent) {
        let clean = close.was_clean;
        let (phase, kind, detail) = match self.opened {
            None if self.asked => (Phase::Closed, Kind::Closed, "given up".to_owned()),
            None => (Phase::Failed, Kind::Unclean, "never opened".to_owned()),
            Some(_) if clean => (Phase::Closed, Kind::Closed, close.code.to_string()),
            Some(_) => (Phase::Lost, Kind::Unclean, close.code.to_string()),
        };
        let lasted = format::duration(now.mono.saturating_sub(self.opened.unwrap_or(self.started)));
        let mut tail = String::new();
        if close.reason.is_empty() {
            tail.push_str("no reason · ");
        }
        tail.push_str(if clean { "clean · " } else { "not clean · " });
        tail.push_str(if self.opened.is_some() { "open for " } else { "never open, tried for " });
        tail.push_str(&lasted);
        if self.endings.len() == ENDINGS {
            self.endings.remove(0);
        }
        self.endings.push(close.clone());
        let why = self.why();
        self.verdict = Some(self.judge(close, &lasted));
        self.opened = None;
        self.enter(phase, detail);
        let (head, quoted) = (close.code.to_string(), close.reason.clone());
        self.note(log, now, kind, Note { head, quoted, tail, why });
    }

    /// What can be told of the last ending.
    fn why(&self) -> String {
        match self.opened {
            None if self.asked => return "Given up before it opened, as you asked.".to_owned(),
            Some(_) if self.endings.last().is_some_and(|close| close.was_clean) => return String::new(),
            _ => {}
        }
        match socket::diagnose(&self.endings) {
            Some(diagnosis) => format!("{} {}", diagnosis.evidence, diagnosis.advice),
            None => String::new(),
        }
    }

    /// How a WebSocket ended, and what that means.
    fn judge(&self, close: &CloseEvent, lasted: &str) -> Verdict {
        let given_up = self.opened.is_none() && self.asked;
        let who = match close.initiator {
            Initiator::Us => "This side closed it",
            Initiator::Peer => "The peer closed it",
            Initiator::Overflow => "This side ended it, since it reads too slowly,",
            Initiator::Timeout => "This side gave up a silent peer",
            Initiator::Nobody if self.opened.is_some() => "It was cut off",
            _ => "It never opened",
        };
        // 1006 is then no code that anybody sent.
        let code = if self.opened.is_some() { format!(" with {}", close.code) } else { String::new() };
        let open = if self.opened.is_some() { "was open for" } else { "tried for" };
        let what = format!("{who}{code}; {open} {lasted}.");
        let diagnosis = if given_up { None } else { socket::diagnose(&self.endings) };
        Verdict {
            what: if given_up { "Given up before it opened, as you asked.".to_owned() } else { what },
            diagnosis,
            found: Found::default(),
        }
    }

    fn origin(&self, ordinal: u32) -> Origin {
        Origin { connection: self.id, socket: self.socket, ordinal }
    }

    fn enter(&mut self, phase: Phase, detail: String) {
        self.phase = phase;
        self.detail = detail;
        self.until = None;
    }

    /// What is told of this connection beside its messages.
    pub(crate) fn note(&mut self, log: &mut Log, now: Moment, kind: Kind, note: Note) {
        log.push(self.origin(0), now, kind, Content::Note(note));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::View;

    fn at(mono: u64) -> Moment {
        Moment { wall: 0, mono }
    }

    fn last(log: &Log) -> (Kind, Note) {
        let entry = log.last().unwrap();
        let View::Note(note) = entry.content else { panic!("a message") };
        (entry.kind, note)
    }

    #[test]
    fn opening_says_how_long_it_took_and_what_was_selected() {
        let (mut connection, mut log) = (Connection::new(1), Log::default());
        connection.connecting(&mut log, at(0), 1);
        connection.opened(&mut log, at(12_000), "b");
        assert_eq!((connection.phase, &*connection.detail), (Phase::Open, "b"));
        assert_eq!(last(&log).1.head, "after 12 ms");
        assert_eq!(last(&log).1.tail, "subprotocol b");
    }

    #[test]
    fn a_message_has_its_place_among_those_of_its_socket() {
        let (mut connection, mut log) = (Connection::new(7), Log::default());
        connection.connecting(&mut log, at(0), 1);
        connection.opened(&mut log, at(1), "");
        let number = connection.sent(&mut log, at(2), "a".into());
        assert_eq!(log.get(number).unwrap().delivery, Some(Delivery::Queued));
        connection.handed_over(&mut log, number);
        let entry = log.get(number).unwrap();
        assert_eq!(entry.origin, Origin { connection: 7, socket: 1, ordinal: 1 });
        assert_eq!(entry.delivery, Some(Delivery::HandedOver));
        connection.received(&mut log, at(3), "a".into());
        assert_eq!(log.last().unwrap().origin.ordinal, 1);
    }

    #[test]
    fn a_verdict_is_told_until_it_opens_again() {
        let (mut connection, mut log) = (Connection::new(1), Log::default());
        connection.connecting(&mut log, at(0), 1);
        connection.given_up(&mut log, at(5));
        assert!(connection.verdict.as_ref().unwrap().what.contains("as you asked"));
        connection.connecting(&mut log, at(9), 1);
        assert!(connection.verdict.is_some());
        connection.opened(&mut log, at(9), "");
        assert_eq!(connection.verdict, None);
        connection.waiting(&mut log, at(10), "tries again", Some(7));
        assert_eq!((connection.phase, connection.until), (Phase::Waiting, Some(7)));
        connection.ended(&mut log, at(11), "gave up after 3 tries");
        assert_eq!((connection.phase, connection.until), (Phase::Closed, None));
        assert_eq!(last(&log).1.head, "gave up after 3 tries");
    }
}
