//! The log's rows: elements only for those in sight and a few around, each of which shows one entry after another.

use std::collections::VecDeque;

use web_sys::{Element, HtmlElement, HtmlTemplateElement};

use super::{
    Entry,
    filter::Shown,
    row::Row,
    scroll::{Measures, Scroll, float, whole},
};
use crate::{
    app,
    dom::{self, append, elements},
};

elements! {
    Elements {
        screen: HtmlElement = "screen",
        /// As high as all rows are, or as an element may be.
        height: HtmlElement = "rows-height",
        rows: HtmlElement = "rows",
        row_template: HtmlTemplateElement = "row-template",
    }
}

/// How many rows beyond those in sight are drawn either way, for a browser that scrolls before it tells.
const AROUND: f64 = 12.0;
/// As style-log.css has it, until it is measured.
const ROW: f64 = 24.0;

pub(super) struct Rows {
    elements: Elements,
    pool: VecDeque<Row>,
    slots: usize,
    pub(super) scroll: Scroll,
    /// The reader has not scrolled for a moment, so that the scroll bar may be put where it belongs.
    pub(super) settled: bool,
    pub(super) selected: Option<u64>,
    height: f64,
    shift: f64,
    /// As they were when the rows were drawn last.
    measured: Option<Measures>,
}

impl Rows {
    pub(super) fn new() -> Self {
        Self {
            elements: Elements::find(),
            pool: VecDeque::new(),
            slots: 0,
            scroll: Scroll::default(),
            settled: true,
            selected: None,
            height: -1.0,
            shift: -1.0,
            measured: None,
        }
    }

    pub(super) fn measures(&self) -> Measures {
        let row = self.pool.front().map_or(ROW, |row| row.element.get_bounding_client_rect().height());
        let sight = f64::from(self.elements.screen.client_height());
        Measures { row: if row > 1.0 { row } else { ROW }, sight }
    }

    /// The browser scrolled, by the reader's hand or by this one's.
    pub(super) fn scrolled(&mut self, shown: &Shown<'_>) -> bool {
        let (bar, measures) = (bar(&self.elements.screen), self.measures());
        if self.measured != Some(measures) {
            // The browser did, since the window or the rows became larger or smaller.
            self.settled = true;
            return true;
        }
        let by_hand = self.scroll.scrolled(shown, measures, bar);
        if by_hand {
            self.settled = false;
        }
        by_hand
    }

    /// Goes to the oldest row.
    pub(super) fn go_to_start(&mut self, shown: &Shown<'_>) {
        self.scroll.follow = false;
        self.scroll.set(shown, self.measures(), 0.0);
        self.settled = true;
    }

    /// Selects the row so many after the selected one, or the first in sight; gives its number.
    pub(super) fn step(&mut self, shown: &Shown<'_>, by: isize) -> Option<u64> {
        let measures = self.measures();
        let index = match self.selected.filter(|number| *number >= shown.log.first()) {
            Some(number) => shown.index_of(number).saturating_add_signed(by),
            None => {
                let place = self.scroll.place(shown, measures);
                let last = whole(((place.top + measures.sight) / measures.row).floor());
                if by < 0 { last.saturating_sub(1) } else { whole((place.top / measures.row).ceil()) }
            }
        };
        let number = shown.number_at(index.min(shown.len().checked_sub(1)?))?;
        self.select(shown, Some(number));
        Some(number)
    }

    pub(super) fn select(&mut self, shown: &Shown<'_>, number: Option<u64>) {
        self.selected = number;
        if let Some(number) = number {
            self.scroll.follow = false;
            self.scroll.show(shown, self.measures(), number);
            self.settled = true;
        }
    }

    /// The number of the entry whose row an element is in.
    pub(super) fn number_of(&self, element: &Element) -> Option<u64> {
        let row = element.closest(".row").ok().flatten()?;
        self.pool.iter().find(|it| it.element.is_same_node(Some(&row)))?.number()
    }

    /// Draws what is in sight.
    pub(super) fn render(&mut self, shown: &Shown<'_>) {
        let screen = self.elements.screen.clone();
        if self.pool.is_empty() && shown.len() > 0 {
            // One, so that it can be measured.
            self.resize(1);
        }
        let measures = self.measures();
        if let (Some(old), Some(number)) = (self.measured.replace(measures), self.selected)
            && old != measures
            && !self.scroll.follow
            && self.scroll.is_in_sight(shown, old, number)
        {
            // What is looked at closely took room from the rows, or gave it back.
            self.scroll.show(shown, measures, number);
            self.settled = true;
        }
        let place = self.scroll.place(shown, measures);
        let moved = (place.height - self.height).abs() > 0.01;
        if moved {
            self.height = place.height;
            set_pixels(&self.elements.height, "height", place.height);
        }
        if (self.settled || self.scroll.follow) && (self.scroll.bar - place.bar).abs() > 0.5 {
            set_bar(&screen, place.bar);
        }
        // The browser has its own idea of it where the height changed, or pixels are not whole.
        let now = bar(&screen);
        self.scroll.bar = now;

        let first = (place.top / measures.row - AROUND).floor().max(0.0);
        let last = ((place.top + measures.sight) / measures.row + AROUND).ceil().min(float(shown.len()));
        let (from, count) = (whole(first), whole(last - first));
        let shift = now + first * measures.row - place.top;
        if (shift - self.shift).abs() > 0.01 {
            self.shift = shift;
            let _ = self
                .elements
                .rows
                .style()
                .set_property("transform", &format!("translateY({})", pixels(shift)));
        }
        self.rotate(shown.number_at(from));
        self.resize(count);
        for (index, row) in self.pool.iter_mut().enumerate() {
            if let Some(entry) = shown.number_at(from + index).and_then(|number| shown.log.get(number)) {
                row.show(&entry);
                row.select(self.selected == Some(entry.number));
                row.mark(mark(&entry).as_deref());
            }
        }
        let active = self.pool.iter().find(|row| row.number().is_some() && row.number() == self.selected);
        match active {
            Some(row) => dom::set_attribute(&screen, "aria-activedescendant", &row.element.id()),
            None => {
                let _ = &screen.remove_attribute("aria-activedescendant");
            }
        }
    }

    /// Has the row that shows an entry be the first, so that it and those after it need not be filled again.
    fn rotate(&mut self, first: Option<u64>) {
        let Some(first) = first else { return };
        let Some(old) = self.pool.front().and_then(Row::number) else { return };
        if first > old {
            let gone =
                self.pool.iter().take_while(|row| row.number().is_some_and(|number| number < first)).count();
            if gone < self.pool.len() {
                for _ in 0..gone {
                    let Some(row) = self.pool.pop_front() else { break };
                    append(&self.elements.rows, &row.element);
                    self.pool.push_back(row);
                }
            }
        } else if first < old {
            // As many as come before, if they are few: in a filter, numbers are further apart than rows.
            let before = usize::try_from(old - first).unwrap_or(usize::MAX).min(self.pool.len());
            if before < self.pool.len() {
                for _ in 0..before {
                    let Some(row) = self.pool.pop_back() else { break };
                    let _ = self.elements.rows.prepend_with_node_1(&row.element);
                    self.pool.push_front(row);
                }
            }
        }
    }

    fn resize(&mut self, count: usize) {
        while self.pool.len() > count {
            if let Some(row) = self.pool.pop_back() {
                row.element.remove();
            }
        }
        while self.pool.len() < count {
            let row = Row::new(&self.elements.row_template, self.slots);
            self.slots += 1;
            append(&self.elements.rows, &row.element);
            self.pool.push_back(row);
        }
    }
}

/// The fault that an entry's frames met, as far as anybody looks for it.
fn mark(entry: &Entry<'_>) -> Option<String> {
    let mut mark = None;
    app::with(|app| mark = app.second.hooks().and_then(|hooks| hooks.mark(app, entry)));
    mark
}

fn set_pixels(element: &HtmlElement, property: &str, length: f64) {
    let _ = element.style().set_property(property, &pixels(length));
}

/// A length as CSS has it, without what it takes to write floating-point numbers of any size.
fn pixels(length: f64) -> String {
    let hundredths = whole(length.abs() * 100.0 + 0.5);
    let sign = if length < 0.0 { "-" } else { "" };
    format!("{sign}{}.{:02}px", hundredths / 100, hundredths % 100)
}

/// Where an element is scrolled to, with the fraction that web-sys leaves out.
fn bar(element: &Element) -> f64 {
    js_sys::Reflect::get(element, &"scrollTop".into()).ok().and_then(|top| top.as_f64()).unwrap_or(0.0)
}

fn set_bar(element: &Element, to: f64) {
    let _ = js_sys::Reflect::set(element, &"scrollTop".into(), &to.into());
}
