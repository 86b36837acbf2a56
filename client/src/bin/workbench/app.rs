//! The app: the page's state, its parts, and what each event does to them.

use std::cell::{Cell, RefCell};

use js_sys::Date;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Performance, Window};
use wirescope::{
    CloseCode, link,
    socket::{Error, Message},
};

use crate::{
    compare, composer, connect, dom, examples, faults, frames,
    late::{Late, Second},
    log::{self, Delivery, Moment},
    measure,
    model::{Connection, Id, Model},
    pairs::Pairs,
    script,
    session::{Happening, NotSent, Session},
    shell,
};

thread_local! {
    // The page's one root, alive as long as the page: the browser's callbacks outlive every scope in Rust, and reach
    // what they work on through here.
    static APP: Cell<Option<&'static App>> = const { Cell::new(None) };
    static STOPPED: Cell<bool> = const { Cell::new(false) };
}

pub(crate) struct App {
    pub(crate) window: Window,
    performance: Performance,
    pub(crate) model: RefCell<Model>,
    sessions: RefCell<Pairs<Id, Session>>,
    /// Which servers are of this project, and what they told of the connections to them.
    pub(crate) servers: faults::Servers,
    pub(crate) watched: frames::Watched,
    pub(crate) counts: measure::Counts,
    // The parts of the page. Each has its elements and what only it knows; all read the model and draw themselves.
    pub(crate) welcome: shell::Welcome,
    pub(crate) connect: connect::Panel,
    pub(crate) button: composer::Button,
    pub(crate) log: log::Panel,
    // Those that are there once the second part of the program is.
    pub(crate) second: Second,
    pub(crate) shell: Late<shell::Panel>,
    pub(crate) composer: Late<composer::Panel>,
    pub(crate) script: Late<script::Panel>,
    pub(crate) faults: Late<faults::Panel>,
    pub(crate) frames: Late<frames::Panel>,
    pub(crate) measure: Late<measure::Panel>,
    pub(crate) compare: Late<compare::Panel>,
    pub(crate) examples: Late<examples::Panel>,
    /// How far the local clock is behind UTC, in milliseconds.
    behind_utc: Cell<f64>,
    frame: Closure<dyn Fn()>,
    frame_asked: Cell<bool>,
    /// Whether a message was sent since the last drawing, whose answer may come before the next.
    sent: Cell<Sent>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Sent {
    #[default]
    Nothing,
    /// The next frame is left to the browser: drawing takes longer than many an answer, which would have to wait for it, and
    /// its time would be that of the drawing.
    JustNow,
    Before,
}

pub(crate) fn start() {
    APP.set(Some(Box::leak(Box::new(App::new()))));
    with(App::begin);
}

/// Has no event do anything any more; `false` if it was so already.
pub(crate) fn stop() -> bool {
    !STOPPED.replace(true)
}

/// What every callback of the browser begins with.
pub(crate) fn with(work: impl FnOnce(&App)) {
    if !STOPPED.get()
        && let Some(app) = APP.get()
    {
        work(app);
    }
}

impl App {
    fn new() -> Self {
        let window = dom::window();
        Self {
            performance: window.performance().expect("a window has a clock"),
            window,
            model: RefCell::default(),
            sessions: RefCell::default(),
            servers: faults::Servers::new(),
            watched: frames::Watched::default(),
            counts: measure::Counts::default(),
            welcome: shell::Welcome::new(),
            connect: connect::Panel::new(),
            button: composer::Button::new(),
            log: log::Panel::new(),
            second: Second::default(),
            shell: Late::default(),
            composer: Late::default(),
            script: Late::default(),
            faults: Late::default(),
            frames: Late::default(),
            measure: Late::default(),
            compare: Late::default(),
            examples: Late::default(),
            behind_utc: Cell::new(0.0),
            frame: Closure::new(|| with(App::render)),
            frame_asked: Cell::new(false),
            sent: Cell::default(),
        }
    }

    fn begin(&self) {
        self.set_clock();
        self.connect.begin(self);
        // The page's own server is asked before anybody connects.
        self.servers.ask(&self.model.borrow().selected().setup.url);
        Second::begin();
        shell::begin(self);
        self.render();
    }

    /// Connects a connection as its setup says, once it is known whether its server is of this project.
    pub(crate) fn connect(&self, id: Id) {
        let url = self.model.borrow().get(id).map(|connection| connection.setup.url.clone());
        if url.is_some_and(|url| !self.servers.postpones(id, &url)) {
            self.connect_now(id);
        }
    }

    /// Connects a connection, whatever is known of its server.
    pub(crate) fn connect_now(&self, id: Id) {
        self.set_clock();
        let setup = match self.model.borrow_mut().get_mut(id) {
            Some(connection) if !connection.is_live() => {
                connection.begun();
                // No hand was there to write a secret else.
                if let Some(hooks) = self.second.hooks() {
                    hooks.hide_secrets(&mut connection.told_as);
                }
                connection.setup.clone()
            }
            _ => return,
        };
        let is_traced = self.watched.is_wanted.get() && self.servers.is_ours(&setup.url);
        self.watched.forget_given(id);
        match Session::begin(self, id, &setup, is_traced) {
            Ok(session) => {
                self.sessions.borrow_mut().insert(id, session);
                if let Some(hooks) = self.second.hooks() {
                    hooks.opening(self, &setup.url);
                }
            }
            Err(error) => self.happened(id, Happening::Refused(error)),
        }
        self.changed();
    }

    /// Ends a connection: a close that a browser takes, or an attempt that is given up.
    pub(crate) fn close(&self, id: Id, code: CloseCode, reason: &str) {
        let now = self.now();
        if self.sessions.borrow().get(&id).is_some() {
            self.model.borrow_mut().with(id, |connection, log| connection.closing(log, now, code, reason));
            let session = self.sessions.borrow_mut().remove(&id);
            if let Some(session) = session {
                session.close(id, code, reason);
                // It lasts until it says that it has ended.
                if self.model.borrow().get(id).is_some_and(Connection::is_live) {
                    self.sessions.borrow_mut().insert(id, session);
                }
            }
        }
        self.changed();
    }

    /// Ends a connection at once, without waiting for what its peer says to that.
    pub(crate) fn abandon(&self, id: Id, why: &str) {
        let now = self.now();
        let session = self.sessions.borrow_mut().remove(&id);
        if session.is_some() {
            self.model.borrow_mut().with(id, |connection, log| connection.abandoned(log, now, why));
            if let Some(hooks) = self.second.hooks() {
                hooks.abandoned(self, id);
            }
        }
        drop(session);
        self.changed();
    }

    /// Forgets a connection, and ends it if it lives. What it logged stays.
    pub(crate) fn remove(&self, id: Id) {
        self.abandon(id, "Closed with its tab.");
        self.model.borrow_mut().remove(id);
        self.changed();
    }

    /// A link that waits tries at once.
    pub(crate) fn retry_now(&self, id: Id) {
        if let Some(session) = self.sessions.borrow().get(&id) {
            session.retry_now();
        }
    }

    /// Sends a message on a connection and logs it; gives its number in the log.
    pub(crate) fn send(&self, id: Id, message: Message) -> Result<u64, NotSent> {
        let now = self.now();
        let sessions = self.sessions.borrow();
        let session = sessions.get(&id).filter(|session| session.takes()).ok_or(NotSent::NotOpen)?;
        let (mut number, size) = (0, message.len());
        self.model.borrow_mut().with(id, |connection, log| {
            number = connection.sent(log, now, message.clone());
        });
        let taken = session.send(number, message);
        drop(sessions);
        if taken.is_ok() {
            if self.sent.get() == Sent::Nothing {
                self.sent.set(Sent::JustNow);
            }
            self.counts.saw_sent(id, now.mono, size);
        } else {
            self.happened(id, Happening::Delivered(number, Delivery::Dropped));
        }
        self.changed();
        taken.map(|()| number)
    }

    /// What runs a connection, if it runs.
    pub(crate) fn session<T>(&self, id: Id, work: impl FnOnce(&Session) -> T) -> Option<T> {
        self.sessions.borrow().get(&id).map(work)
    }

    /// What a connection tells of itself.
    pub(crate) fn happened(&self, id: Id, happening: Happening) {
        let hooks = self.second.hooks();
        if hooks.is_some_and(|hooks| hooks.takes(self, id, &happening)) {
            return;
        }
        let now = self.now();
        self.counts.saw(id, now.mono, &happening);
        if let Some(hooks) = hooks {
            hooks.happened(self, id, &happening);
        }
        let mut ended = false;
        // The connection of a message may be gone, and its row is not.
        if let Happening::Delivered(number, delivery) = &happening
            && *delivery != Delivery::HandedOver
        {
            self.model.borrow_mut().log.amend(*number, |entry| entry.delivery = Some(*delivery));
            return self.changed();
        }
        self.model.borrow_mut().with(id, |connection, log| match happening {
            Happening::Connecting(attempt) => {
                connection.connecting(log, now, attempt);
                self.watched.connecting(connection);
            }
            Happening::Opened(subprotocol) => {
                connection.opened(log, now, &subprotocol);
                self.watched.watch(connection);
            }
            Happening::Received(message) => {
                connection.received(log, now, message);
                self.sent.set(Sent::Before);
            }
            Happening::Delivered(number, _) => connection.handed_over(log, number),
            Happening::Closed(close) => {
                let opened = connection.is_open();
                connection.closed(log, now, &close);
                self.watched.ended(connection, opened, &close);
                if let Some(hooks) = hooks.filter(|_| !opened) {
                    hooks.failed(self, connection);
                }
                ended = !connection.setup.lasts;
                // What that means is for the second part to say.
                self.second.load();
            }
            Happening::Waiting(phase) => {
                let until = if let link::Phase::Waiting { until } = phase { Some(until) } else { None };
                connection.waiting(log, now, &waiting(&phase), until);
            }
            Happening::Ended(reason) => {
                connection.ended(log, now, &why_ended(&reason));
                ended = true;
            }
            Happening::GivenUp => {
                connection.given_up(log, now);
                ended = true;
            }
            Happening::Refused(error) => {
                if matches!(error, Error::Blocked { .. }) {
                    connection.refused(log, now, error.to_string());
                }
                self.connect.refused(&error);
                ended = true;
            }
        });
        if ended {
            // Dropped when nothing is borrowed any more.
            let _ended = self.sessions.borrow_mut().remove(&id);
        }
        if let Some(hooks) = hooks {
            hooks.settled(self);
        }
        self.changed();
    }

    pub(crate) fn now(&self) -> Moment {
        Moment {
            wall: whole(Date::now() - self.behind_utc.get()),
            mono: whole(self.performance.now() * 1000.0),
        }
    }

    /// Asks for one rendering in the browser's next frame, however often it is called before.
    pub(crate) fn changed(&self) {
        if !self.frame_asked.replace(true) {
            let _ = self.window.request_animation_frame(self.frame.as_ref().unchecked_ref());
        }
    }

    fn render(&self) {
        self.frame_asked.set(false);
        if self.sent.get() == Sent::JustNow {
            self.sent.set(Sent::Before);
            return self.changed();
        }
        self.sent.set(Sent::Nothing);
        self.welcome.render(self);
        self.connect.render(self);
        self.button.render(self);
        self.log.render(self);
        if let Some(hooks) = self.second.hooks() {
            hooks.render(self);
        }
    }

    /// Summer time may have begun since.
    fn set_clock(&self) {
        self.behind_utc.set(Date::new_0().get_timezone_offset() * 60_000.0);
    }
}

/// Why a link is over, where its last ending does not say.
fn why_ended(reason: &link::EndReason) -> String {
    match reason {
        link::EndReason::GaveUp { tries } => format!("gave up after {tries} tries that failed in a row"),
        link::EndReason::Terminal(close) => {
            format!("not tried again after {}: that would only repeat it", close.code)
        }
        link::EndReason::Refused(error) => error.to_string(),
        _ => String::new(),
    }
}

/// What a link waits for.
fn waiting(phase: &link::Phase) -> String {
    match phase {
        link::Phase::Waiting { until } => {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
            let left = (*until as f64 - Date::now()).max(0.0);
            format!("tries again in {}", crate::format::duration(whole(left * 1000.0)))
        }
        link::Phase::Offline => "waits for a network".to_owned(),
        link::Phase::Hidden => "waits to be seen".to_owned(),
        _ => "waits for the page to be back".to_owned(),
    }
}

/// A browser's time without its fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are after 1970 and far below 2^53"
)]
fn whole(time: f64) -> u64 {
    time as u64
}
