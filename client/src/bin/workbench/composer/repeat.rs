//! The same message again and again: at an interval, so often or until it is stopped.

use std::cell::RefCell;

use js_sys::{Date, Math};
use web_sys::{Element, HtmlInputElement};

use super::{
    draft::{self, Format},
    fill,
};
use crate::{
    alarm::Alarm,
    app::App,
    dom::{self, elements, on},
    format,
    model::Id,
    session::NotSent,
};

elements! {
    Elements {
        every: HtmlInputElement = "repeat-every",
        times: HtmlInputElement = "repeat-times",
        problem: Element = "repeat-problem",
        start: Element = "repeat-start",
        count: Element = "repeat-count",
    }
}

pub(super) struct Repeat {
    elements: Elements,
    running: RefCell<Option<Running>>,
    /// What there is to say of it.
    says: RefCell<String>,
    alarm: Alarm,
}

/// What is sent, and on which connection.
#[derive(Clone)]
struct Running {
    id: Id,
    format: Format,
    text: String,
    /// In microseconds.
    every: u64,
    /// When the next one is to be sent.
    due: u64,
    sent: u64,
    times: Option<u64>,
}

impl Repeat {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.start, "click", |app, _| {
            let repeat = &app.composer.repeat;
            if repeat.running.borrow().is_some() {
                repeat.stop("stopped");
            } else {
                repeat.start(app);
            }
            app.changed();
        });
        let alarm = Alarm::new(|app| app.composer.repeat.tick(app));
        Self { elements, running: RefCell::default(), says: RefCell::default(), alarm }
    }

    pub(super) fn render(&self, takes: bool) {
        let running = self.running.borrow();
        let says = match &*running {
            Some(running) => {
                let of = running.times.map_or(String::new(), |times| format!(" of {}", format::count(times)));
                format!("{}{of} sent on connection {}", format::count(running.sent), running.id)
            }
            None => self.says.borrow().clone(),
        };
        dom::set_text(&self.elements.count, &says);
        dom::set_text(&self.elements.start, if running.is_some() { "Stop" } else { "Start" });
        dom::set_flag(&self.elements.start, "disabled", running.is_none() && !takes);
    }

    fn start(&self, app: &App) {
        let elements = &self.elements;
        let bad = |field: &HtmlInputElement, says: &str| {
            dom::set_problem(field, &elements.problem, Some(says));
            let _ = field.focus();
        };
        dom::set_problem(&elements.every, &elements.problem, None);
        dom::set_problem(&elements.times, &elements.problem, None);
        let every = elements.every.value().trim().parse().ok();
        let Some(every) = every.filter(|ms| (1..=86_400_000_u64).contains(ms)).map(|ms| ms * 1000) else {
            return bad(&elements.every, "an interval is a number of milliseconds, from 1 to 86400000");
        };
        let times = elements.times.value();
        let times = match times.trim() {
            "" => None,
            times => match times.parse().ok().filter(|times| *times > 0) {
                Some(times) => Some(times),
                None => {
                    return bad(&elements.times, "how often is a number, or nothing: until it is stopped");
                }
            },
        };
        let format = app.composer.format.get();
        if format == Format::File {
            return bad(&elements.every, "a file is sent once: write a message in another format");
        }
        if app.composer.message().is_none() {
            return;
        }
        let id = app.model.borrow().selected;
        let text = app.composer.elements.message.value();
        let due = app.now().mono;
        self.running.replace(Some(Running { id, format, text, every, due, sent: 0, times }));
        self.tick(app);
    }

    fn tick(&self, app: &App) {
        let Some(running) = self.wait_for_next(app.now().mono) else { return };
        let number = running.sent + 1;
        let text = if running.format.is_text() { filled(&running.text, number) } else { running.text };
        // It was a message when it began.
        let Ok(message) = draft::read(running.format, &text) else {
            return self
                .stop_after(running.sent, "it is no message any more once its placeholders are filled");
        };
        match app.send(running.id, message) {
            Ok(_) => {
                if let Some(running) = &mut *self.running.borrow_mut() {
                    running.sent = number;
                }
                if running.times == Some(number) {
                    self.stop(&format!("done: {} sent", format::count(number)));
                }
            }
            Err(NotSent::NotOpen) => self.stop_after(running.sent, "the connection ended"),
            Err(NotSent::Failed(why)) => self.stop_after(running.sent, &why),
        }
        app.changed();
    }

    /// Sets the alarm for the next one, by when this one was due and not by when it came. What was missed altogether, as in
    /// a page that the browser slows down, is not made up for.
    fn wait_for_next(&self, now: u64) -> Option<Running> {
        let mut running = self.running.borrow_mut();
        let running = running.as_mut()?;
        running.due += running.every;
        if running.due <= now {
            running.due = now + running.every;
        }
        let wait = (running.due - now).div_ceil(1000);
        self.alarm.set(i32::try_from(wait).unwrap_or(i32::MAX));
        Some(running.clone())
    }

    fn stop_after(&self, sent: u64, why: &str) {
        self.stop(&format!("stopped after {}: {why}", format::count(sent)));
    }

    fn stop(&self, says: &str) {
        self.alarm.clear();
        let sent = self.running.take().map_or(0, |running| running.sent);
        let says = if says == "stopped" {
            format!("stopped after {}", format::count(sent))
        } else {
            says.to_owned()
        };
        self.says.replace(says);
    }
}

/// A text with its placeholders filled.
pub(super) fn filled(text: &str, number: u64) -> String {
    fill::fill(text, number, || String::from(Date::new_0().to_iso_string()), Math::random)
}
