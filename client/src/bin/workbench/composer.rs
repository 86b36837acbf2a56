//! The composer: text or bytes to send, checked as they are written.

use std::mem;

use wirescope::socket::Message;

use crate::{
    dom::{self, Dom},
    format,
    hex::{self, BadHex, Problem},
};

/// What is being written as text and as hex; the field shows one, and this keeps the other.
#[derive(Default)]
pub(crate) struct Composer {
    hex: bool,
    other: String,
}

impl Composer {
    /// Shows the draft of the kind that the reader chose.
    pub(crate) fn switch(&mut self, dom: &Dom) {
        if self.hex != dom.as_hex.checked() {
            self.hex = !self.hex;
            let draft = mem::replace(&mut self.other, dom.message.value());
            dom.message.set_value(&draft);
        }
        self.check(dom);
    }

    /// Says how large the message is and what is wrong with it, as it is being written.
    pub(crate) fn check(&self, dom: &Dom) {
        let hint = if self.hex {
            "Two digits a byte. Spaces, line breaks, commas, colons and 0x between bytes are passed over."
        } else {
            ""
        };
        dom::set_text(&dom.message_hint, hint);
        dom::set_text(&dom.message_label, if self.hex { "Message, as hex" } else { "Message" });
        dom.message.set_placeholder(if self.hex { "48 65 6c 6c 6f" } else { "Write a message" });
        let text = dom.message.value();
        match self.read(&text) {
            Ok(message) => {
                dom::set_text(&dom.message_size, &format::size(message.len() as u64));
                show_problem(dom, None);
            }
            Err(bad) => {
                dom::set_text(&dom.message_size, "not hex");
                // A byte whose second digit is yet to come is no mistake.
                let unfinished = bad.problem == Problem::Unfinished;
                show_problem(dom, (!unfinished).then_some((&bad, &text)));
            }
        }
    }

    /// The message to send; if there is none, the place that is bad is shown and selected.
    pub(crate) fn message(&self, dom: &Dom) -> Option<Message> {
        let text = dom.message.value();
        match self.read(&text) {
            Ok(message) => Some(message),
            Err(bad) => {
                show_problem(dom, Some((&bad, &text)));
                let _ = dom.message.focus();
                let start = u32::try_from(bad.at).unwrap_or(u32::MAX);
                let length = if bad.found.len_utf16() == 2 { 2 } else { 1 };
                let _ = dom.message.set_selection_range(start, start.saturating_add(length));
                None
            }
        }
    }

    fn read(&self, text: &str) -> Result<Message, BadHex> {
        if self.hex { hex::parse(text).map(Message::from) } else { Ok(text.into()) }
    }
}

/// Says why the message was not sent, where that is not the message's fault.
pub(crate) fn not_sent(dom: &Dom, why: &str) {
    dom::set_flag(&dom.message_excerpt, "hidden", true);
    dom::set_text(&dom.message_problem_text, why);
    dom::set_flag(&dom.message_problem, "hidden", false);
}

fn show_problem(dom: &Dom, problem: Option<(&BadHex, &String)>) {
    match problem {
        None => {
            dom::set_flag(&dom.message_problem, "hidden", true);
            let _ = dom.message.remove_attribute("aria-invalid");
        }
        Some((bad, text)) => {
            let [before, found, after] = bad.excerpt(text);
            dom::set_text(&dom.excerpt_before, before);
            dom::set_text(&dom.excerpt_bad, found);
            dom::set_text(&dom.excerpt_after, after);
            dom::set_text(&dom.message_problem_text, &bad.to_string());
            dom::set_flag(&dom.message_excerpt, "hidden", false);
            dom::set_flag(&dom.message_problem, "hidden", false);
            dom::set_attribute(&dom.message, "aria-invalid", "true");
        }
    }
}
