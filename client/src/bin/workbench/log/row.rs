//! One row: an element that shows one entry after another.

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement, HtmlTemplateElement};

use super::{
    Delivery, Entry, Kind,
    entry::{Partner, Payload, View},
};
use crate::{
    dom::{self, append},
    format::{self, Piece},
};

/// How much of a payload a row begins to show, in bytes.
const TEXT: usize = 320;
const BINARY: usize = 24;

pub(super) struct Row {
    pub(super) element: HtmlElement,
    time: Element,
    delta: Element,
    source: Element,
    what: Element,
    fate: Element,
    size: Element,
    body: Element,
    shown: Option<Key>,
    selected: bool,
}

/// What of an entry may have changed since it was shown.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    number: u64,
    delivery: Option<Delivery>,
    partner: Option<Partner>,
}

impl Row {
    pub(super) fn new(template: &HtmlTemplateElement, slot: usize) -> Self {
        let element = dom::copy(template);
        element.set_id(&format!("row-{slot}"));
        let find =
            |class: &str| element.get_elements_by_class_name(class).item(0).expect("the template has it");
        Self {
            time: element.first_element_child().expect("the template has it"),
            delta: find("delta"),
            source: find("source"),
            what: find("what"),
            fate: find("fate"),
            size: find("size"),
            body: find("body"),
            element: element.unchecked_into(),
            shown: None,
            selected: false,
        }
    }

    /// The number of the entry that it shows.
    pub(super) fn number(&self) -> Option<u64> {
        self.shown.map(|key| key.number)
    }

    pub(super) fn select(&mut self, selected: bool) {
        if self.selected != selected {
            self.selected = selected;
            dom::set_attribute(&self.element, "aria-selected", if selected { "true" } else { "false" });
        }
    }

    /// Names the fault that its frames met, if they met one.
    pub(super) fn mark(&self, fault: Option<&str>) {
        match fault {
            Some(fault) => {
                dom::set_attribute(&self.element, "data-fault", fault);
                dom::set_attribute(&self.element, "title", &format!("its frames met a fault: {fault}"));
            }
            None if self.element.has_attribute("data-fault") => {
                let _ = self.element.remove_attribute("data-fault");
                let _ = self.element.remove_attribute("title");
            }
            None => {}
        }
    }

    pub(super) fn show(&mut self, entry: &Entry<'_>) {
        let key = Key { number: entry.number, delivery: entry.delivery, partner: entry.partner };
        if self.shown == Some(key) {
            return;
        }
        self.show_fate(entry);
        if self.shown.replace(key).is_some_and(|old| old.number == entry.number) {
            return;
        }
        self.element.set_class_name(class(entry.kind));
        self.time.set_text_content(Some(&format::clock(entry.when.wall)));
        let since = entry.since.map(|since| format!("+{}", format::duration(since)));
        self.delta.set_text_content(since.as_deref());
        self.source.set_text_content(Some(&entry.origin.name()));
        self.what.set_text_content(Some(what(entry)));
        let size = match &entry.content {
            View::Message(payload) => Some(format::size(payload.bytes.len() as u64)),
            View::Note(_) => None,
        };
        self.size.set_text_content(size.as_deref());
        self.body.set_text_content(None);
        fill(&self.body, &entry.content);
    }

    fn show_fate(&self, entry: &Entry<'_>) {
        let (class, text, label) = fate(entry);
        self.fate.set_class_name(class);
        self.fate.set_text_content(Some(&text));
        if label.is_empty() {
            let _ = self.fate.remove_attribute("title");
        } else {
            dom::set_attribute(&self.fate, "title", &label);
        }
    }
}

/// Where a sent message is, or after what a received one came: as a row shows it, and in words.
fn fate(entry: &Entry<'_>) -> (&'static str, String, String) {
    let answer = entry.partner.map(|partner| (partner, format::duration(partner.lag)));
    match (entry.delivery, answer) {
        (Some(delivery), Some((Partner { same: true, number, .. }, lag))) if delivery.is_well() => {
            ("fate well", format!("↩ {lag}"), format!("{}; it came back in row {number}", delivery.word()))
        }
        (Some(delivery), _) => {
            let class = if delivery.is_well() { "fate" } else { "fate ill" };
            (class, delivery.word().to_owned(), String::new())
        }
        (None, Some((partner, lag))) if entry.kind == Kind::Received => {
            let which = if partner.same { "the same was sent, in row" } else { "row" };
            let tail = if partner.same { "" } else { " was sent" };
            ("fate", format!("↩ {lag}"), format!("{lag} after {which} {}{tail}", partner.number))
        }
        _ => ("fate", String::new(), String::new()),
    }
}

impl Delivery {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::HandedOver => "handed over",
            Self::Drained => "drained",
            Self::Lost => "lost",
            Self::Dropped => "dropped",
        }
    }

    fn is_well(self) -> bool {
        !matches!(self, Self::Lost | Self::Dropped)
    }
}

/// An entry in a few words, for those who hear it.
pub(super) fn spoken(entry: &Entry<'_>) -> String {
    const LONG: usize = 80;
    let what = what(entry);
    match &entry.content {
        View::Message(payload) if payload.is_text => {
            format!("{what}: {}", payload.beginning(LONG).text())
        }
        View::Message(payload) => format!("{what}: {} bytes", payload.bytes.len()),
        View::Note(note) => format!("{what}: {}", note.head),
    }
}

fn fill(body: &Element, content: &View<'_>) {
    match content {
        View::Note(note) => {
            for (class, text) in
                [("head", &note.head), ("peer", &note.quoted), ("tail", &note.tail), ("why", &note.why)]
            {
                if !text.is_empty() {
                    let part = dom::element("span", class, if class == "tail" { "· " } else { "" });
                    append_line(&part, text);
                    append(body, &part);
                    append(body, &dom::document().create_text_node(" "));
                }
            }
        }
        View::Message(payload) if payload.bytes.is_empty() => {
            append(body, &dom::element("span", "none", "empty"));
        }
        View::Message(payload) if payload.is_text => {
            let beginning = payload.beginning(TEXT);
            append_line(body, &beginning.text());
            if beginning.bytes.len() < payload.bytes.len() {
                append(body, &dom::element("span", "none", "…"));
            }
        }
        View::Message(payload) => {
            let Payload { bytes, .. } = payload.beginning(BINARY);
            let dump = format::dump(bytes, BINARY);
            let more = if bytes.len() < payload.bytes.len() { " …" } else { "" };
            append(body, &dom::element("span", "hex", &(dump.hex + more)));
            append(body, &dom::element("span", "ascii", &dump.ascii));
        }
    }
}

/// Appends a text in one line, and what is hidden in it by name.
pub(super) fn append_line(parent: &Element, text: &str) {
    append_pieces(parent, text, true);
}

/// Appends a text, and what is hidden in it by name.
pub(crate) fn append_text(parent: &Element, text: &str) {
    append_pieces(parent, text, false);
}

fn append_pieces(parent: &Element, text: &str, one_line: bool) {
    let plain = |text: &str| append(parent, &dom::document().create_text_node(text));
    for piece in format::pieces(text) {
        match piece {
            Piece::Plain(text) if one_line && text.contains(['\n', '\t']) => {
                plain(&text.replace('\n', "↵").replace('\t', "⇥"));
            }
            Piece::Plain(text) => plain(text),
            Piece::Control(names) => append(parent, &dom::element("span", "ctl", &names)),
        }
    }
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Connecting => "row connecting",
        Kind::Open => "row open",
        Kind::Sent => "row sent",
        Kind::Received => "row received",
        Kind::Waiting => "row waiting",
        Kind::Closing => "row closing",
        Kind::Closed => "row closed",
        Kind::Unclean => "row closed unclean",
        Kind::Measured => "row measured",
        Kind::Error => "row error",
    }
}

pub(super) fn what(entry: &Entry<'_>) -> &'static str {
    word(entry.kind, matches!(&entry.content, View::Message(payload) if !payload.is_text))
}

/// What a row says that happened.
pub(super) fn word(kind: Kind, is_binary: bool) -> &'static str {
    match kind {
        Kind::Connecting => "connecting",
        Kind::Open => "open",
        Kind::Sent if is_binary => "sent binary",
        Kind::Sent => "sent text",
        Kind::Received if is_binary => "received binary",
        Kind::Received => "received text",
        Kind::Waiting => "waiting",
        Kind::Closing => "closing",
        Kind::Closed | Kind::Unclean => "closed",
        Kind::Measured => "measured",
        Kind::Error => "error",
    }
}
