//! The command palette: what can be done, found by a few of its letters.

use std::cell::Cell;

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlDialogElement, HtmlInputElement, KeyboardEvent};

use super::commands::COMMANDS;
use crate::dom::{self, elements, on};

elements! {
    Elements {
        dialog: HtmlDialogElement = "palette",
        input: HtmlInputElement = "palette-input",
        list: Element = "palette-list",
        none: Element = "palette-none",
    }
}

pub(super) struct Palette {
    elements: Elements,
    /// Which of those that are listed Enter runs.
    at: Cell<u32>,
}

impl Palette {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.input, "input", |app, _| app.shell.palette.list());
        on(&elements.dialog, "keydown", |app, event| app.shell.palette.pressed(event.unchecked_ref()));
        on(&elements.list, "click", |app, event| {
            let option =
                dom::target(event).and_then(|target| target.closest("[data-command]").ok().flatten());
            if let Some(option) = option {
                app.shell.palette.run(&option);
            }
        });
        Self { elements, at: Cell::new(0) }
    }

    pub(super) fn open(&self) {
        if !self.elements.dialog.open() {
            self.elements.input.set_value("");
            self.list();
            let _ = self.elements.dialog.show_modal();
            let _ = self.elements.input.focus();
        }
    }

    /// Lists what has the letters that were typed, in their order.
    fn list(&self) {
        let elements = &self.elements;
        let typed = elements.input.value();
        elements.list.set_text_content(None);
        for (index, command) in COMMANDS.iter().enumerate() {
            if !has_letters(command.name, &typed) || !command.is_possible() {
                continue;
            }
            let option = dom::element("li", "", "");
            let number = index.to_string();
            dom::set_attribute(&option, "role", "option");
            dom::set_attribute(&option, "id", &format!("palette-{number}"));
            dom::set_attribute(&option, "data-command", &number);
            dom::append(&option, &dom::element("span", "", command.name));
            if !command.keys.is_empty() {
                dom::append(&option, &dom::element("kbd", "", command.keys));
            }
            dom::append(&elements.list, &option);
        }
        dom::set_flag(&elements.none, "hidden", elements.list.child_element_count() > 0);
        self.move_to(0);
    }

    fn pressed(&self, key: &KeyboardEvent) {
        let count = self.elements.list.child_element_count();
        match &*key.key() {
            "ArrowDown" if count > 0 => self.move_to((self.at.get() + 1) % count),
            "ArrowUp" if count > 0 => self.move_to((self.at.get() + count - 1) % count),
            "Enter" => {
                if let Some(option) = self.elements.list.children().item(self.at.get()) {
                    self.run(&option);
                }
            }
            _ => return,
        }
        key.prevent_default();
    }

    fn move_to(&self, at: u32) {
        self.at.set(at);
        let options = self.elements.list.children();
        let _ = self.elements.input.remove_attribute("aria-activedescendant");
        for index in 0..options.length() {
            let Some(option) = options.item(index) else { continue };
            dom::set_attribute(&option, "aria-selected", if index == at { "true" } else { "false" });
            if index == at {
                dom::set_attribute(&self.elements.input, "aria-activedescendant", &option.id());
                option.scroll_into_view_with_bool(false);
            }
        }
    }

    fn run(&self, option: &Element) {
        let command = option.get_attribute("data-command").and_then(|index| index.parse::<usize>().ok());
        // It gives the focus back to where it was, and the command may take it from there.
        self.elements.dialog.close();
        if let Some(command) = command.and_then(|index| COMMANDS.get(index)) {
            command.run();
        }
    }
}

/// Whether a name has these letters in this order, whatever is between them.
fn has_letters(name: &str, typed: &str) -> bool {
    let mut letters = name.chars().flat_map(char::to_lowercase);
    typed
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .flat_map(char::to_lowercase)
        .all(|letter| letters.any(|other| other == letter))
}

#[cfg(test)]
mod tests {
    use super::has_letters;

    #[test]
    fn letters_are_found_in_order() {
        assert!(has_letters("Add a connection", "acon"));
        assert!(has_letters("Add a connection", "ADD CO"));
        assert!(has_letters("Add a connection", ""));
        assert!(!has_letters("Add a connection", "noca"));
    }
}
