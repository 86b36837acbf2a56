//! Light, dark, or as the system has it.

use web_sys::{Element, HtmlInputElement};

use crate::{
    dom::{self, elements, on},
    keep,
};

elements! {
    Elements {
        choices: Element = "theme",
        system: HtmlInputElement = "theme-system",
        light: HtmlInputElement = "theme-light",
        dark: HtmlInputElement = "theme-dark",
    }
}

const KEY: &str = "theme";

pub(super) struct Theme {
    elements: Elements,
}

impl Theme {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.choices, "change", |app, _| app.shell.theme.chosen());
        let choice = match &*kept() {
            "light" => &elements.light,
            "dark" => &elements.dark,
            _ => &elements.system,
        };
        choice.set_checked(true);
        Self { elements }
    }

    fn chosen(&self) {
        let name = match (self.elements.light.checked(), self.elements.dark.checked()) {
            (true, _) => "light",
            (_, true) => "dark",
            _ => "system",
        };
        keep::set(KEY, name);
        show();
    }
}

/// Shows the page in the theme that was chosen.
pub(super) fn show() {
    if let Some(root) = dom::document().document_element() {
        dom::set_attribute(&root, "data-theme", &kept());
    }
}

fn kept() -> String {
    keep::get(KEY).filter(|name| name == "light" || name == "dark").unwrap_or_else(|| "system".to_owned())
}
