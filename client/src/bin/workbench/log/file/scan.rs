//! Entries that meet some criteria, one after another, in slices of time.

use crate::log::{Log, filter::Criteria};

pub(super) struct Scan {
    criteria: Criteria,
    next: u64,
    from: usize,
    end: u64,
    start: u64,
    steps: u32,
}

pub(super) enum Step {
    Found(u64),
    /// It is late; there may be more.
    Late,
    End,
}

impl Scan {
    /// Of the entries that there are now.
    pub(super) fn new(criteria: Criteria, log: &Log) -> Self {
        let start = log.first();
        Self { criteria, next: start, from: 0, end: log.next(), start, steps: 0 }
    }

    pub(super) fn next(&mut self, log: &Log, mut late: impl FnMut() -> bool) -> Step {
        loop {
            if self.next < log.first() {
                (self.next, self.from) = (log.first(), 0);
            }
            if self.next >= self.end {
                return Step::End;
            }
            if self.steps >= 64 {
                self.steps = 0;
                if late() {
                    return Step::Late;
                }
            }
            // Whoever asks for the entry writes it too.
            self.steps += 4 * self.criteria.effort(log, self.next);
            match self.criteria.look(log, self.next, self.from) {
                Ok(found) => {
                    (self.next, self.from) = (self.next + 1, 0);
                    if found {
                        return Step::Found(self.next - 1);
                    }
                }
                Err(from) => {
                    self.from = from;
                    if late() {
                        return Step::Late;
                    }
                }
            }
        }
    }

    /// How much of the entries was looked at, in percent.
    pub(super) fn done(&self) -> u64 {
        (self.next.saturating_sub(self.start) * 100 / (self.end - self.start).max(1)).min(100)
    }
}
