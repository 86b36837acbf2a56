//! `drop`: messages that never arrive.

use super::{Fault, Flying, Group, MessageFault, Takes, share};
use crate::chance::Chance;

pub(super) const FAULT: Fault = Fault {
    name: "drop",
    group: Group::Message,
    takes: Takes::PROBABILITY,
    text: "A message is lost.",
    example: "drop=2%",
    make: |text| share(text, Drop),
};

struct Drop;

impl MessageFault for Drop {
    fn strike(&mut self, _: Flying, _: &mut Chance, _: &mut Vec<Flying>) {}
}

#[cfg(test)]
mod tests {
    use super::super::testing::{struck, texts};
    use super::*;

    #[test]
    fn nothing_comes() {
        assert_eq!(texts(&struck("", &FAULT, &["one", "two"])), [""; 0]);
    }
}
