//! A load run under way: sends what its plan says in slices between the browser's own work, and keeps the book.

use futures_util::{
    StreamExt as _,
    future::{AbortHandle, abortable},
};
use wirescope::{
    socket::{Message, Payload, Socket},
    spawn,
};

use super::{
    Panel,
    book::{Book, Form},
    outcome::Outcome,
    plan::{Pace, Plan},
};
use crate::{
    app::{self, App},
    model::{Id, Setup},
    session::Held,
    shell::without_secrets,
};

/// How long it sends at a time, in microseconds: the browser has frames to draw.
const SLICE: u64 = 8_000;
/// How long its own connections may take to open.
const OPENING: u64 = 10_000_000;
/// How many unanswered messages are named, as ranges.
const NAMED: usize = 12;

pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) book: Book,
    form: Form,
    /// How long it waits for answers when nothing comes any more, in microseconds.
    grace: u32,
    url: String,
    /// Microseconds of the page's clock.
    began: u64,
    pipes: Vec<Pipe>,
    /// How many of its own connections are yet to open.
    opening: usize,
    turn: usize,
    stopping: bool,
    /// When something last went out or came back, since it began.
    active: u32,
    last_sent: u32,
    last_answer: u32,
    /// Unanswered messages that no longer count as in flight.
    written_off: u32,
    /// Since when there is no room, and how long there was none.
    held: Option<u32>,
    held_for: u64,
    pub(crate) buffered: u64,
    endings: u32,
    /// No connection was left to send on.
    cut_short: bool,
}

/// A connection that it sends on.
enum Pipe {
    Selected(Id),
    Own { socket: Option<Socket>, reading: AbortHandle },
    Over,
}

/// When it wants to be called again.
pub(crate) enum Next {
    /// As soon as the browser has had its turn.
    Soon,
    /// In so many milliseconds.
    In(i32),
    Done,
}

impl Run {
    /// Begins a run on this connection, or on connections of its own that are set up alike.
    pub(crate) fn begin(plan: Plan, grace: u32, tag: u32, now: u64, id: Id, setup: &Setup) -> Self {
        let own = plan.connections;
        let pipes = match own {
            0 => vec![Pipe::Selected(id)],
            own => (0..own).map(|place| Pipe::own(place, tag, setup)).collect(),
        };
        Self {
            form: Form::new(tag, plan.size),
            book: Book::new(pipes.len()),
            plan,
            grace,
            url: without_secrets(&setup.url),
            began: now,
            pipes,
            opening: own,
            turn: 0,
            stopping: false,
            active: 0,
            last_sent: 0,
            last_answer: 0,
            written_off: 0,
            held: None,
            held_for: 0,
            buffered: 0,
            endings: 0,
            cut_short: false,
        }
    }

    /// Whether its messages go over this connection of the page's.
    pub(crate) fn is_on(&self, id: Id) -> bool {
        self.id() == Some(id)
    }

    /// The connection of the page's that it is on.
    pub(crate) fn id(&self) -> Option<Id> {
        match self.pipes[..] {
            [Pipe::Selected(id)] => Some(id),
            _ => None,
        }
    }

    pub(crate) fn stop(&mut self) {
        self.stopping = true;
    }

    /// Since when it runs, in microseconds; `None` while its connections open.
    pub(crate) fn at(&self, now: u64) -> Option<u32> {
        (self.opening == 0).then(|| u32::try_from(now.saturating_sub(self.began)).unwrap_or(u32::MAX))
    }

    /// One of its own connections opened, or will not.
    pub(crate) fn opened(&mut self, place: usize, opened: Option<Socket>, now: u64) {
        let Some(pipe) = self.pipes.get_mut(place) else { return };
        match opened {
            Some(opened) => {
                if let Pipe::Own { socket, .. } = pipe {
                    *socket = Some(opened);
                }
            }
            None => {
                *pipe = Pipe::Over;
                self.endings += 1;
            }
        }
        if self.opening > 0 {
            self.opening -= 1;
            self.began = now;
        }
    }

    /// A connection ended.
    pub(crate) fn ended(&mut self, place: usize) {
        if let Some(Pipe::Own { socket, .. }) = self.pipes.get_mut(place) {
            *socket = None;
            self.pipes[place] = Pipe::Over;
        }
        self.endings += 1;
    }

    /// Takes a message that arrived if it is an answer to this run.
    pub(crate) fn answer(&mut self, place: usize, message: &Message, now: u64) -> bool {
        let bytes = match message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        };
        let Some((number, is_whole)) = self.form.read(bytes) else { return false };
        let at = self.at(now).unwrap_or(0);
        let is_right = is_whole && matches!(message, Message::Binary(_)) == self.plan.is_binary;
        self.book.answer(place, number, is_right, at);
        (self.active, self.last_answer) = (at, at);
        true
    }

    /// Sends what is due, for a slice of time.
    pub(crate) fn step(&mut self, app: &App) -> Next {
        let started = app.now().mono;
        if self.opening > 0 && !self.stopping {
            if started.saturating_sub(self.began) < OPENING {
                return Next::In(20);
            }
            // Those that did not open in time never will.
            for pipe in &mut self.pipes {
                if matches!(pipe, Pipe::Own { socket: None, .. }) {
                    *pipe = Pipe::Over;
                    self.endings += 1;
                }
            }
            (self.opening, self.began) = (0, started);
        }
        let mut now = started;
        let waits = loop {
            let at = self.at(now).unwrap_or(0);
            let sent = self.book.next();
            let in_flight = self.book.unanswered().saturating_sub(self.written_off);
            if self.stopping || sent >= self.plan.target(at, sent, in_flight) {
                break None;
            }
            if now.saturating_sub(started) > SLICE {
                return Next::Soon;
            }
            match self.send(app, sent) {
                Ok(()) => {
                    (self.active, self.last_sent) = (at, at);
                    self.let_go(at);
                    self.book.sent(self.plan.due(sent, at), at);
                }
                Err(held) => break Some(held),
            }
            now = app.now().mono;
        };
        let at = self.at(now).unwrap_or(0);
        let is_silent = at.saturating_sub(self.active) >= self.grace;
        if self.stopping {
            return Next::Done;
        }
        if matches!(waits, Some(Held::Ended)) {
            self.cut_short = true;
            // That the page's own connection is over is told later.
            self.endings = self.endings.max(1);
            return Next::Done;
        }
        if self.plan.is_sent(at, self.book.next()) {
            return if self.book.unanswered() == 0 || is_silent { Next::Done } else { Next::In(20) };
        }
        match (waits, self.plan.pace) {
            (Some(_), _) if at >= self.plan.lasts && is_silent => Next::Done,
            (Some(Held::Full), _) => {
                self.held.get_or_insert(at);
                Next::In(2)
            }
            (Some(_), _) => Next::In(20),
            (None, Pace::Rate(_)) => {
                let left = self.plan.due(self.book.next(), at).saturating_sub(at) / 1000;
                // A timeout may be late by some milliseconds.
                if left > 6 { Next::In(i32::try_from(left - 4).unwrap_or(50).min(50)) } else { Next::Soon }
            }
            (None, Pace::InFlight(_)) => {
                if is_silent {
                    // Lost, so others go in their place.
                    self.written_off = self.book.unanswered();
                    self.active = at;
                    return Next::Soon;
                }
                Next::In(20)
            }
        }
    }

    /// Hands the next message to the first connection in turn that takes it.
    fn send(&mut self, app: &App, number: u32) -> Result<(), Held> {
        let bytes = self.form.numbered(number);
        let payload = match std::str::from_utf8(bytes) {
            Ok(text) if !self.plan.is_binary => Payload::Text(text),
            _ => Payload::Binary(bytes),
        };
        let mut why = Held::Ended;
        for _ in 0..self.pipes.len() {
            self.turn = (self.turn + 1) % self.pipes.len();
            let tried = match &self.pipes[self.turn] {
                Pipe::Selected(id) => {
                    let tried =
                        app.session(*id, |session| session.try_send(payload)).unwrap_or(Err(Held::Ended));
                    if tried.is_ok() {
                        Panel::passed(app, *id, Some(payload.len()), None);
                    }
                    tried
                }
                Pipe::Own { socket: Some(socket), .. } => match socket.try_send(payload) {
                    Ok(_) => Ok(()),
                    Err(wirescope::socket::Error::Full { .. }) => Err(Held::Full),
                    Err(_) => Err(Held::Ended),
                },
                Pipe::Own { .. } | Pipe::Over => Err(Held::Ended),
            };
            match tried {
                Ok(()) => return Ok(()),
                Err(Held::Ended) => {}
                Err(held) => why = held,
            }
        }
        Err(why)
    }

    /// Looks how much waits with the browser.
    pub(crate) fn look(&mut self, app: &App) {
        let buffered = self.pipes.iter().map(|pipe| match pipe {
            Pipe::Selected(id) => app.session(*id, |session| session.backlog().0).unwrap_or(0),
            Pipe::Own { socket: Some(socket), .. } => u64::from(socket.buffered_amount()),
            _ => 0,
        });
        self.buffered = self.buffered.max(buffered.sum());
    }

    /// There is room again.
    fn let_go(&mut self, at: u32) {
        if let Some(since) = self.held.take() {
            self.held_for += u64::from(at.saturating_sub(since));
        }
    }

    /// What came of it.
    pub(crate) fn outcome(mut self, number: usize, now: u64) -> Outcome {
        let at = self.at(now).unwrap_or(0);
        self.let_go(at);
        let sent = self.book.next();
        let in_flight = self.book.unanswered();
        let due = match self.plan.pace {
            Pace::Rate(_) if !self.stopping => self.plan.target(at, sent, in_flight).saturating_sub(sent),
            _ => 0,
        };
        Outcome {
            number,
            url: std::mem::take(&mut self.url),
            sent,
            answered: self.book.answered,
            unanswered: in_flight,
            missing: self.book.missing(NAMED),
            unsent: due,
            duplicated: self.book.duplicated,
            reordered: self.book.reordered,
            changed: self.book.changed,
            endings: self.endings,
            took: at,
            sending: self.last_sent,
            answering: self.last_answer,
            buffered: self.buffered,
            held_for: self.held_for,
            was_stopped: self.stopping,
            cut_short: self.cut_short,
            from_due: std::mem::take(&mut self.book.from_due),
            from_sent: std::mem::take(&mut self.book.from_sent),
            plan: self.plan.clone(),
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        for pipe in &self.pipes {
            if let Pipe::Own { reading, .. } = pipe {
                reading.abort();
            }
        }
    }
}

impl Pipe {
    /// A connection of the run's own; what it does is told to the run with this tag.
    fn own(place: usize, tag: u32, setup: &Setup) -> Self {
        let attempt = Socket::connect(&setup.url).subprotocols(&setup.offers);
        let (task, reading) = abortable(async move {
            let Ok(mut socket) = attempt.await else {
                return tell(tag, move |run, now| run.opened(place, None, now));
            };
            let opened = socket.clone();
            tell(tag, move |run, now| run.opened(place, Some(opened), now));
            while let Some(Ok(message)) = socket.next().await {
                tell(tag, |run, now| {
                    run.answer(place, &message, now);
                });
            }
            tell(tag, move |run, _| run.ended(place));
        });
        spawn(async move {
            let _ = task.await;
        });
        Self::Own { socket: None, reading }
    }
}

fn tell(tag: u32, what: impl FnOnce(&mut Run, u64)) {
    app::with(|app| app.measure.told(app, tag, what));
}
