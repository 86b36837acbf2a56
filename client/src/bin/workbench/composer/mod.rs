//! The composer: text or bytes to send, checked as they are written.

use std::cell::{Cell, RefCell};

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlInputElement, HtmlTextAreaElement, KeyboardEvent};
use wirescope::socket::Message;
use wirescope_protocol::hex::{self, BadHex, Problem};

use crate::{
    app::App,
    dom::{self, elements, on},
    format,
    model::Phase,
    session::NotSent,
};

elements! {
    Elements {
        form: Element = "send-form",
        as_hex: HtmlInputElement = "as-hex",
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
        send: Element = "send",
        send_hint: Element = "send-hint",
    }
}

/// What is being written as text and as hex; the field shows one, and this keeps the other.
pub(crate) struct Panel {
    elements: Elements,
    hex: Cell<bool>,
    other: RefCell<String>,
}

impl Panel {
    pub(crate) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.form, "submit", |app, event| {
            event.prevent_default();
            app.composer.send(app);
        });
        on(&elements.form, "change", |app, _| app.composer.switch());
        on(&elements.message, "input", |app, _| app.composer.check());
        on(&elements.message, "keydown", |app, event| {
            let key: &KeyboardEvent = event.unchecked_ref();
            if key.key() == "Enter" && (key.ctrl_key() || key.meta_key()) {
                event.prevent_default();
                app.composer.send(app);
            }
        });
        Self { elements, hex: Cell::default(), other: RefCell::default() }
    }

    pub(crate) fn begin(&self) {
        self.switch();
    }

    pub(crate) fn render(&self, app: &App) {
        let model = app.model.borrow();
        let (phase, lasts) = (model.selected().phase, model.selected().setup.lasts);
        let takes = phase == Phase::Open || (lasts && matches!(phase, Phase::Connecting | Phase::Waiting));
        dom::set_flag(&self.elements.send, "disabled", !takes);
        dom::set_text(&self.elements.send_hint, if takes { "Ctrl+Enter" } else { "Connect first" });
    }

    fn send(&self, app: &App) {
        let Some(message) = self.message() else { return };
        let id = app.model.borrow().selected;
        match app.send(id, message) {
            Ok(_) => self.check(),
            Err(NotSent::NotOpen) => self.not_sent("not sent: connect first"),
            Err(NotSent::Failed(why)) => self.not_sent(&format!("not sent: {why}")),
        }
    }

    /// Shows the draft of the kind that the reader chose.
    fn switch(&self) {
        let elements = &self.elements;
        if self.hex.get() != elements.as_hex.checked() {
            self.hex.set(!self.hex.get());
            let draft = self.other.replace(elements.message.value());
            elements.message.set_value(&draft);
        }
        self.check();
    }

    /// Says how large the message is and what is wrong with it, as it is being written.
    fn check(&self) {
        let elements = &self.elements;
        let hint = if self.hex.get() {
            "Two digits a byte. Spaces, line breaks, commas, colons and 0x between bytes are passed over."
        } else {
            ""
        };
        dom::set_text(&elements.message_hint, hint);
        dom::set_text(&elements.message_label, if self.hex.get() { "Message, as hex" } else { "Message" });
        elements.message.set_placeholder(if self.hex.get() { "48 65 6c 6c 6f" } else { "Write a message" });
        let text = elements.message.value();
        match self.read(&text) {
            Ok(message) => {
                dom::set_text(&elements.message_size, &format::size(message.len() as u64));
                self.show_problem(None);
            }
            Err(bad) => {
                dom::set_text(&elements.message_size, "not hex");
                // A byte whose second digit is yet to come is no mistake.
                let unfinished = bad.problem == Problem::Unfinished;
                self.show_problem((!unfinished).then_some((&bad, &text)));
            }
        }
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
                let start = u32::try_from(bad.at).unwrap_or(u32::MAX);
                let length = if bad.found.len_utf16() == 2 { 2 } else { 1 };
                let _ = elements.message.set_selection_range(start, start.saturating_add(length));
                None
            }
        }
    }

    fn read(&self, text: &str) -> Result<Message, BadHex> {
        if self.hex.get() { hex::parse(text).map(Message::from) } else { Ok(text.into()) }
    }

    /// Says why the message was not sent, where that is not the message's fault.
    fn not_sent(&self, why: &str) {
        let elements = &self.elements;
        dom::set_flag(&elements.message_excerpt, "hidden", true);
        dom::set_text(&elements.message_problem_text, why);
        dom::set_flag(&elements.message_problem, "hidden", false);
    }

    fn show_problem(&self, problem: Option<(&BadHex, &String)>) {
        let elements = &self.elements;
        match problem {
            None => {
                dom::set_flag(&elements.message_problem, "hidden", true);
                let _ = elements.message.remove_attribute("aria-invalid");
            }
            Some((bad, text)) => {
                let [before, found, after] = bad.excerpt(text);
                dom::set_text(&elements.excerpt_before, before);
                dom::set_text(&elements.excerpt_bad, found);
                dom::set_text(&elements.excerpt_after, after);
                dom::set_text(&elements.message_problem_text, &bad.to_string());
                dom::set_flag(&elements.message_excerpt, "hidden", false);
                dom::set_flag(&elements.message_problem, "hidden", false);
                dom::set_attribute(&elements.message, "aria-invalid", "true");
            }
        }
    }
}
