//! `delay`: messages that come later, all by the same time.

use std::time::Duration;

use super::{Fault, Flying, Group, MessageFault, Takes, always};
use crate::{chance::Chance, query::Value as _};

pub(super) const FAULT: Fault = Fault {
    name: "delay",
    group: Group::Message,
    takes: Takes::TIME,
    text: "A message comes so much later; those behind it wait, and none overtakes another.",
    example: "delay=50ms",
    make: |text| Some(always(Delay(Duration::parse(text)?))),
};

struct Delay(Duration);

impl MessageFault for Delay {
    fn strike(&mut self, message: Flying, _: &mut Chance, onward: &mut Vec<Flying>) {
        onward.push(Flying { due: message.due + self.0, ..message });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::struck;
    use super::*;

    #[test]
    fn each_is_due_later_by_the_same() {
        let (now, later) = (struck("0s", &FAULT, &["one"]), struck("2s", &FAULT, &["one", "two"]));
        assert_eq!(later[0].due, later[1].due);
        assert!(later[0].due >= now[0].due + Duration::from_secs(2));
    }
}
