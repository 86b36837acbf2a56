use std::{collections::VecDeque, time::Duration};

/// How many of the latest round trips the percentiles are of.
const ROUND_TRIPS: usize = 256;

/// What a link has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections tried.
    pub attempts: u64,
    /// Connections that opened.
    pub opened: u64,
    /// Of those, all after the first.
    pub reconnects: u64,
    /// Messages taken by [`Link::send`](super::Link::send) and [`Link::try_send`](super::Link::try_send).
    pub accepted: u64,
    /// Messages handed to a connection.
    pub sent: u64,
    /// Of those sent, messages that left the page's process.
    pub drained: u64,
    /// Of those sent, messages whose connection ended before they were seen to drain.
    pub lost: u64,
    /// Messages accepted and never handed to a connection: expired, or the link ended.
    pub dropped: u64,
    /// Messages that wait now.
    pub queued: u64,
    /// Bytes of payload that the connection there is now was handed, and that have not left the page's process.
    pub buffered: u64,
    /// Bytes of payload handed to a connection.
    pub bytes_sent: u64,
    /// Messages received, answers to pings not counted.
    pub received: u64,
    /// Bytes of payload received.
    pub bytes_received: u64,
    /// Messages that the inbound queue dropped.
    pub inbound_dropped: u64,
    /// The median of the latest round trips of the heartbeat, if there were any.
    pub round_trip_p50: Option<Duration>,
    /// The time that 99 in 100 of the latest round trips were within.
    pub round_trip_p99: Option<Duration>,
}

/// The latest round trips.
#[derive(Debug, Default)]
pub(super) struct RoundTrips(VecDeque<Duration>);

impl RoundTrips {
    pub(super) fn add(&mut self, round_trip: Duration) {
        if self.0.len() == ROUND_TRIPS {
            self.0.pop_front();
        }
        self.0.push_back(round_trip);
    }

    /// The smallest that at least this many in a hundred are within.
    pub(super) fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted: Vec<_> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    }
}

/// Which of the messages that a connection was handed have drained.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The positions at which messages end that are not known to have drained.
    ends: VecDeque<u64>,
    handed: u64,
}

impl Ledger {
    pub(super) fn hand_over(&mut self, bytes: usize) {
        self.handed += bytes as u64;
        self.ends.push_back(self.handed);
    }

    /// Enters bytes that are no message of the user's.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.handed += bytes as u64;
    }

    /// How many more messages have drained, with this many bytes still buffered.
    pub(super) fn drain(&mut self, buffered: u64) -> u64 {
        let drained = self.handed.saturating_sub(buffered);
        let before = self.ends.len();
        while self.ends.front().is_some_and(|end| *end <= drained) {
            self.ends.pop_front();
        }
        (before - self.ends.len()) as u64
    }

    /// How many messages are not known to have drained.
    pub(super) fn outstanding(&self) -> u64 {
        self.ends.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_latest() {
        let mut trips = RoundTrips::default();
        assert_eq!(trips.percentile(50), None);
        for n in 1..=356 {
            trips.add(Duration::from_millis(n));
        }
        assert_eq!(trips.percentile(50), Some(Duration::from_millis(100 + 128)));
        assert_eq!(trips.percentile(99), Some(Duration::from_millis(100 + 254)));
        assert_eq!(trips.percentile(100), Some(Duration::from_millis(356)));
    }

    #[test]
    fn a_message_has_drained_when_all_of_it_has() {
        let mut ledger = Ledger::default();
        for bytes in [10, 0, 5] {
            ledger.hand_over(bytes);
        }
        assert_eq!(ledger.drain(6), 0);
        assert_eq!(ledger.drain(5), 2);
        assert_eq!((ledger.drain(5), ledger.outstanding()), (0, 1));
        assert_eq!(ledger.drain(0), 1);
    }
}
