//! The program comes in two parts. The first shows what happens: connections, their states, the log. The second is
//! everything that somebody's hand needs, and is loaded when a hand comes near: the pointer moves, a key is pressed, the
//! focus goes somewhere. What was done to the page before it was there is done again then, so that nothing is lost.
//!
//! Which part a function is in is not written anywhere: it follows from what calls it. All that only [`begin_second`] leads to
//! is in the second. So the first part calls the second through [`Hooks`] alone, and listens to nothing but what is here
//! and the log's scroll bar.
//! `cargo xtask` cuts the program in two; what plain `trunk build` makes is in one piece, and goes the same way.

use std::{
    cell::{Cell, OnceCell, RefCell},
    ops::Deref,
};

use wasm_bindgen::JsCast as _;
use web_sys::{Element, Event, EventInit, HtmlElement, KeyboardEvent, KeyboardEventInit};
use wirescope::{
    socket::{Connect, Error},
    spawn,
};

use crate::{
    app::{self, App},
    dom,
    hand::Hand,
    log::Entry,
    model::{Connection, Id, Setup},
    session::{Happening, Session},
};

/// A part of the page that is there once the second part of the program is.
pub(crate) struct Late<T>(OnceCell<T>);

impl<T> Default for Late<T> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<T> Late<T> {
    pub(crate) fn set(&self, part: T) {
        let _ = self.0.set(part);
    }
}

impl<T> Deref for Late<T> {
    type Target = T;

    /// Only what belongs to the second part comes here, so it is loaded.
    fn deref(&self) -> &T {
        self.0.get().expect("the second part of the program is loaded")
    }
}

/// What the first part tells and asks the second, if that is loaded.
pub(crate) trait Hooks {
    /// Draws all of the second part but what has its place within the log.
    fn render(&self, app: &App);

    /// Draws what is around the log's rows, before they are drawn: it takes room from them.
    fn render_log(&self, app: &App);

    /// Whether a message that arrived is nobody's but a load run's.
    fn takes(&self, app: &App, id: Id, happening: &Happening) -> bool;

    /// Something happened to a connection, and nothing was done about it yet.
    fn happened(&self, app: &App, id: Id, happening: &Happening);

    /// Something happened to a connection, and the page knows it.
    fn settled(&self, app: &App);

    /// A connection was begun by this URL.
    fn opening(&self, app: &App, url: &str);

    /// Takes what is secret out of a setup that is written in the log.
    fn hide_secrets(&self, setup: &mut Setup);

    /// A WebSocket did not open.
    fn failed(&self, app: &App, connection: &Connection);

    /// A connection was ended here, without waiting for its peer.
    fn abandoned(&self, app: &App, id: Id);

    /// A link for this connection; each of its WebSockets with a trace of its own or none.
    fn link(&self, id: Id, setup: &Setup, is_traced: bool) -> Result<Session, Error>;

    /// The same over `WebSocketStream`, where the browser has it.
    fn stream(&self, connect: Connect) -> Connect;

    /// The fault that an entry's frames met, if any did.
    fn mark(&self, app: &App, entry: &Entry<'_>) -> Option<String>;

    /// The selected connection has another setup than the form shows.
    fn show_setup(&self, app: &App);
}

/// Where the second part is.
#[derive(Default)]
pub(crate) struct Second {
    hooks: Cell<Option<&'static dyn Hooks>>,
    is_asked: Cell<bool>,
    /// What was done before it was there.
    held: RefCell<Vec<Event>>,
}

/// What a hand near the page does.
const NEAR: [&str; 6] = ["pointermove", "pointerdown", "focusin", "dragenter", "hashchange", "keydown"];

/// What a hand does to the page. The rest of what can be done is seen again when it is looked.
const DONE: [&str; 5] = ["click", "submit", "input", "change", "keydown"];

impl Second {
    /// Loads it when a hand comes near.
    pub(crate) fn begin() {
        for (events, handler) in [(&NEAR[..], near as fn(&App, &Event)), (&DONE[..], hold)] {
            for event in events {
                dom::on(&dom::window(), event, handler);
            }
        }
    }

    pub(crate) fn hooks(&self) -> Option<&'static dyn Hooks> {
        self.hooks.get()
    }

    /// Loads it now, unless it is loaded.
    pub(crate) fn load(&self) {
        if self.is_asked.replace(true) {
            return;
        }
        spawn(async {
            let loaded = load().await;
            app::with(|app| {
                let second = &app.second;
                match loaded {
                    Ok(()) => second.do_again(),
                    Err(_) => {
                        // The next hand tries again.
                        second.is_asked.set(false);
                        second.held.take();
                        dom::fail(
                            "The rest of the page could not be loaded: is its server there? What you do next tries again.",
                        );
                    }
                }
            });
        });
    }

    fn do_again(&self) {
        dom::mend();
        // An event may lead to others, which are not held any more.
        for event in self.held.take() {
            do_again(&event);
        }
    }
}

fn near(app: &App, _: &Event) {
    app.second.load();
}

/// Keeps what is done before anything can be done about it.
fn hold(app: &App, event: &Event) {
    if app.second.hooks.get().is_some() {
        return;
    }
    event.stop_immediate_propagation();
    // A click is done again with all that it does. A key that writes has written.
    if matches!(&*event.type_(), "click" | "submit") {
        event.prevent_default();
    }
    app.second.held.borrow_mut().push(event.clone());
    app.second.load();
}

fn do_again(event: &Event) {
    let Some(target) = dom::target(event) else { return };
    match &*event.type_() {
        "click" => target.unchecked_ref::<HtmlElement>().click(),
        "submit" => {
            let _ = target.unchecked_ref::<web_sys::HtmlFormElement>().request_submit();
        }
        "keydown" => press(&target, event.unchecked_ref()),
        kind => {
            let how = EventInit::new();
            how.set_bubbles(true);
            if let Ok(event) = Event::new_with_event_init_dict(kind, &how) {
                let _ = target.dispatch_event(&event);
            }
        }
    }
}

fn press(target: &Element, key: &KeyboardEvent) {
    let how = KeyboardEventInit::new();
    how.set_bubbles(true);
    how.set_cancelable(true);
    how.set_key(&key.key());
    how.set_code(&key.code());
    how.set_alt_key(key.alt_key());
    how.set_ctrl_key(key.ctrl_key());
    how.set_meta_key(key.meta_key());
    how.set_shift_key(key.shift_key());
    if let Ok(event) = KeyboardEvent::new_with_keyboard_event_init_dict("keydown", &how) {
        let _ = target.dispatch_event(&event);
    }
}

/// The second part could not be loaded.
#[derive(Debug)]
struct NotLoaded;

#[cfg(wirescope_split)]
impl From<wasm_split_helpers::SplitLoaderError> for NotLoaded {
    fn from(_: wasm_split_helpers::SplitLoaderError) -> Self {
        Self
    }
}

async fn load() -> Result<(), NotLoaded> {
    #[cfg(wirescope_split)]
    let begun = begin_second();
    #[cfg(not(wirescope_split))]
    let begun = std::future::ready(begin_second());
    begun.await
}

// Where the program is cut: all that only this leads to is loaded when this is called.
#[cfg_attr(wirescope_split, wasm_split_helpers::wasm_split(hand, fallible))]
#[cfg_attr(not(wirescope_split), expect(clippy::unnecessary_wraps, reason = "loading may fail"))]
fn begin_second() -> Result<(), NotLoaded> {
    app::with(|app| {
        Hand::settle_in(app);
        app.second.hooks.set(Some(&Hand));
        Hand::begin(app);
        app.changed();
    });
    Ok(())
}
