//! The measuring part of the page: the last minute on one time axis, round trips, and load runs.
//!
//! `histogram`, `series`, `chart`, `book`, `plan`, `outcome` are pure. What a message costs here is a few additions; all
//! drawing is from what was counted.

mod book;
mod chart;
mod counts;
mod histogram;
mod load;
mod minute;
mod outcome;
mod plan;
mod run;
mod series;
mod trips;

use std::cell::{Cell, RefCell};

use wirescope::socket::Message;

use self::run::{Next, Run};
pub(crate) use self::{counts::Counts, histogram::Histogram};
use crate::{
    alarm::{Alarm, Turn},
    app::App,
    model::Id,
    session::{Happening, Session},
};

/// How often it is looked what waits, in milliseconds.
const SAMPLE: i32 = 250;
/// How often a run's progress is shown.
const PROGRESS: i32 = 100;

pub(crate) struct Panel {
    minute: minute::View,
    trips: trips::View,
    load: load::View,
    run: RefCell<Option<Run>>,
    /// The second, and the connections, that were drawn last.
    drawn: Cell<Option<(u64, Option<Id>)>>,
    sampler: Alarm,
    pacer: Alarm,
    turn: Turn,
    progress: Alarm,
}

impl Panel {
    pub(crate) fn new() -> Self {
        Self {
            minute: minute::View::new(),
            trips: trips::View::new(),
            load: load::View::new(),
            run: RefCell::default(),
            drawn: Cell::new(None),
            sampler: Alarm::new(|app| {
                app.measure.sample(app);
            }),
            pacer: Alarm::new(|app| {
                app.measure.step(app);
            }),
            turn: Turn::new(|app| {
                app.measure.step(app);
            }),
            progress: Alarm::new(|app| {
                app.changed();
            }),
        }
    }

    pub(crate) fn render(&self, app: &App) {
        if self.is_watching(app) {
            self.sampler.set_unless_set(SAMPLE);
        }
        if !app.shell.shows("measure") {
            self.drawn.set(None);
            return;
        }
        let now = app.now().mono;
        let one = app.model.borrow().selected;
        let of = self.minute.of(one);
        let drawn = Some((now / 1_000_000, of));
        if self.drawn.replace(drawn) != drawn {
            let model = app.model.borrow();
            let series = app.counts.series(of, now, |id| model.get(id).is_some());
            self.minute.draw(one, &series);
        }
        self.load.render(app, self.run.borrow().as_ref(), now);
        self.trips.render(app, &self.load);
        if self.run.borrow().is_some() {
            self.progress.set_unless_set(PROGRESS);
        }
    }

    /// A connection ended; a run on it does too.
    pub(crate) fn saw(&self, id: Id, happening: &Happening) {
        if matches!(happening, Happening::Closed(_) | Happening::GivenUp)
            && let Some(run) = self.run.borrow_mut().as_mut().filter(|run| run.is_on(id))
        {
            run.ended(0);
        }
    }

    /// Whether a message that arrived answers a run, and so is not logged.
    pub(crate) fn takes(&self, app: &App, id: Id, message: &Message) -> bool {
        let mut run = self.run.borrow_mut();
        let Some(running) = run.as_mut().filter(|run| run.is_on(id)) else { return false };
        if !running.answer(0, message, app.now().mono) {
            return false;
        }
        drop(run);
        Self::passed(app, id, None, Some(message.len()));
        // What is answered makes room for others, in this very event.
        self.turn.ask();
        true
    }

    /// A message of a run went out or came in: it has its place among those of its socket, and none in the log.
    pub(crate) fn passed(app: &App, id: Id, sent: Option<usize>, received: Option<usize>) {
        app.model
            .borrow_mut()
            .with(id, |connection, _| connection.passed(sent.is_some(), received.is_some()));
        app.counts.passed(id, app.now().mono, sent, received);
    }

    /// Something happened on a run's own connections.
    fn told(&self, app: &App, tag: u32, what: impl FnOnce(&mut Run, u64)) {
        let mut run = self.run.borrow_mut();
        if let Some(run) = run.as_mut().filter(|_| self.load.tag() == tag) {
            what(run, app.now().mono);
        }
        drop(run);
        self.turn.ask();
    }

    /// Has the run send what is due, and ends it when it is over.
    fn step(&self, app: &App) {
        let mut place = self.run.borrow_mut();
        let Some(run) = place.as_mut() else { return };
        match run.step(app) {
            Next::Soon => self.turn.ask(),
            Next::In(milliseconds) => self.pacer.set(milliseconds),
            Next::Done => {
                let ended = place.take();
                drop(place);
                self.pacer.clear();
                if let Some(run) = ended {
                    self.load.ended(app, run);
                }
                app.changed();
            }
        }
    }

    /// Looks what waits on each connection, while somebody wants to know.
    fn sample(&self, app: &App) {
        if let Some(run) = self.run.borrow_mut().as_mut() {
            run.look(app);
        }
        let ids: Vec<_> = app.model.borrow().connections().iter().map(|connection| connection.id).collect();
        let now = app.now().mono;
        for id in ids {
            if let Some((buffered, queued)) = app.session(id, Session::backlog) {
                app.counts.waits(id, now, buffered, queued);
            }
        }
        if self.is_watching(app) {
            self.sampler.set(SAMPLE);
            // Drawn once a second.
            if self.drawn.get().is_some_and(|(second, _)| second != now / 1_000_000) {
                app.changed();
            }
        }
    }

    fn is_watching(&self, app: &App) -> bool {
        app.shell.shows("measure") || self.run.borrow().is_some()
    }
}
