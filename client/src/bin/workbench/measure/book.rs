//! What a load run sends, and the account of its answers: pure, with the time passed in.

use super::histogram::Histogram;

/// The head of each message: `load 0042 00000123 `.
const HEAD: usize = "load 0042 00000123".len();
const NUMBER_AT: usize = "load 0042 ".len();
const FILL: &[u8] = b" abcdefghijklmnopqrstuvwxyz";

/// Messages are at least this long, to have their number in them.
pub(crate) const MIN_SIZE: usize = HEAD;
pub(crate) const MAX_SIZE: usize = 1024 * 1024;
/// How many a run may send: what it keeps of each is 8 bytes.
pub(crate) const MAX_MESSAGES: u32 = 2_000_000;

const ANSWERED: u32 = u32::MAX;

/// One run's message, written anew with each number.
#[derive(Debug)]
pub(crate) struct Form {
    text: Vec<u8>,
}

impl Form {
    /// `tag` tells this run's messages from those of others: four digits.
    pub(crate) fn new(tag: u32, size: usize) -> Self {
        let mut text = format!("load {:04} {:08}", tag % 10_000, 0).into_bytes();
        text.extend(FILL.iter().cycle().take(size.saturating_sub(HEAD)));
        Self { text }
    }

    /// The message with this number, all of it ASCII.
    pub(crate) fn numbered(&mut self, number: u32) -> &[u8] {
        let mut left = number;
        for digit in self.text[NUMBER_AT..HEAD].iter_mut().rev() {
            *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
            left /= 10;
        }
        &self.text
    }

    /// The number of an answer to this run, and whether the rest is as it was sent.
    pub(crate) fn read(&self, answer: &[u8]) -> Option<(u32, bool)> {
        let digits = answer.get(NUMBER_AT..HEAD)?;
        if answer[..NUMBER_AT] != self.text[..NUMBER_AT] || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        Some((number, answer[HEAD..] == self.text[HEAD..]))
    }
}

/// What became of a run's messages.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// When each was due and when it was handed over, in microseconds since the run began; [`ANSWERED`] once it was.
    times: Vec<(u32, u32)>,
    /// The highest number answered on each connection, and one.
    next: Vec<u32>,
    pub(crate) answered: u32,
    pub(crate) duplicated: u32,
    pub(crate) reordered: u32,
    /// Answers whose content is not what was sent.
    pub(crate) changed: u32,
    /// From when a message was due to its answer.
    pub(crate) from_due: Histogram,
    /// From when it was handed over.
    pub(crate) from_sent: Histogram,
}

impl Book {
    pub(crate) fn new(connections: usize) -> Self {
        Self { next: vec![0; connections], ..Self::default() }
    }

    /// The number that the next message has.
    pub(crate) fn next(&self) -> u32 {
        u32::try_from(self.times.len()).unwrap_or(u32::MAX)
    }

    /// Enters the next message.
    pub(crate) fn sent(&mut self, due: u32, now: u32) {
        self.times.push((due, now.min(ANSWERED - 1)));
    }

    /// Enters an answer; gives whether it is the first to its message.
    pub(crate) fn answer(&mut self, connection: usize, number: u32, is_whole: bool, now: u32) -> bool {
        let Some((due, sent)) = self.times.get_mut(number as usize) else {
            // A number that was never sent: somebody changed it.
            self.changed += 1;
            return false;
        };
        if !is_whole {
            self.changed += 1;
        }
        if *sent == ANSWERED {
            self.duplicated += 1;
            return false;
        }
        self.from_due.record(u64::from(now.saturating_sub(*due)));
        self.from_sent.record(u64::from(now.saturating_sub(*sent)));
        *sent = ANSWERED;
        self.answered += 1;
        if let Some(next) = self.next.get_mut(connection) {
            if number < *next {
                self.reordered += 1;
            }
            *next = (*next).max(number + 1);
        }
        true
    }

    pub(crate) fn unanswered(&self) -> u32 {
        self.next() - self.answered
    }

    /// Which messages were not answered, counted from 1, as ranges; at most so many of them.
    pub(crate) fn missing(&self, at_most: usize) -> String {
        let mut text = String::new();
        let mut ranges = 0;
        let mut place = 0;
        while let Some(start) = self.from(place, false) {
            let end = self.from(start, true).unwrap_or(self.times.len());
            if ranges == at_most {
                text.push_str(" and more");
                break;
            }
            if ranges > 0 {
                text.push_str(", ");
            }
            text.push_str(&(start + 1).to_string());
            if end > start + 1 {
                text.push('–');
                text.push_str(&end.to_string());
            }
            (place, ranges) = (end, ranges + 1);
        }
        text
    }

    /// The first message at or behind a place that is answered, or is not.
    fn from(&self, place: usize, answered: bool) -> Option<usize> {
        let found = self.times[place..].iter().position(|(_, sent)| (*sent == ANSWERED) == answered);
        found.map(|found| place + found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_its_number_and_is_read_again() {
        let mut form = Form::new(42, 24);
        assert_eq!(form.numbered(1_234), b"load 0042 00001234 abcde");
        let answer = form.numbered(99_999_999).to_vec();
        assert_eq!(form.read(&answer), Some((99_999_999, true)));
        let mut changed = answer.clone();
        changed[20] ^= 1;
        assert_eq!(form.read(&changed), Some((99_999_999, false)));
        assert_eq!(form.read(&answer[..20]), Some((99_999_999, false)), "cut");
        assert_eq!(form.read(&answer[..17]), None);
        assert_eq!(Form::new(43, 24).read(&answer), None, "another run's");
        assert_eq!(form.read("load 0042 0000123é".as_bytes()), None);
        assert_eq!(Form::new(7, MIN_SIZE).numbered(0).len(), MIN_SIZE);
    }

    #[test]
    fn what_is_lost_twice_or_out_of_order_is_counted() {
        let mut book = Book::new(1);
        for number in 0..8 {
            book.sent(number * 10, number * 10 + 5);
        }
        assert!(book.answer(0, 0, true, 100));
        assert!(book.answer(0, 3, true, 100));
        assert!(book.answer(0, 1, false, 100), "changed, and still an answer");
        assert!(!book.answer(0, 3, true, 100), "a second time");
        assert!(!book.answer(0, 8, true, 100), "never sent");
        assert_eq!((book.answered, book.unanswered()), (3, 5));
        assert_eq!((book.duplicated, book.reordered, book.changed), (1, 1, 2));
        assert_eq!(book.missing(9), "3, 5–8");
        assert_eq!(book.missing(1), "3 and more");
        assert_eq!((book.from_due.max(), book.from_sent.max()), (100, 95));
    }

    #[test]
    fn connections_have_orders_of_their_own() {
        let mut book = Book::new(2);
        for number in 0..4 {
            book.sent(number, number);
        }
        for (connection, number) in [(1, 1), (1, 3), (0, 0), (0, 2)] {
            assert!(book.answer(connection, number, true, 9));
        }
        assert_eq!((book.reordered, book.missing(9).as_str()), (0, ""));
    }
}
