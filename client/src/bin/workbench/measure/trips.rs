//! Round trips, drawn: of a connection's messages, or of a run's.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement, HtmlInputElement};

use super::{
    chart,
    histogram::{self, Histogram},
    load,
    outcome::PERCENTILES,
    plan::Pace,
};
use crate::{
    app::App,
    dom::{self, elements, on},
    format,
};

elements! {
    Elements {
        // A select has its value where an input has it.
        of: HtmlInputElement = "trips-of",
        top: Element = "histogram-top",
        svg: Element = "histogram-svg",
        grid: Element = "histogram-grid",
        bars: Element = "histogram-bars",
        p50: Element = "histogram-p50",
        p99: Element = "histogram-p99",
        ticks: Element = "histogram-ticks",
        empty: Element = "histogram-empty",
        figures: Element = "trips-figures",
        hint: Element = "trips-hint",
    }
}

/// Positions of the histogram in a bar: 4 bars double the time.
const WIDTH: usize = 16;
/// The fewest bars that are drawn.
const BARS: usize = 24;

pub(super) struct View {
    elements: Elements,
    /// The names of what can be shown.
    choices: RefCell<Vec<String>>,
    /// What was drawn: its place among the choices, and its count.
    drawn: Cell<Option<(usize, u64)>>,
}

impl View {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.of, "change", |app, _| app.changed());
        Self { elements, choices: RefCell::default(), drawn: Cell::new(None) }
    }

    pub(super) fn render(&self, app: &App, load: &load::View) {
        let model = app.model.borrow();
        let connection = model.selected();
        let runs = load.outcomes.borrow();
        self.offer(connection.id, runs.iter().map(|run| run.number));
        let chosen = self.elements.of.value().parse::<usize>().unwrap_or(0);
        let run = runs.iter().find(|run| run.number == chosen);
        let (histogram, hint) = match run {
            None => (&connection.round_trips, "From when a message was sent to when its answer came."),
            Some(run) if matches!(run.plan.pace, Pace::Rate(_)) => {
                (&run.from_due, "From when a message was due to when its answer came.")
            }
            Some(run) => (
                &run.from_sent,
                "From when a message was handed over. With a fixed number in flight a stall holds up those that would \
                 have been sent in it, and they are not counted: use a rate to see them.",
            ),
        };
        let drawn = Some((run.map_or(usize::from(connection.id) << 16, |run| run.number), histogram.count()));
        if self.drawn.replace(drawn) != drawn {
            dom::set_text(&self.elements.hint, hint);
            self.draw(histogram);
        }
    }

    /// Shows this run's.
    pub(super) fn choose(&self, app: &App, run: usize, load: &load::View) {
        self.offer(app.model.borrow().selected, load.outcomes.borrow().iter().map(|run| run.number));
        self.elements.of.set_value(&run.to_string());
    }

    /// What can be chosen: the selected connection, and the runs.
    fn offer(&self, selected: u16, runs: impl Iterator<Item = usize>) {
        let mut names = vec![(0, format!("Connection {selected}"))];
        names.extend(runs.map(|run| (run, format!("Run {run}"))));
        let mut choices = self.choices.borrow_mut();
        if choices.iter().eq(names.iter().map(|(_, name)| name)) {
            return;
        }
        let chosen = self.elements.of.value();
        self.elements.of.set_text_content(None);
        for (value, name) in &names {
            let option = dom::element("option", "", name);
            dom::set_attribute(&option, "value", &value.to_string());
            dom::append(&self.elements.of, &option);
        }
        let is_there = names.iter().any(|(value, _)| value.to_string() == chosen);
        self.elements.of.set_value(if is_there { &chosen } else { "0" });
        *choices = names.into_iter().map(|(_, name)| name).collect();
    }

    fn draw(&self, histogram: &Histogram) {
        let elements = &self.elements;
        let is_empty = histogram.count() == 0;
        dom::set_text(
            &elements.empty,
            if is_empty { "Send a message to an echo, or start a load run." } else { "" },
        );
        let mut cell = elements.figures.first_element_child();
        let times = PERCENTILES.iter().map(|(_, per_mille)| histogram.per_mille(*per_mille));
        for time in times.chain([histogram.max(), histogram.mean()]) {
            let Some(this) = cell else { break };
            dom::set_text(&this, &if is_empty { "–".to_owned() } else { format::duration(time) });
            cell = this.next_element_sibling();
        }
        if let Some(count) = cell {
            dom::set_text(&count, &format::count(histogram.count()));
        }

        // From a little below the least to a little above the most, in whole bars.
        let first = histogram::position(histogram.min()) / WIDTH;
        let last = histogram::position(histogram.max()) / WIDTH;
        let missing = BARS.saturating_sub(last + 1 - first);
        let first = first.saturating_sub(missing / 2 + 1);
        let bars = (last + 2 - first).max(BARS);
        let counts = histogram.columns(first * WIDTH, WIDTH, bars);
        let top = chart::round_above(counts.iter().copied().max().unwrap_or(0));
        let width = bars * chart::STEP;
        dom::set_attribute(&elements.svg, "viewBox", &format!("0 0 {width} {}", chart::HEIGHT));
        dom::set_attribute(&elements.bars, "d", &chart::bars(&counts, top));
        dom::set_text(&elements.top, &if is_empty { String::new() } else { format::count(top) });
        // In thousandths of the width.
        let place = |micros: u64| {
            let behind = histogram::position(micros).saturating_sub(first * WIDTH);
            (behind <= bars * WIDTH && histogram::position(micros) >= first * WIDTH)
                .then_some(behind * 1000 / (bars * WIDTH))
        };
        for (mark, per_mille) in [(&elements.p50, 500), (&elements.p99, 990)] {
            let at = place(histogram.per_mille(per_mille)).filter(|_| !is_empty);
            let path = at.map_or(String::new(), |at| format!("M{} 0V100", at * width / 1000));
            dom::set_attribute(mark, "d", &path);
        }
        let mut grid = String::from("M0 50H10000");
        elements.ticks.set_text_content(None);
        let (mut decade, mut before) = (10_u64, None::<usize>);
        while decade < 100_000_000_000 && !is_empty {
            for tick in [decade, decade * 2, decade * 5] {
                let Some(at) =
                    place(tick).filter(|at| *at < 960 && before.is_none_or(|before| at - before >= 90))
                else {
                    continue;
                };
                before = Some(at);
                let _ = write!(grid, "M{} 0V100", at * width / 1000);
                let label = dom::element("span", "", &tick_name(tick));
                if let Some(label) = label.dyn_ref::<HtmlElement>() {
                    let _ = label.style().set_property("left", &format!("{}.{}%", at / 10, at % 10));
                }
                dom::append(&elements.ticks, &label);
            }
            decade *= 10;
        }
        dom::set_attribute(&elements.grid, "d", &grid);
    }
}

/// A round time without zeros behind it.
fn tick_name(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{} s", micros / 1_000_000),
    }
}
