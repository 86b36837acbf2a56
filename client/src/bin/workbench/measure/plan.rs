//! What a load run is to do, and how far it should be: pure.

/// How messages are paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// So many a second, each due at its own time whatever became of those before it.
    Rate(u32),
    /// So many without an answer at any time.
    InFlight(u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) pace: Pace,
    pub(crate) size: usize,
    pub(crate) is_binary: bool,
    /// In microseconds.
    pub(crate) lasts: u32,
    pub(crate) messages: u32,
    /// How many connections of its own, or 0 for the selected one.
    pub(crate) connections: usize,
}

impl Plan {
    /// How many messages should have been sent by now, in microseconds since the run began, with so many unanswered.
    pub(crate) fn target(&self, now: u32, sent: u32, unanswered: u32) -> u32 {
        let target = match self.pace {
            Pace::Rate(rate) => {
                // What is due within its time is sent, late as it may be.
                let due = u64::from(now.min(self.lasts.saturating_sub(1))) * u64::from(rate) / 1_000_000 + 1;
                u32::try_from(due).unwrap_or(u32::MAX)
            }
            Pace::InFlight(_) if now >= self.lasts => sent,
            Pace::InFlight(most) => sent + most.saturating_sub(unanswered),
        };
        target.min(self.messages)
    }

    /// When a message is due.
    pub(crate) fn due(&self, number: u32, now: u32) -> u32 {
        match self.pace {
            Pace::Rate(rate) => {
                let due = u64::from(number) * 1_000_000 / u64::from(rate.max(1));
                u32::try_from(due).unwrap_or(u32::MAX)
            }
            Pace::InFlight(_) => now,
        }
    }

    /// Whether all that it is to send has been sent.
    pub(crate) fn is_sent(&self, now: u32, sent: u32) -> bool {
        let is_over = now >= self.lasts && self.target(now, sent, u32::MAX) <= sent;
        sent >= self.messages || is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(pace: Pace) -> Plan {
        Plan { pace, size: 32, is_binary: false, lasts: 1_000_000, messages: 1_000_000, connections: 0 }
    }

    #[test]
    fn a_rate_is_kept_whatever_is_answered() {
        let plan = plan(Pace::Rate(200));
        let due: Vec<_> = [0, 1, 2, 199].map(|number| plan.due(number, 77)).to_vec();
        assert_eq!(due, [0, 5_000, 10_000, 995_000]);
        for (now, target) in [(0, 1), (4_999, 1), (5_000, 2), (999_999, 200), (5_000_000, 200)] {
            assert_eq!(plan.target(now, 0, 1_000), target, "{now}");
        }
        assert!(!plan.is_sent(2_000_000, 199), "what was due is sent late");
        assert!(plan.is_sent(1_000_000, 200));
        assert!(!plan.is_sent(999_999, 200));
        assert!(Plan { messages: 50, ..plan }.is_sent(0, 50));
    }

    #[test]
    fn those_in_flight_are_kept_at_their_number() {
        let plan = plan(Pace::InFlight(8));
        assert_eq!(plan.target(0, 0, 0), 8);
        assert_eq!(plan.target(10, 20, 7), 21);
        assert_eq!(plan.target(10, 20, 8), 20);
        assert_eq!(plan.target(1_000_000, 20, 0), 20, "its time is over");
        assert!(plan.is_sent(1_000_000, 20));
        assert_eq!(plan.due(9, 1234), 1234);
    }
}
