//! Where the selected connection stands: what it waits for, and at the end what happened.

use js_sys::Date;
use web_sys::Element;

use crate::{
    alarm::Alarm,
    app::App,
    dom::{self, elements, on},
    model::{Connection, Phase},
};

/// How often a countdown is drawn, in milliseconds.
const EVERY: i32 = 100;

elements! {
    Elements {
        text: Element = "standing-text",
        try_now: Element = "try-now",
        abandon: Element = "abandon",
    }
}

pub(super) struct Standing {
    elements: Elements,
    tick: Alarm,
}

impl Standing {
    pub(super) fn new() -> Self {
        Self { elements: Elements::find(), tick: Alarm::new(App::changed) }
    }

    pub(super) fn render(&self, connection: &Connection) {
        let elements = &self.elements;
        dom::set_text(&elements.text, &text(connection));
        dom::set_flag(&elements.try_now, "hidden", connection.phase != Phase::Waiting);
        dom::set_flag(&elements.abandon, "hidden", connection.phase != Phase::Closing);
        if connection.until.is_some() {
            self.tick.set_unless_set(EVERY);
        }
    }
}

/// Listens to the buttons beside it.
pub(super) fn listen(standing: &Standing) {
    on(&standing.elements.try_now, "click", |app, _| {
        let id = app.model.borrow().selected;
        app.retry_now(id);
    });
    on(&standing.elements.abandon, "click", |app, _| {
        let id = app.model.borrow().selected;
        app.abandon(id, "Not waited for: the peer had not answered the Close frame yet.");
    });
}

/// Where a connection stands, in a line.
fn text(connection: &Connection) -> String {
    match connection.phase {
        Phase::Idle => "Not connected.".to_owned(),
        Phase::Connecting if connection.attempt > 1 => format!("Connecting, try {}.", connection.attempt),
        Phase::Connecting => "Connecting.".to_owned(),
        Phase::Open => {
            let kind = if connection.setup.lasts { "Open; tries again if it is lost" } else { "Open" };
            match &*connection.detail {
                "" => format!("{kind}."),
                subprotocol => format!("{kind}. Subprotocol {subprotocol}."),
            }
        }
        Phase::Waiting => match connection.until {
            Some(until) => {
                #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
                let left = (until as f64 - Date::now()).max(0.0) / 1000.0;
                format!("Waiting: try {} in {} s.", connection.attempt + 1, tenths(left))
            }
            None => format!("Waiting: {}.", connection.detail),
        },
        Phase::Closing => "Closing: waiting for the peer's Close frame, 5 s at most.".to_owned(),
        Phase::Closed | Phase::Failed | Phase::Lost => match &connection.verdict {
            Some(verdict) => verdict.what.clone(),
            None => "Over.".to_owned(),
        },
    }
}

/// A number with one digit behind the point.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is some seconds")]
fn tenths(number: f64) -> String {
    let tenths = (number * 10.0) as u64;
    format!("{}.{}", tenths / 10, tenths % 10)
}
