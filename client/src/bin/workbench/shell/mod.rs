//! What is around the parts of the page: which view is shown.

use web_sys::Element;

use crate::{
    app::App,
    dom::{self, elements, on},
};

elements! {
    Elements {
        views: Element = "views",
    }
}

pub(crate) struct Panel {
    elements: Elements,
}

impl Panel {
    pub(crate) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.views, "click", |app, event| {
            let Some(view) = dom::target(event).and_then(|target| target.get_attribute("data-view")) else {
                return;
            };
            app.shell.show(&view);
            app.changed();
        });
        Self { elements }
    }

    pub(crate) fn begin(&self) {
        let ready = dom::document().get_elements_by_class_name("ready");
        for index in 0..ready.length() {
            if let Some(controls) = ready.item(index) {
                dom::set_flag(&controls, "disabled", false);
            }
        }
        self.show("log");
    }

    #[expect(clippy::unused_self, reason = "all parts are drawn alike")]
    pub(crate) fn render(&self, _app: &App) {}

    /// Shows one of the views: `log`, `measure`, `compare` or `examples`.
    pub(crate) fn show(&self, view: &str) {
        let mut tab = self.elements.views.first_element_child();
        while let Some(this) = tab {
            let name = this.get_attribute("data-view").unwrap_or_default();
            let is_shown = name == view;
            dom::set_attribute(&this, "aria-selected", if is_shown { "true" } else { "false" });
            dom::set_attribute(&this, "tabindex", if is_shown { "0" } else { "-1" });
            dom::set_flag(&dom::find(&format!("view-{name}")), "hidden", !is_shown);
            tab = this.next_element_sibling();
        }
    }

    /// Whether a view is shown, so that one that is not need not be drawn.
    #[expect(clippy::unused_self, reason = "asked of the shell")]
    pub(crate) fn shows(&self, view: &str) -> bool {
        !dom::find(&format!("view-{view}")).has_attribute("hidden")
    }
}
