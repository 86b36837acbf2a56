//! The templates, as the page shows them.

use std::cell::RefCell;

use web_sys::{Element, HtmlInputElement};

use super::{
    draft::Format,
    templates::{Template, Templates},
};
use crate::{
    app::App,
    dom::{self, elements, on},
    keep,
};

const KEY: &str = "templates";

elements! {
    Elements {
        list: Element = "templates",
        none: Element = "templates-none",
        name: HtmlInputElement = "template-name",
        save: Element = "template-save",
        problem: Element = "template-problem",
    }
}

pub(super) struct Shelf {
    elements: Elements,
    templates: RefCell<Templates>,
}

impl Shelf {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.save, "click", |app, _| app.composer.shelf.save(app));
        on(&elements.name, "keydown", |app, event| {
            let key: &web_sys::KeyboardEvent = wasm_bindgen::JsCast::unchecked_ref(event);
            if key.key() == "Enter" && !key.ctrl_key() && !key.meta_key() {
                // Else it would send the message.
                event.prevent_default();
                app.composer.shelf.save(app);
            }
        });
        on(&elements.list, "click", |app, event| {
            let Some(target) = dom::target(event) else { return };
            if let Some(name) = target.get_attribute("data-load") {
                app.composer.shelf.load(app, &name);
            } else if let Some(name) = target.get_attribute("data-delete") {
                app.composer.shelf.delete(&name);
            }
        });
        Self { elements, templates: RefCell::default() }
    }

    pub(super) fn begin(&self) {
        self.templates.replace(Templates::read(&keep::get(KEY).unwrap_or_default()));
        self.show();
    }

    fn save(&self, app: &App) {
        let elements = &self.elements;
        let name = elements.name.value().trim().to_owned();
        let format = app.composer.format.get();
        let problem = match (name.as_str(), format) {
            ("", _) => Some("a template has a name"),
            (_, Format::File) => Some("a file is not kept: write a message in another format"),
            _ => {
                let text = app.composer.elements.message.value();
                let saved = self.templates.borrow_mut().save(Template { name, format, text });
                (!saved).then_some("there are a hundred already: delete one first")
            }
        };
        dom::set_problem(&elements.name, &elements.problem, problem);
        if problem.is_some() {
            let _ = elements.name.focus();
            return;
        }
        elements.name.set_value("");
        self.keep();
    }

    fn load(&self, app: &App, name: &str) {
        let found = self.templates.borrow().all().iter().find(|template| template.name == name).cloned();
        if let Some(template) = found {
            app.composer.show(template.format, &template.text);
            let _ = app.composer.elements.message.focus();
        }
    }

    fn delete(&self, name: &str) {
        self.templates.borrow_mut().delete(name);
        self.keep();
        let _ = self.elements.name.focus();
    }

    fn keep(&self) {
        let kept = keep::set(KEY, &self.templates.borrow().write());
        if !kept {
            let elements = &self.elements;
            let says = "the browser keeps nothing here: it will be gone with the page";
            dom::set_problem(&elements.name, &elements.problem, Some(says));
        }
        self.show();
    }

    fn show(&self) {
        let elements = &self.elements;
        elements.list.set_text_content(None);
        let templates = self.templates.borrow();
        dom::set_flag(&elements.none, "hidden", !templates.all().is_empty());
        for Template { name, format, .. } in templates.all() {
            let item = dom::element("li", "", "");
            let load = dom::element("button", "quiet", name);
            let delete = dom::element("button", "quiet", "×");
            for (button, action) in [(&load, "data-load"), (&delete, "data-delete")] {
                dom::set_attribute(button, "type", "button");
                dom::set_attribute(button, action, name);
                dom::append(&item, button);
            }
            dom::set_attribute(&load, "title", format.name());
            dom::set_attribute(&delete, "aria-label", &format!("Delete {name}"));
            dom::append(&elements.list, &item);
        }
    }
}
