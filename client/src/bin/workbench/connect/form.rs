//! What is done with connections: set up, begun, ended, chosen and removed.

use std::cell::Cell;

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement, HtmlInputElement, KeyboardEvent};
use wirescope::{CloseCode, socket::Error};
use wirescope_protocol::{check_reason, limits::MAX_CLOSE_REASON};

use super::{options::Options, standing, urls::Urls, verdict::Verdict};
use crate::{
    app::App,
    dom::{self, elements, on},
    model::{Id, Phase, Setup},
};

elements! {
    Elements {
        add: Element = "add-connection",
        elsewhere: Element = "elsewhere",
        reconnect: Element = "reconnect-so",
        form: Element = "connect-form",
        close_form: Element = "close-form",
        code: HtmlInputElement = "code",
        code_error: Element = "code-error",
        reason: HtmlInputElement = "reason",
        reason_size: Element = "reason-size",
        reason_error: Element = "reason-error",
    }
}

pub(crate) struct Form {
    elements: Elements,
    pub(super) options: Options,
    pub(super) urls: Urls,
    verdict: Verdict,
    /// The connection whose tab was brought into sight, and how many there were then.
    in_sight: Cell<(Id, usize)>,
}

impl Form {
    pub(crate) fn new(app: &App) -> Self {
        let (elements, shown) = (Elements::find(), &app.connect.elements);
        on(&elements.form, "submit", |app, event| {
            event.prevent_default();
            app.connect.form.submit(app);
        });
        on(&shown.connect, "click", |app, _| {
            let (id, phase) = {
                let model = app.model.borrow();
                (model.selected, model.selected().phase)
            };
            if phase == Phase::Connecting || phase == Phase::Waiting {
                app.close(id, CloseCode::NORMAL, "");
            }
        });
        on(&shown.url, "input", |app, _| {
            let elements = &app.connect.elements;
            dom::set_problem(&elements.url, &elements.url_error, None);
            app.changed();
        });
        on(&shown.subprotocols, "input", |app, _| {
            let elements = &app.connect.elements;
            dom::set_problem(&elements.subprotocols, &elements.subprotocols_error, None);
            app.changed();
        });
        on(&elements.form, "change", |app, _| app.changed());
        // An open connection is not left by a key that may have been meant for the next one.
        on(&shown.url, "keydown", |app, event| {
            let reconnect = &app.connect.form.elements.reconnect;
            if event.unchecked_ref::<KeyboardEvent>().key() == "Enter" && !reconnect.has_attribute("hidden") {
                event.prevent_default();
                let _ = reconnect.unchecked_ref::<HtmlElement>().focus();
            }
        });
        on(&elements.reconnect, "click", |app, _| app.faults.reconnect_selected(app));
        on(&elements.close_form, "submit", |app, event| {
            event.prevent_default();
            app.connect.form.disconnect(app);
        });
        on(&elements.code, "input", |app, _| {
            let elements = &app.connect.form.elements;
            dom::set_problem(&elements.code, &elements.code_error, None);
        });
        on(&elements.reason, "input", |app, _| app.connect.form.check_reason());
        on(&elements.add, "click", |app, _| {
            app.connect.form.keep_setup(app);
            app.model.borrow_mut().add();
            app.connect.show_setup(app);
            let _ = app.connect.elements.url.focus();
            app.changed();
        });
        on(&shown.url, "change", |app, _| {
            app.connect.form.keep_setup(app);
            app.changed();
        });
        on(&shown.tabs, "keydown", |app, event| app.connect.form.key(app, event.unchecked_ref()));
        on(&shown.tabs, "click", |app, event| {
            let Some(target) = dom::target(event) else { return };
            let Some(id) = target.get_attribute("data-id").and_then(|id| id.parse().ok()) else { return };
            if target.has_attribute("data-close") {
                app.connect.form.remove(app, id);
            } else {
                app.connect.form.select(app, id);
            }
        });
        standing::listen(&app.connect.standing);
        Self {
            elements,
            options: Options::new(),
            urls: Urls::new(),
            verdict: Verdict::new(),
            in_sight: Cell::default(),
        }
    }

    /// Begins when it is in its place.
    pub(crate) fn begin(&self, app: &App) {
        self.show_setup(app);
        self.keep_setup(app);
        // What was connected to before this was here.
        let live: Vec<String> = {
            let model = app.model.borrow();
            model.connections().iter().filter(|it| it.is_live()).map(|it| it.setup.url.clone()).collect()
        };
        for url in live.iter().rev() {
            self.urls.add(url);
        }
        self.urls.show();
        self.check_reason();
    }

    /// Brings the selected connection's tab into sight when it became another's, or when others came or went.
    pub(crate) fn render(&self, app: &App) {
        self.verdict.render(app);
        self.show_difference(app);
        let now = {
            let model = app.model.borrow();
            (model.selected, model.connections().len())
        };
        let tabs = &app.connect.elements.tabs;
        if self.in_sight.replace(now) != now
            && let Ok(Some(tab)) = tabs.query_selector(".tab:has([aria-current=true])")
        {
            // `scrollIntoView` would scroll the page as well.
            let (all, one) = (tabs.get_bounding_client_rect(), tab.get_bounding_client_rect());
            let before = (one.left() - all.left()).min(0.0);
            let by = if before < 0.0 { before } else { (one.right() - all.right()).max(0.0) };
            tabs.scroll_by_with_x_and_y(by, 0.0);
        }
    }

    /// Keeps the URL that a connection was made to for the next visit.
    pub(crate) fn connected(&self, url: &str) {
        self.urls.add(url);
    }

    /// Shows the settings of the selected connection that the first part of the program knows nothing of.
    pub(crate) fn show_setup(&self, app: &App) {
        self.options.show(&app.model.borrow().selected().setup);
    }

    /// Shows another connection's controls.
    pub(crate) fn select(&self, app: &App, id: Id) {
        self.keep_setup(app);
        app.model.borrow_mut().selected = id;
        app.connect.show_setup(app);
        app.changed();
    }

    /// Closes a connection's tab; the one beside it is shown then.
    fn remove(&self, app: &App, id: Id) {
        // What is written in the form is of the selected connection, which may stay.
        self.keep_setup(app);
        app.remove(id);
        app.connect.show_setup(app);
        app.connect.render(app);
        focus_tab(app);
    }

    /// Arrow keys, Home and End among the tabs; Delete closes one.
    fn key(&self, app: &App, key: &KeyboardEvent) {
        let ids: Vec<Id> = app.model.borrow().connections().iter().map(|connection| connection.id).collect();
        let focused = dom::target(key).and_then(|target| target.get_attribute("data-id")?.parse().ok());
        let Some(place) = focused.and_then(|id: Id| ids.iter().position(|other| *other == id)) else {
            return;
        };
        let next = match &*key.key() {
            "ArrowRight" => (place + 1) % ids.len(),
            "ArrowLeft" => (place + ids.len() - 1) % ids.len(),
            "Home" => 0,
            "End" => ids.len() - 1,
            "Delete" if ids.len() > 1 => {
                key.prevent_default();
                return self.remove(app, ids[place]);
            }
            _ => return,
        };
        key.prevent_default();
        self.select(app, ids[next]);
        app.connect.render(app);
        focus_tab(app);
    }

    /// Connects the selected connection, which is over, to what a script says, with a socket.
    pub(crate) fn connect_to(app: &App, url: &str, offers: &[String]) {
        let id = app.model.borrow().selected;
        if let Some(connection) = app.model.borrow_mut().get_mut(id) {
            connection.setup = Setup { url: url.to_owned(), offers: offers.to_vec(), ..Setup::default() };
        }
        app.connect.show_setup(app);
        app.connect(id);
    }

    /// Says so where the form shows another setup than the connection has.
    fn show_difference(&self, app: &App) {
        let (elements, model) = (&self.elements, app.model.borrow());
        let connection = model.selected();
        let mut shown = connection.setup.clone();
        self.write_to(app, &mut shown);
        let differs = connection.is_live() && shown != connection.opened_as;
        let says = if !differs {
            String::new()
        } else if shown.url == connection.opened_as.url {
            "What you changed counts from the next connect.".to_owned()
        } else {
            format!("This is still {}: the URL counts from the next connect.", connection.told_as.url)
        };
        dom::set_text(&elements.elsewhere, &says);
        for element in [&elements.elsewhere, &elements.reconnect] {
            dom::set_flag(element, "hidden", !differs);
        }
    }

    pub(crate) fn submit(&self, app: &App) {
        if app.model.borrow().selected().is_live() {
            return;
        }
        let elements = &app.connect.elements;
        dom::set_problem(&elements.url, &elements.url_error, None);
        dom::set_problem(&elements.subprotocols, &elements.subprotocols_error, None);
        if !self.options.check() {
            return;
        }
        if let Some(url) = with_scheme(elements.url.value().trim()) {
            elements.url.set_value(&url);
        }
        self.keep_setup(app);
        let id = app.model.borrow().selected;
        app.connect(id);
    }

    /// Keeps what the form says as the selected connection's setup.
    pub(crate) fn keep_setup(&self, app: &App) {
        let mut model = app.model.borrow_mut();
        let selected = model.selected;
        if let Some(connection) = model.get_mut(selected) {
            self.write_to(app, &mut connection.setup);
        }
    }

    /// Has a setup say what the form says.
    fn write_to(&self, app: &App, setup: &mut Setup) {
        let elements = &app.connect.elements;
        elements.url.value().trim().clone_into(&mut setup.url);
        setup.offers = match elements.subprotocols.value().trim() {
            "" => Vec::new(),
            offers => offers.split(',').map(|offer| offer.trim().to_owned()).collect(),
        };
        self.options.keep(setup);
    }

    fn disconnect(&self, app: &App) {
        let elements = &self.elements;
        let reason = elements.reason.value();
        let code = match elements.code.value().trim().parse::<u16>() {
            Ok(code) => CloseCode::from(code),
            Err(_) => return self.bad_code("a close code is a number: 1000, or 3000 to 4999"),
        };
        if !code.is_sendable_by_browser() {
            return self.bad_code(&Error::InvalidCloseCode(code).to_string());
        }
        if check_reason(&reason).is_err() {
            let _ = elements.reason.focus();
            return;
        }
        let id = app.model.borrow().selected;
        app.close(id, code, &reason);
    }

    fn bad_code(&self, problem: &str) {
        dom::set_problem(&self.elements.code, &self.elements.code_error, Some(problem));
        let _ = self.elements.code.focus();
    }

    fn check_reason(&self) {
        let elements = &self.elements;
        let reason = elements.reason.value();
        dom::set_text(&elements.reason_size, &format!("{} of {MAX_CLOSE_REASON} bytes", reason.len()));
        let problem = check_reason(&reason).err().map(|error| error.to_string());
        dom::set_problem(&elements.reason, &elements.reason_error, problem.as_deref());
    }
}

fn focus_tab(app: &App) {
    let selected = app.model.borrow().selected;
    let tab = app.connect.elements.tabs.query_selector(&format!("button[data-id=\"{selected}\"]"));
    if let Ok(Some(tab)) = tab {
        let _ = tab.unchecked_into::<HtmlElement>().focus();
    }
}

/// The URL that somebody meant who wrote none of its scheme, if it is clear enough.
fn with_scheme(text: &str) -> Option<String> {
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || "-._:[]".contains(c));
    // What is before the colon of a host is followed by a port, and that of a scheme by anything else.
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse::<u16>().ok()?.to_string()),
        _ => (host, String::new()),
    };
    if !is_host || name.is_empty() || text.contains("://") {
        return None;
    }
    // Names without a dot and bare addresses are nobody's certificate.
    let is_near = !name.contains('.') || name.split('.').all(|part| part.parse::<u8>().is_ok());
    let scheme = if port == "443" || (port.is_empty() && !is_near) { "wss" } else { "ws" };
    Some(format!("{scheme}://{text}"))
}

#[cfg(test)]
mod tests {
    use super::with_scheme;

    #[test]
    fn a_missing_scheme_is_added_where_it_is_clear() {
        for (text, url) in [
            ("localhost:8080/echo", Some("ws://localhost:8080/echo")),
            ("localhost", Some("ws://localhost")),
            ("127.0.0.1/a?b=c:d", Some("ws://127.0.0.1/a?b=c:d")),
            ("[::1]:80/", Some("ws://[::1]:80/")),
            ("example.com/ws", Some("wss://example.com/ws")),
            ("example.com:9000/ws", Some("ws://example.com:9000/ws")),
            ("example.com:443/ws", Some("wss://example.com:443/ws")),
            ("ws://h/", None),
            ("http:/h", None),
            ("ftp:h", None),
            ("two words", None),
            ("h:99999", None),
            (":80", None),
            ("", None),
            ("/echo", None),
        ] {
            assert_eq!(with_scheme(text).as_deref(), url, "{text}");
        }
    }
}
