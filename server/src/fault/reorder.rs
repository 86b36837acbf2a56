//! `reorder`: messages that change places with the next one.

use super::{Fault, Flying, Group, MessageFault, Takes, share};
use crate::chance::Chance;

pub(super) const FAULT: Fault = Fault {
    name: "reorder",
    group: Group::Message,
    takes: Takes::PROBABILITY,
    text: "A message comes after the one that followed it; the last of all keeps its place.",
    example: "reorder=5%",
    make: |text| share(text, Reorder { held: None }),
};

struct Reorder {
    held: Option<Flying>,
}

impl MessageFault for Reorder {
    fn strike(&mut self, message: Flying, _: &mut Chance, onward: &mut Vec<Flying>) {
        match self.held {
            // Two in a row change places with each other.
            Some(_) => self.pass(message, onward),
            None => self.held = Some(message),
        }
    }

    fn pass(&mut self, message: Flying, onward: &mut Vec<Flying>) {
        let due = message.due;
        onward.push(message);
        // It waited for this one, so it is due no earlier.
        onward.extend(self.held.take().map(|held| Flying { due: held.due.max(due), ..held }));
    }

    fn release(&mut self) -> Option<Flying> {
        self.held.take()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::testing::{message, struck, texts};
    use super::*;

    #[test]
    fn neighbours_change_places_and_none_is_lost() {
        let came = struck("", &FAULT, &["1", "2", "3", "4", "5"]);
        assert_eq!(texts(&came), ["2", "1", "4", "3", "5"]);
    }

    #[test]
    fn one_that_is_not_struck_overtakes_one_that_is() {
        let mut reorder = Reorder { held: None };
        let (mut onward, now) = (Vec::new(), Instant::now());
        reorder.strike(message("1", now), &mut Chance::new(0, "", &[]), &mut onward);
        reorder.pass(message("2", now), &mut onward);
        reorder.pass(message("3", now), &mut onward);
        assert_eq!(texts(&onward), ["2", "1", "3"]);
    }
}
