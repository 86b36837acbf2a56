//! Scripts: written or recorded, played on a connection step by step, and kept as files that `wirescope-server run` plays too.

mod play;
mod record;

use std::cell::{Cell, RefCell};

use js_sys::Array;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Element, HtmlElement, HtmlInputElement, HtmlTextAreaElement, Url};
use wirescope_protocol::{Text, script::Script};

use self::play::{Outcome, Play, Todo};
use crate::{
    alarm::{Alarm, Turn},
    app::{self, App},
    connect,
    dom::{self, elements, on},
    format,
    model::{Id, Phase},
    session::{Happening, NotSent},
    shell,
};

/// How many steps are done before the browser has its turn.
const AT_ONCE: u32 = 100;

/// How many steps are shown; a longer script is played all the same.
const SHOWN: usize = 500;

elements! {
    Elements {
        deck: Element = "deck",
        deck_send: Element = "deck-send",
        deck_script: Element = "deck-script",
        send_form: Element = "send-form",
        form: Element = "script-form",
        text: HtmlTextAreaElement = "script",
        problem: Element = "script-problem",
        run: Element = "script-run",
        record: Element = "script-record",
        from_log: Element = "script-from-log",
        save: Element = "script-save",
        open: HtmlInputElement = "script-open",
        result: Element = "script-result",
        steps: Element = "script-steps",
    }
}

pub(crate) struct Panel {
    elements: Elements,
    play: RefCell<Option<Play>>,
    /// Whether the steps that are shown are those of the play.
    shown: Cell<bool>,
    /// Within `drive`, whose own doing makes things happen.
    driving: Cell<bool>,
    /// It goes on when the browser has had its turn, whatever happens before.
    resting: Cell<bool>,
    turn: Turn,
    /// Since which row of the log it is recorded, and which connection.
    recording: Cell<Option<(u64, Id)>>,
    tick: Alarm,
}

impl Panel {
    pub(crate) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.deck, "click", |app, event| {
            let shown = dom::target(event).map(|target| target.id()).unwrap_or_default();
            app.script.show_deck(shown == "deck-script");
        });
        on(&elements.deck, "keydown", |app, event| {
            let key: &web_sys::KeyboardEvent = event.unchecked_ref();
            if matches!(&*key.key(), "ArrowLeft" | "ArrowRight") {
                key.prevent_default();
                let elements = &app.script.elements;
                let script = elements.form.has_attribute("hidden");
                app.script.show_deck(script);
                let tab = if script { &elements.deck_script } else { &elements.deck_send };
                let _ = tab.unchecked_ref::<HtmlElement>().focus();
            }
        });
        on(&elements.form, "submit", |app, event| {
            event.prevent_default();
            app.script.run_or_stop(app);
        });
        on(&elements.text, "input", |app, _| {
            app.script.check();
            app.changed();
        });
        on(&elements.record, "click", |app, _| app.script.record(app));
        on(&elements.from_log, "click", |app, _| {
            let (first, id) = {
                let model = app.model.borrow();
                (model.log.first(), model.selected)
            };
            app.script.write_from(app, first, id);
        });
        on(&elements.save, "click", |app, _| {
            download("conversation.wirescope", &app.script.elements.text.value());
        });
        on(&elements.open, "change", |app, _| app.script.open());
        Self {
            elements,
            play: RefCell::default(),
            shown: Cell::default(),
            driving: Cell::default(),
            resting: Cell::default(),
            turn: Turn::new(|app| {
                app.script.resting.set(false);
                app.script.drive(app);
            }),
            recording: Cell::default(),
            tick: Alarm::new(|app| app.script.drive(app)),
        }
    }

    pub(crate) fn render(&self) {
        let elements = &self.elements;
        let play = self.play.borrow();
        let is_playing = play.as_ref().is_some_and(|play| play.ended.is_none());
        dom::set_text(&elements.run, if is_playing { "Stop" } else { "Run" });
        let is_recording = self.recording.get().is_some();
        dom::set_text(&elements.record, if is_recording { "Stop recording" } else { "Record" });
        dom::set_attribute(&elements.record, "aria-pressed", if is_recording { "true" } else { "false" });
        dom::set_flag(&elements.text, "readonly", is_playing);
        let Some(play) = &*play else { return };
        let says = match &play.ended {
            // How the last play ended says nothing of a script that cannot be played.
            _ if !elements.problem.has_attribute("hidden") => String::new(),
            None => format!("Playing on connection {}", play.id),
            Some(Ok(())) => "Passed".to_owned(),
            Some(Err(why)) => format!("Not passed: {why}"),
        };
        dom::set_text(&elements.result, &says);
        let state = match &play.ended {
            None => "playing",
            Some(Ok(())) => "passed",
            Some(Err(_)) => "failed",
        };
        dom::set_attribute(&elements.result, "data-state", state);
        if !self.shown.replace(true) {
            self.show_steps(play);
        }
        self.show_outcomes(play);
    }

    /// What happened to a connection, before anybody did anything about it.
    pub(crate) fn happened(&self, id: Id, happening: &Happening) {
        let mut play = self.play.borrow_mut();
        let Some(play) = play.as_mut().filter(|play| play.id == id) else { return };
        match happening {
            Happening::Opened(_) => play.opened(),
            Happening::Received(message) => play.received(message),
            Happening::Closed(close) => play.closed(close),
            Happening::Ended(_) | Happening::GivenUp | Happening::Refused(_) => play.over(),
            _ => {}
        }
    }

    /// A connection is not there any more, or what is played on it is to end for this reason.
    pub(crate) fn over(&self, app: &App, id: Id, why: Option<&str>) {
        if let Some(play) = self.play.borrow_mut().as_mut().filter(|play| play.id == id) {
            play.end(Err(why.unwrap_or("the connection was ended here").to_owned()));
        }
        app.changed();
    }

    /// Does all steps that can be done now.
    pub(crate) fn drive(&self, app: &App) {
        let is_playing = self.play.borrow().as_ref().is_some_and(|play| play.ended.is_none());
        if !is_playing || self.resting.get() || self.driving.replace(true) {
            return;
        }
        let mut done = 0;
        let wait = loop {
            let now = app.now().mono;
            // Not borrowed while it is done: what is done makes things happen.
            let next = self.play.borrow_mut().as_mut().map(|play| (play.id, play.todo(now)));
            let failed = match next {
                None | Some((_, Todo::Nothing)) => break None,
                Some((_, Todo::Wait(until))) => break Some(until.saturating_sub(now)),
                Some((id, Todo::Send(message))) => match app.send(id, message) {
                    Ok(_) => None,
                    Err(NotSent::NotOpen) => Some("the connection is not open".to_owned()),
                    Err(NotSent::Failed(why)) => Some(why),
                },
                Some((id, Todo::Close(code, reason))) => {
                    app.close(id, code, &reason);
                    None
                }
            };
            if let Some(play) = self.play.borrow_mut().as_mut() {
                match failed {
                    None => play.passed(app.now().mono),
                    Some(instead) => play.failed(&instead),
                }
            }
            done += 1;
            if done == AT_ONCE {
                self.resting.set(true);
                self.turn.ask();
                break None;
            }
        };
        self.driving.set(false);
        match wait {
            Some(micros) => self.tick.set(i32::try_from(micros.div_ceil(1000)).unwrap_or(i32::MAX)),
            None => self.tick.clear(),
        }
        app.changed();
    }

    fn run_or_stop(&self, app: &App) {
        if let Some(play) = self.play.borrow_mut().as_mut().filter(|play| play.ended.is_none()) {
            play.end(Err("stopped".to_owned()));
            return app.changed();
        }
        let Some(script) = self.check() else {
            let _ = self.elements.text.focus();
            return app.changed();
        };
        if script.steps.is_empty() && script.connect.is_none() {
            let problem = "there is no step to play: write one, such as \u{201c}send text hello\u{201d}";
            dom::set_problem(&self.elements.text, &self.elements.problem, Some(problem));
            let _ = self.elements.text.focus();
            return app.changed();
        }
        let id = app.model.borrow().selected;
        let connect = script.connect.clone();
        let (is_open, is_live) = {
            let model = app.model.borrow();
            (model.selected().phase == Phase::Open, model.selected().is_live())
        };
        if connect.is_some() {
            // What it was connected to before is nothing of this play's.
            app.abandon(id, "Closed, since a script connects anew.");
        }
        self.shown.set(false);
        self.play.replace(Some(Play::new(id, script, is_open && connect.is_none())));
        match connect {
            Some(connect) => connect::Form::connect_to(app, &connect.url, &connect.offers),
            None if !is_live => {
                app.connect.form.keep_setup(app);
                app.connect(id);
            }
            None => {}
        }
        self.drive(app);
    }

    /// The script that is written; `None` if it is none, which is said.
    fn check(&self) -> Option<Script> {
        let elements = &self.elements;
        let read = Script::parse(&elements.text.value());
        let problem = read.as_ref().err().map(ToString::to_string);
        dom::set_problem(&elements.text, &elements.problem, problem.as_deref());
        read.ok()
    }

    fn record(&self, app: &App) {
        match self.recording.take() {
            Some((first, id)) => self.write_from(app, first, id),
            None => {
                let model = app.model.borrow();
                self.recording.set(Some((model.log.next(), model.selected)));
            }
        }
        app.changed();
    }

    /// Writes the script of what a connection did since a row of the log.
    fn write_from(&self, app: &App, first: u64, id: Id) {
        let model = app.model.borrow();
        let log = &model.log;
        let entries = (first.max(log.first())..log.next()).filter_map(|number| log.get(number));
        let offers = model.get(id).map(|connection| connection.setup.offers.clone()).unwrap_or_default();
        let offers: Vec<String> = offers.into_iter().filter(|offer| !offer.contains("token")).collect();
        let mut text = Text::new();
        record::record(entries, id, &offers, shell::without_secrets).add_to(&mut text);
        let text = match text.as_str() {
            "" => "# Nothing was sent or received on this connection.\n",
            text => text,
        };
        self.elements.text.set_value(text);
        self.check();
        app.changed();
    }

    fn open(&self) {
        let Some(file) = self.elements.open.files().and_then(|files| files.get(0)) else { return };
        self.elements.open.set_value("");
        wirescope::spawn(async move {
            let read = JsFuture::from(file.text()).await;
            app::with(|app| {
                if let Some(text) = read.ok().and_then(|text| text.as_string()) {
                    app.script.elements.text.set_value(&text);
                    app.script.check();
                    app.changed();
                }
            });
        });
    }

    fn show_deck(&self, script: bool) {
        let elements = &self.elements;
        dom::set_flag(&elements.send_form, "hidden", script);
        dom::set_flag(&elements.form, "hidden", !script);
        for (tab, is_shown) in [(&elements.deck_send, !script), (&elements.deck_script, script)] {
            dom::set_attribute(tab, "aria-selected", if is_shown { "true" } else { "false" });
            dom::set_attribute(tab, "tabindex", if is_shown { "0" } else { "-1" });
        }
    }

    fn show_steps(&self, play: &Play) {
        let steps = &self.elements.steps;
        steps.set_text_content(None);
        for step in play.script().steps.iter().take(SHOWN) {
            let item = dom::element("li", "", "");
            let mut text = Text::new();
            step.add_to(&mut text);
            // The list shows the beginning of it; the script itself is above.
            let text = text.as_str();
            let beginning = text.char_indices().nth(200).map_or(text, |(end, _)| &text[..end]);
            dom::append(&item, &dom::element("span", "line", &step.line.to_string()));
            dom::append(&item, &dom::element("span", "tick", ""));
            dom::append(&item, &dom::element("span", "step", beginning));
            dom::append(&item, &dom::element("span", "took", ""));
            dom::append(&item, &dom::element("span", "instead", ""));
            dom::append(steps, &item);
        }
    }

    fn show_outcomes(&self, play: &Play) {
        let at = play.at();
        let mut item = self.elements.steps.first_element_child();
        for (place, outcome) in play.outcomes.iter().enumerate().take(SHOWN) {
            let Some(this) = item else { return };
            let (state, mark) = match outcome {
                _ if at == Some(place) => ("now", "now"),
                Outcome::Ahead => ("ahead", ""),
                Outcome::Passed { .. } => ("passed", "passed"),
                Outcome::Failed(_) => ("failed", "failed"),
            };
            let (took, instead) = match outcome {
                Outcome::Passed { times: 1, took } => (format::duration(*took), String::new()),
                Outcome::Passed { times, .. } => {
                    (format!("{} times", format::count((*times).into())), String::new())
                }
                Outcome::Failed(instead) => (String::new(), format!("got {instead}")),
                Outcome::Ahead => (String::new(), String::new()),
            };
            if matches!(state, "now" | "failed") && this.get_attribute("data-state").as_deref() != Some(state)
            {
                keep_in_sight(&self.elements.steps, &this);
            }
            dom::set_attribute(&this, "data-state", state);
            for (cell, text) in [(1, mark), (3, &*took), (4, &*instead)] {
                if let Some(cell) = this.children().item(cell) {
                    dom::set_text(&cell, text);
                }
            }
            item = this.next_element_sibling();
        }
    }
}

/// Scrolls a list, and nothing around it, so that an item of it is seen.
fn keep_in_sight(list: &Element, item: &Element) {
    let (list_box, item_box) = (list.get_bounding_client_rect(), item.get_bounding_client_rect());
    #[expect(clippy::cast_possible_truncation, reason = "pixels")]
    let scroll = |by: f64| list.set_scroll_top(list.scroll_top() + by as i32);
    if item_box.bottom() > list_box.bottom() {
        scroll(item_box.bottom() - list_box.bottom());
    } else if item_box.top() < list_box.top() {
        scroll(item_box.top() - list_box.top());
    }
}

/// Gives the user a text as a file.
fn download(name: &str, text: &str) {
    let parts = Array::of1(&text.into());
    let Ok(blob) = Blob::new_with_str_sequence(&parts) else { return };
    let Ok(url) = Url::create_object_url_with_blob(&blob) else { return };
    let link = dom::element("a", "", "");
    dom::set_attribute(&link, "href", &url);
    dom::set_attribute(&link, "download", name);
    link.unchecked_ref::<HtmlElement>().click();
    let _ = Url::revoke_object_url(&url);
}
