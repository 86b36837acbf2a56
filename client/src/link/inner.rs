//! The mechanism beneath a link: sockets, timers and browser events on one side, the policy on the other.

mod connecting;
mod sending;

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use js_sys::{JSON, Math, Reflect};
use wasm_bindgen::JsValue;
use wirescope_protocol::CloseCode;

use super::{
    Dropped, EndReason, Options, Phase, Provided, Stats,
    connection::Connection,
    heartbeat::Beat,
    policy::{Action, Input, Machine, Millis},
    queue::Queue,
    receipt::Slot,
    stats::RoundTrips,
    surroundings::{self, Change, Surroundings},
};
use crate::{
    socket::{
        CloseEvent, Event, Initiator, Message,
        inbound::Inbound,
        wakers::{Place, Wakers, Watch},
    },
    timer::{self, Timer},
};

/// How often it is looked whether a connection has room again for what waits, in milliseconds.
const ROOM: Millis = 8;

/// How long a close waits for the peer's Close frame, in milliseconds.
const CLOSE_TIMEOUT: u32 = 5_000;

/// How many endings are kept.
const ENDINGS: usize = 16;

/// The code that a full inbound queue closes a connection with.
const OVERFLOW_CODE: CloseCode = CloseCode::new(4009);

pub(super) struct Inner {
    options: Options,
    machine: RefCell<Machine>,
    connection: RefCell<Option<Rc<Connection>>>,
    /// The connection that the user closed, until its close event.
    closing: RefCell<Option<Rc<Connection>>>,
    close_timer: OnceCell<Timer>,
    /// How the latest connections ended, the last one last.
    endings: RefCell<VecDeque<CloseEvent>>,
    /// What the user's provider is still to answer. It is here and not in the task that polls it, so that it goes with the
    /// try that asked.
    provided: RefCell<Option<Provided>>,
    queue: RefCell<Queue<Rc<Slot>>>,
    inbound: RefCell<Inbound>,
    readers: Wakers,
    watchers: Wakers,
    /// Counts the changes of the phase.
    version: Cell<u64>,
    stats: Cell<Stats>,
    round_trips: RefCell<RoundTrips>,
    timer: OnceCell<Timer>,
    timer_at: Cell<Millis>,
    surroundings: OnceCell<Surroundings>,
    myself: Weak<Self>,
}

impl Inner {
    pub(super) fn start(options: Options) -> Rc<Self> {
        let inner = Rc::new_cyclic(|myself: &Weak<Self>| {
            let (online, visible) = (surroundings::is_online(), surroundings::is_visible());
            Self {
                machine: RefCell::new(Machine::new(options.retry.clone(), timer::now(), online, visible)),
                connection: RefCell::new(None),
                closing: RefCell::new(None),
                close_timer: OnceCell::new(),
                endings: RefCell::default(),
                provided: RefCell::new(None),
                queue: RefCell::new(Queue::new(options.queue)),
                inbound: RefCell::new(Inbound::new(options.inbound)),
                readers: Wakers::default(),
                watchers: Wakers::default(),
                version: Cell::new(1),
                stats: Cell::default(),
                round_trips: RefCell::default(),
                timer: OnceCell::new(),
                timer_at: Cell::new(0),
                surroundings: OnceCell::new(),
                myself: Weak::clone(myself),
                options,
            }
        });
        let with = |handle: fn(&Self)| {
            let weak = Weak::clone(&inner.myself);
            move || {
                if let Some(inner) = weak.upgrade() {
                    handle(&inner);
                }
            }
        };
        // Both cells are empty until here.
        let _ = inner.timer.set(Timer::new(with(Self::look)));
        let weak = Weak::clone(&inner.myself);
        let _ = inner.surroundings.set(Surroundings::listen(move |change| {
            if let Some(inner) = weak.upgrade() {
                inner.step(match change {
                    Change::Online => Input::Online,
                    Change::Offline => Input::Offline,
                    Change::Shown => Input::Shown,
                    Change::Hidden => Input::Hidden,
                    Change::PageLeft => Input::PageLeft,
                    Change::PageBack => Input::PageBack,
                });
            }
        }));
        inner.step(Input::Start);
        inner
    }

    pub(super) fn retry_now(&self) {
        self.step(Input::RetryNow);
    }

    pub(super) fn close(&self, code: CloseCode, reason: &str) -> Result<(), crate::socket::Error> {
        let connection = self.connection.borrow().clone();
        // The user's code may close the link while it is told how the connection ended.
        if let Some(connection) = connection.filter(|one| !one.transport.outbound().has_ended()) {
            connection.transport.close(code, reason)?;
            *self.closing.borrow_mut() = Some(connection);
            let deadline = self.close_timer.get_or_init(|| {
                let weak = Weak::clone(&self.myself);
                Timer::new(move || {
                    if let Some(inner) = weak.upgrade() {
                        inner.abandon();
                    }
                })
            });
            deadline.set(CLOSE_TIMEOUT);
        }
        self.step(Input::Close);
        Ok(())
    }

    /// Cuts short a close that the peer does not answer.
    fn abandon(&self) {
        let closing = self.closing.borrow().clone();
        if let Some(connection) = closing {
            self.finish(&connection, connection.transport.abandoned(Initiator::Us));
        }
    }

    /// How the last connection ended, once the link has and its close was answered.
    pub(super) fn poll_closed(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
    ) -> Poll<(EndReason, Option<CloseEvent>)> {
        if let Phase::Ended(reason) = self.machine.borrow().phase()
            && self.closing.borrow().is_none()
        {
            return Poll::Ready((reason.clone(), self.endings.borrow().back().cloned()));
        }
        self.watchers.wait(place, 0, cx);
        Poll::Pending
    }

    /// The phase, once it has changed since this version of it.
    pub(super) fn poll_phase(&self, seen: &mut u64, place: &mut Place, cx: &Context<'_>) -> Poll<Phase> {
        if *seen == self.version.get() {
            self.watchers.wait(place, 0, cx);
            return Poll::Pending;
        }
        *seen = self.version.get();
        Poll::Ready(self.phase())
    }

    pub(super) fn poll_message(&self, place: &mut Place, cx: &Context<'_>) -> Poll<Option<Message>> {
        let popped = self.inbound.borrow_mut().pop();
        if let Some(message) = popped {
            if let Some(connection) = &*self.connection.borrow() {
                self.pace(connection);
            }
            return Poll::Ready(Some(message));
        }
        if matches!(self.machine.borrow().phase(), Phase::Ended(_)) {
            return Poll::Ready(None);
        }
        self.readers.wait(place, 0, cx);
        Poll::Pending
    }

    pub(super) fn stop_reading(&self, place: &mut Place) {
        self.readers.leave(place);
    }

    pub(super) fn endings(&self) -> Vec<CloseEvent> {
        self.endings.borrow().iter().cloned().collect()
    }

    pub(super) fn phase(&self) -> Phase {
        self.machine.borrow().phase().clone()
    }

    pub(super) fn subprotocol(&self) -> String {
        self.connection.borrow().as_ref().map(|one| one.transport.subprotocol()).unwrap_or_default()
    }

    pub(super) fn stats(&self) -> Stats {
        let connection = self.connection.borrow().clone();
        if let Some(connection) = &connection {
            self.observe(connection);
        }
        let buffered = connection.map_or(0, |connection| connection.transport.outbound().buffered());
        let round_trips = self.round_trips.borrow();
        Stats {
            buffered,
            queued: self.queue.borrow().len() as u64,
            inbound_dropped: self.inbound.borrow().dropped(),
            round_trip_p50: round_trips.percentile(50),
            round_trip_p99: round_trips.percentile(99),
            ..self.stats.get()
        }
    }

    pub(super) fn watch(&self) -> Watch<'_> {
        self.watchers.watch()
    }

    pub(super) fn leave(&self, place: &mut Place) {
        self.watchers.leave(place);
    }

    fn step(&self, input: Input<'_>) {
        let before = self.phase();
        let action = self.machine.borrow_mut().step(timer::now(), input, Math::random);
        let mut given_up = None;
        match action {
            Action::Nothing => {}
            Action::Connect { generation } => self.begin(generation),
            Action::Drop => {
                given_up = self.provided.take();
                let connection = self.connection.borrow_mut().take();
                if let Some(connection) = connection
                    && self.closing.borrow().is_none()
                {
                    let in_vain = matches!(input, Input::Tick | Input::Dead { .. });
                    let initiator = if in_vain { Initiator::Timeout } else { Initiator::Us };
                    self.finish(&connection, connection.transport.abandoned(initiator));
                }
            }
        }
        let after = self.phase();
        if after != before {
            self.version.set(self.version.get() + 1);
            self.watchers.wake_all();
            if matches!(after, Phase::Ended(_)) {
                self.drop_queued();
                self.readers.wake_all();
            }
        }
        self.set_timer();
        // Last, since it is the user's, whose `Drop` may use the link.
        drop(given_up);
    }

    fn handle(&self, generation: u64, event: Event) {
        let of = |slot: &RefCell<Option<Rc<Connection>>>| {
            slot.borrow().as_ref().filter(|connection| connection.generation == generation).cloned()
        };
        if let Some(closing) = of(&self.closing) {
            if let Event::Close(ending) = event {
                self.finish(&closing, ending);
            }
            return;
        }
        // Of a socket that was given up.
        let Some(connection) = of(&self.connection) else { return };
        match event {
            Event::Open => self.opened(&connection),
            Event::Message(message) => self.take_message(&connection, message),
            Event::Error => {}
            Event::Close(ending) => {
                self.finish(&connection, ending.clone());
                // Asked while nothing is borrowed: it is the user's code.
                let terminal = (self.options.retry.terminal)(&ending);
                let retry_after = retry_after(&ending.reason);
                self.step(Input::Closed { generation, close: &ending, terminal, retry_after });
            }
        }
    }

    fn opened(&self, connection: &Connection) {
        if let Some(heartbeat) = &self.options.heartbeat {
            connection.begin_pulse(heartbeat, timer::now());
        }
        self.count(|stats| {
            stats.opened += 1;
            stats.reconnects = stats.opened - 1;
        });
        self.pace(connection);
        self.step(Input::Opened { generation: connection.generation });
        self.flush();
        self.set_timer();
    }

    fn take_message(&self, connection: &Connection, message: Message) {
        // Asked while nothing is borrowed: it is the user's code, and may answer a ping of the peer's own.
        let is_pong = self.options.heartbeat.as_ref().is_some_and(|heartbeat| (heartbeat.is_pong)(&message));
        if let Some(round_trip) = connection.heard(is_pong, timer::now()) {
            self.round_trips.borrow_mut().add(round_trip);
        }
        if is_pong {
            // The next ping may be due before what the timer is set to.
            self.set_timer();
            return;
        }
        if connection.overflowed.get() {
            return;
        }
        self.count(|stats| {
            stats.received += 1;
            stats.bytes_received += message.len() as u64;
        });
        let beyond = connection.transport.other().is_some();
        let pushed = self.inbound.borrow_mut().push(message, beyond);
        self.pace(connection);
        if pushed.is_err() {
            connection.overflowed.set(true);
            // The code and the reason are valid by construction. The peer's answer is not waited for: this connection is of
            // no more use, and what it ends with says nothing of the next.
            let _ = connection.transport.close(OVERFLOW_CODE, "inbound queue full");
            self.finish(connection, connection.transport.abandoned(Initiator::Overflow));
            self.step(Input::Dead { generation: connection.generation });
        }
        self.readers.wake_all();
    }

    /// Lets the peer go on as far as there is room for what it sends, over a transport that can.
    fn pace(&self, connection: &Connection) {
        if let Some(stream) = connection.transport.other() {
            stream.set_reading(!self.inbound.borrow().is_beyond());
        }
    }

    /// Does all that is due by now.
    fn look(&self) {
        let now = timer::now();
        loop {
            let expired = self.queue.borrow_mut().pop_expired(now);
            let Some((_, slot)) = expired else { break };
            self.count(|stats| stats.dropped += 1);
            slot.dropped(Dropped::Expired);
        }
        let connection = self.connection.borrow().clone();
        if let Some(connection) = connection {
            // What this side does not read it cannot hold against the peer.
            if connection.transport.other().is_some() && self.inbound.borrow().is_beyond() {
                connection.heard(false, now);
            }
            match connection.beat(now) {
                Beat::Nothing => {}
                Beat::Ping => {
                    if let Some(heartbeat) = &self.options.heartbeat {
                        connection.ping(&(heartbeat.ping)());
                    }
                }
                Beat::Dead => self.step(Input::Dead { generation: connection.generation }),
            }
        }
        let due = self.machine.borrow().wake_at().is_some_and(|at| at <= now);
        if due {
            self.step(Input::Tick);
        }
        self.flush();
        self.set_timer();
    }

    /// Settles what a connection was handed, now that it is over.
    fn finish(&self, connection: &Connection, ending: CloseEvent) {
        if connection.transport.outbound().has_ended() {
            return;
        }
        self.observe(connection);
        let lost = connection.outstanding();
        self.count(|stats| stats.lost += lost);
        let mut endings = self.endings.borrow_mut();
        if endings.len() == ENDINGS {
            endings.pop_front();
        }
        endings.push_back(ending.clone());
        drop(endings);
        // Last, since it wakes who may look at the counts.
        connection.transport.end(ending);
        let was_closing =
            self.closing.borrow_mut().take_if(|closing| closing.generation == connection.generation);
        if was_closing.is_some() {
            if let Some(deadline) = self.close_timer.get() {
                deadline.clear();
            }
            self.watchers.wake_all();
        }
    }

    /// Sets the one timer to whatever is due first.
    fn set_timer(&self) {
        let Some(timer) = self.timer.get() else { return };
        let now = timer::now();
        let connection = self.connection.borrow().clone();
        let beat = connection.and_then(|one| one.beats_at());
        let queue = self.queue.borrow();
        let open = *self.machine.borrow().phase() == Phase::Open;
        let room = (open && !queue.is_empty()).then_some(now + ROOM);
        let due = [self.machine.borrow().wake_at(), beat, queue.expires_at(), room];
        let Some(at) = due.into_iter().flatten().min() else { return timer.clear() };
        // One that comes too early finds nothing due and sets the next, so a send costs no call of the browser.
        if timer.is_set() && self.timer_at.get() <= at {
            return;
        }
        self.timer_at.set(at);
        timer.set(u32::try_from(at.saturating_sub(now)).unwrap_or(u32::MAX));
    }

    fn count(&self, change: impl FnOnce(&mut Stats)) {
        let mut stats = self.stats.get();
        change(&mut stats);
        self.stats.set(stats);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.drop_queued();
        // Streams of phases learn that there will be no more.
        self.watchers.wake_all();
    }
}

/// What a peer asks for in a close reason of `{"retry_after_ms":N}`.
fn retry_after(reason: &str) -> Option<Duration> {
    if !reason.starts_with('{') {
        return None;
    }
    let asked =
        Reflect::get(&JSON::parse(reason).ok()?, &JsValue::from_str("retry_after_ms")).ok()?.as_f64()?;
    Duration::try_from_secs_f64(asked / 1_000.0).ok()
}
