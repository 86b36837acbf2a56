//! Where the selected connection stands: what it waits for, and at the end what happened and what to do.

use js_sys::Date;
use web_sys::Element;
use wirescope::socket::{Cause, Diagnosis};

use crate::{
    alarm::Alarm,
    app::App,
    dom::{self, elements, on},
    format,
    model::{Connection, Found, Phase},
};

/// How often a countdown is drawn, in milliseconds.
const EVERY: i32 = 100;

elements! {
    Elements {
        text: Element = "standing-text",
        try_now: Element = "try-now",
        abandon: Element = "abandon",
        verdicts: Element = "verdicts",
        cause: Element = "verdict-cause",
        advice: Element = "verdict-advice",
        evidence: Element = "verdict-evidence",
        server_place: Element = "verdict-server-place",
        server: Element = "verdict-server",
        again: Element = "verdict-again",
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
        let verdict = connection.verdict.as_ref().and_then(|it| Some((it.diagnosis.as_ref()?, &it.found)));
        // Of what was asked for there is nothing to say.
        let verdict = verdict.filter(|(diagnosis, _)| diagnosis.cause != Cause::ClosedHere);
        dom::set_flag(&elements.verdicts, "hidden", verdict.is_none());
        if let Some((diagnosis, found)) = verdict {
            self.show(diagnosis, found);
        }
        if connection.until.is_some() {
            self.tick.set_unless_set(EVERY);
        }
    }

    fn show(&self, diagnosis: &Diagnosis, found: &Found) {
        let elements = &self.elements;
        // What was found out counts for more than what a page can guess.
        for (element, found, guess) in [
            (&elements.cause, &found.cause, cause(diagnosis)),
            (&elements.advice, &found.advice, diagnosis.advice.to_owned()),
            (&elements.evidence, &found.evidence, sentence(&diagnosis.evidence)),
        ] {
            dom::set_text(element, if found.is_empty() { &guess } else { found });
        }
        dom::set_text(&elements.server, &found.server);
        dom::set_flag(&elements.server_place, "hidden", found.server.is_empty());
        let again = match diagnosis.cause {
            Cause::ClosedByPeer => "is up to you: nothing is wrong",
            _ if diagnosis.retryable && !found.lasts => "may help",
            _ => "would end the same way, unless something is changed",
        };
        dom::set_text(&elements.again, again);
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

fn sentence(text: &str) -> String {
    let mut text = format!("{}.", text.trim_end_matches('.'));
    // They are the library's, and in English.
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// The likely cause, in a few words.
fn cause(diagnosis: &Diagnosis) -> String {
    match &diagnosis.cause {
        Cause::ClosedHere => "it was closed here",
        Cause::SlowReader => "this side reads more slowly than the peer sends",
        Cause::PeerSilent => "the peer is silent",
        Cause::ClosedByPeer => "the peer was done",
        Cause::CloseUnanswered => "the peer never answered the Close frame",
        Cause::NeverOpened => {
            "nothing answers there, or what does refuses this page; the browser does not say which"
        }
        Cause::ServerGone => "the server is down or out of reach: it did let this page in before",
        Cause::IdleCutOff { silence, seen } => {
            let silence = u64::try_from(silence.as_micros()).unwrap_or(u64::MAX);
            let times = if *seen > 1 { format!(", {seen} times now") } else { String::new() };
            return format!(
                "something between cuts off what is idle for {}{times}",
                format::duration(silence)
            );
        }
        Cause::ConnectionLost => "the network or the server was lost",
        Cause::ServerGoingAway => "the server goes away or restarts",
        Cause::TryAgainLater => "the server has no room for now",
        Cause::Policy => "the server's rules forbid it",
        Cause::TooBig => "a message was too big",
        Cause::Protocol => "one side broke the protocol, or sent what the other cannot take",
        Cause::ServerError => "the server failed",
        Cause::Application => "what the application means by its own code",
        _ => "unknown",
    }
    .to_owned()
}
