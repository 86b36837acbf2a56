//! What the page shows of its state, brought up to date at most once per frame.

use crate::{
    dom::{self, Dom},
    format,
    log::{Kind, Log, Moment},
    rows::{self, Rows},
    state::{Model, Phase},
};

/// The least time between two announcements of rows.
pub(crate) const ANNOUNCE_EVERY_MS: u16 = 1500;

pub(crate) struct View {
    pub(crate) rows: Rows,
    announced: Announced,
}

#[derive(Default)]
struct Announced {
    /// The number of the first entry that was not spoken of.
    next: u64,
    at: Option<u64>,
}

/// What is left to do after a rendering.
pub(crate) struct Later {
    /// There is more for the next frame.
    pub(crate) frame: bool,
    /// There is something to announce when the time since the last announcement has passed.
    pub(crate) announcement: bool,
}

impl View {
    pub(crate) fn new() -> Self {
        Self { rows: Rows::new(), announced: Announced::default() }
    }

    pub(crate) fn render(&mut self, dom: &Dom, model: &Model, now: Moment) -> Later {
        show_phase(dom, model);
        show_tallies(dom, &model.log);
        let frame = self.rows.render(dom, &model.log);
        dom.follow.set_checked(self.rows.follow);
        let unseen = match self.rows.unseen {
            0 => String::new(),
            unseen => format!("{} new", format::count(unseen)),
        };
        dom::set_text(&dom.unseen, &unseen);
        Later { frame, announcement: self.announced.speak(dom, &model.log, now) }
    }
}

impl Announced {
    /// Speaks of what was sent, received or failed; of a crowd, only of the last. The header speaks of the state. `true`
    /// when it is too early to speak.
    fn speak(&mut self, dom: &Dom, log: &Log, now: Moment) -> bool {
        let new = log.next().saturating_sub(self.next);
        let Some(last) = log.last().filter(|_| new > 0) else { return false };
        if matches!(last.kind, Kind::Sent | Kind::Received | Kind::Error) {
            let pause = u64::from(ANNOUNCE_EVERY_MS) * 1000;
            if self.at.is_some_and(|at| now.mono.saturating_sub(at) < pause) {
                return true;
            }
            self.at = Some(now.mono);
            let mut text = rows::spoken(last);
            if new > 1 {
                text = format!("{} new rows, the last: {text}", format::count(new));
            }
            dom::set_text(&dom.announcer, &text);
        }
        self.next = log.next();
        false
    }
}

fn show_phase(dom: &Dom, model: &Model) {
    let phase = model.phase;
    dom::set_attribute(&dom.state, "data-state", phase.word());
    dom::set_text(&dom.state_word, phase.word());
    dom::set_text(&dom.state_detail, &model.detail);
    let connecting = phase == Phase::Connecting;
    dom::set_text(&dom.connect, if connecting { "Cancel" } else { "Connect" });
    // Or else a second Enter in the URL would press it.
    dom::set_attribute(&dom.connect, "type", if connecting { "button" } else { "submit" });
    dom::set_flag(&dom.connect, "disabled", matches!(phase, Phase::Open | Phase::Closing));
    let open = phase == Phase::Open;
    dom::set_flag(&dom.send, "disabled", !open);
    dom::set_text(&dom.send_hint, if open { "Ctrl+Enter" } else { "Connect first" });
    dom::set_flag(&dom.disconnect, "disabled", !open);
}

fn show_tallies(dom: &Dom, log: &Log) {
    for (tally, messages, bytes) in [
        (log.sent, &dom.sent_count, &dom.sent_bytes),
        (log.received, &dom.received_count, &dom.received_bytes),
    ] {
        dom::set_text(messages, &format::count(tally.messages));
        dom::set_text(bytes, &format::size(tally.bytes));
    }
    dom::set_flag(&dom.empty, "hidden", log.last().is_some());
    dom::set_flag(&dom.evicted, "hidden", log.evicted == 0);
    let evicted = format::count(log.evicted);
    dom::set_text(&dom.evicted, &format!("{evicted} older rows are gone: the log keeps the newest."));
}
