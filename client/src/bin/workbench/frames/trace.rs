//! What the server saw of one WebSocket, as far as it is kept, and what of it belongs to which message.

use std::collections::{BTreeMap, VecDeque};

use wirescope::socket::CloseEvent;

use super::anatomy::{self, Frame};
use crate::{json, model::Connection};

/// Beyond this the oldest events go, and are counted.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// What keeping an event costs beside its text, roughly.
const EACH: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Handshake,
    Frame,
    /// Bytes that are no whole frame, or that a fault injected.
    Raw,
    /// A fault that bent a message or a control frame.
    Bent,
    /// A fault that struck between messages.
    Struck,
    /// Other faults from here on.
    Plan,
    Verdict,
    /// Events that the server no longer had.
    Missed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: Kind,
    /// From the server.
    pub(crate) out: bool,
    /// The how manyth data message of its direction it was part of on the wire, from 1; 0 of none, or where that is not
    /// known.
    pub(crate) ordinal: u32,
    /// The same as the server counts, before its faults.
    pub(crate) message: u32,
    /// Since the server opened the connection.
    pub(crate) micros: u64,
    /// The event as it came.
    pub(crate) json: Box<str>,
}

/// How the browser says that it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) opened: bool,
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) was_clean: bool,
    /// How many messages the page handed over, and how many it got.
    pub(crate) sent: u32,
    pub(crate) received: u32,
    /// What the page makes of it.
    pub(crate) diagnosis: String,
}

impl Ended {
    pub(crate) fn new(connection: &Connection, opened: bool, close: &CloseEvent) -> Self {
        let (sent, received) = connection.counts();
        let diagnosis = connection.verdict.as_ref().and_then(|verdict| verdict.diagnosis.as_ref());
        Self {
            opened,
            code: close.code.number(),
            reason: close.reason.clone(),
            was_clean: close.was_clean,
            sent,
            received,
            diagnosis: diagnosis
                .filter(|_| !close.was_clean)
                .map(|diagnosis| format!("{} {}", diagnosis.evidence, diagnosis.advice))
                .unwrap_or_default(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Trace {
    events: VecDeque<Event>,
    /// The number of the first that is here.
    first: u64,
    bytes: usize,
    /// How many data messages were whole on the wire: in, out.
    whole: [u32; 2],
    /// Events are gone, so that the messages of the server cannot be counted any more.
    is_broken: bool,
    /// The faults that bent messages by their direction and the server's number.
    bent: BTreeMap<(bool, u32), Box<str>>,
    /// The messages, as the page counts them, whose frames met a fault.
    marks: BTreeMap<(bool, u32), Box<str>>,
    /// The handshake both ways: in, out.
    pub(crate) handshake: [String; 2],
    pub(crate) verdict: Option<Box<str>>,
    pub(crate) ended: Option<Ended>,
    is_told: bool,
    /// Why nothing more comes, if that is not because all is told.
    pub(crate) lost: bool,
}

impl Trace {
    pub(crate) fn len(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    /// What it takes to keep it, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Event> {
        self.events.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The fault that a message of this direction met, by the how manyth it is for the page.
    pub(crate) fn mark(&self, out: bool, ordinal: u32) -> Option<&str> {
        self.marks.get(&(out, ordinal)).map(|fault| &**fault)
    }

    /// It ended, as the browser has it.
    pub(crate) fn end(&mut self, ended: Ended) {
        self.ended = Some(ended);
    }

    /// The server's verdict, once: when both sides have said that it ended.
    pub(crate) fn new_verdict(&mut self) -> Option<Box<str>> {
        if self.is_told || self.ended.is_none() {
            return None;
        }
        self.is_told = self.verdict.is_some();
        self.verdict.clone()
    }

    /// Nothing more is heard of it.
    pub(crate) fn lose(&mut self) {
        self.lost = self.verdict.is_none();
    }

    /// Takes the next event.
    pub(crate) fn push(&mut self, json: &str) {
        let members = json::members(json);
        let member = |name| members.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
        let kind = match member("event") {
            Some("\"handshake\"") => Kind::Handshake,
            Some("\"frame\"") => Kind::Frame,
            Some("\"raw\"") => Kind::Raw,
            Some("\"fault\"") if member("later_ms").is_some() => Kind::Bent,
            Some("\"fault\"") => Kind::Struck,
            Some("\"plan\"") => Kind::Plan,
            Some("\"verdict\"") => Kind::Verdict,
            Some("\"missed\"") => Kind::Missed,
            _ => return,
        };
        let out = member("dir") != Some("\"in\"");
        let number = |name| member(name).and_then(|value| value.parse().ok());
        let message = number("message").unwrap_or_default();
        let micros = member("ms").and_then(json::as_micros).unwrap_or_default();
        let mut event = Event { kind, out, ordinal: 0, message, micros, json: json.into() };
        match kind {
            Kind::Frame => {
                let opcode = number("opcode").unwrap_or_default();
                if opcode < 8 {
                    event.ordinal = self.ordinal(out, message, member("fin") == Some("true"));
                }
            }
            Kind::Raw => {
                let bytes = anatomy::bytes(&json::text(json, "payload"));
                let is_all = number("length").is_some_and(|length| length as usize == bytes.len());
                if is_all {
                    for frame in Frame::all_in(out, &bytes).0 {
                        if frame.opcode() < 3 && frame.rsv() == 0 && frame.key().is_none() {
                            event.ordinal = self.ordinal(out, message, frame.fin());
                        }
                    }
                }
            }
            Kind::Bent => {
                let fault: Box<str> = json::text(json, "fault").into();
                if message > 0 && !out {
                    // The server counts what comes as the page does.
                    self.marks.entry((out, message)).or_insert_with(|| fault.clone());
                }
                if message > 0 {
                    self.bent.entry((out, message)).or_insert(fault);
                }
            }
            Kind::Handshake => self.handshake[usize::from(out)] = json::text(json, "text"),
            Kind::Verdict => self.verdict = Some(json.into()),
            Kind::Missed => self.is_broken = true,
            Kind::Struck | Kind::Plan => {}
        }
        if event.ordinal > 0
            && let Some(fault) = self.bent.get(&(out, message)).filter(|_| out)
        {
            self.marks.insert((out, event.ordinal), fault.clone());
        }
        self.bytes += json.len() + EACH;
        self.events.push_back(event);
        while self.bytes > MAX_BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.json.len() + EACH;
            self.first += 1;
            if oldest.ordinal > 0 {
                self.marks.remove(&(oldest.out, oldest.ordinal));
            }
            self.bent.remove(&(oldest.out, oldest.message));
        }
    }

    /// The how manyth message a data frame is of.
    fn ordinal(&mut self, out: bool, message: u32, fin: bool) -> u32 {
        // What comes is counted by the server itself, and so is what goes while no fault bends it.
        if !out || self.is_broken {
            return if out && !self.bent.is_empty() { 0 } else { message };
        }
        let whole = &mut self.whole[usize::from(out)];
        let ordinal = *whole + 1;
        if fin {
            *whole = ordinal;
        }
        ordinal
    }

    /// The numbers of what belongs to a message, as the page counts it: its frames, and the faults that bent it.
    pub(crate) fn of(&self, out: bool, ordinal: u32) -> Vec<u64> {
        let is_frame = |event: &&Event| {
            matches!(event.kind, Kind::Frame | Kind::Raw) && event.out == out && event.ordinal == ordinal
        };
        let message =
            self.events.iter().find(is_frame).map(|event| event.message).filter(|message| *message > 0);
        let numbered = (self.first..).zip(&self.events);
        let own = numbered.filter(|(_, event)| {
            is_frame(event) || event.kind == Kind::Bent && event.out == out && Some(event.message) == message
        });
        own.map(|(number, _)| number).collect()
    }

    /// The faults that bent a message of the server's own count.
    pub(crate) fn faults(&self, out: bool, message: u32) -> impl Iterator<Item = &Event> {
        let own =
            move |event: &&Event| event.kind == Kind::Bent && event.out == out && event.message == message;
        self.events.iter().filter(own)
    }

    /// Whether any frame of a message of the server's own count was on the wire.
    pub(crate) fn went(&self, out: bool, message: u32) -> bool {
        let own = |event: &Event| {
            matches!(event.kind, Kind::Frame | Kind::Raw) && event.out == out && event.message == message
        };
        self.events.iter().any(own)
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = (u64, &Event)> {
        (self.first..).zip(&self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(out: bool, message: u32, fin: bool) -> String {
        let dir = if out { "out" } else { "in" };
        let opcode = if message == 0 { 9 } else { 1 };
        let message = if message == 0 { String::new() } else { format!(r#","message":{message}"#) };
        format!(
            r#"{{"dir":"{dir}","event":"frame","fin":{fin},"head":"8101"{message},"ms":1.5,"opcode":{opcode}}}"#
        )
    }

    fn bent(out: bool, message: u32, fault: &str) -> String {
        let dir = if out { "out" } else { "in" };
        format!(r#"{{"dir":"{dir}","event":"fault","fault":"{fault}","later_ms":0.0,"message":{message}}}"#)
    }

    fn trace(events: &[String]) -> Trace {
        let mut trace = Trace::default();
        for event in events {
            trace.push(event);
        }
        trace
    }

    #[test]
    fn what_the_page_counts_is_found_whatever_a_fault_did() {
        // The server's second is dropped, its third comes twice, the fourth in two frames around a ping.
        let trace = trace(&[
            frame(true, 1, true),
            bent(true, 2, "drop"),
            bent(true, 3, "duplicate"),
            frame(true, 3, true),
            frame(true, 3, true),
            frame(true, 4, false),
            frame(true, 0, true),
            frame(true, 4, true),
        ]);
        let ordinals: Vec<_> = trace.events().map(|(_, event)| event.ordinal).collect();
        assert_eq!(ordinals, [1, 0, 0, 2, 3, 4, 0, 4]);
        assert_eq!(trace.of(true, 1), [0]);
        assert_eq!(trace.of(true, 3), [2, 4]);
        assert_eq!(trace.of(true, 4), [5, 7]);
        assert_eq!(
            [1, 2, 3, 4].map(|ordinal| trace.mark(true, ordinal)),
            [None, Some("duplicate"), Some("duplicate"), None]
        );
        assert!(!trace.went(true, 2) && trace.went(true, 3));
    }

    #[test]
    fn what_came_is_bent_after_it_was_seen() {
        let trace = trace(&[frame(false, 1, true), bent(false, 1, "corrupt"), frame(false, 2, true)]);
        assert_eq!((trace.mark(false, 1), trace.mark(false, 2)), (Some("corrupt"), None));
        assert_eq!(trace.of(false, 1), [0, 1]);
    }

    #[test]
    fn injected_frames_count_where_a_browser_takes_them() {
        let raw = |payload: &str| {
            format!(r#"{{"dir":"out","event":"raw","length":{},"payload":"{payload}"}}"#, payload.len() / 2)
        };
        let trace = trace(&[raw("810178"), raw("8900"), raw("c10178"), frame(true, 1, true)]);
        let ordinals: Vec<_> = trace.events().map(|(_, event)| event.ordinal).collect();
        assert_eq!(ordinals, [1, 0, 0, 2]);
    }

    #[test]
    fn after_a_gap_only_what_is_sure_is_said() {
        let gap = r#"{"count":9,"event":"missed"}"#.to_owned();
        let one = trace(&[gap.clone(), frame(true, 12, true)]);
        assert_eq!(one.get(1).unwrap().ordinal, 12);
        let one = trace(&[gap, bent(true, 11, "duplicate"), frame(true, 12, true), frame(false, 13, true)]);
        assert_eq!([2, 3].map(|number| one.get(number).unwrap().ordinal), [0, 13]);
    }

    #[test]
    fn the_oldest_go() {
        let mut trace = Trace::default();
        let text = "x".repeat(1000);
        for message in 1..=4000 {
            trace.push(&bent(true, message, "delay"));
            trace.push(&frame(true, message, true).replace("8101", &text));
        }
        assert!(trace.first() > 0 && trace.bytes <= MAX_BYTES);
        assert_eq!(trace.len(), 8000);
        assert!(trace.marks.len() < 4000 && trace.bent.len() < 4000);
        assert_eq!(trace.mark(true, 4000), Some("delay"));
    }
}
