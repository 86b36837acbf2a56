//! The log's part of the page.

use std::cell::{Cell, RefCell};

use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{Element, HtmlInputElement};

use super::{
    announce::{self, Announcer, Said},
    rows::Rows,
};
use crate::{
    app::{self, App},
    dom::{self, elements, on},
    format,
};

elements! {
    Elements {
        sent_count: Element = "sent-count",
        sent_bytes: Element = "sent-bytes",
        received_count: Element = "received-count",
        received_bytes: Element = "received-bytes",
        follow: HtmlInputElement = "follow",
        unseen: Element = "unseen",
        clear: Element = "clear",
        screen: Element = "screen",
        empty: Element = "empty",
        evicted: Element = "evicted",
        rows: Element = "rows",
        announcer: Element = "announcer",
    }
}

pub(crate) struct Panel {
    elements: Elements,
    rows: RefCell<Rows>,
    announcer: RefCell<Announcer>,
    timer: Closure<dyn Fn()>,
    timer_set: Cell<bool>,
}

impl Panel {
    pub(crate) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.follow, "change", |app, _| {
            app.log.rows.borrow_mut().follow = app.log.elements.follow.checked();
            app.changed();
        });
        on(&elements.clear, "click", |app, _| {
            app.model.borrow_mut().log.clear();
            app.changed();
        });
        on(&elements.screen, "scroll", |app, _| {
            app.log.rows.borrow_mut().scrolled();
            app.changed();
        });
        on(&elements.rows, "toggle", |app, event| {
            let Some(more) = dom::target(event) else { return };
            app.log.rows.borrow().toggled(&more, &app.model.borrow().log);
            // Who opens a row wants to read it.
            if more.has_attribute("open") {
                app.log.rows.borrow_mut().follow = false;
                app.changed();
            }
        });
        let timer = Closure::new(|| {
            app::with(|app| {
                app.log.timer_set.set(false);
                app.changed();
            });
        });
        Self {
            elements,
            rows: RefCell::new(Rows::new()),
            announcer: RefCell::default(),
            timer,
            timer_set: Cell::new(false),
        }
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
        dom::set_flag(&elements.empty, "hidden", log.last().is_some());
        dom::set_flag(&elements.evicted, "hidden", log.evicted == 0);
        let evicted = format::count(log.evicted);
        dom::set_text(
            &elements.evicted,
            &format!("{evicted} older rows are gone: the log keeps the newest."),
        );
        let mut rows = self.rows.borrow_mut();
        if rows.render(log) {
            app.changed();
        }
        elements.follow.set_checked(rows.follow);
        let unseen = match rows.unseen {
            0 => String::new(),
            unseen => format!("{} new", format::count(unseen)),
        };
        dom::set_text(&elements.unseen, &unseen);
        match self.announcer.borrow_mut().speak(log, app.now()) {
            Said::Nothing => {}
            Said::This(text) => dom::set_text(&elements.announcer, &text),
            Said::Later => {
                if !self.timer_set.replace(true) {
                    let _ = app.window.set_timeout_with_callback_and_timeout_and_arguments_0(
                        self.timer.as_ref().unchecked_ref(),
                        announce::EVERY_MS.into(),
                    );
                }
            }
        }
    }
}
