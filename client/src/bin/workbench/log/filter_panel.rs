//! The line of fields that says which rows are shown.

use std::cell::RefCell;

use web_sys::{Element, HtmlInputElement, HtmlSelectElement};

use super::{
    Kind, Log,
    filter::{Class, Criteria, Filter},
    pattern::Pattern,
};
use crate::{
    app::App,
    connect,
    dom::{self, elements, on},
    format,
    model::{Id, Model},
};

elements! {
    Elements {
        form: Element = "filter-form",
        text: HtmlInputElement = "filter-text",
        regex: HtmlInputElement = "filter-regex",
        direction: HtmlSelectElement = "filter-direction",
        kind: HtmlSelectElement = "filter-kind",
        connection: HtmlSelectElement = "filter-connection",
        clear: Element = "filter-clear",
        matches: Element = "filter-matches",
        problem: Element = "filter-problem",
    }
}

/// For how long a filter works in one frame, in microseconds.
const SLICE: u64 = 8_000;

pub(super) struct FilterPanel {
    elements: Elements,
    /// What the list of connections was made from.
    listed: RefCell<Vec<(Id, String)>>,
}

impl FilterPanel {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.form, "submit", |_, event| event.prevent_default());
        for event in ["input", "change"] {
            on(&elements.form, event, |app, _| app.log.filter.apply(app));
        }
        on(&elements.clear, "click", |app, _| app.log.filter.reset(app));
        Self { elements, listed: RefCell::default() }
    }

    /// Shows all rows again.
    pub(super) fn reset(&self, app: &App) {
        let elements = &self.elements;
        elements.text.set_value("");
        elements.regex.set_checked(false);
        for select in [&elements.direction, &elements.kind, &elements.connection] {
            select.set_value("");
        }
        self.apply(app);
        let _ = elements.text.focus();
    }

    /// What the fields say, or what is wrong with it.
    pub(super) fn criteria(&self) -> Result<Criteria, String> {
        let elements = &self.elements;
        let text = elements.text.value();
        let pattern = match &*text {
            "" => None,
            text if elements.regex.checked() => Some(Pattern::regex(text)?),
            text => Some(Pattern::text(text)),
        };
        Ok(Criteria {
            connection: elements.connection.value().parse().ok(),
            direction: match &*elements.direction.value() {
                "sent" => Some(Kind::Sent),
                "received" => Some(Kind::Received),
                _ => None,
            },
            class: match &*elements.kind.value() {
                "text" => Some(Class::Text),
                "binary" => Some(Class::Binary),
                "event" => Some(Class::Event),
                "error" => Some(Class::Failure),
                _ => None,
            },
            pattern,
        })
    }

    /// Does what the fields say; a bad expression leaves the rows as they are.
    fn apply(&self, app: &App) {
        let elements = &self.elements;
        match self.criteria() {
            Ok(criteria) => {
                dom::set_problem(&elements.text, &elements.problem, None);
                let filter = (!criteria.is_empty()).then(|| Filter::new(criteria, &app.model.borrow().log));
                app.log.filtered.replace(filter);
            }
            Err(problem) => dom::set_problem(&elements.text, &elements.problem, Some(&problem)),
        }
        let is_used = app.log.filtered.borrow().is_some() || !elements.text.value().is_empty();
        dom::set_flag(&elements.clear, "disabled", !is_used);
        app.changed();
    }

    /// Goes on looking, for as long as one frame has room.
    pub(super) fn advance(app: &App, log: &Log) {
        if let Some(filter) = &mut *app.log.filtered.borrow_mut() {
            let start = app.now().mono;
            filter.advance(log, |half| {
                app.now().mono.saturating_sub(start) > if half { SLICE / 2 } else { SLICE }
            });
            if filter.left(log) > 0 {
                app.changed();
            }
        }
    }

    pub(super) fn render(&self, app: &App, model: &Model, files: &[(Id, String)]) {
        self.list(model, files);
        let filter = app.log.filtered.borrow();
        let text = match &*filter {
            None => String::new(),
            Some(filter) => {
                let log = &model.log;
                let all = log.next() - log.first();
                let found = filter.matches().len() as u64;
                let mut text = format!("{} of {} rows", format::count(found), format::count(all));
                let left = filter.left(log);
                if left > 0 {
                    let done = (all - left.min(all)) * 100 / all.max(1);
                    text = format!("{text} · {done} % searched");
                }
                text
            }
        };
        dom::set_text(&self.elements.matches, &text);
    }

    /// Lists the connections and files that have rows.
    fn list(&self, model: &Model, files: &[(Id, String)]) {
        let ids = model.log.origins();
        let name = |id: Id| {
            let file = files.iter().find(|(file, _)| *file == id).map(|(_, name)| name.clone());
            let connection = || model.get(id).map(connect::name);
            file.or_else(connection).unwrap_or_else(|| format!("{id} removed"))
        };
        let list: Vec<_> = ids.iter().map(|&id| (id, name(id))).collect();
        if *self.listed.borrow() == list {
            return;
        }
        let select = &self.elements.connection;
        let chosen = select.value();
        select.set_text_content(None);
        let option = |value: &str, text: &str| {
            let option = dom::element("option", "", text);
            dom::set_attribute(&option, "value", value);
            dom::append(select, &option);
        };
        option("", "every connection");
        for (id, name) in &list {
            option(&id.to_string(), name);
        }
        select.set_value(&chosen);
        dom::set_flag(select, "hidden", list.len() < 2);
        self.listed.replace(list);
    }
}
