//! The composer: what to send, as text, JSON, bytes or a file, checked as it is written, once or again and again.

mod draft;
mod file;
mod fill;
mod history;
mod repeat;
mod shelf;
mod templates;

use std::cell::{Cell, RefCell};

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlInputElement, HtmlTextAreaElement, KeyboardEvent};
use wirescope::socket::Message;
use wirescope_protocol::json;

pub(crate) use self::draft::excerpt;
use self::{
    draft::{Bad, Format},
    file::Picked,
    history::History,
    repeat::Repeat,
    shelf::Shelf,
};
use crate::{
    app::App,
    dom::{self, elements, on},
    format,
    model::Id,
    session::NotSent,
};

elements! {
    Elements {
        form: Element = "send-form",
        formats: Element = "formats",
        writing: Element = "writing",
        message_label: Element = "message-label",
        message: HtmlTextAreaElement = "message",
        message_problem: Element = "message-problem",
        message_problem_text: Element = "message-problem-text",
        message_excerpt: Element = "message-excerpt",
        excerpt_before: Element = "excerpt-before",
        excerpt_bad: Element = "excerpt-bad",
        excerpt_after: Element = "excerpt-after",
        message_hint: Element = "message-hint",
        message_size: Element = "message-size",
        frame_size: Element = "frame-size",
        json_tools: Element = "json-tools",
        json_format: Element = "json-format",
        json_minify: Element = "json-minify",
    }
}

/// The button that sends, which says what it waits for.
pub(crate) struct Button {
    send: Element,
    hint: Element,
}

impl Button {
    pub(crate) fn new() -> Self {
        Self { send: dom::find("send"), hint: dom::find("send-hint") }
    }

    pub(crate) fn render(&self, app: &App) {
        let takes = app.model.borrow().selected().takes();
        dom::set_flag(&self.send, "disabled", !takes);
        dom::set_text(&self.hint, if takes { "Ctrl+Enter" } else { "Connect first" });
    }
}

/// What is being written in each format; the field shows one, and this keeps the others.
pub(crate) struct Panel {
    elements: Elements,
    format: Cell<Format>,
    drafts: RefCell<[String; Format::ALL.len()]>,
    history: RefCell<History>,
    picked: Picked,
    repeat: Repeat,
    shelf: Shelf,
}

impl Panel {
    pub(crate) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.form, "submit", |app, event| {
            event.prevent_default();
            app.composer.send(app);
        });
        on(&elements.formats, "change", |app, event| {
            let name = dom::target(event).and_then(|target| target.get_attribute("data-format"));
            if let Some(format) = name.and_then(|name| Format::named(&name)) {
                app.composer.switch(format);
            }
        });
        on(&elements.message, "input", |app, _| app.composer.check());
        on(&elements.message, "keydown", |app, event| app.composer.key(app, event.unchecked_ref()));
        on(&elements.json_format, "click", |app, _| app.composer.rewrite(json::format));
        on(&elements.json_minify, "click", |app, _| app.composer.rewrite(json::minify));
        Self {
            elements,
            format: Cell::default(),
            drafts: RefCell::default(),
            history: RefCell::default(),
            picked: Picked::new(),
            repeat: Repeat::new(),
            shelf: Shelf::new(),
        }
    }

    pub(crate) fn begin(&self) {
        // A browser that restores the form after a reload restores what was chosen.
        let checked = |format: &Format| {
            dom::find(&format!("as-{}", format.name())).unchecked_into::<HtmlInputElement>().checked()
        };
        self.format.set(Format::ALL.into_iter().find(checked).unwrap_or_default());
        self.shelf.begin();
        self.check();
    }

    pub(crate) fn render(&self, app: &App) {
        self.repeat.render(app.model.borrow().selected().takes());
    }

    fn send(&self, app: &App) {
        let id = app.model.borrow().selected;
        if self.format.get() == Format::File {
            return self.picked.send(app, id);
        }
        let Some(message) = self.message() else { return };
        if self.deliver(app, id, message) {
            self.history.borrow_mut().add(self.format.get(), &self.elements.message.value());
        }
    }

    /// Sends a message, or says why it was not.
    fn deliver(&self, app: &App, id: Id, message: Message) -> bool {
        match app.send(id, message) {
            Ok(_) => {
                self.check();
                return true;
            }
            Err(NotSent::NotOpen) => self.not_sent("not sent: connect first"),
            Err(NotSent::Failed(why)) => {
                let why = why.strip_prefix("not sent: ").unwrap_or(&why);
                self.not_sent(&format!("not sent: {why}"));
            }
        }
        false
    }

    fn key(&self, app: &App, key: &KeyboardEvent) {
        let message = &self.elements.message;
        let at = |place: Result<Option<u32>, _>| place.ok().flatten().unwrap_or_default();
        let (start, end) = (at(message.selection_start()), at(message.selection_end()));
        let bare = !(key.shift_key() || key.alt_key() || key.ctrl_key() || key.meta_key());
        let shown = match &*key.key() {
            "Enter" if key.ctrl_key() || key.meta_key() => {
                key.prevent_default();
                return self.send(app);
            }
            "ArrowUp" if bare && (start, end) == (0, 0) => {
                let text = message.value();
                self.history.borrow_mut().older(self.format.get(), &text).cloned()
            }
            "ArrowDown" if bare && start == end && end == message.text_length() => {
                self.history.borrow_mut().newer().cloned()
            }
            _ => return,
        };
        if let Some((format, text)) = shown {
            key.prevent_default();
            self.show(format, &text);
            // At the edge that was left, so that the key goes on.
            let place = if key.key() == "ArrowUp" { 0 } else { message.text_length() };
            let _ = message.set_selection_range(place, place);
        }
    }

    /// Shows the draft in the format that the reader chose.
    fn switch(&self, format: Format) {
        let before = self.format.replace(format);
        if before != format {
            let mut drafts = self.drafts.borrow_mut();
            drafts[before as usize] = self.elements.message.value();
            self.elements.message.set_value(&drafts[format as usize]);
        }
        self.check();
    }

    /// Shows this, in the place of the draft of its format.
    fn show(&self, format: Format, text: &str) {
        self.switch(format);
        dom::find(&format!("as-{}", format.name())).unchecked_into::<HtmlInputElement>().set_checked(true);
        self.elements.message.set_value(text);
        self.check();
    }

    /// Writes JSON anew, if it is JSON.
    fn rewrite(&self, rewrite: fn(&str) -> Result<String, json::BadJson>) {
        let elements = &self.elements;
        if let Ok(text) = rewrite(&elements.message.value()) {
            elements.message.set_value(&text);
            self.check();
        } else {
            let _ = self.message();
        }
    }

    /// Says how large the message is and what is wrong with it, as it is being written.
    fn check(&self) {
        let (elements, format) = (&self.elements, self.format.get());
        let (label, placeholder, hint) = match format {
            Format::Text | Format::File => ("Message", "Write a message", ""),
            Format::Json => ("Message, as JSON", "{\"hello\": \"world\"}", ""),
            Format::Hex => (
                "Message, as hex",
                "48 65 6c 6c 6f",
                "Two digits a byte. Spaces, line breaks, commas, colons and 0x between bytes are passed over.",
            ),
            Format::Base64 => ("Message, as base64", "SGVsbG8=", ""),
        };
        dom::set_text(&elements.message_label, label);
        elements.message.set_placeholder(placeholder);
        dom::set_flag(&elements.json_tools, "hidden", format != Format::Json);
        dom::set_flag(&elements.writing, "hidden", format == Format::File);
        self.picked.show(format == Format::File);
        if format == Format::File {
            dom::set_text(&elements.message_hint, "");
            self.show_problem(None);
            return self.show_size(Ok(self.picked.size()));
        }
        let text = elements.message.value();
        let read = self.read(&text);
        // The rules are shown where they are not kept, and where nothing is written yet.
        dom::set_text(&elements.message_hint, if text.is_empty() { hint } else { "" });
        match read {
            Ok(message) => {
                self.show_size(Ok(Some(message.len() as u64)));
                self.show_problem(None);
            }
            Err(bad) => {
                self.show_size(Err(match format {
                    Format::Json if text.trim().is_empty() => "no JSON yet",
                    Format::Json => "not JSON",
                    Format::Hex => "not hex",
                    _ => "not base64",
                }));
                // What is yet to be written is no mistake.
                self.show_problem((!bad.is_unfinished).then_some((&bad, &text)));
            }
        }
    }

    fn show_size(&self, size: Result<Option<u64>, &str>) {
        let elements = &self.elements;
        let (size, frame) = match size {
            Ok(Some(size)) => (format::size(size), format!("1 frame, +{} B header", draft::header(size))),
            Ok(None) => (String::new(), String::new()),
            Err(not) => (not.to_owned(), String::new()),
        };
        dom::set_text(&elements.message_size, &size);
        dom::set_text(&elements.frame_size, &frame);
    }

    /// The message to send; if there is none, the place that is bad is shown and selected.
    fn message(&self) -> Option<Message> {
        let elements = &self.elements;
        let text = elements.message.value();
        match self.read(&text) {
            Ok(message) => Some(message),
            Err(bad) => {
                self.show_problem(Some((&bad, &text)));
                let _ = elements.message.focus();
                let (start, end) = draft::selection(&text, bad.at);
                let _ = elements.message.set_selection_range(start, end);
                None
            }
        }
    }

    /// The message that the text is; JSON with placeholders is JSON once they are filled.
    fn read(&self, text: &str) -> Result<Message, Bad> {
        match (self.format.get(), draft::read(self.format.get(), text)) {
            (Format::Json, Err(bad))
                if fill::PLACEHOLDERS.iter().any(|placeholder| text.contains(placeholder)) =>
            {
                let filled = repeat::filled(text, 1);
                if json::check(&filled).is_ok() { Ok(text.into()) } else { Err(bad) }
            }
            (_, read) => read,
        }
    }

    /// Says why the message was not sent, where that is not the message's fault.
    fn not_sent(&self, why: &str) {
        let elements = &self.elements;
        dom::set_flag(&elements.message_excerpt, "hidden", true);
        dom::set_text(&elements.message_problem_text, why);
        dom::set_flag(&elements.message_problem, "hidden", false);
    }

    fn show_problem(&self, problem: Option<(&Bad, &String)>) {
        let elements = &self.elements;
        match problem {
            None => {
                dom::set_flag(&elements.message_problem, "hidden", true);
                let _ = elements.message.remove_attribute("aria-invalid");
            }
            Some((bad, text)) => {
                let [before, found, after] = excerpt(text, bad.at);
                dom::set_text(&elements.excerpt_before, before);
                dom::set_text(&elements.excerpt_bad, found);
                dom::set_text(&elements.excerpt_after, after);
                dom::set_text(&elements.message_problem_text, &bad.says);
                dom::set_flag(&elements.message_excerpt, "hidden", false);
                dom::set_flag(&elements.message_problem, "hidden", false);
                dom::set_attribute(&elements.message, "aria-invalid", "true");
            }
        }
    }
}
