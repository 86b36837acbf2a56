//! What the log holds: what goes in, and how it is seen.

use std::borrow::Cow;

use wirescope::socket::Message;

use crate::model::Id;

/// A moment by both of the browser's clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Local milliseconds since the epoch, for people.
    pub(crate) wall: u64,
    /// Microseconds that never go back, for differences.
    pub(crate) mono: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Connecting,
    Open,
    Sent,
    Received,
    /// A link waits: for its next try, for a network, or to be seen.
    Waiting,
    Closing,
    Closed,
    Unclean,
    /// A load run is over.
    Measured,
    Error,
}

/// Where a message that was sent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It waits for a connection, or for room on the one there is.
    Queued,
    /// The browser has it.
    HandedOver,
    /// It left the page's process.
    Drained,
    /// Its connection ended before it was seen to drain.
    Lost,
    /// It was never handed over, and will not be.
    Dropped,
}

/// Where an entry comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) connection: Id,
    /// The how manyth WebSocket of that connection, from 1; 0 before the first.
    pub(crate) socket: u32,
    /// The how manyth data message of that WebSocket in its direction, from 1; 0 for what is no message, and for one that
    /// was not handed over yet.
    pub(crate) ordinal: u32,
}

/// The entries of files that were opened have numbers from here on for a connection's.
pub(crate) const FILES: Id = 60_000;

impl Origin {
    /// The connection's number, or the file's.
    pub(crate) fn name(&self) -> String {
        match self.connection.checked_sub(FILES) {
            Some(file) => format!("f{}", file + 1),
            None => self.connection.to_string(),
        }
    }
}

/// What is added to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Note(Note),
    Message(Message),
}

/// What the page says itself, with what a peer or the user chose kept apart from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) head: String,
    pub(crate) quoted: String,
    pub(crate) tail: String,
    /// A sentence or two of explanation.
    pub(crate) why: String,
}

/// An entry of the log, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) number: u64,
    pub(crate) origin: Origin,
    pub(crate) when: Moment,
    /// Microseconds since the entry before it, if there was one.
    pub(crate) since: Option<u64>,
    /// Of a message that was sent: where it is.
    pub(crate) delivery: Option<Delivery>,
    /// Of a message that was sent, what seems to answer it; of one that was received, what it seems to answer.
    pub(crate) partner: Option<Partner>,
    pub(crate) kind: Kind,
    pub(crate) content: View<'a>,
}

/// The other one of a message and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partner {
    pub(crate) number: u64,
    /// Microseconds between the two.
    pub(crate) lag: u64,
    /// The payloads are the same; else it is the first message that came after the one that was sent.
    pub(crate) same: bool,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum View<'a> {
    Note(Note),
    Message(Payload<'a>),
}

/// A message's payload, in the log's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payload<'a> {
    /// Of a text, its UTF-8.
    pub(crate) bytes: &'a [u8],
    pub(crate) is_text: bool,
}

impl<'a> Payload<'a> {
    /// At most so many bytes of it, and of a text no half character.
    pub(crate) fn beginning(&self, most: usize) -> Self {
        self.part(0, most)
    }

    /// The bytes from a place on, at most so many; of a text, whole characters.
    pub(crate) fn part(&self, from: usize, most: usize) -> Self {
        let end = self.boundary(from.saturating_add(most));
        let from = self.boundary(from).min(end);
        Self { bytes: &self.bytes[from..end], ..*self }
    }

    /// The end of the last whole character that ends there or before.
    pub(crate) fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.bytes.len());
        while self.is_text && at < self.bytes.len() && at > 0 && self.bytes[at] & 0xc0 == 0x80 {
            at -= 1;
        }
        at
    }

    /// As a text; what is no UTF-8 in a binary message is replaced.
    pub(crate) fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.bytes)
    }

    pub(crate) fn to_message(self) -> Message {
        if self.is_text {
            Message::Text(self.text().into_owned())
        } else {
            Message::Binary(self.bytes.to_owned())
        }
    }
}

/// What can be amended of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    pub(crate) origin: Origin,
    pub(crate) delivery: Option<Delivery>,
}

/// Messages and bytes one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }
}
