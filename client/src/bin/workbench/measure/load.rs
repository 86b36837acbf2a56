//! The form of a load run, its progress, and the runs that are kept to be compared.

use std::cell::{Cell, RefCell};

use js_sys::Math;
use web_sys::{Element, HtmlElement, HtmlInputElement};

use super::{
    book::{MAX_MESSAGES, MAX_SIZE, MIN_SIZE},
    outcome::{self, Outcome},
    plan::{Pace, Plan},
    run::Run,
};
use crate::{
    app::{self, App},
    clipboard,
    dom::{self, elements, on},
    format,
    log::{Kind, Note},
    model::Phase,
};

elements! {
    Elements {
        form: Element = "load-form",
        fields: Element = "load-fields",
        by_rate: HtmlInputElement = "pace-rate",
        by_flight: HtmlInputElement = "pace-flight",
        pace: HtmlInputElement = "load-pace",
        pace_label: Element = "load-pace-label",
        pace_unit: Element = "load-pace-unit",
        size: HtmlInputElement = "load-size",
        lasts: HtmlInputElement = "load-lasts",
        messages: HtmlInputElement = "load-messages",
        grace: HtmlInputElement = "load-grace",
        connections: HtmlInputElement = "load-connections",
        binary: HtmlInputElement = "load-binary",
        start: Element = "load-start",
        stop: HtmlElement = "load-stop",
        progress: Element = "load-progress",
        count: Element = "load-count",
        problem: Element = "load-problem",
        said: Element = "load-said",
        runs: Element = "runs",
        head: Element = "runs-head",
        body: Element = "runs-body",
        missing: Element = "runs-missing",
        copied: Element = "runs-copied",
    }
}

/// How many runs are kept.
const KEPT: usize = 8;

pub(super) struct View {
    elements: Elements,
    /// The runs that ended, the latest last.
    pub(super) outcomes: RefCell<Vec<Outcome>>,
    /// How many there were.
    ran: Cell<usize>,
    tag: Cell<u32>,
}

impl View {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.form, "submit", |app, event| {
            event.prevent_default();
            app.measure.load.begin(app);
        });
        for radio in [&elements.by_rate, &elements.by_flight] {
            on(radio, "change", |app, _| app.measure.load.show_pace());
        }
        on(&elements.connections, "change", |app, _| app.changed());
        on(&elements.stop, "click", |app, _| {
            if let Some(run) = app.measure.run.borrow_mut().as_mut() {
                run.stop();
            }
            app.measure.turn.ask();
        });
        on(&dom::find("runs-markdown"), "click", |app, _| app.measure.load.copy(outcome::markdown));
        on(&dom::find("runs-json"), "click", |app, _| app.measure.load.copy(outcome::json));
        on(&dom::find("clear-runs"), "click", |app, _| {
            app.measure.load.outcomes.borrow_mut().clear();
            app.measure.load.show_runs();
            app.changed();
        });
        Self { elements, outcomes: RefCell::default(), ran: Cell::new(0), tag: Cell::new(0) }
    }

    /// What the run that is on is told by.
    pub(super) fn tag(&self) -> u32 {
        self.tag.get()
    }

    pub(super) fn render(&self, app: &App, run: Option<&Run>, now: u64) {
        let elements = &self.elements;
        let is_on = run.is_some();
        let model = app.model.borrow();
        let takes = model.selected().phase == Phase::Open || !self.is_on_selected();
        dom::set_flag(&elements.fields, "disabled", is_on);
        dom::set_flag(&elements.start, "disabled", is_on);
        dom::set_flag(&elements.stop, "hidden", !is_on);
        dom::set_flag(&elements.progress, "hidden", !is_on);
        let Some(run) = run else {
            let hint = if takes { "" } else { "Connect first, or use new connections" };
            return dom::set_text(&elements.count, hint);
        };
        let Some(at) = run.at(now) else {
            return dom::set_text(&elements.count, "opening connections");
        };
        let (sent, lasts) = (run.book.next(), run.plan.lasts);
        let of_time = u64::from(at.min(lasts)) * 1000 / u64::from(lasts.max(1));
        let of_messages = u64::from(sent) * 1000 / u64::from(run.plan.messages.max(1));
        dom::set_attribute(&elements.progress, "value", &of_time.max(of_messages).to_string());
        let text = format!(
            "{} sent · {} answered · {} of {}",
            format::count(sent.into()),
            format::count(run.book.answered.into()),
            format::duration(u64::from(at) / 100_000 * 100_000),
            format::duration(lasts.into()),
        );
        dom::set_text(&elements.count, &text);
    }

    fn is_on_selected(&self) -> bool {
        self.elements.connections.value() == "0"
    }

    fn begin(&self, app: &App) {
        if app.measure.run.borrow().is_some() {
            return;
        }
        let elements = &self.elements;
        for field in [&elements.pace, &elements.size, &elements.lasts, &elements.messages, &elements.grace] {
            dom::set_problem(field, &elements.problem, None);
        }
        let Some((plan, grace)) = self.plan() else { return };
        if self.is_on_selected() && app.model.borrow().selected().phase != Phase::Open {
            dom::set_text(&elements.problem, "Connect first, or use new connections.");
            return dom::set_flag(&elements.problem, "hidden", false);
        }
        let (id, setup) = {
            let model = app.model.borrow();
            (model.selected, model.selected().setup.clone())
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 10,000")]
        let tag = (Math::random() * 10_000.0) as u32;
        self.tag.set(tag);
        dom::set_text(&elements.said, "");
        let run = Run::begin(plan, grace, tag, app.now().mono, id, &setup);
        app.measure.run.replace(Some(run));
        app.measure.turn.ask();
        app.changed();
    }

    /// What the form asks for; where it asks for what cannot be, it says so.
    fn plan(&self) -> Option<(Plan, u32)> {
        let elements = &self.elements;
        let number = |field: &HtmlInputElement, name: &str, least: u32, most: u32| {
            let text = field.value();
            let number = text.trim().parse::<u32>().ok().filter(|number| (least..=most).contains(number));
            if number.is_none() {
                let (least, most) = (format::count(least.into()), format::count(most.into()));
                let problem = format!("{name}: a whole number from {least} to {most}");
                dom::set_problem(field, &elements.problem, Some(&problem));
                let _ = field.focus();
            }
            number
        };
        let pace = if elements.by_rate.checked() {
            Pace::Rate(number(&elements.pace, "messages a second", 1, 100_000)?)
        } else {
            Pace::InFlight(number(&elements.pace, "messages in flight", 1, 10_000)?)
        };
        #[expect(clippy::cast_possible_truncation, reason = "both are small")]
        let size = number(&elements.size, "bytes in a message", MIN_SIZE as u32, MAX_SIZE as u32)? as usize;
        let lasts = number(&elements.lasts, "seconds", 1, 3_600)? * 1_000_000;
        let messages = if elements.messages.value().trim().is_empty() {
            MAX_MESSAGES
        } else {
            number(&elements.messages, "messages at most", 1, MAX_MESSAGES)?
        };
        let grace = number(&elements.grace, "seconds to wait for answers", 1, 60)? * 1_000_000;
        let connections = elements.connections.value().parse().unwrap_or(0);
        let is_binary = elements.binary.checked();
        Some((Plan { pace, size, is_binary, lasts, messages, connections }, grace))
    }

    fn show_pace(&self) {
        let elements = &self.elements;
        let (label, unit, value) = if elements.by_rate.checked() {
            ("Messages a second", "/s", "200")
        } else {
            ("Messages in flight", "msgs", "16")
        };
        dom::set_text(&elements.pace_label, label);
        dom::set_text(&elements.pace_unit, unit);
        elements.pace.set_value(value);
    }

    /// A run is over: it is kept, shown, and noted in the log.
    pub(super) fn ended(&self, app: &App, run: Run) {
        let on_selected = run.plan.connections == 0;
        let id = run.id();
        self.ran.set(self.ran.get() + 1);
        let outcome = run.outcome(self.ran.get(), app.now().mono);
        let (number, summary) = (outcome.number, outcome.summary());
        dom::set_text(&self.elements.said, &format!("Run {number} is over: {summary}"));
        if let Some(id) = id.filter(|_| on_selected) {
            let head = format!("load run {number}: {}", outcome.plan());
            let note = Note { head, tail: summary, ..Note::default() };
            let now = app.now();
            app.model.borrow_mut().with(id, |connection, log| {
                connection.note(log, now, Kind::Measured, note);
            });
        }
        let mut outcomes = self.outcomes.borrow_mut();
        if outcomes.len() == KEPT {
            outcomes.remove(0);
        }
        outcomes.push(outcome);
        drop(outcomes);
        self.show_runs();
        app.measure.trips.choose(app, number, self);
    }

    fn show_runs(&self) {
        let (elements, outcomes) = (&self.elements, self.outcomes.borrow());
        dom::set_flag(&elements.runs, "hidden", outcomes.is_empty());
        dom::set_text(&elements.copied, "");
        elements.head.set_text_content(None);
        elements.body.set_text_content(None);
        let heading = |scope: &str, text: &str| {
            let cell = dom::element("th", "", text);
            dom::set_attribute(&cell, "scope", scope);
            cell
        };
        dom::append(&elements.head, &heading("col", "run"));
        // The latest beside its names.
        let columns: Vec<_> = outcomes.iter().rev().map(|run| (run, run.cells())).collect();
        for (run, _) in &columns {
            dom::append(&elements.head, &heading("col", &run.number.to_string()));
        }
        let Some((latest, first)) = columns.first() else { return };
        for (place, named) in first.iter().enumerate() {
            let row = dom::element("tr", if named.begins { "begins" } else { "" }, "");
            dom::append(&row, &heading("row", named.name));
            for (_, cells) in &columns {
                let cell = &cells[place];
                dom::append(&row, &dom::element("td", if cell.is_bad { "bad" } else { "" }, &cell.text));
            }
            dom::append(&elements.body, &row);
        }
        let missing = match latest.missing.as_str() {
            "" => String::new(),
            missing => format!("Run {}: no answer to {missing}.", latest.number),
        };
        dom::set_text(&elements.missing, &missing);
    }

    fn copy(&self, text: fn(&[Outcome]) -> String) {
        let text = text(&self.outcomes.borrow());
        wasm_bindgen_futures::spawn_local(async move {
            let said = if clipboard::copy(&text).await {
                "Copied"
            } else {
                "The browser did not let this page copy"
            };
            app::with(|app| dom::set_text(&app.measure.load.elements.copied, said));
        });
    }
}
