//! The log's rows: what [`Log`] holds, as elements. Rows are added in batches, at most one per frame.

use web_sys::{Element, HtmlTemplateElement};
use wirescope::socket::Message;

use super::{Content, Entry, Kind, Log, Note};
use crate::{
    dom::{self, append, elements},
    format::{self, Piece},
};

elements! {
    Elements {
        /// The heading of the log's last column, which is not displayed where rows are narrow.
        content_column: Element = "content-column",
        screen: Element = "screen",
        rows: Element = "rows",
        row_template: HtmlTemplateElement = "row-template",
        dump_template: HtmlTemplateElement = "dump-template",
        more_template: HtmlTemplateElement = "more-template",
    }
}

/// How many rows are added in one frame; the rest waits for the next.
const BATCH: u64 = 500;
/// How much of a payload is shown when it is shown whole.
const WHOLE_TEXT: usize = 1024 * 1024;
const WHOLE_BINARY: usize = 64 * 1024;
const PREVIEW_LINES: usize = 4;

/// Which entries have a row, and what of them the reader has seen.
pub(crate) struct Rows {
    elements: Elements,
    first: u64,
    next: u64,
    /// Whether the newest row is kept in sight.
    pub(crate) follow: bool,
    /// How many rows were added since the reader stopped following.
    pub(crate) unseen: u64,
    scrolled: i32,
}

impl Rows {
    pub(crate) fn new() -> Self {
        Self { elements: Elements::find(), first: 0, next: 0, follow: true, unseen: 0, scrolled: 0 }
    }

    /// Brings the rows up to date; `true` when entries are left for another frame.
    pub(crate) fn render(&mut self, log: &Log) -> bool {
        let dom = &self.elements;
        if self.next <= log.first() {
            dom.rows.set_text_content(None);
            self.next = log.first();
            self.first = log.first();
        }
        while self.first < log.first() {
            if let Some(row) = dom.rows.first_element_child() {
                row.remove();
            }
            self.first += 1;
        }
        let end = log.next().min(self.next + BATCH);
        if self.next < end {
            let per_line = bytes_per_line(dom);
            let batch = dom::document().create_document_fragment();
            for number in self.next..end {
                if let Some(entry) = log.get(number) {
                    append(&batch, &row(dom, entry, number, per_line));
                }
            }
            append(&dom.rows, &batch);
            self.unseen += end - self.next;
            self.next = end;
        }
        if self.follow {
            self.unseen = 0;
            dom.screen.set_scroll_top(dom.screen.scroll_height());
            self.scrolled = dom.screen.scroll_top();
        }
        self.next < log.next()
    }

    /// The reader scrolled, or this did.
    pub(crate) fn scrolled(&mut self) {
        let screen = &self.elements.screen;
        let top = screen.scroll_top();
        let beneath = screen.scroll_height() - screen.client_height() - top;
        // Going up stops following however little it is; else a fast log would never let go.
        if top < self.scrolled {
            self.follow = beneath <= 2;
        } else if beneath <= 24 {
            self.follow = true;
        }
        self.scrolled = top;
    }

    /// Fills or empties the part of a row that holds its whole payload, after the reader opened or closed it.
    pub(crate) fn toggled(&self, more: &Element, log: &Log) {
        let dom = &self.elements;
        let Some(number) = more.get_attribute("data-number").and_then(|number| number.parse().ok()) else {
            return;
        };
        let (Some(summary), Some(full)) = (more.first_element_child(), more.last_element_child()) else {
            return;
        };
        let Some(Entry { content: Content::Message(message), .. }) = log.get(number) else { return };
        full.set_text_content(None);
        summary.set_text_content(Some(&summary_text(message, more.has_attribute("open"))));
        if !more.has_attribute("open") {
            return;
        }
        let (shown, limit) = match message {
            Message::Text(text) => {
                let mut end = text.len().min(WHOLE_TEXT);
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                (text_element(&text[..end]), WHOLE_TEXT)
            }
            Message::Binary(bytes) => (
                dump_element(dom, &bytes[..bytes.len().min(WHOLE_BINARY)], bytes_per_line(dom)),
                WHOLE_BINARY,
            ),
        };
        append(&full, &shown);
        if message.len() > limit {
            append(&full, &part("none", &format!("the first {} are shown", format::size(limit as u64))));
        }
    }
}

/// A row in a few words, for those who hear it.
pub(crate) fn spoken(entry: &Entry) -> String {
    const LONG: usize = 80;
    let what = what(entry);
    match &entry.content {
        Content::Message(Message::Text(text)) => {
            let start: String = text.chars().take(LONG).collect();
            format!("{what}: {start}")
        }
        Content::Message(Message::Binary(bytes)) => format!("{what}: {} bytes", bytes.len()),
        Content::Note(note) => format!("{what}: {}", note.head),
    }
}

fn row(dom: &Elements, entry: &Entry, number: u64, per_line: usize) -> Element {
    let row = dom::copy(&dom.row_template);
    row.set_class_name(class(entry.kind));
    let since = entry.since.map_or_else(String::new, |since| format!("+{}", format::duration(since)));
    let size = match &entry.content {
        Content::Message(message) => format::size(message.len() as u64),
        Content::Note(_) => String::new(),
    };
    let mut cell = row.first_element_child();
    for text in [&format::clock(entry.when.wall), &since, what(entry), &size] {
        let Some(this) = cell else { break };
        this.set_text_content(Some(text));
        cell = this.next_element_sibling();
    }
    if let Some(body) = cell {
        fill(dom, &body, &entry.content, number, per_line);
    }
    row
}

fn fill(dom: &Elements, body: &Element, content: &Content, number: u64, per_line: usize) {
    let message = match content {
        Content::Note(note) => return append(body, &note_element(note)),
        Content::Message(message) if message.is_empty() => return append(body, &part("none", "empty")),
        Content::Message(message) => message,
    };
    let (shown, cut) = match message {
        Message::Text(text) => {
            let beginning = format::beginning(text);
            (text_element(beginning.unwrap_or(text)), beginning.is_some())
        }
        Message::Binary(bytes) => {
            let beginning = &bytes[..bytes.len().min(per_line * PREVIEW_LINES)];
            (dump_element(dom, beginning, per_line), beginning.len() < bytes.len())
        }
    };
    append(body, &shown);
    if cut {
        let _ = shown.class_list().add_1("preview");
        let more = dom::copy(&dom.more_template);
        dom::set_attribute(&more, "data-number", &number.to_string());
        if let Some(summary) = more.first_element_child() {
            summary.set_text_content(Some(&summary_text(message, false)));
        }
        append(body, &more);
    }
}

fn summary_text(message: &Message, open: bool) -> String {
    if open { "Show less".to_owned() } else { format!("Show all {}", format::size(message.len() as u64)) }
}

fn note_element(note: &Note) -> Element {
    let element = part("note", "");
    let parts = [("head", &note.head), ("peer", &note.quoted), ("tail", &note.tail), ("why", &note.why)];
    for (class, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
        let part = part(class, if class == "tail" { "· " } else { "" });
        append_text(&part, text);
        append(&element, &part);
        append(&element, &dom::document().create_text_node(" "));
    }
    element
}

fn text_element(text: &str) -> Element {
    let element = part("content", "");
    append_text(&element, text);
    element
}

fn append_text(parent: &Element, text: &str) {
    for piece in format::pieces(text) {
        match piece {
            Piece::Plain(text) => append(parent, &dom::document().create_text_node(text)),
            Piece::Control(names) => append(parent, &part("ctl", &names)),
        }
    }
}

fn dump_element(dom: &Elements, bytes: &[u8], per_line: usize) -> Element {
    let element = dom::copy(&dom.dump_template);
    let dump = format::dump(bytes, per_line);
    let mut column = element.first_element_child();
    for text in [&dump.offsets, &dump.hex, &dump.ascii] {
        let Some(this) = column else { break };
        this.set_text_content(Some(text));
        column = this.next_element_sibling();
    }
    element
}

fn part(class: &str, text: &str) -> Element {
    dom::element("span", class, text)
}

/// How many bytes a line of a dump has room for.
fn bytes_per_line(dom: &Elements) -> usize {
    let column = dom.content_column.client_width();
    let width = if column > 0 { column } else { dom.screen.client_width() };
    if width >= 550 { 16 } else { 8 }
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

fn what(entry: &Entry) -> &'static str {
    match (entry.kind, &entry.content) {
        (Kind::Connecting, _) => "connecting",
        (Kind::Open, _) => "open",
        (Kind::Sent, Content::Message(Message::Binary(_))) => "sent binary",
        (Kind::Sent, _) => "sent text",
        (Kind::Received, Content::Message(Message::Binary(_))) => "received binary",
        (Kind::Received, _) => "received text",
        (Kind::Waiting, _) => "waiting",
        (Kind::Closing, _) => "closing",
        (Kind::Closed | Kind::Unclean, _) => "closed",
        (Kind::Measured, _) => "measured",
        (Kind::Error, _) => "error",
    }
}
