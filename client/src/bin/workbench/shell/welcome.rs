//! The first visit: something is connected and moving, and a sentence says what to try.

use std::cell::Cell;

use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, Response};

use crate::{
    app::{self, App},
    connect,
    dom::{self, elements, on},
    keep,
};

elements! {
    Elements {
        welcome: Element = "welcome",
        beside: Element = "welcome-beside",
        alone: Element = "welcome-alone",
    }
}

const KEY: &str = "visited";
/// Kept for a tab: what it shows is connected again when it is loaded anew.
const WELCOMED: &str = "wirescope.welcomed";

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Hidden,
    /// There is a server beside the page, and it is connected to.
    Beside,
    /// The page is on a static host, or its server is gone.
    Alone,
}

pub(crate) struct Welcome {
    elements: Elements,
    state: Cell<State>,
}

impl Welcome {
    pub(crate) fn new() -> Self {
        Self { elements: Elements::find(), state: Cell::new(State::Hidden) }
    }

    /// Who comes for the first time, and not by a link to a setup, is shown something. Whether a server of ours is beside
    /// the page is asked first: a connection that fails is no welcome.
    pub(super) fn begin(has_setup: bool) {
        // A reload is the same visit.
        if has_setup || (keep::get(KEY).is_some() && !is_again()) {
            return;
        }
        keep::set(KEY, "1");
        wirescope::spawn(async {
            let is_ours = is_server_beside().await.unwrap_or(false);
            app::with(|app| app.welcome.answered(app, is_ours));
        });
    }

    pub(crate) fn render(&self, app: &App) {
        // Who closed one of the two connections that it speaks of knows the way.
        if self.state.get() == State::Beside && app.model.borrow().connections().len() < 2 {
            self.state.set(State::Hidden);
        }
        let (elements, state) = (&self.elements, self.state.get());
        dom::set_flag(&elements.welcome, "hidden", state == State::Hidden);
        dom::set_flag(&elements.beside, "hidden", state != State::Beside);
        dom::set_flag(&elements.alone, "hidden", state != State::Alone);
    }

    fn answered(&self, app: &App, is_ours: bool) {
        self.state.set(if is_ours { State::Beside } else { State::Alone });
        if is_ours {
            app.connect.demonstrate(app);
            if let Ok(Some(session)) = app.window.session_storage() {
                let _ = session.set_item(WELCOMED, "1");
            }
        } else {
            app.connect.is_alone(app);
        }
        app.changed();
    }
}

/// Listens to the button that sends it away.
pub(super) fn listen() {
    on(&dom::find("welcome-dismiss"), "click", |app, _| {
        app.welcome.state.set(State::Hidden);
        if let Ok(Some(session)) = app.window.session_storage() {
            let _ = session.remove_item(WELCOMED);
        }
        app.changed();
    });
}

/// Connects again what a first visit was shown, when the page was loaded anew. Its address has the setups by then.
pub(super) fn again(app: &App) {
    if is_again() {
        app.welcome.state.set(State::Beside);
        connect::Panel::demonstrate_again(app);
    }
}

/// Whether this tab was welcomed, and nobody sent the welcome away.
fn is_again() -> bool {
    let session = dom::window().session_storage();
    session.is_ok_and(|session| session.is_some_and(|it| matches!(it.get_item(WELCOMED), Ok(Some(_)))))
}

/// Whether the page came from a server of ours. Other hosts answer any path with a page of theirs.
async fn is_server_beside() -> Result<bool, JsValue> {
    let response: Response = JsFuture::from(dom::window().fetch_with_str("healthz")).await?.unchecked_into();
    let text = JsFuture::from(response.text()?).await?;
    Ok(text.as_string().is_some_and(|text| text.trim() == "ok"))
}
