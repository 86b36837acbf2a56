//! What goes wrong on the way, on any scenario: one fault, one file.
//!
//! A fault never knows which scenario it bends. Faults are chosen by the URL's query: [`Plan::take`] reads them with the
//! one table, [`ALL`], from which they are documented too. Each random choice is a function of the seed, the fault, the
//! direction and the message's number ([`Chance`]), so the same URL and the same messages meet the same fate.

mod close;
mod corrupt;
mod delay;
pub(crate) mod docs;
mod drop;
mod duplicate;
mod flow;
mod fragment;
mod inject;
mod jitter;
mod opening;
mod ping;
mod plan;
mod pong;
mod preset;
mod rate;
mod raw;
mod reorder;
mod truncate;

use std::time::{Duration, Instant};

use bytes::Bytes;

use self::plan::COMMON;
pub(crate) use self::{
    opening::{Answer, OpeningFault},
    plan::{After, Direction, Plan, Trigger},
    preset::PRESETS,
};
use crate::{
    chance::Chance,
    query::{Probability, Value},
};

/// A fault as the query's parser and the documentation know it.
pub(crate) struct Fault {
    /// Its parameter.
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) takes: Takes,
    /// One sentence for people.
    pub(crate) text: &'static str,
    /// A parameter as it is written.
    pub(crate) example: &'static str,
    /// What a value makes of it; `None` if it is none.
    pub(crate) make: fn(&str) -> Option<Made>,
}

/// What a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Handshake,
    Message,
    Frame,
    Control,
    Connection,
}

/// What a fault's value is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Takes {
    /// One word for programs, such as `time`.
    pub(crate) kind: &'static str,
    /// What is allowed, for people.
    pub(crate) allowed: &'static str,
}

/// A fault that was given its value.
pub(crate) enum Made {
    /// Bends the answer to the opening request.
    Opening(Box<dyn OpeningFault>),
    /// Bends data messages; strikes this share of them.
    Message(Probability, Box<dyn MessageFault>),
    /// Does something once or again and again, between messages.
    Strike(Strike),
    /// How control frames are answered.
    Control(ControlFault),
    /// How bytes leave.
    Bytes(ByteFault),
    /// The connection ends when it was silent for so long.
    IdleCutoff(Duration),
}

/// A fault of data messages, of one direction of one connection.
pub(crate) trait MessageFault: Send {
    /// What becomes of a message that it strikes: what is pushed goes on, in this order.
    fn strike(&mut self, message: Flying, chance: &mut Chance, onward: &mut Vec<Flying>);

    /// What becomes of one that it does not strike.
    fn pass(&mut self, message: Flying, onward: &mut Vec<Flying>) {
        onward.push(message);
    }

    /// What it still holds back when no message follows.
    fn release(&mut self) -> Option<Flying> {
        None
    }
}

/// A data message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flying {
    /// The how manyth data message of its direction it was sent as, from 1.
    pub(crate) number: u64,
    /// 1 for text, 2 for binary (RFC 6455 section 5.2).
    pub(crate) opcode: u8,
    pub(crate) payload: Bytes,
    /// Not before this moment does it go on.
    pub(crate) due: Instant,
    pub(crate) shape: Shape,
}

/// How a message is put into frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    #[default]
    OneFrame,
    /// Frames of so many bytes, with pings between them or not.
    Fragments { size: usize, pings: bool },
    /// The payload's bytes as they are, without any frame.
    Raw,
}

/// What a fault did to a message or a control frame, for a trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effect {
    /// How much later it goes on.
    pub(crate) later: Duration,
    /// What it was, where it goes on as something else or not at all.
    pub(crate) was: Option<(u8, Bytes)>,
}

/// What happens between messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    /// These bytes go out as they are.
    Inject(Bytes),
    /// A Close frame goes out, and nothing after it.
    Close { code: u16 },
    /// The server's side of the TCP connection ends, without a Close frame.
    Fin,
    /// The TCP connection is reset.
    Reset,
    /// The connection stays up; nothing is read or written any more.
    HalfOpen,
    /// Nothing is read for so long; then what the stall did is reported in a text message.
    Stall(Duration),
    /// This goes out again and again, with so much time between, until the connection ends.
    Repeat { bytes: Bytes, every: Duration },
}

/// How control frames are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ControlFault {
    NoPong,
    LatePong(Duration),
    NoCloseReply,
    LateClose(Duration),
}

/// How bytes leave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ByteFault {
    /// In TCP segments of at most so many.
    Chunk(usize),
    /// So many in a second.
    Bandwidth(f64),
}

/// All faults, in the order in which they are documented. Message faults strike in the order of this table.
pub(crate) const ALL: &[&Fault] = &[
    &opening::status::FAULT,
    &opening::redirect::FAULT,
    &opening::accept::FAULT,
    &opening::without::FAULT,
    &opening::subprotocol::FAULT,
    &opening::extension::FAULT,
    &opening::garbage::FAULT,
    &opening::slow::DELAY,
    &opening::slow::DRIP,
    &opening::early_close::FAULT,
    &opening::any_header::FAULT,
    &opening::set_cookie::FAULT,
    &opening::basic_auth::FAULT,
    &drop::FAULT,
    &corrupt::FAULT,
    &truncate::FAULT,
    &duplicate::FAULT,
    &reorder::FAULT,
    &delay::FAULT,
    &jitter::FAULT,
    &rate::FAULT,
    &fragment::FAULT,
    &fragment::PINGS,
    &raw::FAULT,
    &inject::FAULT,
    &pong::NONE,
    &pong::LATE,
    &pong::UNSOLICITED,
    &ping::FLOOD,
    &close::NO_REPLY,
    &close::LATE,
    &close::CLOSE,
    &flow::HALF_OPEN,
    &flow::STALL,
    &flow::CHUNK,
    &flow::BANDWIDTH,
    &flow::IDLE,
    &flow::FIN,
    &flow::RESET,
];

impl Group {
    /// Its name in `/faults`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "opening handshake",
            Self::Message => "messages",
            Self::Frame => "frames",
            Self::Control => "control frames",
            Self::Connection => "connection",
        }
    }
}

impl Takes {
    /// No value, or one that says whether it is so.
    pub(crate) const NOTHING: Self = Self { kind: "flag", allowed: "nothing" };
    /// A share of the messages; all of them where none is given.
    pub(crate) const PROBABILITY: Self =
        Self { kind: "probability", allowed: <Probability as Value>::ALLOWED };
    pub(crate) const TIME: Self = Self { kind: "time", allowed: <Duration as Value>::ALLOWED };
}

impl Fault {
    /// Which triggers mean something for it: `all`, `chance` or `none`.
    pub(crate) fn triggers(&self) -> &'static str {
        let value = self.example.split_once('=').map_or("", |(_, value)| value);
        // Every example is one of its fault, which a test holds.
        (self.make)(value).map_or("none", |made| plan::Takes::of(&made).name())
    }
}

/// What a fault that takes a probability makes of its value.
fn share(text: &str, fault: impl MessageFault + 'static) -> Option<Made> {
    let share = if text.is_empty() { Probability(1.0) } else { Probability::parse(text)? };
    Some(Made::Message(share, Box::new(fault)))
}

/// What a fault of every message makes of itself.
fn always(fault: impl MessageFault + 'static) -> Made {
    Made::Message(Probability(1.0), Box::new(fault))
}

/// What a fault that takes no value makes of one.
fn bare(text: &str, made: Made) -> Option<Made> {
    text.is_empty().then_some(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    #[test]
    fn every_example_is_one_of_its_fault() {
        for fault in ALL {
            let (key, value) = fault.example.split_once('=').unwrap_or((fault.example, ""));
            assert_eq!(key, fault.name);
            let mut query = Query::parse(fault.example).unwrap();
            let plan = Plan::take(&mut query).unwrap_or_else(|error| panic!("{}: {error}", fault.example));
            assert_eq!(plan.settings.len(), 1, "{}", fault.example);
            assert!((fault.make)(value).is_some(), "{}", fault.example);
            assert_eq!(query.finish(Vec::new), Ok(()));
        }
    }

    #[test]
    fn names_are_said_once() {
        let mut names: Vec<_> = ALL.iter().map(|fault| fault.name).collect();
        names.extend(COMMON.iter().map(|common| common.name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

/// For the tests of message faults: what becomes of numbered messages that all are struck.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub(crate) fn message(text: &str, due: Instant) -> Flying {
        Flying {
            number: 0,
            opcode: 1,
            payload: Bytes::copy_from_slice(text.as_bytes()),
            due,
            shape: Shape::OneFrame,
        }
    }

    pub(crate) fn struck(value: &str, fault: &Fault, texts: &[&str]) -> Vec<Flying> {
        let Some(Made::Message(_, mut made)) = (fault.make)(value) else {
            panic!("{value}: no message fault")
        };
        let mut onward = Vec::new();
        let start = Instant::now();
        for (number, text) in texts.iter().enumerate() {
            let mut chance = Chance::new(42, fault.name, &[0, number as u64]);
            made.strike(message(text, start), &mut chance, &mut onward);
        }
        onward.extend(made.release());
        onward
    }

    pub(crate) fn texts(messages: &[Flying]) -> Vec<String> {
        messages.iter().map(|message| String::from_utf8_lossy(&message.payload).into_owned()).collect()
    }
}
