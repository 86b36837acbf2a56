//! What was handed to the browser and what of it has left, by its own count of bytes.

/// When sending has to wait: above the high mark on `bufferedAmount`, until it is below the low one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Watermarks {
    /// Sending waits once more than this is buffered, in bytes of payload; 1 MiB by default.
    pub high: u64,
    /// It goes on once at most this is buffered; 256 KiB by default. One above the high mark counts as the high one.
    pub low: u64,
}

impl Default for Watermarks {
    fn default() -> Self {
        Self { high: 1024 * 1024, low: 256 * 1024 }
    }
}

impl Watermarks {
    /// These marks with this high one.
    #[must_use]
    pub fn high(self, high: u64) -> Self {
        Self { high, ..self }
    }

    /// These marks with this low one.
    #[must_use]
    pub fn low(self, low: u64) -> Self {
        Self { low, ..self }
    }
}

/// The account of one socket. A position is a number of bytes since its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    marks: Watermarks,
    handed: u64,
    drained: u64,
    waiting: bool,
}

impl Account {
    pub(super) fn new(marks: Watermarks) -> Self {
        let low = marks.low.min(marks.high);
        Self { marks: Watermarks { low, ..marks }, handed: 0, drained: 0, waiting: false }
    }

    /// Enters a message that was handed over, and gives the position of its end. `look` asks the browser what is buffered,
    /// if it can be asked: what drained unseen is no reason to wait.
    pub(super) fn hand_over(&mut self, bytes: u64, look: impl FnOnce() -> Option<u64>) -> u64 {
        self.handed += bytes;
        if !self.waiting && self.buffered() > self.marks.high {
            if let Some(buffered) = look() {
                self.observe(buffered);
            }
            self.waiting = self.buffered() > self.marks.high;
        }
        self.handed
    }

    /// Enters what the browser says is still buffered.
    pub(super) fn observe(&mut self, buffered: u64) {
        self.drained = self.drained.max(self.handed.saturating_sub(buffered));
        if self.buffered() <= self.marks.low {
            self.waiting = false;
        }
    }

    /// Whether all up to this position has left the page's process.
    pub(super) fn has_drained(&self, position: u64) -> bool {
        self.drained >= position
    }

    /// The position up to which it must drain before there is room again; `None` where there is room now.
    pub(super) fn room_at(&self) -> Option<u64> {
        self.waiting.then(|| self.handed.saturating_sub(self.marks.low))
    }

    pub(super) fn drained(&self) -> u64 {
        self.drained
    }

    pub(super) fn buffered(&self) -> u64 {
        self.handed - self.drained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_ends_above_the_high_mark_and_returns_below_the_low_one() {
        let mut account = Account::new(Watermarks::default().high(100).low(20));
        account.hand_over(100, || None);
        assert_eq!(account.room_at(), None, "at the mark and not above it");
        account.hand_over(1, || Some(101));
        assert_eq!(account.room_at(), Some(81));
        account.observe(21);
        assert_eq!(account.room_at(), Some(81), "between the marks");
        account.observe(20);
        assert_eq!(account.room_at(), None);
    }

    #[test]
    fn what_has_drained_stays_drained() {
        let mut account = Account::new(Watermarks::default());
        let first = account.hand_over(10, || None);
        let second = account.hand_over(5, || None);
        account.observe(5);
        assert!(account.has_drained(first) && !account.has_drained(second));
        // A browser goes on counting what it was handed after the end.
        account.observe(1_000);
        assert!(account.has_drained(first) && !account.has_drained(second));
        account.observe(0);
        assert!(account.has_drained(second));
    }

    #[test]
    fn a_message_longer_than_the_high_mark_is_taken_when_there_is_room() {
        let mut account = Account::new(Watermarks::default().high(10).low(10));
        assert_eq!(account.room_at(), None);
        account.hand_over(1_000, || None);
        assert_eq!(account.room_at(), Some(990));
        account.observe(0);
        assert_eq!(account.room_at(), None);
    }

    #[test]
    fn what_drained_unseen_is_no_reason_to_wait() {
        let mut account = Account::new(Watermarks::default().high(100).low(20));
        account.hand_over(60, || panic!("there is room whatever has drained"));
        account.hand_over(60, || Some(90));
        assert_eq!(account.room_at(), None, "90 of 100 are buffered");
        account.hand_over(11, || Some(101));
        assert_eq!(account.room_at(), Some(111), "101 are");
        account.hand_over(1, || panic!("it waits already"));
    }
}
