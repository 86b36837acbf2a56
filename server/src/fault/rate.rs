//! `rate`: at most so many messages in a second.

use std::time::{Duration, Instant};

use super::{Fault, Flying, Group, MessageFault, Takes, always};
use crate::{
    chance::Chance,
    query::{PerSecond, Value},
};

pub(super) const FAULT: Fault = Fault {
    name: "rate",
    group: Group::Message,
    takes: Takes { kind: "rate", allowed: <PerSecond as Value>::ALLOWED },
    text: "At most so many messages come in a second, evenly spaced; the others wait.",
    example: "rate=10",
    make: |text| {
        let spacing = Duration::try_from_secs_f64(1.0 / PerSecond::parse(text)?.0).ok()?;
        (spacing <= LONGEST).then(|| always(Rate { spacing, next: None }))
    },
};

/// A message an hour is rare enough for any test.
const LONGEST: Duration = Duration::from_secs(3600);

struct Rate {
    spacing: Duration,
    next: Option<Instant>,
}

impl MessageFault for Rate {
    fn strike(&mut self, message: Flying, _: &mut Chance, onward: &mut Vec<Flying>) {
        let due = self.next.map_or(message.due, |next| next.max(message.due));
        self.next = Some(due + self.spacing);
        onward.push(Flying { due, ..message });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::struck;
    use super::*;

    #[test]
    fn messages_are_spaced() {
        let came = struck("4", &FAULT, &["1", "2", "3"]);
        let gaps: Vec<_> = came.windows(2).map(|pair| pair[1].due - pair[0].due).collect();
        assert_eq!(gaps, [Duration::from_millis(250); 2]);
        assert!((FAULT.make)("0.0001").is_none());
    }
}
