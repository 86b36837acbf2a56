//! What is said of the log to those who hear the page: seldom enough to be heard out.

use super::{Kind, Log, Moment, row};
use crate::format;

/// The least time between two announcements.
pub(super) const EVERY_MS: u16 = 1500;

#[derive(Default)]
pub(super) struct Announcer {
    /// The number of the first entry that was not spoken of.
    next: u64,
    at: Option<u64>,
}

/// What there is to say now.
pub(super) enum Said {
    Nothing,
    /// There is something, and it is too early.
    Later,
    This(String),
}

impl Announcer {
    /// Speaks of what was sent, received or failed; of a crowd, only of the last. The header speaks of the state.
    pub(super) fn speak(&mut self, log: &Log, now: Moment) -> Said {
        let new = log.next().saturating_sub(self.next);
        let Some(last) = log.last().filter(|_| new > 0) else { return Said::Nothing };
        let mut said = Said::Nothing;
        if matches!(last.kind, Kind::Sent | Kind::Received | Kind::Error) {
            let pause = u64::from(EVERY_MS) * 1000;
            if self.at.is_some_and(|at| now.mono.saturating_sub(at) < pause) {
                return Said::Later;
            }
            self.at = Some(now.mono);
            let text = row::spoken(&last);
            said = Said::This(match new {
                1 => text,
                _ => format!("{} new rows, the last: {text}", format::count(new)),
            });
        }
        self.next = log.next();
        said
    }
}
