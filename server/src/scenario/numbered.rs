//! Payloads with a number and a checksum, so that a receiver can tell what was lost, repeated, reordered or changed.
//!
//! The number counts from 1. The checksum is the CRC-32 of IEEE 802.3 (as in gzip and PNG) over the filling followed by the
//! number, both as they are in the payload.
//!
//! | kind | at | what |
//! | --- | --- | --- |
//! | binary | 0 to 7 | the number, big-endian |
//! | | 8 to 11 | the checksum, big-endian |
//! | | 12 to the end | the filling: any bytes |
//! | text | 0 to 15 | the number, in 16 lower-case hexadecimal digits |
//! | | 16 | a space |
//! | | 17 to 24 | the checksum, in 8 lower-case hexadecimal digits |
//! | | 25 to the end | the filling: any text |

use std::{collections::BTreeMap, io::Write as _};

use bytes::BytesMut;
use crc32fast::Hasher;
use serde::Serialize;

use crate::connection::Message;

/// The smallest payload, in bytes.
pub(super) const MIN_BINARY: usize = 12;
pub(super) const MIN_TEXT: usize = 25;

/// How many gaps are remembered. Of an older one, what still comes counts as repeated.
const MAX_GAPS: usize = 1024;

/// Makes payloads of one kind and size.
#[derive(Debug)]
pub(super) struct Maker {
    text: bool,
    /// What every payload is a copy of, number and checksum apart.
    template: Vec<u8>,
    /// The checksum of the filling, to which only the number is to be added.
    filling: Hasher,
    buffer: BytesMut,
}

impl Maker {
    /// `size` is at least that of the kind; with 0 every payload is empty and so has no number.
    pub(super) fn new(text: bool, size: usize) -> Self {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let floor = if text { MIN_TEXT } else { MIN_BINARY };
        let template: Vec<u8> = if text {
            LETTERS.iter().copied().cycle().take(size).collect()
        } else {
            (0..=u8::MAX).cycle().take(size).collect()
        };
        let mut filling = Hasher::new();
        filling.update(template.get(floor..).unwrap_or_default());
        Self { text, template, filling, buffer: BytesMut::new() }
    }

    pub(super) fn make(&mut self, number: u64) -> Message {
        // Takes back the memory of an earlier payload once nobody has it any more.
        self.buffer.reserve(self.template.len());
        self.buffer.extend_from_slice(&self.template);
        let mut payload = self.buffer.split();
        let mut sum = self.filling.clone();
        if self.text {
            if let Some(head) = payload.get_mut(..MIN_TEXT) {
                let mut digits = [0; 16];
                let _ = write!(&mut digits[..], "{number:016x}");
                sum.update(&digits);
                head[..16].copy_from_slice(&digits);
                let _ = write!(&mut head[16..], " {:08x}", sum.finalize());
            }
            // The filling is ASCII, so it is never the default.
            Message::Text(payload.try_into().unwrap_or_default())
        } else {
            if let Some(head) = payload.get_mut(..MIN_BINARY) {
                let number = number.to_be_bytes();
                sum.update(&number);
                head[..8].copy_from_slice(&number);
                head[8..].copy_from_slice(&sum.finalize().to_be_bytes());
            }
            Message::Binary(payload.freeze())
        }
    }
}

/// The number of a payload, if it has one and its checksum fits.
pub(super) fn number(message: &Message) -> Option<u64> {
    let (number, digits, sum, filling) = match message {
        Message::Binary(bytes) => {
            let ((head, sum), filling) = split(bytes, 8, 8, MIN_BINARY)?;
            let number = u64::from_be_bytes(head.try_into().ok()?);
            (number, head, u32::from_be_bytes(sum.try_into().ok()?), filling)
        }
        Message::Text(text) => {
            let bytes = text.as_bytes();
            let ((head, sum), filling) = split(bytes, 16, 17, MIN_TEXT)?;
            if bytes[16] != b' ' {
                return None;
            }
            (hexadecimal(head)?, head, u32::try_from(hexadecimal(sum)?).ok()?, filling)
        }
    };
    let mut hasher = Hasher::new();
    hasher.update(filling);
    hasher.update(digits);
    (hasher.finalize() == sum).then_some(number)
}

type Split<'a> = ((&'a [u8], &'a [u8]), &'a [u8]);

fn split(bytes: &[u8], number: usize, sum: usize, filling: usize) -> Option<Split<'_>> {
    Some(((bytes.get(..number)?, bytes.get(sum..filling)?), bytes.get(filling..)?))
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

/// What became of numbered payloads on their way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    /// Came with a number and the right checksum.
    pub(super) numbered: u64,
    /// Have not come, although a later one has.
    pub(super) missing: u64,
    /// Came again.
    pub(super) repeated: u64,
    /// Came after a later one.
    pub(super) late: u64,
    /// Came without a right checksum, after one that had it.
    pub(super) corrupt: u64,
    /// Came without a right checksum when none had had it: a sender that does not number.
    pub(super) unnumbered: u64,
}

/// Keeps the account.
#[derive(Debug)]
pub(super) struct Checker {
    pub(super) account: Account,
    /// The number after the largest that came; `None` after the last there is.
    next: Option<u64>,
    /// First and last number of what is missing and can still come late.
    gaps: BTreeMap<u64, u64>,
}

impl Checker {
    pub(super) fn new() -> Self {
        Self { account: Account::default(), next: Some(1), gaps: BTreeMap::new() }
    }

    pub(super) fn check(&mut self, message: &Message) {
        match number(message) {
            Some(number) => self.came(number),
            None if self.account.numbered > 0 => self.account.corrupt += 1,
            None => self.account.unnumbered += 1,
        }
    }

    fn came(&mut self, number: u64) {
        self.account.numbered += 1;
        if let Some(next) = self.next.filter(|next| number >= *next) {
            if number > next {
                self.account.missing = self.account.missing.saturating_add(number - next);
                self.gaps.insert(next, number - 1);
            }
            self.next = number.checked_add(1);
        } else if self.fill(number) {
            self.account.late += 1;
            self.account.missing -= 1;
        } else {
            self.account.repeated += 1;
        }
        // A new gap is one more, and so is one that was filled in its middle.
        if self.gaps.len() > MAX_GAPS {
            self.gaps.pop_first();
        }
    }

    /// Takes a number out of the gap that it was missing in.
    fn fill(&mut self, number: u64) -> bool {
        let Some((&first, &last)) =
            self.gaps.range(..=number).next_back().filter(|(_, last)| number <= **last)
        else {
            return false;
        };
        self.gaps.remove(&first);
        if first < number {
            self.gaps.insert(first, number - 1);
        }
        if number < last {
            self.gaps.insert(number + 1, last);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::connection::Text;

    fn bytes(message: &Message) -> &[u8] {
        match message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        }
    }

    /// As anybody with a CRC-32 at hand can check: `python3 -c 'import zlib; …'`.
    #[test]
    fn payloads_are_as_documented() {
        let text = Maker::new(true, 28).make(1);
        // zlib.crc32(b"z01" + b"0000000000000001"), the filling being the letters from the 26th on.
        assert_eq!(bytes(&text), b"0000000000000001 2bdee766z01");
        let binary = Maker::new(false, 14).make(0x0102);
        // zlib.crc32(bytes([12, 13]) + bytes([0, 0, 0, 0, 0, 0, 1, 2]))
        assert_eq!(bytes(&binary), [0, 0, 0, 0, 0, 0, 1, 2, 0xff, 0xec, 0x3f, 0xc2, 12, 13]);
        assert_eq!(bytes(&Maker::new(true, 0).make(9)), b"");
    }

    proptest! {
        #[test]
        fn what_is_made_is_read_and_what_is_changed_is_not(
            text: bool, more in 0_usize..300, numbers in prop::collection::vec(any::<u64>(), 1..5),
            at: prop::sample::Index, change in 1_u8..=255,
        ) {
            let size = more + if text { MIN_TEXT } else { MIN_BINARY };
            let mut maker = Maker::new(text, size);
            // All are kept, so that none may be overwritten by a later one.
            let made: Vec<Message> = numbers.iter().map(|number| maker.make(*number)).collect();
            for (message, expected) in made.iter().zip(&numbers) {
                prop_assert_eq!(bytes(message).len(), size);
                prop_assert_eq!(number(message), Some(*expected));
            }
            let mut changed = bytes(&made[0]).to_vec();
            changed[at.index(size)] ^= change;
            prop_assert_eq!(number(&Message::Binary(Bytes::from(changed.clone()))).filter(|_| !text), None);
            if let (true, Ok(changed)) = (text, Text::try_from(BytesMut::from(&*changed))) {
                prop_assert_eq!(number(&Message::Text(changed)), None);
            }
        }

        #[test]
        fn anything_is_a_message_and_hardly_a_number(content: Vec<u8>, text: String) {
            let _ = number(&Message::Binary(content.into()));
            let _ = number(&Message::Text(text.into()));
        }

        /// Against the plain way to count, which keeps every number.
        #[test]
        fn the_account_is_that_of_plain_counting(numbers in prop::collection::vec(1_u64..60, 0..80)) {
            let mut checker = Checker::new();
            let (mut seen, mut largest, mut plain) = (BTreeSet::new(), 0, Account::default());
            for number in numbers {
                checker.came(number);
                plain.numbered += 1;
                if !seen.insert(number) {
                    plain.repeated += 1;
                } else if number < largest {
                    plain.late += 1;
                }
                largest = largest.max(number);
                plain.missing = largest - seen.len() as u64;
                prop_assert_eq!(&checker.account, &plain);
            }
        }

        #[test]
        fn no_numbers_overflow_it_and_it_stays_small(numbers: Vec<u64>) {
            let mut checker = Checker::new();
            for number in numbers.into_iter().chain([u64::MAX, u64::MAX, 0, u64::MAX - 1]) {
                checker.came(number);
            }
            for number in 0..3000 {
                checker.came(number * 2);
            }
            prop_assert!(checker.gaps.len() <= MAX_GAPS);
        }
    }
}
