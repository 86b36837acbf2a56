//! What is around the parts of the page: views, commands and their keys, help, the address, and what is kept for the next
//! visit.

mod address;
mod commands;
mod offline;
mod palette;
mod settings;
mod theme;
mod welcome;

use std::cell::{Cell, RefCell};

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlDialogElement, KeyboardEvent};

use self::{address::Address, commands::COMMANDS, palette::Palette, theme::Theme};
pub(crate) use self::{
    address::{hide_secrets, without_secrets},
    welcome::Welcome,
};
use crate::{
    app::App,
    clipboard,
    dom::{self, elements, on},
};

elements! {
    Elements {
        views: Element = "views",
        palette_button: Element = "open-palette",
        help_button: Element = "open-help",
        help: HtmlDialogElement = "help",
        copy_link: Element = "copy-link",
        copied: Element = "copied",
        help_keys: Element = "help-keys",
    }
}

/// The view that is shown when nothing else was asked for.
const FIRST_VIEW: &str = "log";

pub(crate) struct Panel {
    elements: Elements,
    palette: Palette,
    theme: Theme,
    address: Address,
    view: RefCell<String>,
    /// Whether the address was read, so that it may be written.
    begun: Cell<bool>,
}

/// Begins when all parts of the first view have.
pub(crate) fn begin(app: &App) {
    theme::show();
    let ready = dom::document().get_elements_by_class_name("ready");
    for index in 0..ready.length() {
        if let Some(controls) = ready.item(index) {
            dom::set_flag(&controls, "disabled", false);
        }
    }
    let has_setup = app.window.location().hash().is_ok_and(|hash| hash.len() > 1);
    if has_setup {
        app.second.load();
    }
    Welcome::begin(has_setup);
    offline::begin();
    // What `cargo xtask bench page` waits for.
    if let Some(performance) = app.window.performance() {
        let _ = performance.mark("ready");
    }
}

impl Panel {
    pub(crate) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.views, "click", |app, event| {
            let view = dom::target(event).and_then(|target| target.get_attribute("data-view"));
            if let Some(view) = view {
                app.shell.show(app, &view);
            }
        });
        on(&elements.views, "keydown", |app, event| app.shell.turn(app, event.unchecked_ref()));
        on(&elements.palette_button, "click", |app, _| app.shell.palette.open());
        on(&elements.help_button, "click", |app, _| app.shell.help());
        on(&elements.copy_link, "click", |app, _| app.shell.copy_link(app));
        on(&dom::document(), "keydown", |_, event| pressed(event.unchecked_ref()));
        on(&dom::window(), "hashchange", |app, _| {
            app.shell.address.follow(app);
        });
        for command in COMMANDS.iter().filter(|command| !command.keys.is_empty()) {
            let row = dom::element("div", "", "");
            dom::append(&row, &dom::element("dt", "", command.name));
            let keys = dom::element("dd", "", "");
            dom::append(&keys, &dom::element("kbd", "", command.keys));
            dom::append(&row, &keys);
            dom::append(&elements.help_keys, &row);
        }
        Self {
            elements,
            palette: Palette::new(),
            theme: Theme::new(),
            address: Address::default(),
            view: RefCell::new(FIRST_VIEW.to_owned()),
            begun: Cell::new(false),
        }
    }

    /// Begins when all other parts have.
    pub(crate) fn begin(&self, app: &App) {
        welcome::listen();
        self.show(app, FIRST_VIEW);
        if self.address.follow(app) {
            welcome::again(app);
        }
        self.begun.set(true);
    }

    pub(crate) fn render(&self, app: &App) {
        if self.begun.get() {
            self.address.write(app, &self.view.borrow());
        }
    }

    /// Shows one of the views: `log`, `measure`, `compare` or `examples`.
    pub(crate) fn show(&self, app: &App, view: &str) {
        let mut tab = self.elements.views.first_element_child();
        while let Some(this) = tab {
            let name = this.get_attribute("data-view").unwrap_or_default();
            let is_shown = name == view;
            dom::set_attribute(&this, "aria-selected", if is_shown { "true" } else { "false" });
            dom::set_attribute(&this, "tabindex", if is_shown { "0" } else { "-1" });
            dom::set_flag(&dom::find(&format!("view-{name}")), "hidden", !is_shown);
            tab = this.next_element_sibling();
        }
        view.clone_into(&mut self.view.borrow_mut());
        app.changed();
    }

    /// Whether a view is shown, so that one that is not need not be drawn.
    pub(crate) fn shows(&self, view: &str) -> bool {
        *self.view.borrow() == view
    }

    /// Arrow keys among the views' tabs, as the ARIA pattern for tabs has them.
    fn turn(&self, app: &App, key: &KeyboardEvent) {
        let Some(tab) = dom::target(key) else { return };
        let next = match &*key.key() {
            "ArrowRight" => tab.next_element_sibling().or_else(|| self.elements.views.first_element_child()),
            "ArrowLeft" => {
                tab.previous_element_sibling().or_else(|| self.elements.views.last_element_child())
            }
            "Home" => self.elements.views.first_element_child(),
            "End" => self.elements.views.last_element_child(),
            _ => None,
        };
        if let Some(next) = next {
            key.prevent_default();
            self.show(app, &next.get_attribute("data-view").unwrap_or_default());
            let _ = next.unchecked_ref::<web_sys::HtmlElement>().focus();
        }
    }

    fn help(&self) {
        if !self.elements.help.open() {
            let _ = self.elements.help.show_modal();
        }
    }

    fn copy_link(&self, app: &App) {
        let link = app.window.location().href().unwrap_or_default();
        let copied = self.elements.copied.clone();
        wirescope::spawn(async move {
            let says = if clipboard::copy(&link).await {
                "copied"
            } else {
                "the browser does not let this page copy: take it from the address bar"
            };
            dom::set_text(&copied, says);
        });
    }
}

/// A key anywhere on the page.
fn pressed(key: &KeyboardEvent) {
    // What is behind a dialog is not to be reached.
    let has_dialog = dom::document().query_selector("dialog[open]").is_ok_and(|dialog| dialog.is_some());
    if key.default_prevented() || key.is_composing() || has_dialog {
        return;
    }
    let command = COMMANDS.iter().find(|command| command.is_pressed(key));
    if let Some(command) = command {
        key.prevent_default();
        command.run();
    }
}
