//! The panel under the connect form.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlInputElement, HtmlTemplateElement};
use wirescope::{CloseCode, spawn};

use super::{
    cards,
    live::Live,
    servers::Server,
    table::{TRIGGERS, Table},
    url,
};
use crate::{
    app::{self, App},
    clipboard,
    dom::{self, append, element, elements, on},
    model::{Connection, Id},
    net,
};

elements! {
    Elements {
        url: HtmlInputElement = "url",
        panel: Element = "break",
        chips: Element = "break-chips",
        said: Element = "break-said",
        ask_again: Element = "break-ask-again",
        body: Element = "break-body",
        presets: Element = "presets",
        composed: Element = "break-url",
        copy: Element = "copy-url",
        copied: Element = "copy-url-said",
        reset: Element = "reset-faults",
        seed: HtmlInputElement = "seed",
        new_seed: Element = "new-seed",
        conn: HtmlInputElement = "conn",
        reason: HtmlInputElement = "close-reason",
        when: Element = "all-when",
        groups: Element = "fault-groups",
        cards: Element = "fault-cards",
        template: HtmlTemplateElement = "fault-template",
        problem: Element = "break-problem",
        apply: Element = "break-apply",
        reconnect: Element = "reconnect",
    }
}

pub(crate) struct Panel {
    elements: Elements,
    pub(super) live: Live,
    /// The table that was read last, and of what.
    read: RefCell<Option<(Rc<str>, Rc<Table>)>>,
    /// The table whose controls are there.
    table: RefCell<Option<Rc<Table>>>,
    group: RefCell<String>,
    /// The URL that is shown.
    shown: RefCell<String>,
    /// Closes so that it can be opened anew.
    reconnecting: Cell<Option<Id>>,
    /// The URL that the server was asked of last, and whether it has answered.
    checked: RefCell<String>,
    is_checking: Cell<bool>,
    /// Why the server would refuse it.
    refused: RefCell<Option<String>>,
}

impl Panel {
    pub(crate) fn new() -> Self {
        let elements = Elements::find();
        for event in ["input", "change"] {
            on(&elements.body, event, |app, event| {
                if let Some(target) = dom::target(event) {
                    app.faults.changed(app, &target);
                }
            });
        }
        on(&elements.url, "input", |app, _| app.changed());
        on(&elements.url, "change", |app, _| {
            app.servers.ask_if_near(&app.faults.elements.url.value());
            app.changed();
        });
        on(&elements.panel, "toggle", |app, _| app.changed());
        on(&elements.ask_again, "click", |app, _| {
            app.servers.ask_again(&app.faults.elements.url.value());
            app.changed();
        });
        on(&elements.presets, "click", |app, event| {
            let Some(name) = dom::target(event).and_then(|target| target.get_attribute("data-preset")) else {
                return;
            };
            let url = app.faults.elements.url.value();
            let is_on = url::get(&url, "preset").as_deref() == Some(&name);
            app.faults.write(app, &url::set(&url, "preset", Some(&*name).filter(|_| !is_on)));
        });
        on(&elements.reset, "click", |app, _| {
            let table = app.faults.table.borrow().clone();
            if let Some(table) = table {
                app.faults.write(app, &table.mended(&app.faults.elements.url.value()));
            }
        });
        on(&elements.new_seed, "click", |app, _| {
            let seed = (js_sys::Math::random() * 1e9).floor().to_string();
            let url = url::set(&app.faults.elements.url.value(), "seed", Some(&seed));
            app.faults.write(app, &url);
        });
        on(&elements.copy, "click", |app, _| app.faults.copy());
        on(&elements.groups, "change", |app, event| {
            if let Some(group) = dom::target(event).and_then(|target| target.get_attribute("value")) {
                app.faults.group.replace(group);
                app.faults.shown.borrow_mut().clear();
                app.changed();
            }
        });
        on(&elements.reconnect, "click", |app, _| app.faults.reconnect_selected(app));
        for trigger in TRIGGERS {
            append(&elements.when, &cards::trigger_field(trigger, trigger));
        }
        Self {
            elements,
            live: Live::new(),
            read: RefCell::default(),
            table: RefCell::default(),
            group: RefCell::default(),
            shown: RefCell::default(),
            reconnecting: Cell::default(),
            checked: RefCell::default(),
            is_checking: Cell::default(),
            refused: RefCell::default(),
        }
    }

    /// A server's table, which is read once.
    fn read(&self, text: &Rc<str>) -> Option<Rc<Table>> {
        let mut read = self.read.borrow_mut();
        match &*read {
            Some((of, table)) if Rc::ptr_eq(of, text) => Some(Rc::clone(table)),
            _ => {
                let table = Rc::new(Table::read(text)?);
                *read = Some((Rc::clone(text), Rc::clone(&table)));
                Some(table)
            }
        }
    }

    pub(crate) fn render(&self, app: &App) {
        let url = self.elements.url.value();
        let server = app.servers.of(&url);
        let table = match &server {
            Some(Server::Ours(text)) => self.read(text),
            _ => None,
        };
        self.reconnect(app);
        self.say(&url, server.as_ref());
        self.show_chips(&url, table.as_deref(), &self.live.plan(app));
        let is_open = self.elements.panel.has_attribute("open");
        dom::set_flag(&self.elements.body, "hidden", table.is_none());
        let Some(table) = table else {
            dom::set_flag(&self.elements.apply, "hidden", true);
            dom::set_flag(&self.elements.problem, "hidden", true);
            return;
        };
        self.check(&url, &table);
        self.show_apply(app, &url, &table);
        if !is_open {
            return;
        }
        self.live.render(app, &table);
        let is_new = self.table.borrow().as_ref().is_none_or(|old| !Rc::ptr_eq(old, &table));
        if is_new {
            self.build(&table);
            *self.table.borrow_mut() = Some(Rc::clone(&table));
        }
        if is_new || *self.shown.borrow() != url {
            self.show(&table, &url);
            *self.shown.borrow_mut() = url;
        }
    }

    /// The faults of the URL, as a query, without what comes too late for a live connection.
    pub(super) fn for_a_live_one(&self, table: &Table) -> String {
        table.for_a_live_one(&self.elements.url.value())
    }

    /// What there is to break, or why nothing.
    fn say(&self, url: &str, server: Option<&Server>) {
        let host =
            url::over_http(url).map(|(origin, _)| origin.split("://").nth(1).unwrap_or_default().to_owned());
        let said = match (server, host) {
            (Some(Server::Ours(_)), _) => String::new(),
            (_, None) => {
                "Write the URL of a server of this project, such as ws://127.0.0.1:8080/echo.".to_owned()
            }
            (None, Some(host)) => format!("{host} is asked what it can break once you connect to it."),
            (Some(Server::Asked), Some(host)) => format!("Asking {host} what it can break…"),
            (Some(Server::Another(Some(text))), Some(host)) => {
                format!("{host} does not tell this page what it can break: {text}")
            }
            (_, Some(host)) => format!(
                "{host} does not answer as wirescope-server, so nothing is broken on purpose there. Everything else on this page works with any server."
            ),
        };
        dom::set_text(&self.elements.said, &said);
        dom::set_flag(&self.elements.said, "hidden", said.is_empty());
        let can_ask =
            !matches!(server, Some(Server::Ours(_) | Server::Asked)) && url::over_http(url).is_some();
        dom::set_flag(&self.elements.ask_again, "hidden", !can_ask);
    }

    /// Which faults are on, seen also while the panel is closed.
    fn show_chips(&self, url: &str, table: Option<&Table>, live: &str) {
        const MOST: usize = 5;
        let mut chosen = table.map(|table| table.chosen(url)).unwrap_or_default();
        if !live.is_empty() {
            chosen.insert(0, format!("now {live}"));
        }
        let text = if table.is_none() { "unknown".to_owned() } else { chosen.join("\n") };
        if self.elements.chips.get_attribute("data-chosen").as_deref() == Some(&*text) {
            return;
        }
        dom::set_attribute(&self.elements.chips, "data-chosen", &text);
        self.elements.chips.set_text_content(None);
        if chosen.is_empty() && table.is_some() {
            append(&self.elements.chips, &element("span", "aside", "nothing is broken on purpose"));
        }
        for one in chosen.iter().take(MOST) {
            append(&self.elements.chips, &element("span", "chip", one));
        }
        if chosen.len() > MOST {
            append(
                &self.elements.chips,
                &element("span", "aside", &format!("and {} more", chosen.len() - MOST)),
            );
        }
    }

    /// Whether what is set is not what the selected connection lives with.
    fn show_apply(&self, app: &App, url: &str, table: &Table) {
        let model = app.model.borrow();
        let connection = model.selected();
        let knows = |key: &str| table.knows(key);
        let differs = url::only(&connection.opened_as.url, knows) != url::only(url, knows);
        dom::set_flag(&self.elements.apply, "hidden", !(connection.is_live() && differs));
    }

    /// Closes the selected connection, and connects it as the form says then.
    pub(crate) fn reconnect_selected(&self, app: &App) {
        let id = app.model.borrow().selected;
        self.reconnecting.set(Some(id));
        app.close(id, CloseCode::NORMAL, "");
    }

    /// Connects again what was closed for it.
    fn reconnect(&self, app: &App) {
        let Some(id) = self.reconnecting.get() else { return };
        let state = app.model.borrow().get(id).map(Connection::is_live);
        if state == Some(true) {
            return;
        }
        self.reconnecting.set(None);
        if state.is_some() && app.model.borrow().selected == id {
            app.connect.form.submit(app);
        }
    }

    /// Builds the controls of a table.
    fn build(&self, table: &Table) {
        let elements = &self.elements;
        elements.presets.set_text_content(None);
        for preset in &table.presets {
            let button = element("button", "quiet", &preset.name);
            for (name, value) in [
                ("type", "button"),
                ("data-preset", &preset.name),
                ("title", &format!("{} {}", preset.text, preset.says)),
            ] {
                dom::set_attribute(&button, name, value);
            }
            append(&elements.presets, &button);
        }
        elements.groups.set_text_content(None);
        let mut groups: Vec<&str> = table.faults.iter().map(|fault| &*fault.group).collect();
        groups.dedup();
        if !groups.contains(&&**self.group.borrow()) {
            // Messages come first to mind.
            let first = groups.iter().find(|group| **group == "messages").or(groups.first());
            self.group.replace(first.map_or_else(String::new, |group| (*group).to_owned()));
        }
        for group in groups {
            let label = element("label", "", "");
            let radio = element("input", "", "");
            for (name, value) in [("type", "radio"), ("name", "fault-group"), ("value", group)] {
                dom::set_attribute(&radio, name, value);
            }
            radio.unchecked_ref::<HtmlInputElement>().set_checked(group == *self.group.borrow());
            append(&label, &radio);
            append(&label, &element("span", "", group));
            append(&elements.groups, &label);
        }
        elements.cards.set_text_content(None);
        for fault in &table.faults {
            append(&elements.cards, &cards::card(&elements.template, fault));
        }
    }

    /// Has all controls show what the URL says.
    fn show(&self, table: &Table, url: &str) {
        let elements = &self.elements;
        let group = self.group.borrow();
        let mut card = elements.cards.first_element_child();
        for fault in &table.faults {
            let Some(this) = card else { break };
            cards::show(&this, fault, url);
            dom::set_flag(&this, "hidden", fault.group != *group);
            card = this.next_element_sibling();
        }
        cards::triggers(&elements.when, url);
        cards::set_value(&elements.seed, &url::get(url, "seed").unwrap_or_default());
        cards::set_value(&elements.conn, &url::get(url, "conn").unwrap_or_default());
        cards::set_value(&elements.reason, &url::get(url, "reason").unwrap_or_default());
        let preset = url::get(url, "preset");
        let mut button = elements.presets.first_element_child();
        while let Some(this) = button {
            let is_on = preset.is_some() && this.get_attribute("data-preset") == preset;
            dom::set_attribute(&this, "aria-pressed", if is_on { "true" } else { "false" });
            button = this.next_element_sibling();
        }
        let mut label = elements.groups.first_element_child();
        while let Some(this) = label {
            if let (Some(radio), Some(text)) = (this.first_element_child(), this.last_element_child()) {
                let group = radio.get_attribute("value").unwrap_or_default();
                let own = table.faults.iter().filter(|fault| fault.group == group);
                let count = own.filter(|fault| url::get(url, &fault.name).is_some()).count();
                dom::set_text(&text, &if count == 0 { group } else { format!("{group} {count}") });
            }
            label = this.next_element_sibling();
        }
        elements.composed.set_text_content(None);
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        append(&elements.composed, &dom::document().create_text_node(base));
        for (place, part) in query.split('&').filter(|part| !part.is_empty()).enumerate() {
            append(&elements.composed, &dom::document().create_text_node(if place == 0 { "?" } else { "&" }));
            let key = part.split('=').next().unwrap_or_default();
            let class = if table.knows(key) { "known" } else { "" };
            // A line may end after any parameter.
            append(&elements.composed, &element("span", class, part));
            append(&elements.composed, &element("wbr", "", ""));
        }
    }

    /// A control was changed.
    fn changed(&self, app: &App, target: &Element) {
        let table = self.table.borrow().clone();
        let Some(table) = table else { return };
        let url = self.elements.url.value();
        let value = || target.unchecked_ref::<HtmlInputElement>().value();
        let key = target.get_attribute("data-key");
        let new = if let Some(key) = key {
            let value = value();
            Some(url::set(&url, &key, Some(value.trim()).filter(|value| !value.is_empty())))
        } else if let Ok(Some(card)) = target.closest("[data-fault]") {
            cards::change(&card, target, &table, &url)
        } else {
            None
        };
        if let Some(new) = new {
            self.write(app, &new);
        }
    }

    /// Writes the URL, as a person would.
    fn write(&self, app: &App, url: &str) {
        let field = &self.elements.url;
        if field.value() != url {
            field.set_value(url);
            if let Ok(event) = web_sys::Event::new("input") {
                let _ = field.dispatch_event(&event);
            }
        }
        app.changed();
    }

    fn copy(&self) {
        let url = self.elements.url.value();
        spawn(async move {
            let said = if clipboard::copy(&url).await {
                "copied"
            } else {
                "the browser lets nothing be copied here: select it"
            };
            app::with(|app| dom::set_text(&app.faults.elements.copied, said));
        });
    }

    /// Asks the server what it thinks of the URL, of the latest one and one at a time.
    fn check(&self, url: &str, table: &Table) {
        let is_asked = !table.chosen(url).is_empty() || url.contains('?');
        if *self.checked.borrow() != url && !self.is_checking.get() {
            url.clone_into(&mut self.checked.borrow_mut());
            dom::set_text(&self.elements.copied, "");
            let asked = url::over_http(url).filter(|_| is_asked);
            if let Some((origin, path)) = asked {
                self.is_checking.set(true);
                let asked = format!("{origin}/check{path}");
                spawn(async move {
                    let why = refusal(&asked).await;
                    app::with(|app| {
                        app.faults.is_checking.set(false);
                        *app.faults.refused.borrow_mut() = why;
                        app.changed();
                    });
                });
            } else {
                self.refused.borrow_mut().take();
            }
        }
        let refused = self.refused.borrow();
        dom::set_text(&self.elements.problem, refused.as_deref().unwrap_or_default());
        dom::set_flag(&self.elements.problem, "hidden", refused.is_none());
    }
}

/// Why a server would refuse a WebSocket, in its own words.
pub(super) async fn refusal(asked: &str) -> Option<String> {
    let (status, text) = net::ask("GET", asked).await?;
    let why = crate::json::text(&text, "refused");
    (status == 200 && !why.is_empty()).then_some(why)
}
