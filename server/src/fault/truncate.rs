//! `truncate`: messages that end too early.

use super::{Fault, Flying, Group, MessageFault, Takes, share};
use crate::chance::Chance;

pub(super) const FAULT: Fault = Fault {
    name: "truncate",
    group: Group::Message,
    takes: Takes::PROBABILITY,
    text: "The end of a message is missing, at least one byte of it; text stays UTF-8.",
    example: "truncate=1%",
    make: |text| share(text, Truncate),
};

struct Truncate;

impl MessageFault for Truncate {
    fn strike(&mut self, mut message: Flying, chance: &mut Chance, onward: &mut Vec<Flying>) {
        if !message.payload.is_empty() {
            let length = message.payload.len() as u64;
            let mut keep = usize::try_from(chance.below(length)).unwrap_or_default();
            // A byte that continues a character must not come first of what is cut. What a peer sends as text may be such bytes
            // alone.
            while keep > 0 && message.opcode == 1 && message.payload[keep] & 0xc0 == 0x80 {
                keep -= 1;
            }
            message.payload.truncate(keep);
        }
        onward.push(message);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;

    use super::super::testing::{message, struck};
    use super::*;

    #[test]
    fn a_part_comes_and_text_stays_text() {
        let sent = ["hello", "é", "", "🦀🦀🦀", "z"];
        for (sent, came) in sent.iter().zip(struck("", &FAULT, &sent)) {
            let came = std::str::from_utf8(&came.payload).unwrap();
            assert!(sent.starts_with(came));
            assert!(came.len() < sent.len() || sent.is_empty(), "{sent} came as {came}");
        }
    }

    /// The receiver behind this is who refuses it.
    #[test]
    fn text_that_is_none_is_cut_too() {
        for seed in 0..20 {
            let mut sent = message("", Instant::now());
            sent.payload = Bytes::from_static(&[0x80; 4]);
            let mut onward = Vec::new();
            Truncate.strike(sent, &mut Chance::new(seed, FAULT.name, &[]), &mut onward);
            assert!(onward[0].payload.is_empty());
        }
    }
}
