//! What can be done, in one table: the palette lists it, the help sheet shows its keys, and the keyboard runs it.

use wasm_bindgen::JsCast as _;
use web_sys::{HtmlDetailsElement, HtmlElement, KeyboardEvent};

use crate::dom;

/// One thing that can be done: what a click on an element, or the focus in it, does.
pub(super) struct Command {
    pub(super) name: &'static str,
    /// As they are written for people; empty if it has none.
    pub(super) keys: &'static str,
    /// The element by its id.
    element: &'static str,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Click,
    Focus,
}

const fn click(name: &'static str, keys: &'static str, element: &'static str) -> Command {
    Command { name, keys, element, how: How::Click }
}

const fn focus(name: &'static str, keys: &'static str, element: &'static str) -> Command {
    Command { name, keys, element, how: How::Focus }
}

/// All of them. The keys are Ctrl (or Cmd) and Alt with another, so that none is in the way of writing.
pub(super) const COMMANDS: &[Command] = &[
    click("Command palette", "Ctrl+K", "open-palette"),
    click("Help and keys", "F1", "open-help"),
    focus("Go to the URL", "Alt+L", "url"),
    click("Connect", "Alt+C", "connect"),
    click("Disconnect", "Alt+X", "disconnect"),
    click("Add a connection", "Alt+N", "add-connection"),
    focus("Write a message", "Alt+M", "message"),
    click("Send the message", "Ctrl+Enter", "send"),
    focus("Write a script", "", "script"),
    click("Play or stop the script", "", "script-run"),
    click("Record a script, or stop recording", "", "script-record"),
    click("Write a script of what the log has", "", "script-from-log"),
    click("Open a script", "", "script-open"),
    click("Save the script", "", "script-save"),
    click("Log", "Alt+1", "tab-log"),
    click("Measure", "Alt+2", "tab-measure"),
    click("Compare", "Alt+3", "tab-compare"),
    click("Examples", "Alt+4", "tab-examples"),
    focus("Go to the log's rows", "Alt+J", "screen"),
    click("Follow the log", "Alt+F", "follow"),
    click("Clear the log", "Alt+K", "clear"),
    click("Theme: as the system has it", "", "theme-system"),
    click("Theme: light", "", "theme-light"),
    click("Theme: dark", "", "theme-dark"),
    click("Copy a link to this setup", "", "copy-link"),
];

impl Command {
    /// Whether these are its keys. Ctrl+Enter is the message field's own.
    pub(super) fn is_pressed(&self, key: &KeyboardEvent) -> bool {
        let (ctrl, alt) = (key.ctrl_key() || key.meta_key(), key.alt_key());
        let Some((modifier, letter)) = self.keys.split_once('+') else {
            return !self.keys.is_empty() && !ctrl && !alt && key.key() == self.keys;
        };
        // By the place on the keyboard, since with Alt some layouts write other characters.
        let place = key.code();
        let place = place.strip_prefix("Key").or_else(|| place.strip_prefix("Digit")).unwrap_or_default();
        place == letter && (ctrl, alt) == (modifier == "Ctrl", modifier == "Alt")
    }

    /// Whether it can be done now.
    pub(super) fn is_possible(&self) -> bool {
        dom::document()
            .get_element_by_id(self.element)
            .is_some_and(|element| !element.matches(":disabled").unwrap_or_default())
    }

    pub(super) fn run(&self) {
        let Some(element) = dom::document().get_element_by_id(self.element) else { return };
        reveal(&element);
        let element: &HtmlElement = element.unchecked_ref();
        match self.how {
            How::Click => element.click(),
            How::Focus => {
                let _ = element.focus();
            }
        }
    }
}

/// Opens what an element is folded into, and turns to the tab that it is on.
fn reveal(element: &web_sys::Element) {
    let mut around = element.parent_element();
    while let Some(this) = around {
        if let Some(details) = this.dyn_ref::<HtmlDetailsElement>() {
            details.set_open(true);
        }
        if this.has_attribute("hidden") {
            let tab = format!("[role=tab][aria-controls='{}']", this.id());
            if let Ok(Some(tab)) = dom::document().query_selector(&tab) {
                tab.unchecked_ref::<HtmlElement>().click();
            }
        }
        around = this.parent_element();
    }
}
