//! Connecting: the tabs of all connections, and the form that sets up, begins and ends the selected one.

mod options;
mod standing;
mod urls;

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement, HtmlInputElement, KeyboardEvent};
use wirescope::{CloseCode, socket::Error};
use wirescope_protocol::{check_reason, limits::MAX_CLOSE_REASON};

use self::{options::Options, standing::Standing, urls::Urls};
use crate::{
    app::App,
    dom::{self, elements, on},
    model::{Connection, Id, Phase, Setup},
};

elements! {
    Elements {
        tabs: Element = "tabs",
        add: Element = "add-connection",
        state: Element = "state",
        state_word: Element = "state-word",
        state_detail: Element = "state-detail",
        form: Element = "connect-form",
        url: HtmlInputElement = "url",
        url_error: Element = "url-error",
        subprotocols: HtmlInputElement = "subprotocols",
        subprotocols_error: Element = "subprotocols-error",
        connect: Element = "connect",
        close_form: Element = "close-form",
        code: HtmlInputElement = "code",
        code_error: Element = "code-error",
        reason: HtmlInputElement = "reason",
        reason_size: Element = "reason-size",
        reason_error: Element = "reason-error",
        disconnect: Element = "disconnect",
    }
}

pub(crate) struct Panel {
    elements: Elements,
    options: Options,
    standing: Standing,
    urls: Urls,
}

impl Panel {
    pub(crate) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.form, "submit", |app, event| {
            event.prevent_default();
            app.connect.submit(app);
        });
        on(&elements.connect, "click", |app, _| {
            let (id, phase) = {
                let model = app.model.borrow();
                (model.selected, model.selected().phase)
            };
            if phase == Phase::Connecting || phase == Phase::Waiting {
                app.close(id, CloseCode::NORMAL, "");
            }
        });
        on(&elements.url, "input", |app, _| {
            let elements = &app.connect.elements;
            dom::set_problem(&elements.url, &elements.url_error, None);
        });
        on(&elements.subprotocols, "input", |app, _| {
            let elements = &app.connect.elements;
            dom::set_problem(&elements.subprotocols, &elements.subprotocols_error, None);
        });
        on(&elements.close_form, "submit", |app, event| {
            event.prevent_default();
            app.connect.disconnect(app);
        });
        on(&elements.code, "input", |app, _| {
            let elements = &app.connect.elements;
            dom::set_problem(&elements.code, &elements.code_error, None);
        });
        on(&elements.reason, "input", |app, _| app.connect.check_reason());
        on(&elements.add, "click", |app, _| {
            app.connect.keep_setup(app);
            app.model.borrow_mut().add();
            app.connect.show_setup(app);
            let _ = app.connect.elements.url.focus();
            app.changed();
        });
        on(&elements.url, "change", |app, _| {
            app.connect.keep_setup(app);
            app.changed();
        });
        on(&elements.tabs, "keydown", |app, event| app.connect.key(app, event.unchecked_ref()));
        on(&elements.tabs, "click", |app, event| {
            let Some(target) = dom::target(event) else { return };
            let Some(id) = target.get_attribute("data-id").and_then(|id| id.parse().ok()) else { return };
            if target.has_attribute("data-close") {
                app.connect.remove(app, id);
            } else {
                app.connect.select(app, id);
            }
        });
        Self { elements, options: Options::new(), standing: Standing::new(), urls: Urls::new() }
    }

    pub(crate) fn begin(&self, app: &App) {
        self.elements.url.set_value(&default_url(app));
        self.options.show(&Setup::default());
        self.keep_setup(app);
        self.urls.show();
        self.check_reason();
    }

    pub(crate) fn render(&self, app: &App) {
        let model = app.model.borrow();
        self.show_tabs(model.connections(), model.selected);
        let (elements, connection) = (&self.elements, model.selected());
        let phase = connection.phase;
        dom::set_attribute(&elements.state, "data-state", phase.word());
        dom::set_text(&elements.state_word, phase.word());
        dom::set_text(&elements.state_detail, &connection.detail);
        let trying = matches!(phase, Phase::Connecting | Phase::Waiting);
        dom::set_text(&elements.connect, if trying { "Cancel" } else { "Connect" });
        // Or else a second Enter in the URL would press it.
        dom::set_attribute(&elements.connect, "type", if trying { "button" } else { "submit" });
        dom::set_flag(&elements.connect, "disabled", matches!(phase, Phase::Open | Phase::Closing));
        dom::set_flag(&elements.disconnect, "disabled", phase != Phase::Open);
        self.standing.render(connection);
    }

    /// Takes these for the setups of the connections that there are, and of as many more as it takes. Those that live are
    /// left as they are.
    pub(crate) fn set_up(&self, app: &App, setups: Vec<Setup>) {
        {
            let mut model = app.model.borrow_mut();
            let ids: Vec<Id> = model.connections().iter().map(|connection| connection.id).collect();
            let mut ids = ids.into_iter();
            for setup in setups {
                let id = ids.next().unwrap_or_else(|| model.add());
                if let Some(connection) = model.get_mut(id).filter(|connection| !connection.is_live()) {
                    connection.setup = setup;
                }
            }
            model.selected = model.connections()[0].id;
        }
        self.show_setup(app);
        app.changed();
    }

    /// Connects to this server's echo and to its live prices, for who has never been here.
    pub(crate) fn demonstrate(&self, app: &App) {
        let echo = default_url(app);
        let prices = echo.replace("/echo", "/feed/prices?rate=2");
        let setup = |url: &str| Setup { url: url.to_owned(), ..Setup::default() };
        self.set_up(app, vec![setup(&echo), setup(&prices)]);
        let ids: Vec<Id> = app.model.borrow().connections().iter().map(|connection| connection.id).collect();
        for id in ids.into_iter().rev() {
            app.model.borrow_mut().selected = id;
            app.connect();
        }
        self.show_setup(app);
    }

    /// Shows another connection's controls.
    pub(crate) fn select(&self, app: &App, id: Id) {
        self.keep_setup(app);
        app.model.borrow_mut().selected = id;
        self.show_setup(app);
        app.changed();
    }

    /// Closes a connection's tab; the one beside it is shown then.
    fn remove(&self, app: &App, id: Id) {
        // What is written in the form is of the selected connection, which may stay.
        self.keep_setup(app);
        app.remove(id);
        self.show_setup(app);
        self.render(app);
        self.focus_tab(app);
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
        self.render(app);
        self.focus_tab(app);
    }

    fn focus_tab(&self, app: &App) {
        let selected = app.model.borrow().selected;
        let tab = self.elements.tabs.query_selector(&format!("button[data-id=\"{selected}\"]"));
        if let Ok(Some(tab)) = tab {
            let _ = tab.unchecked_into::<HtmlElement>().focus();
        }
    }

    /// Connects the selected connection, which is over, to what a script says, with a socket.
    pub(crate) fn connect_to(&self, app: &App, url: &str, offers: &[String]) {
        let id = app.model.borrow().selected;
        if let Some(connection) = app.model.borrow_mut().get_mut(id) {
            connection.setup = Setup { url: url.to_owned(), offers: offers.to_vec(), ..Setup::default() };
        }
        self.show_setup(app);
        app.connect();
    }

    /// Says beside its field what the browser, or the library before it, refuses.
    pub(crate) fn refused(&self, error: &Error) {
        let elements = &self.elements;
        let (field, place) = match error {
            Error::InvalidOffer(_) => (&elements.subprotocols, &elements.subprotocols_error),
            _ => (&elements.url, &elements.url_error),
        };
        dom::set_problem(field, place, Some(&error.to_string()));
        let _ = field.focus();
    }

    pub(crate) fn submit(&self, app: &App) {
        if app.model.borrow().selected().is_live() {
            return;
        }
        let elements = &self.elements;
        dom::set_problem(&elements.url, &elements.url_error, None);
        dom::set_problem(&elements.subprotocols, &elements.subprotocols_error, None);
        if !self.options.check() {
            return;
        }
        self.keep_setup(app);
        app.connect();
    }

    /// Keeps the URL that a connection was made to for the next visit.
    pub(crate) fn connected(&self, app: &App, url: &str) {
        self.urls.add(app, url);
    }

    /// Keeps what the form says as the selected connection's setup.
    pub(crate) fn keep_setup(&self, app: &App) {
        let elements = &self.elements;
        let offers = elements.subprotocols.value();
        let offers = offers.trim();
        let mut model = app.model.borrow_mut();
        let selected = model.selected;
        let Some(connection) = model.get_mut(selected) else { return };
        elements.url.value().trim().clone_into(&mut connection.setup.url);
        connection.setup.offers = match offers {
            "" => Vec::new(),
            offers => offers.split(',').map(|offer| offer.trim().to_owned()).collect(),
        };
        self.options.keep(&mut connection.setup);
    }

    /// Shows the selected connection's setup in the form.
    fn show_setup(&self, app: &App) {
        let model = app.model.borrow();
        let (elements, setup) = (&self.elements, &model.selected().setup);
        elements.url.set_value(&setup.url);
        elements.subprotocols.set_value(&setup.offers.join(", "));
        self.options.show(setup);
        dom::set_problem(&elements.url, &elements.url_error, None);
        dom::set_problem(&elements.subprotocols, &elements.subprotocols_error, None);
    }

    fn show_tabs(&self, connections: &[Connection], selected: Id) {
        let tabs = &self.elements.tabs;
        while tabs.child_element_count() as usize > connections.len() {
            if let Some(last) = tabs.last_element_child() {
                last.remove();
            }
        }
        while (tabs.child_element_count() as usize) < connections.len() {
            let tab = dom::element("li", "tab", "");
            let select = dom::element("button", "tab-select", "");
            dom::set_attribute(&select, "type", "button");
            dom::append(&select, &dom::element("span", "lamp", ""));
            dom::append(&select, &dom::element("span", "tab-name", ""));
            let close = dom::element("button", "tab-close", "×");
            dom::set_attribute(&close, "type", "button");
            dom::set_flag(&close, "data-close", true);
            dom::append(&tab, &select);
            dom::append(&tab, &close);
            dom::append(tabs, &tab);
        }
        let mut tab = tabs.first_element_child();
        for connection in connections {
            let Some(this) = tab else { break };
            let (id, name) = (connection.id.to_string(), name(connection));
            let phase = connection.phase.word();
            dom::set_attribute(&this, "data-state", phase);
            if let (Some(select), Some(close)) = (this.first_element_child(), this.last_element_child()) {
                for element in [&select, &close] {
                    dom::set_attribute(element, "data-id", &id);
                }
                let is_selected = connection.id == selected;
                dom::set_attribute(&select, "aria-current", if is_selected { "true" } else { "false" });
                // One of them is in the order of Tab; arrow keys go to the others.
                dom::set_attribute(&select, "tabindex", if is_selected { "0" } else { "-1" });
                dom::set_attribute(&close, "tabindex", if is_selected { "0" } else { "-1" });
                if let Some(text) = select.last_element_child() {
                    dom::set_text(&text, &name);
                    dom::set_attribute(&select, "title", &connection.setup.url);
                    // Clicks on the parts are clicks on the button.
                    dom::set_attribute(&text, "data-id", &id);
                }
                dom::set_attribute(&select, "aria-label", &format!("Connection {id}: {name}, {phase}"));
                dom::set_attribute(&close, "aria-label", &format!("Remove connection {id}"));
                dom::set_flag(&close, "hidden", connections.len() == 1);
            }
            tab = this.next_element_sibling();
        }
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

/// A connection in a word or two: the end of its URL.
pub(crate) fn name(connection: &Connection) -> String {
    let url = connection.setup.url.split(['?', '#']).next().unwrap_or_default();
    let end = url.split_once("://").map_or(url, |(_, rest)| rest);
    match end.split_once('/') {
        Some((_, path)) if !path.is_empty() => format!("{} /{path}", connection.id),
        _ => format!("{} {end}", connection.id),
    }
}

/// This server's `/echo`, as the page's own address has it.
fn default_url(app: &App) -> String {
    const FALLBACK: &str = "ws://127.0.0.1:8080/echo";
    let location = app.window.location();
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
