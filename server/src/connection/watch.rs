//! What a connection keeps an eye on while it waits for its peer.

use std::{
    pin::Pin,
    task::{Context as Task, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::unconstrained,
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::sync::WaitForCancellationFutureOwned;

use tracing::debug;
use wirescope_protocol::CloseCode;

use super::{Connection, Step};
use crate::{ending::Ending, metrics::Hit, shutdown::Shutdown};

/// One in so many answers of an echo is timed, since looking at the clock takes a while itself.
const TIMED: u32 = 16;

/// The shutdown, and one timer, which is looked at when it fires and not set anew for each message.
#[derive(Debug)]
pub(super) struct Watch {
    timer: Pin<Box<Sleep>>,
    shutdown: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Whom both wake. As long as that is the same task neither need be polled again.
    wakes: Option<Waker>,
    /// When the peer was last heard of, as of the last wait.
    heard: Instant,
    /// Whether anything came since the last wait began.
    pub(super) is_fresh: bool,
    is_waiting: bool,
    /// When the ping was sent that nothing has answered yet.
    pinged: Option<Instant>,
    /// Whether an answer to it was looked for once more when it was due.
    looked_again: bool,
    /// When the connection has lived as long as it may.
    end: Option<Instant>,
    /// When what is being answered came, while that is timed.
    arrived: Option<Instant>,
    /// How often it has waited, where answers are timed.
    waits: Option<u32>,
}

/// What is there to see.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Shutdown,
    Timer,
}

impl Watch {
    pub(super) fn new(
        shutdown: &Shutdown,
        now: Instant,
        idle: Duration,
        end: Option<Instant>,
        is_timed: bool,
    ) -> Self {
        let first = now + idle;
        Self {
            timer: Box::pin(sleep_until(end.map_or(first, |end| end.min(first)))),
            shutdown: Box::pin(shutdown.begun_owned()),
            wakes: None,
            heard: now,
            is_fresh: false,
            is_waiting: false,
            pinged: None,
            looked_again: false,
            end,
            arrived: None,
            waits: is_timed.then_some(0),
        }
    }

    /// Ready when there is something to see.
    fn poll(&mut self, shutdown: &Shutdown, task: &mut Task<'_>) -> Poll<Seen> {
        self.is_waiting = true;
        if shutdown.has_begun() {
            return Poll::Ready(Seen::Shutdown);
        }
        let is_awaited = self.wakes.as_ref().is_some_and(|waker| waker.will_wake(task.waker()));
        if is_awaited && !self.timer.is_elapsed() {
            return Poll::Pending;
        }
        // Not by Tokio's budget, which could put it off without having noted whom to wake.
        if Pin::new(&mut unconstrained(self.shutdown.as_mut())).poll(task).is_ready() {
            return Poll::Ready(Seen::Shutdown);
        }
        if Pin::new(&mut unconstrained(self.timer.as_mut())).poll(task).is_ready() {
            return Poll::Ready(Seen::Timer);
        }
        self.wakes = Some(task.waker().clone());
        Poll::Pending
    }

    /// Waits for the shutdown alone.
    pub(super) fn poll_shutdown(&mut self, shutdown: &Shutdown, task: &mut Task<'_>) -> Poll<()> {
        match self.poll(shutdown, task) {
            Poll::Ready(Seen::Shutdown) => Poll::Ready(()),
            // A timer that has fired stays so.
            Poll::Ready(Seen::Timer) | Poll::Pending => Poll::Pending,
        }
    }

    fn set_timer(&mut self, next: Instant) {
        self.timer.as_mut().reset(self.end.map_or(next, |end| end.min(next)));
        self.wakes = None;
    }

    /// Something came. Where that ended a wait, it notes the time if the answer is timed.
    pub(super) fn came(&mut self) {
        self.is_fresh = true;
        if std::mem::take(&mut self.is_waiting)
            && let Some(waits) = &mut self.waits
        {
            if waits.is_multiple_of(TIMED) {
                self.arrived = Some(Instant::now());
            }
            *waits = (*waits + 1) % TIMED;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Waits for the peer, and sees to it that the peer is there.
    pub(super) fn poll_watch(&mut self, task: &mut Task<'_>) -> Poll<Result<Step, Ending>> {
        if std::mem::take(&mut self.watch.is_fresh) {
            self.watch.heard = Instant::now();
            self.watch.looked_again = false;
            if self.watch.pinged.take().is_some() {
                self.watch.set_timer(self.watch.heard + self.idle);
            }
            if let Some(arrived) = self.watch.arrived.take() {
                self.context.metrics.echo.observe(self.watch.heard - arrived);
            }
        }
        match ready!(self.watch.poll(&self.context.shutdown, task)) {
            Seen::Shutdown => Poll::Ready(Err(Ending::GoingAway)),
            Seen::Timer => Poll::Ready(self.look()),
        }
    }

    /// Does what is due when the timer fires, and sets it anew.
    fn look(&mut self) -> Result<Step, Ending> {
        let pong = self.context.config.timeouts.pong;
        let now = Instant::now();
        if self.watch.end.is_some_and(|end| end <= now) {
            self.context.metrics.hit(Hit::Lifetime);
            let reason = "the connection has lived as long as one may here".to_owned();
            return Err(Ending::Done { code: CloseCode::GOING_AWAY, reason });
        }
        match self.watch.pinged {
            Some(pinged) if pinged + pong <= now => {
                // What comes may be there already and only not have been looked for, where the machine is busy.
                if !std::mem::replace(&mut self.watch.looked_again, true) {
                    return Ok(Step::Yield);
                }
                self.context.metrics.hit(Hit::Pong);
                let reason = format!("no answer to a ping within {pong:?}");
                return Err(Ending::Failed { code: CloseCode::INTERNAL_ERROR, reason });
            }
            Some(pinged) => self.watch.set_timer(pinged + pong),
            None if self.watch.heard + self.idle <= now => {
                self.watch.pinged = Some(now);
                self.watch.set_timer(now + pong);
                self.socket.ping();
                self.is_unwritten = true;
                debug!(peer = %self.peer, "pinged");
            }
            None => self.watch.set_timer(self.watch.heard + self.idle),
        }
        Ok(Step::Again)
    }
}
