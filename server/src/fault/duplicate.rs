//! `duplicate`: messages that arrive twice.

use super::{Fault, Flying, Group, MessageFault, Takes, share};
use crate::chance::Chance;

pub(super) const FAULT: Fault = Fault {
    name: "duplicate",
    group: Group::Message,
    takes: Takes::PROBABILITY,
    text: "A message comes twice in a row.",
    example: "duplicate=5%",
    make: |text| share(text, Duplicate),
};

struct Duplicate;

impl MessageFault for Duplicate {
    fn strike(&mut self, message: Flying, _: &mut Chance, onward: &mut Vec<Flying>) {
        onward.extend([message.clone(), message]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{struck, texts};
    use super::*;

    #[test]
    fn each_comes_twice() {
        assert_eq!(texts(&struck("", &FAULT, &["one", "two"])), ["one", "one", "two", "two"]);
    }
}
