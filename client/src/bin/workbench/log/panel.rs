//! The log's part of the page.

use std::cell::{Cell, RefCell};

use wasm_bindgen::JsCast as _;
use web_sys::{Element, Event, HtmlElement, HtmlInputElement, KeyboardEvent};

use super::{
    Log,
    announce::{self, Announcer, Said},
    detail::Detail,
    file::FilePanel,
    filter::{Filter, Shown},
    filter_panel::FilterPanel,
    rows::Rows,
};
use crate::{
    alarm::Alarm,
    app::App,
    dom::{self, elements, on},
    format,
    late::Late,
    model::Id,
};

elements! {
    Elements {
        sent_count: Element = "sent-count",
        sent_bytes: Element = "sent-bytes",
        received_count: Element = "received-count",
        received_bytes: Element = "received-bytes",
        follow: HtmlInputElement = "follow",
        unseen: Element = "unseen",
        pause: Element = "pause",
        clear: Element = "clear",
        list: Element = "log-list",
        screen: HtmlElement = "screen",
        empty: Element = "empty",
        no_match: Element = "no-match",
        evicted: Element = "evicted",
        kept: Element = "log-kept",
        announcer: Element = "announcer",
    }
}

/// How long the reader's hand must rest before the scroll bar is put where it belongs.
const SETTLED_MS: u16 = 150;

pub(crate) struct Panel {
    elements: Elements,
    pub(super) rows: RefCell<Rows>,
    /// Which rows are shown, unless it is all.
    pub(super) filtered: RefCell<Option<Filter>>,
    pub(super) filter: Late<FilterPanel>,
    pub(super) detail: Late<Detail>,
    pub(super) file: Late<FilePanel>,
    /// Files that were opened, by the numbers that their rows have for a connection's.
    pub(super) files: RefCell<Vec<(Id, String)>>,
    /// Where the rows end while they are held.
    held: Cell<Option<u64>>,
    /// Where the rows ended when the reader saw them last.
    seen: Cell<u64>,
    announcer: RefCell<Announcer>,
    /// Until the log may be spoken of again.
    speaking: Alarm,
    scrolled_at: Cell<u64>,
    settling: Alarm,
}

impl Panel {
    pub(crate) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.screen, "scroll", |app, _| {
            let by_hand = app.log.with_rows(app, Rows::scrolled);
            if by_hand {
                app.log.settle(app);
                app.changed();
            }
        });
        on(&dom::window(), "resize", |app, _| app.changed());
        Self {
            elements,
            rows: RefCell::new(Rows::new()),
            filtered: RefCell::default(),
            filter: Late::default(),
            detail: Late::default(),
            file: Late::default(),
            files: RefCell::default(),
            held: Cell::default(),
            seen: Cell::default(),
            announcer: RefCell::default(),
            speaking: Alarm::new(App::changed),
            scrolled_at: Cell::default(),
            settling: Alarm::new(|app| app.log.settled(app)),
        }
    }

    /// Listens to what is done with it.
    pub(crate) fn begin(&self) {
        on(&self.elements.follow, "change", |app, _| {
            let follow = app.log.elements.follow.checked();
            app.log.with_rows(app, |rows, shown| {
                // Who stops following stays where it is.
                rows.scroll.follow = follow;
                rows.render(shown);
            });
            app.changed();
        });
        on(&self.elements.pause, "click", |app, _| app.log.pause(app));
        on(&self.elements.clear, "click", |app, _| app.log.clear(app));
        on(&self.elements.screen, "click", |app, event| app.log.clicked(app, event));
        on(&self.elements.screen, "keydown", |app, event| app.log.key(app, event));
        self.filter.set(FilterPanel::new());
        self.detail.set(Detail::new());
        self.file.set(FilePanel::new());
    }

    /// The number of the entry that is looked at closely, if one is.
    pub(crate) fn selected(&self) -> Option<u64> {
        self.detail.number()
    }

    pub(crate) fn render(&self, app: &App) {
        let (elements, model) = (&self.elements, app.model.borrow());
        let log = &model.log;
        for (tally, messages, bytes) in [
            (log.sent, &elements.sent_count, &elements.sent_bytes),
            (log.received, &elements.received_count, &elements.received_bytes),
        ] {
            dom::set_text(messages, &format::count(tally.messages));
            dom::set_text(bytes, &format::size(tally.bytes));
        }
        dom::set_flag(&elements.list, "data-several", log.origins().len() > 1);
        if let Some(hooks) = app.second.hooks() {
            hooks.render_log(app);
        }

        let filter = self.filtered.borrow();
        let shown = self.shown(log, filter.as_ref());
        let is_empty = log.first() == log.next();
        dom::set_flag(&elements.empty, "hidden", !is_empty);
        let none_found = filter.as_ref().is_some_and(|filter| filter.left(log) == 0) && shown.len() == 0;
        dom::set_flag(&elements.no_match, "hidden", is_empty || !none_found);
        let mut rows = self.rows.borrow_mut();
        rows.render(&shown);
        if rows.scroll.follow {
            self.seen.set(shown.end);
        }
        elements.follow.set_checked(rows.scroll.follow);
        let unseen = match shown.len().saturating_sub(shown.index_of(self.seen.get())) {
            0 => String::new(),
            unseen => format!("{} new", format::count(unseen as u64)),
        };
        dom::set_text(&elements.unseen, &unseen);
        let (pressed, text) = match self.held.get().map(|end| log.next() - end) {
            None => ("false", "Pause".to_owned()),
            Some(0) => ("true", "Resume".to_owned()),
            Some(came) => ("true", format!("Resume · {} came", format::count(came))),
        };
        dom::set_attribute(&elements.pause, "aria-pressed", pressed);
        dom::set_text(&elements.pause, &text);
        self.show_kept(log);
        self.announce(app, log);
    }

    /// Draws what is around the rows.
    pub(crate) fn render_around(&self, app: &App) {
        let model = app.model.borrow();
        FilterPanel::advance(app, &model.log);
        self.filter.render(app, &model, &self.files.borrow());
        self.detail.render(&model.log);
        self.file.render();
    }

    fn show_kept(&self, log: &Log) {
        let elements = &self.elements;
        dom::set_flag(&elements.evicted, "hidden", log.evicted == 0);
        if log.evicted > 0 {
            let evicted = format::count(log.evicted);
            let text = format!("{evicted} older rows are gone: the log keeps the newest.");
            dom::set_text(&elements.evicted, &text);
        }
        let text = format!(
            "{} rows · {} of {}",
            format::count(log.next() - log.first()),
            format::size(log.bytes() as u64),
            format::size(log.limit() as u64)
        );
        dom::set_text(&elements.kept, &text);
    }

    fn announce(&self, app: &App, log: &Log) {
        match self.announcer.borrow_mut().speak(log, app.now()) {
            Said::Nothing => {}
            Said::This(text) => dom::set_text(&self.elements.announcer, &text),
            Said::Later => {
                self.speaking.set_unless_set(announce::EVERY_MS.into());
            }
        }
    }

    fn shown<'a>(&self, log: &'a Log, filter: Option<&'a Filter>) -> Shown<'a> {
        Shown { log, filter, end: self.held.get().unwrap_or_else(|| log.next()) }
    }

    fn with_rows<T>(&self, app: &App, work: impl FnOnce(&mut Rows, &Shown<'_>) -> T) -> T {
        let (model, filter) = (app.model.borrow(), self.filtered.borrow());
        work(&mut self.rows.borrow_mut(), &self.shown(&model.log, filter.as_ref()))
    }

    /// Holds the rows as they are, or shows what came since.
    fn pause(&self, app: &App) {
        let next = app.model.borrow().log.next();
        self.held.set(if self.held.get().is_some() { None } else { Some(next) });
        app.changed();
    }

    fn clear(&self, app: &App) {
        {
            let mut model = app.model.borrow_mut();
            model.log.clear();
            let mut filtered = self.filtered.borrow_mut();
            if let Some(filter) = filtered.take() {
                *filtered = Some(filter.anew(&model.log));
            }
            self.seen.set(model.log.next());
            if self.held.get().is_some() {
                self.held.set(Some(model.log.next()));
            }
        }
        self.file.cleared(app);
        self.files.borrow_mut().clear();
        self.rows.borrow_mut().selected = None;
        self.detail.open(None);
        app.changed();
    }

    fn clicked(&self, app: &App, event: &Event) {
        let Some(target) = dom::target(event) else { return };
        let number = self.rows.borrow().number_of(&target);
        if number.is_some() {
            self.detail.open(number);
            // Drawn first, since it may take room from the rows.
            self.detail.render(&app.model.borrow().log);
            self.with_rows(app, |rows, shown| rows.select(shown, number));
            app.changed();
        }
    }

    /// A key that was pressed in the rows.
    fn key(&self, app: &App, event: &Event) {
        let key: &KeyboardEvent = event.unchecked_ref();
        if key.ctrl_key() || key.meta_key() || key.alt_key() {
            return;
        }
        match &*key.key() {
            "ArrowDown" => self.step(app, 1),
            "ArrowUp" => self.step(app, -1),
            "Home" => self.with_rows(app, Rows::go_to_start),
            "End" => self.with_rows(app, |rows, _| rows.scroll.follow = true),
            "Enter" | " " => {
                let selected = self.rows.borrow().selected;
                if selected.is_none() {
                    self.step(app, 0);
                }
                let selected = self.rows.borrow().selected;
                self.detail.open(selected);
                self.detail.render(&app.model.borrow().log);
                self.with_rows(app, |rows, shown| rows.select(shown, selected));
            }
            "Escape" if self.detail.is_open() => self.close_detail(app),
            "Escape" => self.rows.borrow_mut().selected = None,
            _ => return,
        }
        event.prevent_default();
        app.changed();
    }

    /// Selects a row near the selected one; what is looked at closely goes along.
    fn step(&self, app: &App, by: isize) {
        let number = self.with_rows(app, |rows, shown| rows.step(shown, by));
        if self.detail.is_open() && number.is_some() {
            self.detail.open(number);
        }
    }

    pub(super) fn close_detail(&self, app: &App) {
        self.detail.open(None);
        let _ = self.elements.screen.focus();
        app.changed();
    }

    /// Waits until the reader's hand rests.
    fn settle(&self, app: &App) {
        self.scrolled_at.set(app.now().mono);
        self.settling.set_unless_set(SETTLED_MS.into());
    }

    fn settled(&self, app: &App) {
        let rested = app.now().mono.saturating_sub(self.scrolled_at.get());
        if rested + 1000 < u64::from(SETTLED_MS) * 1000 {
            return self.settling.set(SETTLED_MS.into());
        }
        self.rows.borrow_mut().settled = true;
        app.changed();
    }
}
