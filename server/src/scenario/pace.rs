//! So many a second.

use std::time::Duration;

use tokio::time::Instant;

use crate::query::PerSecond;

/// How far behind its rate something may be and still catch up. Past it, what was missed stays missed.
const CATCH_UP: Duration = Duration::from_millis(100);

/// When the next one is due.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    due: Instant,
    gap: Duration,
}

impl Pace {
    /// The first is due at once.
    pub(super) fn new(rate: PerSecond) -> Self {
        // A rate so small that its gap is no number means never within anybody's patience.
        let gap = Duration::try_from_secs_f64(1.0 / rate.0).unwrap_or(Duration::MAX);
        Self { due: Instant::now(), gap: gap.min(Duration::from_secs(24 * 60 * 60)) }
    }

    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Goes on to the next one.
    pub(super) fn advance(&mut self) {
        self.advance_at(Instant::now());
    }

    fn advance_at(&mut self, now: Instant) {
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        self.due = (self.due + self.gap).max(earliest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_late_is_caught_up_with_but_not_for_long() {
        let mut pace = Pace::new(PerSecond(100.0));
        let start = pace.due();
        pace.advance_at(start);
        assert_eq!(pace.due() - start, Duration::from_millis(10));
        pace.advance_at(start + Duration::from_millis(50));
        assert_eq!(pace.due() - start, Duration::from_millis(20), "the rate is kept on the whole");
        pace.advance_at(start + Duration::from_secs(10));
        assert_eq!(pace.due() - start, Duration::from_millis(9900));
    }

    #[test]
    fn no_rate_overflows() {
        for rate in [f64::MIN_POSITIVE, 1e-300, 1e-9, 1e300] {
            let mut pace = Pace::new(PerSecond(rate));
            for _ in 0..1000 {
                pace.advance();
            }
        }
    }
}
