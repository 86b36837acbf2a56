//! The log's commands on files, and the line that says how far one is.

use std::cell::{Cell, RefCell};

use wasm_bindgen::JsCast as _;
use web_sys::{
    DragEvent, Element, File, HtmlElement, HtmlInputElement, HtmlSelectElement, KeyboardEvent, Url,
};

use super::{
    open,
    replay::{Replay, Wait},
    save::Save,
};
use crate::{
    alarm::{Alarm, Turn},
    app::{self, App},
    dom::{self, elements, on},
    format,
    log::entry::FILES,
    model::Id,
};

elements! {
    Elements {
        view: Element = "view-log",
        menu: Element = "log-menu",
        menu_name: HtmlElement = "log-menu-name",
        export_ndjson: Element = "export-ndjson",
        export_har: Element = "export-har",
        import: Element = "import",
        import_file: HtmlInputElement = "import-file",
        replay: Element = "replay",
        replay_speed: HtmlSelectElement = "replay-speed",
        job: Element = "log-job",
        job_text: Element = "log-job-text",
        job_stop: Element = "log-job-stop",
    }
}

/// For how long a job works at a time, in microseconds.
const SLICE: u64 = 8_000;

pub(in crate::log) struct FilePanel {
    elements: Elements,
    job: RefCell<Job>,
    /// The how manyth file is being opened, so that one that was stopped is told from the next.
    opening: Cell<u64>,
    /// What is said of the job.
    said: RefCell<String>,
    /// What was asked for while something else was done.
    refused: RefCell<String>,
    turn: Turn,
    alarm: Alarm,
    /// The URL of what was saved last.
    saved: RefCell<Option<String>>,
}

enum Job {
    None,
    Save(Save),
    Open,
    Replay(Replay),
}

impl FilePanel {
    pub(in crate::log) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.export_ndjson, "click", |app, _| app.log.file.save(app, false));
        on(&elements.export_har, "click", |app, _| app.log.file.save(app, true));
        on(&elements.import, "click", |app, _| app.log.file.elements.import_file.click());
        on(&elements.import_file, "change", |app, _| {
            let input = &app.log.file.elements.import_file;
            if let Some(file) = input.files().and_then(|files| files.get(0)) {
                app.log.file.open(app, file);
            }
            // So that the same file can be chosen again.
            input.set_value("");
        });
        on(&elements.view, "dragover", |_, event| {
            // A text may be dropped into a field.
            let data = event.unchecked_ref::<DragEvent>().data_transfer();
            if data.is_some_and(|data| data.types().includes(&"Files".into(), 0)) {
                event.prevent_default();
            }
        });
        on(&elements.view, "drop", |app, event| {
            let files = event.unchecked_ref::<DragEvent>().data_transfer().and_then(|data| data.files());
            if let Some(file) = files.and_then(|files| files.get(0)) {
                event.prevent_default();
                app.log.file.open(app, file);
            }
        });
        on(&elements.replay, "click", |app, _| app.log.file.replay(app));
        on(&elements.job_stop, "click", |app, _| app.log.file.stop(app));
        on(&elements.menu, "keydown", |app, event| {
            if event.unchecked_ref::<KeyboardEvent>().key() == "Escape" {
                event.prevent_default();
                app.log.file.fold();
            }
        });
        Self {
            elements,
            job: RefCell::new(Job::None),
            opening: Cell::default(),
            said: RefCell::default(),
            refused: RefCell::default(),
            turn: Turn::new(|app| {
                app.log.file.advance(app);
            }),
            alarm: Alarm::new(|app| {
                app.log.file.advance(app);
            }),
            saved: RefCell::default(),
        }
    }

    pub(in crate::log) fn render(&self) {
        let elements = &self.elements;
        let is_busy = !matches!(*self.job.borrow(), Job::None);
        let said = self.said.borrow();
        dom::set_flag(&elements.job, "hidden", said.is_empty());
        dom::set_text(&elements.job_text, &format!("{said}{}", self.refused.borrow()));
        dom::set_flag(&elements.job_stop, "hidden", !is_busy);
        for button in [&elements.export_ndjson, &elements.export_har, &elements.import, &elements.replay] {
            dom::set_flag(button, "disabled", is_busy);
        }
    }

    fn save(&self, app: &App, as_har: bool) {
        let Ok(criteria) = app.log.filter.criteria() else { return };
        let save = {
            let model = app.model.borrow();
            let urls = model.connections().iter().map(|it| (it.id, it.told_as.url.clone()));
            let mut urls: Vec<_> = urls.collect();
            urls.extend(app.log.files.borrow().iter().cloned());
            #[expect(clippy::cast_possible_truncation, reason = "time zones are within a day")]
            let behind_utc = open::behind_utc() as i64;
            Save::new(as_har, criteria, &model.log, urls, behind_utc)
        };
        self.begin(app, Job::Save(save), "saving".to_owned());
        self.advance(app);
    }

    fn replay(&self, app: &App) {
        let Ok(criteria) = app.log.filter.criteria() else { return };
        let speed = self.elements.replay_speed.value().parse().unwrap_or(1);
        let now = app.now().mono;
        let replay = {
            let model = app.model.borrow();
            Replay::new(criteria, &model.log, model.selected, speed, now)
        };
        self.begin(app, Job::Replay(replay), "replaying".to_owned());
        self.advance(app);
    }

    fn open(&self, app: &App, file: File) {
        let name = file.name();
        if !matches!(*self.job.borrow(), Job::None) {
            self.refused.replace(format!(" · {name} is not opened meanwhile"));
            return app.changed();
        }
        let id = {
            let mut files = app.log.files.borrow_mut();
            let id = FILES.saturating_add(Id::try_from(files.len()).unwrap_or(Id::MAX));
            files.push((id, name.clone()));
            id
        };
        self.opening.set(self.opening.get() + 1);
        let turn = self.opening.get();
        self.begin(app, Job::Open, format!("opening {name}"));
        wirescope::spawn(async move {
            let mut is_stopped = false;
            let opened = open::open(file, id, |rows, percent| {
                app::with(|app| {
                    let panel = &app.log.file;
                    is_stopped = panel.opening.get() != turn;
                    if !is_stopped {
                        panel.say(app, format!("opening {name}: {} rows, {percent} %", format::count(rows)));
                    }
                });
                !is_stopped
            })
            .await;
            app::with(|app| {
                let rows = format::count(opened.rows);
                let said = match opened.problem() {
                    None => format!("{name}: {rows} rows"),
                    Some(problem) => format!("{name}: {rows} rows; {problem}"),
                };
                if app.log.file.opening.get() == turn {
                    app.log.file.end(app, said);
                }
            });
        });
    }

    fn begin(&self, app: &App, job: Job, said: String) {
        self.refused.take();
        self.fold();
        self.job.replace(job);
        self.say(app, said);
    }

    fn advance(&self, app: &App) {
        let start = app.now().mono;
        let late = || app.now().mono.saturating_sub(start) > SLICE;
        // Sending asks the log to be drawn, and nothing of this.
        let mut job = self.job.replace(Job::None);
        let said = match &mut job {
            Job::None => return,
            Job::Open => {
                self.job.replace(job);
                return;
            }
            Job::Save(save) => {
                let is_done = save.advance(&app.model.borrow().log, late);
                let rows = format::count(save.rows);
                if is_done {
                    if let Job::Save(save) = job {
                        let url = save.finish();
                        if let Some(old) = self.saved.replace(url) {
                            let _ = Url::revoke_object_url(&old);
                        }
                    }
                    return self.end(app, format!("saved {rows} rows"));
                }
                self.turn.ask();
                format!("saving: {rows} rows, {} %", save.done())
            }
            Job::Replay(replay) => {
                let wait = replay.advance(app, late);
                let sent = format::count(replay.sent);
                match wait {
                    Wait::Turn => self.turn.ask(),
                    Wait::Time(ms) => self.alarm.set(i32::try_from(ms).unwrap_or(i32::MAX)),
                    Wait::Over => return self.end(app, format!("replayed {sent} messages")),
                    Wait::Failed(why) => {
                        return self.end(app, format!("the replay ended after {sent} messages: {why}"));
                    }
                }
                format!("replaying: {sent} messages, {} %", replay.done())
            }
        };
        self.job.replace(job);
        self.say(app, said);
    }

    /// Opens no more of a file, when the log was cleared.
    pub(in crate::log) fn cleared(&self, app: &App) {
        if matches!(*self.job.borrow(), Job::Open) {
            self.stop(app);
        }
    }

    fn stop(&self, app: &App) {
        self.alarm.clear();
        self.opening.set(self.opening.get() + 1);
        let said = self.said.borrow().clone();
        self.end(app, format!("stopped {said}"));
    }

    fn end(&self, app: &App, said: String) {
        self.job.replace(Job::None);
        self.say(app, said);
    }

    fn say(&self, app: &App, said: String) {
        self.said.replace(said);
        app.changed();
    }

    /// Folds the menu that a command was in.
    fn fold(&self) {
        let menu = &self.elements.menu;
        if menu.has_attribute("open") {
            dom::set_flag(menu, "open", false);
            let _ = self.elements.menu_name.focus();
        }
    }
}
