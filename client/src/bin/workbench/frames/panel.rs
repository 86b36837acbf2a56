//! The tabs Frames and Handshake of the selected row.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement, HtmlInputElement};

use super::{
    Heard, Key, draw,
    handshake::header,
    heads,
    strip::{self, Look},
    trace::{Kind, Trace},
    verdict,
};
use crate::{
    app::App,
    dom::{self, append, element, elements, on},
    format,
    log::{self, Entry},
};

elements! {
    Elements {
        frames: Element = "detail-frames",
        frames_tab: Element = "detail-tab-frames",
        handshake: Element = "detail-handshake",
        handshake_tab: Element = "detail-tab-handshake",
        url: HtmlInputElement = "url",
        trace: HtmlInputElement = "trace",
    }
}

/// How much of all WebSockets' traces is kept.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// For how long events are read in one frame, in microseconds.
const SLICE: u64 = 4_000;

/// How many events are shown before and after those of the selected row, and how many more at a time.
const BEFORE: u64 = 12;
const AFTER: u64 = 24;
const MORE: u64 = 100;

pub(crate) struct Panel {
    elements: Elements,
    traces: RefCell<BTreeMap<Key, Known>>,
    /// Of the selected row.
    shown: Cell<Option<Shown>>,
    /// The event that is drawn, if the reader chose one.
    chosen: Cell<Option<u64>>,
    /// How many more events are shown, before and after.
    more: Cell<(u64, u64)>,
    drawn: RefCell<Drawn>,
    /// What the server says of WebSockets that ended, and the page was not told yet.
    verdicts: RefCell<Vec<(Key, String)>>,
}

/// A WebSocket's trace.
#[derive(Default)]
struct Known {
    trace: Trace,
    /// The SHA-1 of the handshake's key, once the browser has worked it out.
    digest: Option<Vec<u8>>,
}

/// What the selected row is to a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    row: u64,
    key: Key,
    kind: log::Kind,
    ordinal: u32,
}

/// What of it is drawn, so that nothing is drawn twice.
#[derive(Default, PartialEq)]
struct Drawn {
    shown: Option<Shown>,
    range: (u64, u64),
    own: Vec<u64>,
    picked: Option<u64>,
    is_over: bool,
    /// Of the handshake: whose, how much of it is there, and whether the digest is.
    handshake: Option<(Key, usize, bool)>,
}

impl Panel {
    pub(crate) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.frames, "click", |app, event| {
            let Some(button) = dom::target(event).and_then(|target| target.closest("button").ok()?) else {
                return;
            };
            app.frames.pressed(app, &button);
        });
        on(&elements.trace, "change", |app, _| {
            app.watched.is_wanted.set(app.frames.elements.trace.checked());
        });
        Self {
            elements,
            traces: RefCell::default(),
            shown: Cell::default(),
            chosen: Cell::default(),
            more: Cell::default(),
            drawn: RefCell::default(),
            verdicts: RefCell::default(),
        }
    }

    /// Reads what the watchers heard since, as much as a frame has room for.
    pub(crate) fn read(&self, app: &App) {
        let start = app.now().mono;
        let is_late = || app.now().mono.saturating_sub(start) > SLICE;
        let mut traces = self.traces.borrow_mut();
        traces.retain(|key, _| app.watched.is_kept(*key));
        let is_all = app.watched.tell(|key, heard| {
            let trace = &mut traces.entry(key).or_default().trace;
            match heard {
                Heard::Events(events) => events.lines().for_each(|event| trace.push(event)),
                Heard::Ended(ended) => trace.end(ended),
                Heard::Nothing => trace.lose(),
            }
            if let Some(verdict) = trace.new_verdict() {
                let mut says = verdict::of_the_server(&verdict);
                // Of what opened nothing, the answer tells more than how many messages there were not.
                if let (Some(ended), Some(status)) = (&trace.ended, trace.handshake[1].lines().next())
                    && !ended.opened
                {
                    says.truncate(1);
                    says.push(format!("It answered “{}”.", status.trim()));
                }
                self.verdicts.borrow_mut().push((key, says.join(" ")));
            }
            !is_late()
        });
        if !is_all {
            app.changed();
        }
        let shown = self.shown.get().map(|shown| shown.key);
        while traces.values().map(|known| known.trace.bytes()).sum::<usize>() > MAX_BYTES
            && app.watched.forget_oldest_but(shown)
        {
            traces.retain(|key, _| app.watched.is_kept(*key));
        }
    }

    /// The fault that an entry's frames met, if any did: a cheap look.
    pub(crate) fn mark(&self, entry: &Entry<'_>) -> Option<String> {
        let origin = entry.origin;
        let out = match entry.kind {
            log::Kind::Received => true,
            log::Kind::Sent => false,
            _ => return None,
        };
        if origin.ordinal == 0 {
            return None;
        }
        let traces = self.traces.borrow();
        Some(traces.get(&(origin.connection, origin.socket))?.trace.mark(out, origin.ordinal)?.to_owned())
    }

    /// Puts beside a connection's ending what the server says of it.
    fn tell_verdicts(&self, app: &App) {
        for ((id, socket), says) in self.verdicts.take() {
            let mut model = app.model.borrow_mut();
            let connection = model.get_mut(id).filter(|connection| connection.socket() == socket);
            // The reason of a refusal says more.
            if let Some(verdict) = connection.and_then(|connection| connection.verdict.as_mut())
                && verdict.found.server.is_empty()
            {
                verdict.found.server = says;
                app.changed();
            }
        }
    }

    pub(crate) fn render(&self, app: &App) {
        self.tell_verdicts(app);
        let is_ours = app.servers.is_ours(&self.elements.url.value());
        dom::set_flag(&self.elements.trace, "disabled", !is_ours);
        self.elements.trace.set_checked(is_ours && app.watched.is_wanted.get());
        let shown = selected(app);
        if self.shown.replace(shown) != shown {
            self.chosen.set(None);
            self.more.set((0, 0));
        }
        let traces = self.traces.borrow();
        let record = shown.and_then(|shown| Some((shown, traces.get(&shown.key)?)));
        if self.elements.frames_tab.has_attribute("hidden") != record.is_none() {
            for tab in [&self.elements.frames_tab, &self.elements.handshake_tab] {
                dom::set_flag(tab, "hidden", record.is_none());
            }
            // The detail goes by that in what it shows.
            app.changed();
        }
        let Some((shown, record)) = record else { return };
        if !self.elements.frames.has_attribute("hidden") {
            self.draw_frames(shown, &record.trace);
        }
        if !self.elements.handshake.has_attribute("hidden") {
            self.draw_handshake(shown.key, record);
        }
    }

    /// A line of the strip was chosen, or more of them are wanted.
    fn pressed(&self, app: &App, button: &Element) {
        let (before, after) = self.more.get();
        if let Some(number) = button.get_attribute("data-event").and_then(|number| number.parse().ok()) {
            self.chosen.set(Some(number));
        } else if button.has_attribute("data-before") {
            self.more.set((before + MORE, after));
        } else if button.has_attribute("data-after") {
            self.more.set((before, after + MORE));
        }
        app.changed();
    }

    fn draw_frames(&self, shown: Shown, trace: &Trace) {
        let own = own(trace, shown);
        let (first, last) = match (own.first(), own.last()) {
            (Some(first), Some(last)) => (*first, *last),
            // What is no message: the beginning or the end of it all.
            _ if is_begin(shown) => (trace.first(), trace.first()),
            _ => (trace.len(), trace.len()),
        };
        let (before, after) = self.more.get();
        let from = first.saturating_sub(BEFORE + before).max(trace.first());
        let to = (last + AFTER + after).min(trace.len());
        let picked = self
            .chosen
            .get()
            .or_else(|| best(trace, &own, shown))
            .filter(|number| trace.get(*number).is_some());
        let is_over = trace.ended.is_some() && (trace.verdict.is_some() || trace.lost);
        let now = Drawn {
            shown: Some(shown),
            range: (from, to),
            own,
            picked,
            is_over,
            handshake: self.drawn.borrow().handshake,
        };
        if *self.drawn.borrow() == now {
            return;
        }
        let place = &self.elements.frames;
        let (top, focused) = (place.scroll_top(), focused_event());
        let is_same = self.drawn.borrow().shown == now.shown;
        let list_top = list(place).filter(|_| is_same).map(|list| list.scroll_top());
        place.set_text_content(None);
        let layout = element("div", "second-eye", "");
        append(&layout, &strip(trace, &now));
        let drawing = element("div", "drawing", "");
        // A connection that ended with no Close frame has its end drawn where that would be.
        let is_end = is_over && picked.is_none() && !is_message(shown);
        match picked.and_then(|number| trace.get(number)) {
            Some(event) => draw::event(&drawing, trace, event),
            None if is_end => append(&drawing, &verdicts(trace)),
            None if trace.len() == 0 => {
                append(&drawing, &element("p", "hint", "The server has not told anything yet."));
            }
            None => append(&drawing, &element("p", "hint", "Choose a frame to see each bit of it.")),
        }
        append(&layout, &drawing);
        append(place, &layout);
        if is_over && !is_end {
            append(place, &verdicts(trace));
        }
        place.set_scroll_top(if is_same { top } else { 0 });
        if let Some(list) = list(place) {
            // What was selected is in sight, with what was before it; or the end, if that was.
            let own = list.query_selector(".own").ok().flatten();
            let top = match own {
                Some(own) => own.unchecked_into::<HtmlElement>().offset_top() - 64,
                None if first == trace.len() => list.scroll_height(),
                None => 0,
            };
            list.set_scroll_top(list_top.unwrap_or(top));
        }
        if let Some(number) = focused
            && let Ok(Some(line)) = place.query_selector(&format!("[data-event='{number}']"))
        {
            let _ = line.unchecked_into::<HtmlElement>().focus();
        }
        *self.drawn.borrow_mut() = now;
    }

    fn draw_handshake(&self, key: Key, record: &Known) {
        let length = record.trace.handshake.iter().map(String::len).sum();
        let state = Some((key, length, record.digest.is_some()));
        if self.drawn.borrow().handshake == state {
            return;
        }
        let [asked, answered] = &record.trace.handshake;
        let place = &self.elements.handshake;
        place.set_text_content(None);
        if asked.is_empty() {
            append(place, &element("p", "hint", "The server has not told of the handshake yet."));
        } else {
            let both = element("div", "handshake", "");
            append(&both, &heads::head("↑ The browser asks", "asks", asked));
            append(&both, &heads::head("↓ The server answers", "answers", answered));
            append(place, &both);
            if let Some(sent) = header(asked, "sec-websocket-key") {
                append(place, &heads::digest(sent, answered, record.digest.as_deref()));
                if record.digest.is_none() {
                    heads::work_out(key, sent);
                }
            }
        }
        self.drawn.borrow_mut().handshake = state;
    }

    /// The digest of a WebSocket's key is there.
    pub(super) fn worked_out(&self, key: Key, digest: Vec<u8>) {
        if let Some(record) = self.traces.borrow_mut().get_mut(&key) {
            record.digest = Some(digest);
        }
    }
}

/// The selected row, if it is of a WebSocket.
fn selected(app: &App) -> Option<Shown> {
    let model = app.model.borrow();
    let row = app.log.selected()?;
    let entry = model.log.get(row)?;
    let (origin, kind) = (entry.origin, entry.kind);
    Some(Shown { row, key: (origin.connection, origin.socket), kind, ordinal: origin.ordinal })
}

/// The events of the selected row.
fn own(trace: &Trace, shown: Shown) -> Vec<u64> {
    match shown.kind {
        log::Kind::Sent | log::Kind::Received if shown.ordinal > 0 => {
            trace.of(shown.kind == log::Kind::Received, shown.ordinal)
        }
        log::Kind::Closed | log::Kind::Unclean | log::Kind::Closing => {
            let is_close = |event: &&super::trace::Event| {
                event.kind == Kind::Frame && event.json.contains("\"opcode\":8")
            };
            trace.events().filter(|(_, event)| is_close(event)).map(|(number, _)| number).collect()
        }
        _ => Vec::new(),
    }
}

/// What is drawn until the reader chooses.
fn best(trace: &Trace, own: &[u64], shown: Shown) -> Option<u64> {
    let is_drawn =
        |number: &u64| trace.get(*number).is_some_and(|event| matches!(event.kind, Kind::Frame | Kind::Raw));
    let first = own.iter().copied().find(is_drawn);
    first.or_else(|| trace.events().map(|(number, _)| number).find(is_drawn).filter(|_| is_begin(shown)))
}

fn is_begin(shown: Shown) -> bool {
    matches!(shown.kind, log::Kind::Connecting | log::Kind::Open)
}

fn is_message(shown: Shown) -> bool {
    matches!(shown.kind, log::Kind::Sent | log::Kind::Received)
}

/// The lines of the strip, if they are there.
fn list(place: &Element) -> Option<Element> {
    place.query_selector(".strip > ol").ok()?
}

/// The number of the event whose line has the focus.
fn focused_event() -> Option<String> {
    dom::document().active_element()?.get_attribute("data-event")
}

fn strip(trace: &Trace, now: &Drawn) -> Element {
    let strip = element("div", "strip", "");
    let (from, to) = now.range;
    if from > trace.first() {
        append(&strip, &more("data-before", &format!("{} before", format::count(from - trace.first()))));
    } else if trace.first() > 0 {
        append(
            &strip,
            &element("p", "hint", &format!("{} older ones are no longer kept", format::count(trace.first()))),
        );
    }
    let list = element("ol", "", "");
    dom::set_attribute(&list, "aria-label", "What was on the wire, in its order");
    for line in (from..to).filter_map(|number| strip::line(trace, number)) {
        let is_own = now.own.contains(&line.number);
        let item = element("li", if is_own { "own" } else { "" }, "");
        let button = element(if line.look == Look::Note { "div" } else { "button" }, "wire-line", "");
        let way = if line.out { "received" } else { "sent" };
        dom::set_attribute(&button, "data-way", way);
        if line.look != Look::Note {
            dom::set_attribute(&button, "type", "button");
            dom::set_attribute(&button, "data-event", &line.number.to_string());
            dom::set_attribute(
                &button,
                "aria-current",
                if now.picked == Some(line.number) { "true" } else { "false" },
            );
        }
        let look = match line.look {
            Look::Frame => "",
            Look::Ghost => "ghost",
            Look::Note => "note",
        };
        dom::set_attribute(&button, "data-look", look);
        append(&button, &element("time", "", &format!("{}.{}", line.micros / 1000, line.micros / 100 % 10)));
        let arrow = match (line.look, line.out) {
            (Look::Note, _) => "·",
            (_, true) => "↓",
            (_, false) => "↑",
        };
        append(&button, &element("span", "way", arrow));
        append(&button, &element("span", "what", &line.what));
        append(&button, &element("span", "says", &line.text));
        for fault in &line.faults {
            append(&button, &element("span", "chip", fault));
        }
        append(&item, &button);
        append(&list, &item);
    }
    append(&strip, &list);
    if to < trace.len() {
        append(&strip, &more("data-after", &format!("{} after", format::count(trace.len() - to))));
    }
    if trace.lost {
        append(&strip, &element("p", "hint", "The server is gone, and with it what it would have told."));
    }
    strip
}

fn more(way: &str, text: &str) -> Element {
    let button = element("button", "quiet", text);
    dom::set_attribute(&button, "type", "button");
    dom::set_flag(&button, way, true);
    button
}

/// The two verdicts side by side, and why they differ.
fn verdicts(trace: &Trace) -> Element {
    let section = element("section", "two-verdicts", "");
    let Some(ended) = &trace.ended else { return section };
    append(&section, &element("h3", "", "How it ended"));
    let both = element("div", "both", "");
    let column = |title: &str, lines: Vec<String>| {
        let column = element("div", "", "");
        append(&column, &element("h4", "", title));
        for line in lines {
            let text = element("p", "peer-text", "");
            log::append_text(&text, &line);
            append(&column, &text);
        }
        append(&both, &column);
    };
    column("The browser says", verdict::of_the_browser(ended));
    match &trace.verdict {
        Some(server) => column("The server says", verdict::of_the_server(server)),
        None => column("The server says", vec!["Nothing: it was gone before it could.".to_owned()]),
    }
    append(&section, &both);
    if let Some(server) = &trace.verdict {
        let list = element("ul", "differences", "");
        for line in verdict::differences(ended, server) {
            append(&list, &element("li", "", &line));
        }
        append(&section, &list);
    }
    section
}
