//! Faults of the selected connection while it lives.

use std::cell::RefCell;

use web_sys::{Element, HtmlInputElement};
use wirescope::spawn;

use super::{table::Table, url};
use crate::{
    app::{self, App},
    dom::{self, elements, on},
    json, net,
};

elements! {
    Elements {
        live: Element = "live",
        said: Element = "live-said",
        buttons: Element = "live-buttons",
        code: HtmlInputElement = "live-code",
        apply: Element = "live-apply",
    }
}

pub(super) struct Live {
    elements: Elements,
    /// What the server answered last, and of which trace; and the faults that it has since.
    answer: RefCell<Answer>,
}

#[derive(Default)]
struct Answer {
    of: String,
    says: String,
    plan: String,
}

impl Live {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.live, "click", |app, event| {
            let Some(button) = dom::target(event).and_then(|target| target.closest("button").ok()?) else {
                return;
            };
            if let Some(query) = button.get_attribute("data-live") {
                app.faults.live_strikes(app, &query);
            }
        });
        Self { elements, answer: RefCell::default() }
    }

    /// The faults that the selected connection has been given while it lives; empty if none.
    pub(super) fn plan(&self, app: &App) -> String {
        let model = app.model.borrow();
        let connection = model.selected();
        let answer = self.answer.borrow();
        let is_its = connection.is_live() && app.watched.id(connection).is_some_and(|id| id == answer.of);
        if is_its { answer.plan.clone() } else { String::new() }
    }

    pub(super) fn render(&self, app: &App, table: &Table) {
        let elements = &self.elements;
        let model = app.model.borrow();
        let connection = model.selected();
        let id = app.watched.id(connection).filter(|_| connection.is_live());
        let said = match (table.control, connection.is_live(), &id) {
            (false, ..) => {
                "Started with --control, the server also changes the faults of a connection while it lives."
                    .to_owned()
            }
            (true, false, _) => {
                "Once connected, its faults can be changed from here while it lives.".to_owned()
            }
            (true, true, None) => {
                "A connection is reached by its trace: tick Trace and connect again.".to_owned()
            }
            (true, true, Some(id)) => match &*self.answer.borrow() {
                Answer { of, says, .. } if of == id => says.clone(),
                _ => "Strikes at once:".to_owned(),
            },
        };
        dom::set_text(&elements.said, &said);
        dom::set_flag(&elements.buttons, "hidden", !(table.control && id.is_some()));
        let query = app.faults.for_a_live_one(table);
        dom::set_flag(&elements.apply, "disabled", query.is_empty());
        dom::set_attribute(&elements.apply, "data-live", &query);
    }
}

impl super::Panel {
    /// Gives the selected connection other faults now.
    fn live_strikes(&self, app: &App, query: &str) {
        let code = self.live.elements.code.value();
        let query = query.replace("CODE", code.trim());
        let (url, id) = {
            let model = app.model.borrow();
            let connection = model.selected();
            (connection.setup.url.clone(), app.watched.id(connection))
        };
        let (Some((origin, _)), Some(id)) = (url::over_http(&url), id) else { return };
        let asked = format!("{origin}/control/connections/{id}/faults?{query}");
        spawn(async move {
            let answer = net::ask("POST", &asked).await;
            app::with(|app| {
                let mut last = app.faults.live.answer.borrow_mut();
                if last.of != id {
                    *last = Answer { of: id, ..Answer::default() };
                }
                last.says = match answer {
                    Some((200, text)) => {
                        last.plan = json::text(&text, "plan");
                        match &*last.plan {
                            "" => "It has no faults any more.".to_owned(),
                            plan => format!("It has these now: {plan}"),
                        }
                    }
                    Some((_, text)) => text,
                    None => "The server does not answer.".to_owned(),
                };
                app.changed();
            });
        });
    }
}
