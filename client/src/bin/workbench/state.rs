//! What the page knows. Nothing here touches the browser: moments and events are passed in.

use wirescope::{CloseCode, socket::Message};

use crate::{
    format,
    log::{Content, Kind, Log, Moment, Note},
};

/// The state that the header shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Idle,
    Connecting,
    Open,
    Closing,
    /// Ended as one side asked.
    Closed,
    /// Never opened.
    Failed,
    /// Opened, and ended without a closing handshake.
    Lost,
}

impl Phase {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) phase: Phase,
    /// A few words beside the phase.
    pub(crate) detail: String,
    pub(crate) log: Log,
    attempt: Attempt,
}

#[derive(Debug, Default)]
struct Attempt {
    url: String,
    offers: bool,
    started: u64,
    opened: Option<u64>,
    /// The user asked for the end.
    asked: bool,
}

impl Model {
    pub(crate) fn connecting(&mut self, now: Moment, url: &str, offers: &[&str]) {
        self.attempt = Attempt {
            url: url.to_owned(),
            offers: !offers.is_empty(),
            started: now.mono,
            ..Attempt::default()
        };
        let mut tail = String::new();
        for (place, offer) in offers.iter().enumerate() {
            tail.push_str(if place == 0 { "offering " } else { ", " });
            tail.push_str(offer);
        }
        self.enter(Phase::Connecting, String::new());
        self.note(now, Kind::Connecting, Note { head: url.to_owned(), tail, ..Note::default() });
    }

    /// The browser refused to try.
    pub(crate) fn refused(&mut self, now: Moment, error: String) {
        self.enter(Phase::Failed, "never opened".to_owned());
        self.error(now, error);
    }

    pub(crate) fn opened(&mut self, now: Moment, subprotocol: &str) {
        self.attempt.opened = Some(now.mono);
        let head = format!("after {}", format::duration(now.mono.saturating_sub(self.attempt.started)));
        let tail = if subprotocol.is_empty() {
            "no subprotocol".to_owned()
        } else {
            format!("subprotocol {subprotocol}")
        };
        self.enter(Phase::Open, subprotocol.to_owned());
        self.note(now, Kind::Open, Note { head, tail, ..Note::default() });
    }

    pub(crate) fn sent(&mut self, now: Moment, message: Message) {
        self.log.push(now, Kind::Sent, Content::Message(message));
    }

    pub(crate) fn received(&mut self, now: Moment, message: Message) {
        self.log.push(now, Kind::Received, Content::Message(message));
    }

    /// The user asked for the end, and the socket took it.
    pub(crate) fn closing(&mut self, now: Moment, code: CloseCode, reason: &str) {
        self.attempt.asked = true;
        if self.attempt.opened.is_some() {
            let head = code.to_string();
            self.note(now, Kind::Closing, Note { head, quoted: reason.to_owned(), ..Note::default() });
        }
        self.enter(Phase::Closing, String::new());
    }

    /// The browser's error event, which says nothing but that it is one.
    pub(crate) fn failed(&mut self, now: Moment) {
        // It fires this also for an attempt that the user gave up.
        if !(self.attempt.asked && self.attempt.opened.is_none()) {
            self.error(now, "the browser reports an error; it tells pages no more than that".to_owned());
        }
    }

    pub(crate) fn error(&mut self, now: Moment, error: String) {
        self.note(now, Kind::Error, Note { head: error, ..Note::default() });
    }

    pub(crate) fn closed(&mut self, now: Moment, code: CloseCode, reason: &str, clean: bool) {
        let Attempt { opened, asked, started, .. } = self.attempt;
        let (phase, kind, detail) = match opened {
            None if asked => (Phase::Closed, Kind::Closed, "given up".to_owned()),
            None => (Phase::Failed, Kind::Unclean, "never opened".to_owned()),
            Some(_) if clean => (Phase::Closed, Kind::Closed, code.to_string()),
            Some(_) => (Phase::Lost, Kind::Unclean, code.to_string()),
        };
        let lasted = format::duration(now.mono.saturating_sub(opened.unwrap_or(started)));
        let mut tail = String::new();
        if reason.is_empty() {
            tail.push_str("no reason · ");
        }
        tail.push_str(if clean { "clean · " } else { "not clean · " });
        tail.push_str(if opened.is_some() { "open for " } else { "never open, tried for " });
        tail.push_str(&lasted);
        let why = if clean { String::new() } else { self.why(code) };
        self.enter(phase, detail);
        self.note(now, kind, Note { head: code.to_string(), quoted: reason.to_owned(), tail, why });
    }

    /// What can be told of an ending without a closing handshake.
    fn why(&self, code: CloseCode) -> String {
        let Attempt { url, offers, opened, asked, .. } = &self.attempt;
        match opened {
            None if *asked => "Given up before it opened, as you asked.".to_owned(),
            None => {
                let mut why = format!(
                    "The connection to {url} never opened. Browsers hide the cause from pages; usually nothing listens \
                     there, or what does is no WebSocket server or refuses this page's origin"
                );
                if *offers {
                    why.push_str(", or selects none of the subprotocols offered");
                }
                if url.starts_with("wss:") || url.starts_with("https:") {
                    why.push_str(", or its certificate is not trusted");
                }
                why.push('.');
                why
            }
            Some(_) if *asked => "You asked to close, but the server did not answer with a Close frame. What was \
                                  under way may be lost."
                .to_owned(),
            Some(_) if code == CloseCode::ABNORMAL => "The connection was lost: it ended without a Close frame. \
                                                       The server stopped, or the network between failed. What \
                                                       was under way may be lost."
                .to_owned(),
            Some(_) => "A Close frame came, but the connection did not end as the protocol asks.".to_owned(),
        }
    }

    fn enter(&mut self, phase: Phase, detail: String) {
        self.phase = phase;
        self.detail = detail;
    }

    fn note(&mut self, now: Moment, kind: Kind, note: Note) {
        self.log.push(now, kind, Content::Note(note));
    }
}

#[cfg(test)]
mod tests {
    use wirescope::socket::State;

    use super::*;

    fn at(mono: u64) -> Moment {
        Moment { wall: 0, mono }
    }

    fn last(model: &Model) -> (Kind, &Note) {
        let entry = model.log.last().unwrap();
        let Content::Note(note) = &entry.content else { panic!("a message") };
        (entry.kind, note)
    }

    fn open() -> Model {
        let mut model = Model::default();
        model.connecting(at(0), "ws://host/", &["b", "a"]);
        model.opened(at(12_000), "b");
        model
    }

    #[test]
    fn opening_says_how_long_it_took_and_what_was_selected() {
        let model = open();
        assert_eq!((model.phase, &*model.detail), (Phase::Open, "b"));
        assert_eq!(last(&model).1.head, "after 12 ms");
        assert_eq!(last(&model).1.tail, "subprotocol b");
    }

    #[test]
    fn a_clean_close_says_code_reason_and_life() {
        let mut model = open();
        model.closing(at(20_000), CloseCode::new(4001), "bye");
        assert_eq!(model.phase, Phase::Closing);
        model.closed(at(1_012_000), CloseCode::new(4001), "bye", true);
        assert_eq!((model.phase, &*model.detail), (Phase::Closed, "4001 application's own"));
        let (kind, note) = last(&model);
        assert_eq!(kind, Kind::Closed);
        assert_eq!((&*note.head, &*note.quoted), ("4001 application's own", "bye"));
        assert_eq!((&*note.tail, &*note.why), ("clean · open for 1.00 s", ""));
    }

    #[test]
    fn an_end_without_a_close_is_a_loss() {
        let mut model = open();
        model.closed(at(20_000), CloseCode::ABNORMAL, "", false);
        assert_eq!(model.phase, Phase::Lost);
        let (kind, note) = last(&model);
        assert_eq!(kind, Kind::Unclean);
        assert!(note.why.starts_with("The connection was lost"), "{}", note.why);
        assert_eq!(note.tail, "no reason · not clean · open for 8.0 ms");
    }

    #[test]
    fn an_attempt_that_fails_says_the_usual_causes() {
        let mut model = Model::default();
        model.connecting(at(0), "wss://host/", &["a"]);
        model.failed(at(1));
        assert_eq!(last(&model).0, Kind::Error);
        model.closed(at(2), CloseCode::ABNORMAL, "", false);
        assert_eq!(model.phase, Phase::Failed);
        for cause in ["wss://host/", "origin", "subprotocols", "certificate"] {
            assert!(last(&model).1.why.contains(cause), "{cause}");
        }
    }

    #[test]
    fn an_attempt_given_up_is_no_error() {
        let mut model = Model::default();
        model.connecting(at(0), "ws://host/", &[]);
        model.closing(at(1), CloseCode::NORMAL, "");
        model.failed(at(2));
        model.closed(at(2), CloseCode::ABNORMAL, "", false);
        assert_eq!(model.phase, Phase::Closed);
        assert_eq!(last(&model).0, Kind::Closed);
        assert_eq!(last(&model).1.why, "Given up before it opened, as you asked.");
    }

    #[test]
    fn a_state_is_one_word() {
        // The header's words are those of the socket's states, where it has one.
        for (phase, state) in [
            (Phase::Connecting, State::Connecting),
            (Phase::Open, State::Open),
            (Phase::Closing, State::Closing),
            (Phase::Closed, State::Closed),
        ] {
            assert_eq!(phase.word(), state.to_string());
        }
    }
}
