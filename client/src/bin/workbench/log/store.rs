//! The log: what happened, in order, bounded in rows and in bytes.

use std::collections::VecDeque;

use wirescope::socket::Message;

use crate::model::Id;

/// Beyond either of these, the oldest entries go, and are counted.
const MAX_ENTRIES: usize = 5_000;
const MAX_BYTES: usize = 32 * 1024 * 1024;

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

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) origin: Origin,
    pub(crate) when: Moment,
    /// Microseconds since the entry before it, if there was one.
    pub(crate) since: Option<u64>,
    /// Of a message that was sent: where it is.
    pub(crate) delivery: Option<Delivery>,
    /// Of a message that was sent: after how many microseconds its answer came.
    pub(crate) answered: Option<u64>,
    pub(crate) kind: Kind,
    pub(crate) content: Content,
}

impl Entry {
    fn bytes(&self) -> usize {
        match &self.content {
            Content::Note(note) => note.head.len() + note.quoted.len() + note.tail.len() + note.why.len(),
            Content::Message(message) => message.len(),
        }
    }
}

/// Messages and bytes one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// Entries are numbered from 0 and keep their number; those from `first` to `next` are here.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    bytes: usize,
    first: u64,
    last: Option<Moment>,
    /// How often an entry was amended.
    pub(crate) amended: u64,
    /// How many entries went because of the bounds, since it was last cleared.
    pub(crate) evicted: u64,
    pub(crate) sent: Tally,
    pub(crate) received: Tally,
}

impl Log {
    /// Adds an entry and gives its number.
    pub(crate) fn push(&mut self, origin: Origin, when: Moment, kind: Kind, content: Content) -> u64 {
        if let Content::Message(message) = &content {
            let tally = if kind == Kind::Sent { &mut self.sent } else { &mut self.received };
            tally.messages += 1;
            tally.bytes += message.len() as u64;
        }
        let since = self.last.map(|last| when.mono.saturating_sub(last.mono));
        self.last = Some(when);
        let delivery = (kind == Kind::Sent).then_some(Delivery::Queued);
        let entry = Entry { origin, when, since, delivery, answered: None, kind, content };
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        // The newest entry stays however large it is.
        while self.entries.len() > MAX_ENTRIES || (self.bytes > MAX_BYTES && self.entries.len() > 1) {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.bytes();
            self.first += 1;
            self.evicted += 1;
        }
        self.next() - 1
    }

    /// Notes something more of an entry, if it is still here.
    pub(crate) fn amend(&mut self, number: u64, change: impl FnOnce(&mut Entry)) {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| self.entries.get_mut(index)) {
            change(entry);
            self.amended += 1;
        }
    }

    /// Forgets every entry and starts the tallies anew.
    pub(crate) fn clear(&mut self) {
        *self = Self { first: self.next(), ..Self::default() };
    }

    /// The number of the oldest entry that is here.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The number that the next entry will get.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Entry> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.entries.get(index)
    }

    pub(crate) fn last(&self) -> Option<&Entry> {
        self.entries.back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono: u64) -> Moment {
        Moment { wall: 0, mono }
    }

    fn text(text: &str) -> Content {
        Content::Message(text.into())
    }

    #[test]
    fn tallies_and_differences() {
        let mut log = Log::default();
        log.push(Origin::default(), at(10), Kind::Sent, text("hello"));
        log.push(Origin::default(), at(25), Kind::Received, text("é"));
        log.push(Origin::default(), at(25), Kind::Error, Content::Note(Note::default()));
        assert_eq!(log.sent, Tally { messages: 1, bytes: 5 });
        assert_eq!(log.received, Tally { messages: 1, bytes: 2 });
        let since: Vec<_> = (0..3).map(|number| log.get(number).unwrap().since).collect();
        assert_eq!(since, [None, Some(15), Some(0)]);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut log = Log::default();
        for _ in 0..MAX_ENTRIES + 3 {
            log.push(Origin::default(), at(0), Kind::Received, text("x"));
        }
        assert_eq!((log.first(), log.evicted, log.next()), (3, 3, MAX_ENTRIES as u64 + 3));
        assert_eq!(log.get(2), None);
        assert!(log.get(3).is_some());
        assert_eq!(log.received.messages, MAX_ENTRIES as u64 + 3);
    }

    #[test]
    fn the_oldest_go_when_they_are_too_large_but_never_the_newest() {
        let mut log = Log::default();
        log.push(Origin::default(), at(0), Kind::Received, text("small"));
        log.push(Origin::default(), at(0), Kind::Received, Content::Message(vec![0; MAX_BYTES + 1].into()));
        assert_eq!((log.first(), log.next(), log.evicted), (1, 2, 1));
        log.push(Origin::default(), at(0), Kind::Received, text("small"));
        assert_eq!((log.first(), log.next(), log.evicted), (2, 3, 2));
    }

    #[test]
    fn clearing_keeps_the_numbers_going() {
        let mut log = Log::default();
        log.push(Origin::default(), at(0), Kind::Sent, text("x"));
        log.clear();
        assert_eq!((log.first(), log.next(), log.sent), (1, 1, Tally::default()));
        log.push(Origin::default(), at(5), Kind::Sent, text("y"));
        assert_eq!(log.get(1).unwrap().since, None);
    }
}
