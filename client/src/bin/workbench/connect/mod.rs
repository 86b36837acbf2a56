//! Connecting: the tabs of all connections, and the form that sets up, begins and ends the selected one.
//!
//! What is seen of it is here and in `standing`; what is done with it, in `form` and beneath.

mod form;
mod options;
mod standing;
mod urls;
mod verdict;

use web_sys::{Element, HtmlInputElement};
use wirescope::socket::Error;

pub(crate) use self::form::Form;
use self::standing::Standing;
use crate::{
    app::App,
    dom::{self, elements},
    late::Late,
    model::{Connection, Id, Phase, Setup},
};

elements! {
    Elements {
        tabs: Element = "tabs",
        state: Element = "state",
        state_word: Element = "state-word",
        state_detail: Element = "state-detail",
        url: HtmlInputElement = "url",
        url_error: Element = "url-error",
        subprotocols: HtmlInputElement = "subprotocols",
        subprotocols_error: Element = "subprotocols-error",
        connect: Element = "connect",
        disconnect: Element = "disconnect",
    }
}

pub(crate) struct Panel {
    elements: Elements,
    standing: Standing,
    pub(crate) form: Late<Form>,
}

impl Panel {
    pub(crate) fn new() -> Self {
        Self { elements: Elements::find(), standing: Standing::new(), form: Late::default() }
    }

    pub(crate) fn begin(&self, app: &App) {
        self.set_url(app, &default_url(app));
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

    /// Takes these for the setups of the connections that do not live, and of as many more as it takes; the first of them is
    /// selected.
    pub(crate) fn set_up(&self, app: &App, setups: Vec<Setup>) {
        {
            let mut model = app.model.borrow_mut();
            let idle = model.connections().iter().filter(|connection| !connection.is_live());
            let mut ids = idle.map(|connection| connection.id).collect::<Vec<Id>>().into_iter();
            let mut first = None;
            for setup in setups {
                let id = ids.next().unwrap_or_else(|| model.add());
                first = first.or(Some(id));
                if let Some(connection) = model.get_mut(id) {
                    connection.setup = setup;
                }
            }
            model.selected = first.unwrap_or(model.selected);
        }
        self.show_setup(app);
        app.changed();
    }

    /// Connects to this server's echo and to its live prices, for who has never been here.
    pub(crate) fn demonstrate(&self, app: &App) {
        let echo = default_url(app);
        let prices = prices(&echo);
        let setup = |url: &str| Setup { url: url.to_owned(), ..Setup::default() };
        self.set_up(app, vec![setup(&echo), setup(&prices)]);
        let ids: Vec<Id> = app.model.borrow().connections().iter().map(|connection| connection.id).collect();
        for id in ids.into_iter().rev() {
            app.connect(id);
        }
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

    /// Shows the selected connection's setup in the form.
    fn show_setup(&self, app: &App) {
        let model = app.model.borrow();
        let (elements, setup) = (&self.elements, &model.selected().setup);
        elements.url.set_value(&setup.url);
        elements.subprotocols.set_value(&setup.offers.join(", "));
        dom::set_problem(&elements.url, &elements.url_error, None);
        dom::set_problem(&elements.subprotocols, &elements.subprotocols_error, None);
        if let Some(hooks) = app.second.hooks() {
            hooks.show_setup(app);
        }
    }

    /// Connects those to this server's echo and to its live prices that are not connected, as for a welcome.
    pub(crate) fn demonstrate_again(app: &App) {
        let echo = default_url(app);
        let ids: Vec<Id> = {
            let model = app.model.borrow();
            let shown =
                model.connections().iter().filter(|it| !it.is_live() && is_shown(&it.setup.url, &echo));
            shown.map(|connection| connection.id).collect()
        };
        for id in ids {
            app.connect(id);
        }
    }

    /// Nothing is beside the page, so the URL is one that would be on this machine.
    pub(crate) fn is_alone(&self, app: &App) {
        let url = &self.elements.url;
        if url.value() == default_url(app) && !app.model.borrow().selected().is_live() {
            self.set_url(app, FALLBACK);
        }
    }

    /// Writes a URL into the form and into the selected connection's setup.
    fn set_url(&self, app: &App, url: &str) {
        self.elements.url.set_value(url);
        let mut model = app.model.borrow_mut();
        let id = model.selected;
        if let Some(connection) = model.get_mut(id) {
            url.clone_into(&mut connection.setup.url);
        }
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

/// Whether a first visit shows this.
fn is_shown(url: &str, echo: &str) -> bool {
    url == echo || url == prices(echo)
}

fn prices(echo: &str) -> String {
    echo.replace("/echo", "/feed/prices?rate=2")
}

/// Where a server is usually started.
const FALLBACK: &str = "ws://127.0.0.1:8080/echo";

/// This server's `/echo`, as the page's own address has it.
fn default_url(app: &App) -> String {
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
