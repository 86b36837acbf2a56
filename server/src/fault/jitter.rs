//! `jitter`: messages that come later, each by another time.

use std::time::Duration;

use super::{Fault, Flying, Group, MessageFault, Takes, always};
use crate::{chance::Chance, query::Value as _};

pub(super) const FAULT: Fault = Fault {
    name: "jitter",
    group: Group::Message,
    takes: Takes::TIME,
    text: "A message comes later by up to so much, evenly spread; those behind it wait, and none overtakes another.",
    example: "jitter=80ms",
    make: |text| Some(always(Jitter(Duration::parse(text)?))),
};

struct Jitter(Duration);

impl MessageFault for Jitter {
    fn strike(&mut self, message: Flying, chance: &mut Chance, onward: &mut Vec<Flying>) {
        onward.push(Flying { due: message.due + self.0.mul_f64(chance.share()), ..message });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::testing::message;
    use super::*;

    #[test]
    fn each_is_due_within_the_time_and_by_another() {
        let (start, mut onward) = (Instant::now(), Vec::new());
        for number in 0..100 {
            let mut chance = Chance::new(42, "jitter", &[number]);
            Jitter(Duration::from_secs(1)).strike(message("x", start), &mut chance, &mut onward);
        }
        let mut later: Vec<_> = onward.iter().map(|message| message.due - start).collect();
        later.sort_unstable();
        assert!(later[0] < Duration::from_millis(100) && later[99] > Duration::from_millis(900), "{later:?}");
        later.dedup();
        assert_eq!(later.len(), 100);
        assert!(later[99] < Duration::from_secs(1));
    }
}
