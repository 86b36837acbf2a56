//! `corrupt`: messages of which one byte is another.

use super::{Fault, Flying, Group, MessageFault, Takes, share};
use crate::chance::Chance;

pub(super) const FAULT: Fault = Fault {
    name: "corrupt",
    group: Group::Message,
    takes: Takes::PROBABILITY,
    text: "One byte of a message is changed: in binary to any other, in text to another letter or digit, so that it \
           stays UTF-8. A text without an ASCII letter or digit, and an empty message, stay as they are.",
    example: "corrupt=1%",
    make: |text| share(text, Corrupt),
};

struct Corrupt;

impl MessageFault for Corrupt {
    fn strike(&mut self, mut message: Flying, chance: &mut Chance, onward: &mut Vec<Flying>) {
        const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut payload = message.payload.to_vec();
        let is_text = message.opcode == 1;
        let places: Vec<usize> =
            (0..payload.len()).filter(|&at| !is_text || payload[at].is_ascii_alphanumeric()).collect();
        if let Some(&at) = places.get(index(chance, places.len())) {
            let byte = payload[at];
            payload[at] = if is_text {
                let others: Vec<u8> = LETTERS.iter().copied().filter(|other| *other != byte).collect();
                others[index(chance, others.len())]
            } else {
                byte ^ u8::try_from(1 + chance.below(255)).unwrap_or(1)
            };
        }
        message.payload = payload.into();
        onward.push(message);
    }
}

/// A place in a list of so many; 0 in one of none.
fn index(chance: &mut Chance, length: usize) -> usize {
    usize::try_from(chance.below(length.max(1) as u64)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::testing::{message, struck, texts};
    use super::*;

    fn differences(one: &[u8], other: &[u8]) -> usize {
        assert_eq!(one.len(), other.len());
        one.iter().zip(other).filter(|(one, other)| one != other).count()
    }

    #[test]
    fn text_changes_by_one_byte_and_stays_text() {
        let sent = ["hello", "{\"a\":1}", "é7é"];
        for (sent, came) in sent.iter().zip(texts(&struck("", &FAULT, &sent))) {
            assert_eq!(differences(sent.as_bytes(), came.as_bytes()), 1, "{came}");
        }
        assert_eq!(texts(&struck("", &FAULT, &["", "éé"])), ["", "éé"]);
    }

    #[test]
    fn binary_changes_by_one_byte() {
        for number in 0..300 {
            let mut onward = Vec::new();
            let message = Flying { opcode: 2, ..message("\u{0}\u{1}binary", Instant::now()) };
            Corrupt.strike(message.clone(), &mut Chance::new(1, "corrupt", &[number]), &mut onward);
            assert_eq!(differences(&message.payload, &onward[0].payload), 1);
        }
    }
}
