//! The selected row, looked at closely: as text, as JSON, as bytes; and what others know of it.

use std::cell::{Cell, RefCell};

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement, KeyboardEvent};
use wirescope_protocol::{base64, hex, json};

use super::{
    Entry, Log,
    entry::{FILES, Payload, View},
    row::{append_text, what},
    tree,
};
use crate::{
    app::{self, App},
    clipboard,
    dom::{self, append, elements, on},
    format,
};

elements! {
    Elements {
        detail: HtmlElement = "detail",
        tabs: Element = "detail-tabs",
        facts: Element = "detail-facts",
        text: Element = "detail-text",
        json: Element = "detail-json",
        hex: Element = "detail-hex",
        close: Element = "detail-close",
        copy_text: Element = "detail-copy-text",
        copy_json: Element = "detail-copy-json",
        copy_hex: Element = "detail-copy-hex",
        copy_base64: Element = "detail-copy-base64",
        copy_said: Element = "detail-copy-said",
    }
}

/// How much of a payload is shown at once; a button shows the next.
const TEXT: usize = 32 * 1024;
const HEX: usize = 4 * 1024;
const PER_LINE: usize = 16;
/// A payload beyond this is saved, not copied: the browser makes a string of it in one go.
const COPIED: usize = 16 * 1024 * 1024;

pub(super) struct Detail {
    elements: Elements,
    /// The number of the entry that is shown.
    open: Cell<Option<u64>>,
    /// The view that the reader chose; `None` until then.
    chosen: RefCell<Option<String>>,
    /// What is drawn: of which entry, and how much.
    drawn: RefCell<Drawn>,
}

#[derive(Default)]
struct Drawn {
    number: Option<u64>,
    pane: String,
    bytes: usize,
    facts: String,
}

impl Detail {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.tabs, "click", |app, event| {
            if let Some(pane) = dom::target(event).and_then(|target| target.get_attribute("data-pane")) {
                app.log.detail.choose(app, pane);
            }
        });
        on(&elements.tabs, "keydown", |app, event| {
            let key: &KeyboardEvent = event.unchecked_ref();
            let forward = match &*key.key() {
                "ArrowRight" => true,
                "ArrowLeft" => false,
                _ => return,
            };
            event.prevent_default();
            app.log.detail.turn(app, forward);
        });
        on(&elements.close, "click", |app, _| app.log.close_detail(app));
        on(&elements.detail, "keydown", |app, event| {
            let key: &KeyboardEvent = event.unchecked_ref();
            if key.key() == "Escape" {
                event.prevent_default();
                app.log.close_detail(app);
            }
        });
        on(&elements.json, "toggle", |_, event| {
            if let Some(node) = dom::target(event).filter(|node| node.has_attribute("open")) {
                tree::unfold(&node);
            }
        });
        on(&elements.json, "click", |_, event| {
            if let Some(button) = dom::target(event).filter(|target| target.class_name() == "quiet more") {
                tree::more(&button);
            }
        });
        for pane in [&elements.text, &elements.hex] {
            on(pane, "click", |app, event| {
                if let Some(button) = dom::target(event).filter(|target| target.class_name() == "quiet more")
                {
                    button.remove();
                    app.log.detail.draw_more(&app.model.borrow().log);
                }
            });
        }
        on(&elements.copy_text, "click", |app, _| {
            app.log.detail.copy(app, "text", |payload| Some(payload.text().into_owned()));
        });
        on(&elements.copy_json, "click", |app, _| {
            app.log.detail.copy(app, "JSON", |payload| json::format(&payload.text()).ok());
        });
        on(&elements.copy_hex, "click", |app, _| {
            app.log.detail.copy(app, "hex", |payload| Some(hex::write(payload.bytes)));
        });
        on(&elements.copy_base64, "click", |app, _| {
            app.log.detail.copy(app, "base64", |payload| Some(base64::write(payload.bytes)));
        });
        Self { elements, open: Cell::default(), chosen: RefCell::default(), drawn: RefCell::default() }
    }

    /// Shows an entry, or none.
    pub(super) fn open(&self, number: Option<u64>) {
        if self.open.replace(number) != number {
            dom::set_text(&self.elements.copy_said, "");
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.get().is_some()
    }

    /// The number of the entry that is shown.
    pub(super) fn number(&self) -> Option<u64> {
        self.open.get()
    }

    pub(super) fn render(&self, log: &Log) {
        dom::set_flag(&self.elements.detail, "hidden", self.open.get().is_none());
        let Some(number) = self.open.get() else {
            let mut drawn = self.drawn.borrow_mut();
            if drawn.number.is_some() {
                *drawn = Drawn::default();
                for pane in [&self.elements.text, &self.elements.json, &self.elements.hex] {
                    pane.set_text_content(None);
                }
            }
            return;
        };
        let Some(entry) = log.get(number) else {
            return dom::set_text(&self.elements.facts, "This row is gone: the log keeps the newest.");
        };
        self.show_facts(&entry);
        let pane = self.pane_for(&entry);
        {
            let drawn = self.drawn.borrow();
            if drawn.number == Some(number) && drawn.pane == pane {
                return;
            }
        }
        self.show_tabs(&pane);
        let is_message = matches!(entry.content, View::Message(_));
        for button in [
            &self.elements.copy_text,
            &self.elements.copy_json,
            &self.elements.copy_hex,
            &self.elements.copy_base64,
        ] {
            dom::set_flag(button, "disabled", !is_message);
        }
        {
            let mut drawn = self.drawn.borrow_mut();
            (drawn.number, drawn.pane, drawn.bytes) = (Some(number), pane, 0);
        }
        for pane in [&self.elements.text, &self.elements.json, &self.elements.hex] {
            pane.set_text_content(None);
            pane.set_scroll_top(0);
        }
        self.draw_more(log);
    }

    /// The view that is shown of an entry: the chosen one, if there is something to see in it.
    fn pane_for(&self, entry: &Entry<'_>) -> String {
        let chosen = self.chosen.borrow();
        let is_there = |pane: &&String| !dom::find(&format!("detail-tab-{pane}")).has_attribute("hidden");
        match (chosen.as_ref().filter(is_there), &entry.content) {
            (Some(pane), View::Message(_)) => pane.clone(),
            (Some(pane), View::Note(_)) if pane == "frames" || pane == "handshake" => pane.clone(),
            (None, View::Message(payload)) if !payload.is_text => "hex".to_owned(),
            _ => "text".to_owned(),
        }
    }

    fn show_tabs(&self, pane: &str) {
        let mut tab = self.elements.tabs.first_element_child();
        while let Some(this) = tab {
            let name = this.get_attribute("data-pane").unwrap_or_default();
            let is_shown = name == pane;
            dom::set_attribute(&this, "aria-selected", if is_shown { "true" } else { "false" });
            dom::set_attribute(&this, "tabindex", if is_shown { "0" } else { "-1" });
            dom::set_flag(&dom::find(&format!("detail-{name}")), "hidden", !is_shown);
            tab = this.next_element_sibling();
        }
    }

    fn choose(&self, app: &App, pane: String) {
        self.chosen.replace(Some(pane));
        app.changed();
    }

    /// Chooses the next view, or the one before.
    fn turn(&self, app: &App, forward: bool) {
        let Ok(Some(mut tab)) = self.elements.tabs.query_selector("[aria-selected='true']") else { return };
        loop {
            let next = if forward { tab.next_element_sibling() } else { tab.previous_element_sibling() };
            let Some(next) = next else { return };
            if !next.has_attribute("hidden") {
                if let Some(pane) = next.get_attribute("data-pane") {
                    self.choose(app, pane);
                }
                let _ = next.unchecked_ref::<HtmlElement>().focus();
                return;
            }
            tab = next;
        }
    }

    fn show_facts(&self, entry: &Entry<'_>) {
        let facts = facts(entry);
        let mut drawn = self.drawn.borrow_mut();
        if drawn.facts != facts {
            self.elements.facts.set_text_content(Some(&facts));
            drawn.facts = facts;
        }
    }

    /// Draws what was not drawn yet of the entry, as much as is drawn at once.
    fn draw_more(&self, log: &Log) {
        let mut drawn = self.drawn.borrow_mut();
        let Some(entry) = drawn.number.and_then(|number| log.get(number)) else { return };
        let elements = &self.elements;
        match (&entry.content, &*drawn.pane) {
            (View::Note(note), "text") => {
                for (class, text) in
                    [("head", &note.head), ("peer", &note.quoted), ("tail", &note.tail), ("why", &note.why)]
                {
                    if !text.is_empty() {
                        let part = dom::element("p", class, "");
                        append_text(&part, text);
                        append(&elements.text, &part);
                    }
                }
            }
            (View::Message(payload), "text" | "hex") if payload.bytes.is_empty() => {
                let pane = if drawn.pane == "text" { &elements.text } else { &elements.hex };
                append(pane, &dom::element("p", "none", "empty"));
            }
            (View::Message(payload), "text") => {
                if drawn.bytes == 0 && !payload.is_text {
                    let said = "Bytes, read as UTF-8; what is none is shown as �.";
                    append(&elements.text, &dom::element("p", "none", said));
                }
                let part = payload.part(drawn.bytes, TEXT);
                let place = dom::element("span", "content", "");
                append_text(&place, &part.text());
                append(&elements.text, &place);
                drawn.bytes += part.bytes.len();
                append_more(&elements.text, drawn.bytes, payload.bytes.len(), TEXT);
            }
            (View::Message(payload), "hex") => {
                let part = Payload { is_text: false, ..*payload }.part(drawn.bytes, HEX);
                append(&elements.hex, &dump(part.bytes, drawn.bytes, payload.bytes.len()));
                drawn.bytes += part.bytes.len();
                append_more(&elements.hex, drawn.bytes, payload.bytes.len(), HEX);
            }
            (View::Message(payload), "json") => draw_json(&elements.json, *payload),
            _ => {}
        }
    }

    /// Copies the entry's payload in some form to the clipboard, and says so.
    fn copy(&self, app: &App, form: &'static str, make: impl FnOnce(Payload<'_>) -> Option<String>) {
        let model = app.model.borrow();
        let entry = self.open.get().and_then(|number| model.log.get(number));
        let Some(Entry { content: View::Message(payload), .. }) = entry else { return };
        if payload.bytes.len() > COPIED {
            let most = format::size(COPIED as u64);
            return self.say(&format!("more than {most} is not copied: save the log instead"));
        }
        let Some(text) = make(payload) else { return self.say(&format!("it is no {form}")) };
        wirescope::spawn(async move {
            let said =
                if clipboard::copy(&text).await { format!("copied as {form}") } else { BLOCKED.to_owned() };
            app::with(|app| app.log.detail.say(&said));
        });
    }

    fn say(&self, text: &str) {
        self.elements.copy_said.set_text_content(Some(text));
    }
}

const BLOCKED: &str = "the browser lets nothing be copied here: select it, and press Ctrl+C";

fn append_more(parent: &Element, shown: usize, length: usize, step: usize) {
    if shown < length {
        let next = format::size(step.min(length - shown) as u64);
        let text = format!(
            "Show the next {next}; {} of {} are shown",
            format::size(shown as u64),
            format::size(length as u64)
        );
        let button = dom::element("button", "quiet more", &text);
        dom::set_attribute(&button, "type", "button");
        append(parent, &button);
    }
}

fn draw_json(parent: &Element, payload: Payload<'_>) {
    let said = if payload.bytes.len() > tree::LONGEST {
        let most = format::size(tree::LONGEST as u64);
        format!("Too long to be shown as a tree: {most} at most.")
    } else {
        match tree::parse(&payload.text()) {
            Ok(value) => return tree::append_tree(parent, &value),
            Err(error) => format!("Not JSON: {error}"),
        }
    };
    let place = dom::element("p", "none", "");
    append_text(&place, &said);
    append(parent, &place);
}

/// Lines of offset, hex and ASCII.
fn dump(bytes: &[u8], from: usize, length: usize) -> Element {
    let block = dom::element("div", "dump", "");
    let dump = format::dump_from(bytes, PER_LINE, from, length > 0xffff);
    for (class, text) in [("offsets", &dump.offsets), ("hex", &dump.hex), ("ascii", &dump.ascii)] {
        append(&block, &dom::element("pre", class, text));
    }
    block
}

/// What is known of an entry, in one line.
fn facts(entry: &Entry<'_>) -> String {
    let mut facts = format!("row {} · {} · {}", entry.number, what(entry), format::clock(entry.when.wall));
    let mut add = |fact: &str| {
        facts.push_str(" · ");
        facts.push_str(fact);
    };
    if let Some(since) = entry.since {
        add(&format!("{} after the row before", format::duration(since)));
    }
    if let View::Message(payload) = &entry.content {
        let bytes = payload.bytes.len() as u64;
        let exact = if bytes < 1024 { String::new() } else { format!(" ({} bytes)", format::count(bytes)) };
        add(&format!("{}{exact}", format::size(bytes)));
    }
    if let Some(delivery) = entry.delivery {
        add(delivery.word());
    }
    if let Some(partner) = entry.partner {
        let (lag, number) = (format::duration(partner.lag), partner.number);
        add(&match (entry.delivery.is_some(), partner.same) {
            (true, true) => format!("round trip {lag}: it came back in row {number}"),
            (true, false) => format!("the next message came {lag} after, in row {number}"),
            (false, true) => format!("round trip {lag}: it was sent in row {number}"),
            (false, false) => format!("{lag} after row {number} was sent"),
        });
    }
    let origin = entry.origin;
    let from = if origin.connection < FILES { "connection" } else { "file" };
    add(&format!("{from} {}", origin.name()));
    if origin.socket > 0 {
        add(&format!("socket {}", origin.socket));
    }
    if origin.ordinal > 0 {
        add(&format!("message {}", origin.ordinal));
    }
    facts
}
