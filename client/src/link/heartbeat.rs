//! Whether the peer is still there: a state machine like the policy, told what happened and when.
//!
//! A browser answers the protocol's own pings and shows none of it, so these are messages of the application.

use std::time::Duration;

use super::policy::{Millis, millis};

/// What to do when time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    Nothing,
    /// Send a ping.
    Ping,
    /// The peer did not answer in time.
    Dead,
}

#[derive(Debug)]
pub(crate) struct Pulse {
    interval: Millis,
    deadline: Millis,
    wait: Wait,
}

#[derive(Clone, Copy, Debug)]
enum Wait {
    /// For the time of the next ping.
    ToPing { at: Millis },
    /// For the answer to a ping; `again` when it is the second, after a tick that came late.
    ForPong { sent: Millis, until: Millis, again: bool },
}

impl Pulse {
    /// The pulse of a connection that opened now: a ping this long after the last answer, to be answered within the
    /// deadline.
    pub(crate) fn new(interval: Duration, deadline: Duration, now: Millis) -> Self {
        let (interval, deadline) = (millis(interval).max(1), millis(deadline).max(1));
        Self { interval, deadline, wait: Wait::ToPing { at: now + interval } }
    }

    /// When the next [`Pulse::tick`] is wanted.
    pub(crate) fn wake_at(&self) -> Millis {
        match self.wait {
            Wait::ToPing { at } => at,
            Wait::ForPong { until, .. } => until,
        }
    }

    /// Takes that it is now this late.
    pub(crate) fn tick(&mut self, now: Millis) -> Beat {
        match self.wait {
            Wait::ToPing { at } if now >= at => self.ping(now, false),
            // The timer came so late that the page itself was asleep, and the answer may be waiting behind it. Once only: in
            // a hidden page every timer is late.
            Wait::ForPong { until, again: false, .. } if now >= until + self.deadline => self.ping(now, true),
            Wait::ForPong { until, .. } if now >= until => Beat::Dead,
            // The clock was set back: a wait is never longer than it was meant to be.
            Wait::ToPing { at } if at > now + self.interval => {
                self.wait = Wait::ToPing { at: now + self.interval };
                Beat::Nothing
            }
            Wait::ForPong { until, .. } if until > now + self.deadline => self.ping(now, false),
            _ => Beat::Nothing,
        }
    }

    /// Takes an answer, and gives the round-trip time if one was asked for.
    pub(crate) fn pong(&mut self, now: Millis) -> Option<Duration> {
        let Wait::ForPong { sent, .. } = self.wait else { return None };
        self.wait = Wait::ToPing { at: now + self.interval };
        Some(Duration::from_millis(now.saturating_sub(sent)))
    }

    /// Takes a sign that the peer is there, other than an answer: a message that came, which the answer may be behind, or
    /// bytes that left, which the ping may be behind.
    pub(crate) fn heard(&mut self, now: Millis) {
        if let Wait::ForPong { until, again, .. } = &mut self.wait {
            *until = (*until).max(now + self.deadline);
            *again = false;
        }
    }

    fn ping(&mut self, now: Millis, again: bool) -> Beat {
        self.wait = Wait::ForPong { sent: now, until: now + self.deadline, again };
        Beat::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = 1_000_000;

    fn pulse() -> Pulse {
        Pulse::new(Duration::from_secs(25), Duration::from_secs(5), START)
    }

    #[test]
    fn a_silent_peer_is_dead_within_interval_and_deadline() {
        let mut heart = pulse();
        assert_eq!(heart.tick(START + 24_999), Beat::Nothing);
        assert_eq!(heart.tick(START + 25_000), Beat::Ping);
        assert_eq!(heart.tick(START + 29_999), Beat::Nothing);
        assert_eq!(heart.wake_at(), START + 30_000);
        assert_eq!(heart.tick(START + 30_000), Beat::Dead);
    }

    #[test]
    fn an_answer_gives_its_round_trip_and_the_next_ping_counts_from_it() {
        let mut heart = pulse();
        heart.tick(START + 25_000);
        assert_eq!(heart.pong(START + 25_040), Some(Duration::from_millis(40)));
        assert_eq!(heart.pong(START + 25_041), None, "nothing was asked");
        assert_eq!(heart.wake_at(), START + 50_040);
    }

    #[test]
    fn whoever_is_heard_is_not_dead() {
        let mut heart = pulse();
        heart.tick(START + 25_000);
        heart.heard(START + 29_000);
        assert_eq!(heart.tick(START + 30_000), Beat::Nothing);
        assert_eq!(heart.tick(START + 34_000), Beat::Dead);
    }

    #[test]
    fn a_page_that_slept_asks_again_before_it_gives_up() {
        let mut heart = pulse();
        heart.tick(START + 25_000);
        assert_eq!(heart.tick(START + 3_600_000), Beat::Ping);
        assert_eq!(heart.tick(START + 3_605_000), Beat::Dead);
    }

    #[test]
    fn a_throttled_page_finds_a_dead_peer_all_the_same() {
        let mut pulse = pulse();
        let beats: Vec<Beat> = (1..=3).map(|minute| pulse.tick(START + minute * 60_000)).collect();
        assert_eq!(beats, [Beat::Ping, Beat::Ping, Beat::Dead]);
    }

    #[test]
    fn the_longest_times_are_times() {
        let mut heart = Pulse::new(Duration::MAX, Duration::MAX, START);
        assert_eq!(heart.tick(START + 1_000_000), Beat::Nothing);
        let mut heart = Pulse::new(Duration::from_secs(1), Duration::MAX, START);
        assert_eq!(heart.tick(START + 1_000), Beat::Ping);
        heart.heard(START + 2_000);
        assert_eq!(heart.tick(START + 1_000_000), Beat::Nothing);
    }

    #[test]
    fn a_clock_that_is_set_back_prolongs_no_wait() {
        let mut heart = pulse();
        assert_eq!(heart.tick(START - 500_000), Beat::Nothing);
        assert_eq!(heart.wake_at(), START - 475_000);
        heart.tick(START - 475_000);
        assert_eq!(heart.tick(START - 900_000), Beat::Ping);
        assert_eq!(heart.wake_at(), START - 895_000);
    }
}
