//! The app: the page's state, and what each event does to it.

use std::cell::{Cell, OnceCell, RefCell};

use js_sys::Date;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Element, Event, EventTarget, KeyboardEvent, Performance};
use wirescope::{
    CloseCode,
    socket::{self, Error, EventSocket},
};

use crate::{
    composer::{self, Composer},
    dom::{self, Dom},
    log::Moment,
    rows,
    state::{Model, Phase},
    view::{ANNOUNCE_EVERY_MS, View},
};

thread_local! {
    // The page's one root, alive as long as the page: the browser's callbacks outlive every scope in Rust, and reach
    // what they work on through here.
    static APP: OnceCell<App> = const { OnceCell::new() };
    static STOPPED: Cell<bool> = const { Cell::new(false) };
}

pub(crate) struct App {
    dom: Dom,
    performance: Performance,
    model: RefCell<Model>,
    socket: RefCell<Option<EventSocket>>,
    composer: RefCell<Composer>,
    view: RefCell<View>,
    /// How far the local clock is behind UTC, in milliseconds.
    behind_utc: Cell<f64>,
    frame: Closure<dyn Fn()>,
    frame_asked: Cell<bool>,
    timer: Closure<dyn Fn()>,
    timer_set: Cell<bool>,
    // The browser calls these for as long as the page lives.
    listeners: Vec<Closure<dyn Fn(Event)>>,
}

pub(crate) fn start() {
    APP.with(|cell| {
        let _ = cell.set(App::new());
    });
    with_app(App::begin);
}

/// Has no event do anything any more; `false` if it was so already.
pub(crate) fn stop() -> bool {
    !STOPPED.replace(true)
}

fn with_app(work: impl FnOnce(&App)) {
    if !STOPPED.get() {
        APP.with(|cell| {
            if let Some(app) = cell.get() {
                work(app);
            }
        });
    }
}

impl App {
    fn new() -> Self {
        let dom = Dom::find();
        let mut app = Self {
            performance: dom.window.performance().expect("a window has a clock"),
            dom,
            model: RefCell::default(),
            socket: RefCell::default(),
            composer: RefCell::default(),
            view: RefCell::new(View::new()),
            behind_utc: Cell::new(0.0),
            frame: Closure::new(|| with_app(App::render)),
            frame_asked: Cell::new(false),
            timer: Closure::new(|| {
                with_app(|app| {
                    app.timer_set.set(false);
                    app.changed();
                });
            }),
            timer_set: Cell::new(false),
            listeners: Vec::new(),
        };
        app.listen();
        app
    }

    fn listen(&mut self) {
        let mut listeners = Vec::new();
        let mut on = |target: &EventTarget, event: &str, handler: fn(&App, &Event)| {
            let listener =
                Closure::<dyn Fn(Event)>::new(move |event: Event| with_app(|app| handler(app, &event)));
            // A `toggle` event does not bubble, but every event is seen on its way down.
            let _ = target.add_event_listener_with_callback_and_bool(
                event,
                listener.as_ref().unchecked_ref(),
                true,
            );
            listeners.push(listener);
        };
        let dom = &self.dom;
        on(&dom.connect_form, "submit", |app, event| {
            event.prevent_default();
            app.connect();
        });
        on(&dom.connect, "click", |app, _| {
            if app.model.borrow().phase == Phase::Connecting {
                app.close(CloseCode::NORMAL, "");
            }
        });
        on(&dom.url, "input", |app, _| dom::set_problem(&app.dom.url, &app.dom.url_error, None));
        on(&dom.subprotocols, "input", |app, _| {
            dom::set_problem(&app.dom.subprotocols, &app.dom.subprotocols_error, None);
        });
        on(&dom.send_form, "submit", |app, event| {
            event.prevent_default();
            app.send();
        });
        on(&dom.send_form, "change", |app, _| app.composer.borrow_mut().switch(&app.dom));
        on(&dom.message, "input", |app, _| app.composer.borrow().check(&app.dom));
        on(&dom.message, "keydown", |app, event| {
            let key: &KeyboardEvent = event.unchecked_ref();
            if key.key() == "Enter" && (key.ctrl_key() || key.meta_key()) {
                event.prevent_default();
                app.send();
            }
        });
        on(&dom.close_form, "submit", |app, event| {
            event.prevent_default();
            app.disconnect();
        });
        on(&dom.code, "input", |app, _| dom::set_problem(&app.dom.code, &app.dom.code_error, None));
        on(&dom.reason, "input", |app, _| app.check_reason());
        on(&dom.follow, "change", |app, _| {
            app.view.borrow_mut().rows.follow = app.dom.follow.checked();
            app.changed();
        });
        on(&dom.clear, "click", |app, _| {
            app.model.borrow_mut().log.clear();
            app.changed();
        });
        on(&dom.screen, "scroll", |app, _| {
            app.view.borrow_mut().rows.scrolled(&app.dom.screen);
            app.changed();
        });
        on(&dom.rows, "toggle", |app, event| {
            let Some(more) = event.target() else { return };
            let more: &Element = more.unchecked_ref();
            rows::toggled(&app.dom, more, &app.model.borrow().log);
            // Who opens a row wants to read it.
            if more.has_attribute("open") {
                app.view.borrow_mut().rows.follow = false;
                app.changed();
            }
        });
        self.listeners = listeners;
    }

    fn begin(&self) {
        self.dom.url.set_value(&default_url(&self.dom));
        self.composer.borrow_mut().switch(&self.dom);
        self.check_reason();
        let ready = self.dom.document.get_elements_by_class_name("ready");
        for index in 0..ready.length() {
            if let Some(controls) = ready.item(index) {
                dom::set_flag(&controls, "disabled", false);
            }
        }
        self.render();
    }

    fn connect(&self) {
        if matches!(self.model.borrow().phase, Phase::Connecting | Phase::Open | Phase::Closing) {
            return;
        }
        self.behind_utc.set(Date::new_0().get_timezone_offset() * 60_000.0);
        let dom = &self.dom;
        let url = dom.url.value();
        let url = url.trim();
        let offers = dom.subprotocols.value();
        let offers: Vec<&str> =
            if offers.trim().is_empty() { Vec::new() } else { offers.split(',').map(str::trim).collect() };
        let opened = EventSocket::open(url, &offers, |event| with_app(|app| app.happened(event)));
        let (mut url_problem, mut offer_problem) = (None, None);
        match opened {
            Ok(socket) => {
                *self.socket.borrow_mut() = Some(socket);
                self.model.borrow_mut().connecting(self.now(), url, &offers);
            }
            Err(error @ Error::InvalidOffer(_)) => offer_problem = Some(error.to_string()),
            Err(error) => {
                if matches!(error, Error::Blocked { .. }) {
                    self.model.borrow_mut().refused(self.now(), error.to_string());
                }
                url_problem = Some(error.to_string());
            }
        }
        dom::set_problem(&dom.url, &dom.url_error, url_problem.as_deref());
        dom::set_problem(&dom.subprotocols, &dom.subprotocols_error, offer_problem.as_deref());
        if url_problem.is_some() {
            let _ = dom.url.focus();
        } else if offer_problem.is_some() {
            let _ = dom.subprotocols.focus();
        }
        self.changed();
    }

    fn disconnect(&self) {
        match self.dom.code.value().trim().parse::<u16>() {
            Ok(code) => self.close(code.into(), &self.dom.reason.value()),
            Err(_) => self.bad_code("a close code is a number: 1000, or 3000 to 4999"),
        }
    }

    fn close(&self, code: CloseCode, reason: &str) {
        let closed = match &*self.socket.borrow() {
            Some(socket) => socket.close(code, reason),
            None => return,
        };
        match closed {
            Ok(()) => self.model.borrow_mut().closing(self.now(), code, reason),
            Err(error @ Error::InvalidCloseReason(_)) => {
                dom::set_problem(&self.dom.reason, &self.dom.reason_error, Some(&error.to_string()));
                let _ = self.dom.reason.focus();
            }
            Err(error) => self.bad_code(&error.to_string()),
        }
        self.changed();
    }

    fn bad_code(&self, problem: &str) {
        dom::set_problem(&self.dom.code, &self.dom.code_error, Some(problem));
        let _ = self.dom.code.focus();
    }

    fn check_reason(&self) {
        let dom = &self.dom;
        let reason = dom.reason.value();
        let limit = wirescope_protocol::limits::MAX_CLOSE_REASON;
        dom::set_text(&dom.reason_size, &format!("{} of {limit} bytes", reason.len()));
        let problem = wirescope_protocol::check_reason(&reason).err().map(|error| error.to_string());
        dom::set_problem(&dom.reason, &dom.reason_error, problem.as_deref());
    }

    fn send(&self) {
        let Some(message) = self.composer.borrow().message(&self.dom) else { return };
        let sent = match &*self.socket.borrow() {
            Some(socket) => socket.send(&message),
            None => return composer::not_sent(&self.dom, "not sent: connect first"),
        };
        match sent {
            Ok(()) => self.model.borrow_mut().sent(self.now(), message),
            Err(error @ Error::NotOpen { .. }) => composer::not_sent(&self.dom, &error.to_string()),
            Err(error) => self.model.borrow_mut().error(self.now(), error.to_string()),
        }
        self.changed();
    }

    fn happened(&self, event: socket::Event) {
        let now = self.now();
        let mut model = self.model.borrow_mut();
        match event {
            socket::Event::Open => {
                let subprotocol = self.socket.borrow().as_ref().map(EventSocket::subprotocol);
                model.opened(now, &subprotocol.unwrap_or_default());
                self.composer.borrow().check(&self.dom);
            }
            socket::Event::Message(message) => model.received(now, message),
            socket::Event::Close(ending) => {
                model.closed(now, ending.code, &ending.reason, ending.was_clean);
                *self.socket.borrow_mut() = None;
            }
            _ => model.failed(now),
        }
        self.changed();
    }

    fn now(&self) -> Moment {
        Moment {
            wall: whole(Date::now() - self.behind_utc.get()),
            mono: whole(self.performance.now() * 1000.0),
        }
    }

    /// Asks for one rendering in the browser's next frame, however often it is called before.
    fn changed(&self) {
        if !self.frame_asked.replace(true) {
            let _ = self.dom.window.request_animation_frame(self.frame.as_ref().unchecked_ref());
        }
    }

    fn render(&self) {
        self.frame_asked.set(false);
        let later = self.view.borrow_mut().render(&self.dom, &self.model.borrow(), self.now());
        if later.frame {
            self.changed();
        }
        if later.announcement && !self.timer_set.replace(true) {
            let _ = self.dom.window.set_timeout_with_callback_and_timeout_and_arguments_0(
                self.timer.as_ref().unchecked_ref(),
                ANNOUNCE_EVERY_MS.into(),
            );
        }
    }
}

/// This server's `/echo`, as the page's own address has it.
fn default_url(dom: &Dom) -> String {
    const FALLBACK: &str = "ws://127.0.0.1:8080/echo";
    let location = dom.window.location();
    let part = |value: Result<String, _>| value.unwrap_or_default();
    let scheme = match &*part(location.protocol()) {
        "https:" => "wss",
        "http:" => "ws",
        _ => return FALLBACK.to_owned(),
    };
    match &*part(location.port()) {
        // `trunk serve` has this port, and the server its usual one.
        "8081" => format!("{scheme}://{}:8080/echo", part(location.hostname())),
        _ => format!("{scheme}://{}/echo", part(location.host())),
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
