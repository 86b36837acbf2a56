//! A script that is played: where it is, what came, and how each step went.

use std::{collections::VecDeque, time::Duration};

use wirescope::{
    CloseCode,
    socket::{CloseEvent, Message},
};
use wirescope_protocol::{
    Text,
    script::{Arrival, Cursor, Data, Script, What, duration},
};

use crate::model::Id;

/// For the connection to open, and for each `expect` that does not say itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much waits for an `expect`; what comes on top is not kept, and an `expect` that would take it fails.
const WAITING: usize = 64 << 20;
const EACH: usize = 128;

/// How a step went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Outcome {
    #[default]
    Ahead,
    /// It passed, so often and the last time after so many microseconds.
    Passed { times: u32, took: u64 },
    /// It did not, and this came instead.
    Failed(String),
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Todo {
    Send(Message),
    Close(CloseCode, String),
    /// Nothing until something comes, at the latest until then, in microseconds of the page's clock.
    Wait(u64),
    /// It is over.
    Nothing,
}

enum Arrived {
    Message(Message),
    Closed(CloseCode, String),
}

pub(crate) struct Play {
    pub(crate) id: Id,
    script: Script,
    cursor: Cursor,
    /// Of each step of the script, in order.
    pub(crate) outcomes: Vec<Outcome>,
    inbox: VecDeque<Arrived>,
    bytes: usize,
    overflowed: bool,
    /// Whether the connection is there to send on.
    open: bool,
    /// When the step began, if it has, and when it is over.
    began: Option<u64>,
    /// How the play ended, if it has.
    pub(crate) ended: Option<Result<(), String>>,
}

impl Play {
    pub(crate) fn new(id: Id, script: Script, open: bool) -> Self {
        let (cursor, steps) = (Cursor::new(&script), script.steps.len());
        Self {
            id,
            cursor,
            outcomes: vec![Outcome::Ahead; steps],
            script,
            inbox: VecDeque::new(),
            bytes: 0,
            overflowed: false,
            open,
            began: None,
            ended: None,
        }
    }

    pub(crate) fn script(&self) -> &Script {
        &self.script
    }

    /// Which step it is at, by its index.
    pub(crate) fn at(&self) -> Option<usize> {
        let step = self.cursor.step(&self.script).filter(|_| self.ended.is_none())?;
        self.script.steps.iter().position(|other| std::ptr::eq(other, step))
    }

    pub(crate) fn opened(&mut self) {
        self.open = true;
        self.began = None;
    }

    pub(crate) fn received(&mut self, message: &Message) {
        self.arrived(message.len(), || Arrived::Message(message.clone()));
    }

    /// The connection ended.
    pub(crate) fn closed(&mut self, close: &CloseEvent) {
        if self.open {
            self.arrived(0, || Arrived::Closed(close.code, close.reason.clone()));
        } else {
            self.end(Err("the connection did not open".to_owned()));
        }
    }

    /// Nothing more can come.
    pub(crate) fn over(&mut self) {
        if !self.open {
            self.end(Err("the connection did not open".to_owned()));
        }
    }

    fn arrived(&mut self, bytes: usize, arrived: impl FnOnce() -> Arrived) {
        if self.ended.is_some() || self.overflowed {
            return;
        }
        self.bytes += bytes + EACH;
        if self.bytes > WAITING && !self.inbox.is_empty() {
            self.overflowed = true;
        } else {
            self.inbox.push_back(arrived());
        }
    }

    /// What is to be done at this time, in microseconds of the page's clock; what is done is told by `passed` and `failed`.
    pub(crate) fn todo(&mut self, now: u64) -> Todo {
        loop {
            if self.ended.is_some() {
                return Todo::Nothing;
            }
            let began = *self.began.get_or_insert(now);
            let until = |time: Duration| began + u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 2);
            if !self.open {
                let until = until(PATIENCE);
                if now < until {
                    return Todo::Wait(until);
                }
                self.end(Err(format!("the connection did not open within {}", duration(PATIENCE))));
                continue;
            }
            let Some(step) = self.cursor.step(&self.script) else {
                self.end(Ok(()));
                continue;
            };
            match &step.what {
                What::Send(Data::Text(text)) => return Todo::Send(text.as_str().into()),
                What::Send(Data::Binary(bytes)) => return Todo::Send(bytes.as_slice().into()),
                What::Close { code, reason } => return Todo::Close(*code, reason.clone()),
                What::Wait(time) => {
                    let until = until(*time);
                    if now < until {
                        return Todo::Wait(until);
                    }
                    self.passed(now);
                }
                What::Expect { what, within } => {
                    let within = within.unwrap_or(PATIENCE);
                    if let Some(arrived) = self.inbox.pop_front() {
                        let (arrival, bytes) = match &arrived {
                            Arrived::Message(Message::Text(text)) => (Arrival::Text(text), text.len()),
                            Arrived::Message(Message::Binary(bytes)) => (Arrival::Binary(bytes), bytes.len()),
                            Arrived::Closed(code, reason) => (Arrival::Closed(*code, reason), 0),
                        };
                        self.bytes -= bytes + EACH;
                        if what.accepts(arrival) {
                            self.passed(now);
                        } else {
                            let mut text = Text::new();
                            arrival.add_to(&mut text);
                            self.failed(text.as_str());
                        }
                    } else if self.overflowed {
                        self.failed("more than is kept: 64 MiB came that no step had expected");
                    } else if now < until(within) {
                        return Todo::Wait(until(within));
                    } else {
                        self.failed(&format!("nothing within {}", duration(within)));
                    }
                }
                // The cursor never stops at one.
                What::Repeat { .. } | What::End { .. } => self.cursor.advance(&self.script),
            }
        }
    }

    /// The step is done.
    pub(crate) fn passed(&mut self, now: u64) {
        if let Some(place) = self.at() {
            let took = now.saturating_sub(self.began.unwrap_or(now));
            let times = match self.outcomes[place] {
                Outcome::Passed { times, .. } => times.saturating_add(1),
                _ => 1,
            };
            self.outcomes[place] = Outcome::Passed { times, took };
        }
        self.cursor.advance(&self.script);
        self.began = None;
    }

    /// The step failed, and the play is over.
    pub(crate) fn failed(&mut self, instead: &str) {
        let mut line = 0;
        if let Some(place) = self.at() {
            self.outcomes[place] = Outcome::Failed(instead.to_owned());
            line = self.script.steps[place].line;
        }
        self.end(Err(format!("failed at line {line}")));
    }

    pub(crate) fn end(&mut self, how: Result<(), String>) {
        if self.ended.is_none() {
            self.ended = Some(how);
            self.inbox.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(text: &str) -> Play {
        Play::new(1, Script::parse(text).unwrap(), true)
    }

    #[test]
    fn steps_are_done_one_after_the_other() {
        let mut play = play("send text a\nrepeat 2\nexpect text a within 5ms\nend\nwait 1ms\nclose 4000 b");
        assert_eq!(play.todo(0), Todo::Send("a".into()));
        assert_eq!(play.at(), Some(0));
        play.passed(7);
        assert_eq!(play.todo(10), Todo::Wait(5010));
        assert_eq!(play.at(), Some(2));
        for _ in 0..2 {
            play.received(&"a".into());
        }
        assert_eq!(play.todo(20), Todo::Wait(1020), "both were there");
        assert_eq!(play.outcomes[2], Outcome::Passed { times: 2, took: 0 });
        assert_eq!(play.todo(1020), Todo::Close(CloseCode::new(4000), "b".to_owned()));
        play.passed(1020);
        assert_eq!(play.todo(1020), Todo::Nothing);
        assert_eq!(
            (play.ended, play.outcomes[0].clone()),
            (Some(Ok(())), Outcome::Passed { times: 1, took: 7 })
        );
    }

    #[test]
    fn what_came_instead_is_said() {
        for (text, came, instead) in [
            ("expect text a", "b", "text \"b\""),
            ("expect close", "b", "text \"b\""),
            ("expect hex 00", "0", "text \"0\""),
        ] {
            let mut play = play(text);
            play.received(&came.into());
            assert_eq!(play.todo(0), Todo::Nothing);
            assert_eq!(play.outcomes, [Outcome::Failed(instead.to_owned())]);
            assert_eq!(play.ended, Some(Err("failed at line 1".to_owned())));
            assert_eq!(play.at(), None);
        }
        let mut play = play("expect any within 2s");
        assert_eq!(play.todo(0), Todo::Wait(2_000_000));
        assert_eq!(play.todo(2_000_000), Todo::Nothing);
        assert_eq!(play.outcomes, [Outcome::Failed("nothing within 2s".to_owned())]);
    }

    #[test]
    fn it_waits_until_the_connection_is_open() {
        let script = Script::parse("send text a").unwrap();
        let mut play = Play::new(1, script.clone(), false);
        assert_eq!(play.todo(5), Todo::Wait(10_000_005));
        play.opened();
        assert_eq!(play.todo(6), Todo::Send("a".into()));
        let mut never = Play::new(1, script, false);
        never.todo(0);
        assert_eq!(never.todo(10_000_000), Todo::Nothing);
        assert_eq!(never.ended, Some(Err("the connection did not open within 10s".to_owned())));
    }

    #[test]
    fn what_nobody_expects_is_bounded() {
        let mut play = play("repeat 3\nexpect any\nend");
        for _ in 0..5 {
            play.received(&vec![0; WAITING / 2 - EACH].into());
        }
        assert_eq!(play.todo(0), Todo::Nothing);
        assert_eq!(
            play.outcomes[1],
            Outcome::Failed("more than is kept: 64 MiB came that no step had expected".to_owned())
        );
    }
}
