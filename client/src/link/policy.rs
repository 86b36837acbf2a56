//! When to connect: a state machine without a clock, timers or randomness of its own.
//!
//! It is told what happened and when, and answers with at most one action. Its only timer is [`Machine::wake_at`]: at that
//! time, or any time after it, it wants a [`Input::Tick`]. So it is the same whether a timer was on time, throttled, or slept
//! through, and it is tested natively.

use std::{fmt, rc::Rc, time::Duration};

use crate::socket::{CloseEvent, Error};

/// Milliseconds of the wall clock, since 1970. It must be the wall clock and not the page's own: only the wall clock goes
/// on while a computer sleeps.
pub(crate) type Millis = u64;

/// What stands for all longer times, so that a few of them can be added to any time of the clock.
const LONGEST: Duration = Duration::from_millis(u64::MAX / 4);

/// The longest spread that a peer's `retry_after_ms` can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// When a [`Link`](super::Link) tries again, and when it stops trying.
///
/// The wait before a try is random between nothing and a window (full jitter), so that clients that lost the same server do
/// not come back together. The window is `base` after the first failure and doubles with each, up to `cap`.
#[derive(Clone)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The window after one failure; 500 ms by default.
    pub base: Duration,
    /// The widest window; 20 s by default.
    pub cap: Duration,
    /// How long a connection must have been open for its loss to count as the first failure again; 5 s by default. A
    /// server that accepts and then drops at once is thus backed off from.
    pub min_uptime: Duration,
    /// How many tries in a row may fail before the link ends; no limit by default.
    pub max_tries: Option<u32>,
    /// How long a try may take; 20 s by default, and less is not sensible: a browser that throttles after many failed
    /// connections takes several seconds for a good one.
    pub connect_timeout: Duration,
    /// Whether a page that is hidden waits until it is seen before it tries again; off by default. The
    /// first try does not wait for it.
    pub wait_while_hidden: bool,
    /// Which close events end the link instead of leading to another try; see [`is_terminal`] for the default. If it holds
    /// the link itself, the link is never freed.
    pub terminal: Rc<dyn Fn(&CloseEvent) -> bool>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(500),
            cap: Duration::from_secs(20),
            min_uptime: Duration::from_secs(5),
            max_tries: None,
            connect_timeout: Duration::from_secs(20),
            wait_while_hidden: false,
            terminal: Rc::new(is_terminal),
        }
    }
}

impl RetryPolicy {
    /// This policy with this window after one failure.
    #[must_use]
    pub fn base(self, base: Duration) -> Self {
        Self { base, ..self }
    }

    /// This policy with this widest window.
    #[must_use]
    pub fn cap(self, cap: Duration) -> Self {
        Self { cap, ..self }
    }

    /// This policy with this least time for which a connection must have been open.
    #[must_use]
    pub fn min_uptime(self, min_uptime: Duration) -> Self {
        Self { min_uptime, ..self }
    }

    /// This policy with at most this many failed tries in a row.
    #[must_use]
    pub fn max_tries(self, max_tries: u32) -> Self {
        Self { max_tries: Some(max_tries), ..self }
    }

    /// This policy with this longest time for a try.
    #[must_use]
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// This policy, with a hidden page waiting until it is seen or not.
    #[must_use]
    pub fn wait_while_hidden(self, wait_while_hidden: bool) -> Self {
        Self { wait_while_hidden, ..self }
    }

    /// This policy with these terminal close events.
    #[must_use]
    pub fn terminal(self, terminal: impl Fn(&CloseEvent) -> bool + 'static) -> Self {
        Self { terminal: Rc::new(terminal), ..self }
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("base", &self.base)
            .field("cap", &self.cap)
            .field("min_uptime", &self.min_uptime)
            .field("max_tries", &self.max_tries)
            .field("connect_timeout", &self.connect_timeout)
            .field("wait_while_hidden", &self.wait_while_hidden)
            .finish_non_exhaustive()
    }
}

/// Whether trying again after this close event would only repeat it: 1000, 1002, 1003, 1007 to 1010, and 4400 to 4499,
/// which applications use as HTTP uses 400 to 499.
pub fn is_terminal(close: &CloseEvent) -> bool {
    matches!(close.code.number(), 1000 | 1002 | 1003 | 1007..=1010 | 4400..=4499)
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// The link begins.
    Start,
    /// The socket of this generation opened.
    Opened { generation: u64 },
    /// The socket of this generation ended, or never opened. `terminal` is what [`RetryPolicy::terminal`] says of it, asked
    /// beforehand since that is the user's code; `retry_after` is what the peer asked for in its reason.
    Closed { generation: u64, close: &'a CloseEvent, terminal: bool, retry_after: Option<Duration> },
    /// A try of this generation could not even begin, such as for want of a token.
    Failed { generation: u64 },
    /// The browser refused to begin this try, and would refuse it again.
    Refused { generation: u64, error: &'a Error },
    /// The socket of this generation is of no more use, although it did not end.
    Dead { generation: u64 },
    /// Time has passed.
    Tick,
    /// The browser has a network again.
    Online,
    /// The browser has no network.
    Offline,
    /// The page can be seen.
    Shown,
    /// The page cannot be seen.
    Hidden,
    /// The page is being left, perhaps for the back/forward cache.
    PageLeft,
    /// The page is back from the back/forward cache.
    PageBack,
    /// The user wants a try now.
    RetryNow,
    /// The user closes the link.
    Close,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Nothing,
    /// Open a socket and report on it with this generation.
    Connect {
        generation: u64,
    },
    /// Drop the socket there is, if it is still there, and listen to it no more.
    Drop,
}

/// Where a link stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// A try is under way.
    Connecting {
        /// The how manyth try since the last connection that lasted, from 1.
        attempt: u32,
    },
    /// Connected.
    Open,
    /// Waiting for the next try.
    Waiting {
        /// When it begins, in milliseconds since 1970.
        until: u64,
    },
    /// Waiting for the browser to have a network.
    Offline,
    /// Waiting for the page to be seen.
    Hidden,
    /// Waiting for the page to be back from the back/forward cache.
    Suspended,
    /// Over.
    Ended(EndReason),
}

/// Why a link is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The user closed it.
    Closed,
    /// The connection ended in a way that trying again would only repeat. [`retry_now`](super::Link::retry_now) tries
    /// all the same.
    Terminal(CloseEvent),
    /// The browser refuses the URL, such as one that the page's Content-Security-Policy forbids, or the endpoint that was
    /// provided is not valid.
    Refused(Error),
    /// As many tries as are allowed failed in a row. [`retry_now`](super::Link::retry_now) begins anew.
    GaveUp {
        /// How many.
        tries: u32,
    },
}

#[derive(Debug)]
pub(crate) struct Machine {
    policy: RetryPolicy,
    phase: Phase,
    generation: u64,
    /// Failures since the last connection that lasted.
    failures: u32,
    /// When the current phase began, which for an open connection tells whether it lasted.
    since: Millis,
    /// The last time that was told; the wall clock may be set back.
    last: Millis,
    online: bool,
    visible: bool,
}

impl Machine {
    /// A link that has not begun. `online` and `visible` are how the browser and the page are now.
    pub(crate) fn new(policy: RetryPolicy, now: Millis, online: bool, visible: bool) -> Self {
        Self {
            policy,
            phase: Phase::Waiting { until: now },
            generation: 0,
            failures: 0,
            since: now,
            last: now,
            online,
            visible,
        }
    }

    /// Where the link stands.
    pub(crate) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The generation of the newest socket; events of any other are of sockets that were given up.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// When the next [`Input::Tick`] is wanted, if at all.
    pub(crate) fn wake_at(&self) -> Option<Millis> {
        match self.phase {
            Phase::Waiting { until } => Some(until),
            Phase::Connecting { .. } => Some(self.since + millis(self.policy.connect_timeout)),
            _ => None,
        }
    }

    /// Takes what happened at this time, and says what to do. `random` gives numbers from 0 up to 1.
    pub(crate) fn step(&mut self, now: Millis, input: Input<'_>, random: impl FnOnce() -> f64) -> Action {
        self.follow_clock(now);
        match input {
            Input::Start => self.try_now(now),
            Input::Opened { generation } if self.is_current(generation) => {
                if let Phase::Connecting { .. } = self.phase {
                    self.enter(now, Phase::Open);
                }
                Action::Nothing
            }
            Input::Closed { generation, close, terminal, retry_after } if self.is_current(generation) => {
                if !self.has_socket() {
                    Action::Nothing
                } else if terminal {
                    self.end(now, EndReason::Terminal(close.clone()))
                } else {
                    self.failed(now, retry_after, random)
                }
            }
            Input::Refused { generation, error } if self.is_current(generation) && self.has_socket() => {
                self.end(now, EndReason::Refused(error.clone()))
            }
            Input::Failed { generation } if self.is_current(generation) && self.has_socket() => {
                self.failed(now, None, random)
            }
            Input::Dead { generation } if self.is_current(generation) && self.phase == Phase::Open => {
                self.failed(now, None, random)
            }
            // Of a socket that was given up.
            Input::Opened { .. }
            | Input::Closed { .. }
            | Input::Failed { .. }
            | Input::Refused { .. }
            | Input::Dead { .. } => Action::Nothing,
            Input::Tick => self.tick(now, random),
            Input::Online => {
                self.online = true;
                match self.phase {
                    Phase::Offline | Phase::Waiting { .. } => self.try_now(now),
                    _ => Action::Nothing,
                }
            }
            Input::Offline => {
                self.online = false;
                match self.phase {
                    Phase::Waiting { .. } => self.enter(now, Phase::Offline),
                    Phase::Connecting { .. } => {
                        self.enter(now, Phase::Offline);
                        return Action::Drop;
                    }
                    // An open connection may outlive the browser's opinion, such as one to this very machine.
                    _ => {}
                }
                Action::Nothing
            }
            Input::Shown => {
                self.visible = true;
                if self.phase == Phase::Hidden { self.try_now(now) } else { Action::Nothing }
            }
            Input::Hidden => {
                self.visible = false;
                Action::Nothing
            }
            Input::PageLeft => {
                let action = if self.has_socket() { Action::Drop } else { Action::Nothing };
                if !matches!(self.phase, Phase::Ended(_)) {
                    self.enter(now, Phase::Suspended);
                }
                action
            }
            Input::PageBack => {
                if self.phase == Phase::Suspended {
                    self.try_now(now)
                } else {
                    Action::Nothing
                }
            }
            Input::RetryNow => match self.phase {
                Phase::Connecting { .. } | Phase::Open | Phase::Ended(EndReason::Closed) => Action::Nothing,
                _ => {
                    self.failures = 0;
                    self.connect(now)
                }
            },
            Input::Close => self.end(now, EndReason::Closed),
        }
    }

    fn tick(&mut self, now: Millis, random: impl FnOnce() -> f64) -> Action {
        if self.wake_at().is_none_or(|at| now < at) {
            return Action::Nothing;
        }
        match self.phase {
            Phase::Connecting { .. } => self.failed(now, None, random),
            _ => self.try_now(now),
        }
    }

    /// Connects unless something forbids it, and then waits for that.
    fn try_now(&mut self, now: Millis) -> Action {
        if !self.online {
            self.enter(now, Phase::Offline);
            Action::Nothing
        } else if !self.visible && self.policy.wait_while_hidden && self.generation > 0 {
            self.enter(now, Phase::Hidden);
            Action::Nothing
        } else {
            self.connect(now)
        }
    }

    fn connect(&mut self, now: Millis) -> Action {
        self.generation += 1;
        self.enter(now, Phase::Connecting { attempt: self.failures + 1 });
        Action::Connect { generation: self.generation }
    }

    /// A try failed or a connection was lost: waits for the next try, or gives up.
    fn failed(&mut self, now: Millis, retry_after: Option<Duration>, random: impl FnOnce() -> f64) -> Action {
        // The loss of a connection that lasted is no failed try; the next one may be the first.
        self.failures = if self.has_lasted(now) { 0 } else { self.failures.saturating_add(1) };
        if self.policy.max_tries.is_some_and(|most| self.failures >= most.max(1)) {
            return self.end(now, EndReason::GaveUp { tries: self.failures });
        }
        if !self.online {
            self.enter(now, Phase::Offline);
            return Action::Drop;
        }
        let window = self.window().max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER));
        let wait = window.mul_f64(random().clamp(0.0, 1.0));
        self.enter(now, Phase::Waiting { until: now + millis(wait) });
        Action::Drop
    }

    /// The widest wait after this many failures.
    fn window(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.failures.saturating_sub(1));
        self.policy.base.saturating_mul(doubled).min(self.policy.cap).min(LONGEST)
    }

    fn end(&mut self, now: Millis, reason: EndReason) -> Action {
        let action = if self.has_socket() { Action::Drop } else { Action::Nothing };
        self.enter(now, Phase::Ended(reason));
        action
    }

    fn enter(&mut self, now: Millis, phase: Phase) {
        if self.has_lasted(now) {
            self.failures = 0;
        }
        self.since = now;
        self.phase = phase;
    }

    /// Whether there is a connection that was open long enough for what failed before it to be forgotten.
    fn has_lasted(&self, now: Millis) -> bool {
        self.phase == Phase::Open && now - self.since >= millis(self.policy.min_uptime)
    }

    fn is_current(&self, generation: u64) -> bool {
        generation == self.generation
    }

    fn has_socket(&self) -> bool {
        matches!(self.phase, Phase::Connecting { .. } | Phase::Open)
    }

    /// Where the clock was set back, what was waited for moves with it.
    fn follow_clock(&mut self, now: Millis) {
        let back = self.last.saturating_sub(now);
        self.since = self.since.saturating_sub(back);
        if let Phase::Waiting { until } = &mut self.phase {
            *until = until.saturating_sub(back);
        }
        self.last = now;
    }
}

/// A duration in milliseconds, at most [`LONGEST`].
pub(super) fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.min(LONGEST).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
