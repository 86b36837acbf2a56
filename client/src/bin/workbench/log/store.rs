//! The log: what happened, in order, bounded in bytes.
//!
//! Payloads and what is known of them are in chunks of one size. When there would be too many, the oldest chunk's entries
//! go and its memory is the newest's: Wasm's memory never shrinks, so it must not grow.

use std::collections::VecDeque;

use wirescope::socket::Message;

use super::{
    Content, Delivery, Entry, Kind, Moment, Note, Origin, Tally,
    answers::Answers,
    chunk::{Bytes, Chunk, Form, Head, SIZE, beside},
    entry::{Marks, Partner, Payload, View},
};
use crate::model::Id;

/// How much memory the log takes; then the oldest entries go, and are counted.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Entries are numbered from 0 and keep their number; those from `first` to `next` are here.
#[derive(Debug)]
pub(crate) struct Log {
    chunks: VecDeque<Chunk>,
    limit: usize,
    bytes: usize,
    next: u64,
    last: Option<Moment>,
    answers: Answers,
    /// The connections and files that have entries, or had some.
    origins: Vec<Id>,
    /// How often an entry was amended.
    pub(crate) amended: u64,
    /// How many entries went because of the bound, since it was last cleared.
    pub(crate) evicted: u64,
    pub(crate) sent: Tally,
    pub(crate) received: Tally,
}

impl Default for Log {
    fn default() -> Self {
        Self::with_limit(MAX_BYTES)
    }
}

impl Log {
    /// A log that takes no more memory than this; but the newest entry stays however large it is.
    pub(crate) fn with_limit(limit: usize) -> Self {
        Self {
            chunks: VecDeque::new(),
            limit,
            bytes: 0,
            next: 0,
            last: None,
            answers: Answers::default(),
            origins: Vec::new(),
            amended: 0,
            evicted: 0,
            sent: Tally::default(),
            received: Tally::default(),
        }
    }

    /// Adds an entry and gives its number.
    pub(crate) fn push(&mut self, origin: Origin, when: Moment, kind: Kind, content: Content) -> u64 {
        if let Content::Message(message) = &content {
            let tally = if kind == Kind::Sent { &mut self.sent } else { &mut self.received };
            tally.add(message.len());
        }
        let since = self.last.map(|last| when.mono.saturating_sub(last.mono));
        self.last = Some(when);
        let delivery = (kind == Kind::Sent).then_some(Delivery::Queued);
        self.insert(origin, when, since, kind, delivery, content)
    }

    /// Adds an entry of a file, which has a clock of its own and is in no tally.
    pub(crate) fn insert(
        &mut self,
        origin: Origin,
        when: Moment,
        since: Option<u64>,
        kind: Kind,
        delivery: Option<Delivery>,
        content: Content,
    ) -> u64 {
        let mut note = Vec::new();
        let (form, payload) = match content {
            Content::Message(Message::Text(text)) => (Form::Text, Bytes::Owned(text.into_bytes())),
            Content::Message(Message::Binary(bytes)) => (Form::Binary, Bytes::Owned(bytes)),
            Content::Note(said) => {
                write_note(&said, &mut note);
                (Form::Note, Bytes::Borrowed(&note))
            }
        };
        if !self.origins.contains(&origin.connection) {
            self.origins.push(origin.connection);
        }
        let number = self.next;
        let bytes = payload.as_slice();
        let mut partner = None;
        if form != Form::Note {
            if kind == Kind::Sent {
                self.answers.sent(origin.connection, number, when, bytes);
            } else if let Some((sent, alike)) = self.answers.received(origin.connection, bytes) {
                let same = alike
                    && self.find(sent.number).is_some_and(|(head, it)| head.form == form && it == bytes);
                let lag = when.mono.saturating_sub(sent.at.mono);
                partner = Some(Partner { number: sent.number, lag, same });
                self.change(sent.number, |head| head.partner = Some(Partner { number, lag, same }));
            }
        }
        if kind == Kind::Connecting {
            let mut answers = std::mem::take(&mut self.answers);
            answers.began(origin.connection, |sent| {
                self.find(sent).is_some_and(|(head, _)| head.delivery == Some(Delivery::Queued))
            });
            self.answers = answers;
        }
        let head = Head { origin, when, since, kind, delivery, partner, form };
        self.make_room(bytes.len());
        if let Some(chunk) = self.chunks.back_mut() {
            self.bytes += chunk.push(&head, payload);
            self.next += 1;
        }
        number
    }

    /// Notes something more of an entry, if it is still here.
    pub(crate) fn amend(&mut self, number: u64, change: impl FnOnce(&mut Marks)) {
        self.change(number, |head| {
            let mut marks = Marks { origin: head.origin, delivery: head.delivery };
            change(&mut marks);
            (head.origin, head.delivery) = (marks.origin, marks.delivery);
        });
    }

    pub(crate) fn clear(&mut self) {
        let (next, amended) = (self.next, self.amended);
        *self = Self { next, amended, ..Self::with_limit(self.limit) };
    }

    /// The number of the oldest entry that is still here.
    pub(crate) fn first(&self) -> u64 {
        self.chunks.front().map_or(self.next, |chunk| chunk.first)
    }

    /// The number that the next entry will have.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    pub(crate) fn get(&self, number: u64) -> Option<Entry<'_>> {
        let (head, bytes) = self.find(number)?;
        let content = match head.form {
            Form::Note => View::Note(read_note(bytes)),
            form => View::Message(Payload { bytes, is_text: form == Form::Text }),
        };
        let Head { origin, when, since, kind, delivery, partner, .. } = head;
        Some(Entry { number, origin, when, since, delivery, partner, kind, content })
    }

    /// What an entry is, and the bytes to look for something in: its payload, or its words.
    pub(super) fn searched(&self, number: u64) -> Option<(Head, &[u8])> {
        let (head, bytes) = self.find(number)?;
        let from = if head.form == Form::Note { NOTE_LENGTHS } else { 0 };
        Some((head, bytes.get(from..)?))
    }

    pub(crate) fn last(&self) -> Option<Entry<'_>> {
        self.get(self.next.checked_sub(1)?)
    }

    /// How much memory the entries take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much memory they may take.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The connections and files that have entries here, or had some.
    pub(crate) fn origins(&self) -> &[Id] {
        &self.origins
    }

    fn find(&self, number: u64) -> Option<(Head, &[u8])> {
        let after = self.chunks.partition_point(|chunk| chunk.first <= number);
        self.chunks.get(after.checked_sub(1)?)?.get(number)
    }

    fn change(&mut self, number: u64, change: impl FnOnce(&mut Head)) {
        let after = self.chunks.partition_point(|chunk| chunk.first <= number);
        let chunk = after.checked_sub(1).and_then(|index| self.chunks.get_mut(index));
        if chunk.is_some_and(|chunk| chunk.amend(number, change)) {
            self.amended += 1;
        }
    }

    /// Has the newest chunk take one more entry with such a payload.
    fn make_room(&mut self, payload: usize) {
        let is_new = !self.chunks.back().is_some_and(|chunk| chunk.has_room(payload));
        let wanted = beside(payload) + if is_new { SIZE } else { 0 };
        let mut spare = None;
        while self.bytes + wanted > self.limit && self.chunks.len() > usize::from(!is_new) {
            let Some(oldest) = self.chunks.pop_front() else { break };
            self.bytes -= oldest.size();
            self.evicted += oldest.next() - oldest.first;
            spare = Some(oldest);
        }
        if is_new {
            let chunk = match spare {
                Some(chunk) => chunk.reuse(self.next),
                None => Chunk::new(self.next),
            };
            self.bytes += chunk.size();
            self.chunks.push_back(chunk);
        }
    }
}

/// The bytes before a note's words: the lengths of the first three.
const NOTE_LENGTHS: usize = 12;

fn write_note(note: &Note, to: &mut Vec<u8>) {
    let parts = [&note.head, &note.quoted, &note.tail, &note.why];
    for part in &parts[..3] {
        to.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
    }
    for part in parts {
        to.extend(part.as_bytes());
    }
}

fn read_note(bytes: &[u8]) -> Note {
    let Some((lengths, mut rest)) = bytes.split_at_checked(NOTE_LENGTHS) else { return Note::default() };
    let mut lengths = lengths
        .chunks_exact(4)
        .map(|length| u32::from_le_bytes(length.try_into().unwrap_or_default()) as usize);
    let mut part = || {
        let length = lengths.next().unwrap_or(rest.len()).min(rest.len());
        let (part, after) = rest.split_at(length);
        rest = after;
        String::from_utf8_lossy(part).into_owned()
    };
    Note { head: part(), quoted: part(), tail: part(), why: part() }
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

    fn payload(log: &Log, number: u64) -> Payload<'_> {
        match log.get(number).unwrap().content {
            View::Message(payload) => payload,
            View::Note(_) => panic!("a note"),
        }
    }

    #[test]
    fn tallies_and_differences() {
        let mut log = Log::default();
        let of = |connection| Origin { connection, ..Origin::default() };
        log.push(of(1), at(10), Kind::Sent, text("hello"));
        log.push(of(2), at(25), Kind::Received, text("é"));
        log.push(of(1), at(25), Kind::Error, Content::Note(Note::default()));
        log.insert(of(9), at(3), None, Kind::Sent, None, text("of a file"));
        assert_eq!(log.sent, Tally { messages: 1, bytes: 5 });
        assert_eq!(log.received, Tally { messages: 1, bytes: 2 });
        assert_eq!(log.origins(), [1, 2, 9]);
        let since: Vec<_> = (0..4).map(|number| log.get(number).unwrap().since).collect();
        assert_eq!(since, [None, Some(15), Some(0), None]);
    }

    #[test]
    fn what_goes_in_comes_out() {
        let mut log = Log::default();
        let note = Note {
            head: "héad".to_owned(),
            quoted: String::new(),
            tail: "tail".to_owned(),
            why: "because".to_owned(),
        };
        let origin = Origin { connection: 65_535, socket: u32::MAX, ordinal: 7 };
        let when = Moment { wall: u64::MAX - 1, mono: 1 << 50 };
        for kind in [
            Kind::Connecting,
            Kind::Open,
            Kind::Waiting,
            Kind::Closing,
            Kind::Closed,
            Kind::Unclean,
            Kind::Measured,
            Kind::Error,
        ] {
            let number = log.push(origin, when, kind, Content::Note(note.clone()));
            let entry = log.get(number).unwrap();
            assert_eq!((entry.origin, entry.when, entry.kind), (origin, when, kind));
            assert_eq!(entry.content, View::Note(note.clone()));
        }
        assert_eq!(log.searched(0).unwrap().1, "héadtailbecause".as_bytes());
        let sizes = [0, 1, 65_536, 65_537, 300_000, 5_000_000, 3];
        for size in sizes {
            let bytes = vec![0xff; size];
            let number = log.push(origin, when, Kind::Received, Content::Message(bytes.clone().into()));
            assert_eq!(payload(&log, number), Payload { bytes: &bytes, is_text: false });
        }
        for delivery in DELIVERIES {
            log.amend(8, |marks| marks.delivery = Some(delivery));
            assert_eq!(log.get(8).unwrap().delivery, Some(delivery));
        }
        assert_eq!(log.get(log.next()), None);
    }
    const DELIVERIES: [Delivery; 5] =
        [Delivery::Queued, Delivery::HandedOver, Delivery::Drained, Delivery::Lost, Delivery::Dropped];

    #[test]
    fn the_oldest_go_when_they_take_too_much_but_never_the_newest() {
        const LIMIT: usize = 2 * 1024 * 1024;
        let mut log = Log::with_limit(LIMIT);
        for number in 0..100_000 {
            log.push(Origin::default(), at(number), Kind::Received, text(&number.to_string()));
            assert!(log.bytes() <= LIMIT, "{} at {number}", log.bytes());
        }
        assert_eq!((log.first(), log.next()), (log.evicted, 100_000));
        assert!(log.first() > 50_000 && log.first() < 80_000, "{}", log.first());
        assert_eq!(log.get(log.first() - 1), None);
        for number in log.first()..log.next() {
            assert_eq!(payload(&log, number).bytes, number.to_string().as_bytes());
        }
        assert_eq!(log.received.messages, 100_000);
        // A large one makes many go.
        log.push(Origin::default(), at(0), Kind::Received, Content::Message(vec![0; 1_500_000].into()));
        assert!(log.bytes() <= LIMIT);
        assert!(log.get(99_999).is_some());
        let huge =
            log.push(Origin::default(), at(0), Kind::Received, Content::Message(vec![0; 2 * LIMIT].into()));
        assert!(log.get(huge).is_some());
        log.push(Origin::default(), at(0), Kind::Received, text("small"));
        log.push(Origin::default(), at(0), Kind::Received, Content::Message(vec![1; 1_000_000].into()));
        assert!(log.get(huge).is_none() && log.bytes() <= LIMIT);
    }

    #[test]
    fn an_answer_is_known_by_its_payload_or_by_its_place() {
        let mut log = Log::default();
        let here = Origin { connection: 1, ..Origin::default() };
        let there = Origin { connection: 2, ..Origin::default() };
        log.push(here, at(10), Kind::Sent, text("a"));
        log.push(here, at(20), Kind::Sent, text("b"));
        log.push(there, at(30), Kind::Received, text("a"));
        log.push(here, at(40), Kind::Received, text("a"));
        log.push(here, at(50), Kind::Received, text("other"));
        log.push(here, at(60), Kind::Received, text("more"));
        log.push(here, at(70), Kind::Received, text("b"));
        let partner = |number: u64| log.get(number).unwrap().partner;
        let of = |number, lag, same| Some(Partner { number, lag, same });
        assert_eq!([partner(0), partner(1)], [of(3, 30, true), of(6, 50, true)]);
        assert_eq!(partner(2), None);
        assert_eq!([partner(3), partner(4)], [of(0, 30, true), of(1, 30, false)]);
        assert_eq!([partner(5), partner(6)], [None, of(1, 50, true)]);
    }

    #[test]
    fn an_answer_is_of_the_socket_that_the_message_was_sent_on() {
        let mut log = Log::default();
        let on = |socket| Origin { connection: 1, socket, ordinal: 0 };
        let note = || Content::Note(Note::default());
        log.push(on(1), at(0), Kind::Connecting, note());
        let lost = log.push(on(1), at(10), Kind::Sent, text("x"));
        log.amend(lost, |marks| marks.delivery = Some(Delivery::Drained));
        // A link takes it while it waits, and sends it on the next one.
        let queued = log.push(on(1), at(20), Kind::Sent, text("y"));
        log.push(on(2), at(30), Kind::Connecting, note());
        log.push(on(2), at(40), Kind::Sent, text("x"));
        let answers = ["x", "y", "x"].map(|answer| log.push(on(2), at(50), Kind::Received, text(answer)));
        let partner = |number: u64| log.get(number).unwrap().partner.map(|partner| partner.number);
        assert_eq!(answers.map(partner), [Some(4), Some(queued), None]);
        assert_eq!(partner(lost), None);
    }

    #[test]
    fn a_part_of_a_text_has_whole_characters() {
        let bytes = "aé€😀".as_bytes();
        let payload = Payload { bytes, is_text: true };
        let beginnings: Vec<_> =
            (0..=bytes.len()).map(|most| payload.beginning(most).text().into_owned()).collect();
        assert_eq!(beginnings, ["", "a", "a", "aé", "aé", "aé", "aé€", "aé€", "aé€", "aé€", "aé€😀"]);
        assert_eq!(payload.part(2, 4).text(), "é€");
        assert_eq!(payload.part(100, 4).text(), "");
    }

    #[test]
    fn clearing_keeps_the_numbers_going() {
        let mut log = Log::default();
        log.push(Origin::default(), at(0), Kind::Sent, text("x"));
        log.clear();
        assert_eq!((log.first(), log.next(), log.sent, log.bytes()), (1, 1, Tally::default(), 0));
        log.push(Origin::default(), at(5), Kind::Sent, text("y"));
        assert_eq!(log.get(1).unwrap().since, None);
    }
}
