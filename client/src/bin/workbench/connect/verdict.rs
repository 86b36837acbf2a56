//! What the end of the selected connection means, and what to do.

use web_sys::Element;
use wirescope::socket::{Cause, Diagnosis};

use crate::{
    app::App,
    dom::{self, elements},
    format,
    model::Found,
};

elements! {
    Elements {
        verdicts: Element = "verdicts",
        cause: Element = "verdict-cause",
        advice: Element = "verdict-advice",
        evidence: Element = "verdict-evidence",
        server_place: Element = "verdict-server-place",
        server: Element = "verdict-server",
        again: Element = "verdict-again",
    }
}

pub(super) struct Verdict {
    elements: Elements,
}

impl Verdict {
    pub(super) fn new() -> Self {
        Self { elements: Elements::find() }
    }

    pub(super) fn render(&self, app: &App) {
        let model = app.model.borrow();
        let verdict = model.selected().verdict.as_ref();
        let verdict = verdict.and_then(|it| Some((it.diagnosis.as_ref()?, &it.found)));
        // Of what was asked for there is nothing to say.
        let verdict = verdict.filter(|(diagnosis, _)| diagnosis.cause != Cause::ClosedHere);
        dom::set_flag(&self.elements.verdicts, "hidden", verdict.is_none());
        if let Some((diagnosis, found)) = verdict {
            self.show(diagnosis, found);
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
