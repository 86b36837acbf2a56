//! Sends again what was sent, with its timing.

use super::scan::{Scan, Step};
use crate::{
    app::App,
    log::{Kind, Log, View, filter::Criteria},
    model::Id,
    session::NotSent,
};

pub(super) struct Replay {
    scan: Scan,
    /// On this connection.
    id: Id,
    /// How many times as fast as it was; 0 for at once.
    speed: u64,
    /// When it began, and the time of the first message, in microseconds.
    began: u64,
    first: Option<u64>,
    /// The message that comes next.
    next: Option<u64>,
    pub(super) sent: u64,
}

/// What a replay waits for.
pub(super) enum Wait {
    /// The browser's turn.
    Turn,
    /// So many milliseconds.
    Time(u64),
    Over,
    Failed(String),
}

impl Replay {
    pub(super) fn new(criteria: Criteria, log: &Log, id: Id, speed: u64, now: u64) -> Self {
        let criteria = Criteria { direction: Some(Kind::Sent), ..criteria };
        Self { scan: Scan::new(criteria, log), id, speed, began: now, first: None, next: None, sent: 0 }
    }

    /// Sends what is due, until it is late.
    pub(super) fn advance(&mut self, app: &App, late: impl Fn() -> bool) -> Wait {
        loop {
            let number = match self.next {
                Some(number) => number,
                None => match self.scan.next(&app.model.borrow().log, &late) {
                    Step::Found(number) => number,
                    Step::Late => return Wait::Turn,
                    Step::End => return Wait::Over,
                },
            };
            self.next = Some(number);
            let (mono, message) = {
                let model = app.model.borrow();
                match model.log.get(number).map(|entry| (entry.when.mono, entry.content)) {
                    Some((mono, View::Message(payload))) => (mono, payload.to_message()),
                    // It has gone since.
                    _ => {
                        self.next = None;
                        continue;
                    }
                }
            };
            let since = mono.saturating_sub(*self.first.get_or_insert(mono));
            let due = self.began + since.checked_div(self.speed).unwrap_or(0);
            let now = app.now().mono;
            if due > now + 500 {
                return Wait::Time((due - now).div_ceil(1000));
            }
            match app.send(self.id, message) {
                Ok(_) => {}
                Err(NotSent::NotOpen) => return Wait::Failed("the connection is not open".to_owned()),
                Err(NotSent::Failed(why)) => return Wait::Failed(why),
            }
            self.sent += 1;
            self.next = None;
            if late() {
                return Wait::Turn;
            }
        }
    }

    pub(super) fn done(&self) -> u64 {
        self.scan.done()
    }
}
