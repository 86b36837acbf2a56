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
        let theme = Self { elements };
        let kept = keep::get(KEY).unwrap_or_default();
        match &*kept {
            "light" => theme.elements.light.set_checked(true),
            "dark" => theme.elements.dark.set_checked(true),
            _ => theme.elements.system.set_checked(true),
        }
        theme.chosen();
        theme
    }

    fn chosen(&self) {
        let name = match (self.elements.light.checked(), self.elements.dark.checked()) {
            (true, _) => "light",
            (_, true) => "dark",
            _ => "system",
        };
        if let Some(root) = dom::document().document_element() {
            dom::set_attribute(&root, "data-theme", name);
        }
        keep::set(KEY, name);
    }
}
