//! The comparing part of the page: one live feed read in four ways at once, and what each of them costs.

mod figures;
mod ways;

use std::cell::{Cell, RefCell};

use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, HtmlElement, HtmlInputElement, Url};

use self::{
    figures::{Bill, Chart, WAYS, Way},
    ways::{Question, Readers},
};
use crate::{
    alarm::Alarm,
    app::{self, App},
    dom::{self, elements, on},
    format,
};

elements! {
    Elements {
        form: Element = "compare-form",
        fields: Element = "compare-fields",
        // A select has its value where an input has it.
        rate: HtmlInputElement = "compare-rate",
        poll: HtmlInputElement = "compare-poll",
        lasts: HtmlInputElement = "compare-lasts",
        start: Element = "compare-start",
        stop: Element = "compare-stop",
        progress: Element = "compare-progress",
        said: Element = "compare-said",
        problem: Element = "compare-problem",
        empty: Element = "compare-empty",
        results: Element = "compare-results",
        clock: Element = "compare-clock",
        body: Element = "compare-body",
    }
}

/// How often the figures are drawn while they come, in milliseconds.
const EVERY: i32 = 500;

pub(crate) struct Panel {
    elements: Elements,
    charts: [Element; 4],
    ways: RefCell<[Way; 4]>,
    asked: RefCell<Option<Asked>>,
    readers: RefCell<Option<Readers>>,
    /// How manyth comparison it is, so that what belongs to one before is known.
    number: Cell<u32>,
    is_drawn: Cell<bool>,
    ticker: Alarm,
}

/// A comparison under way, or the last.
#[derive(Clone)]
struct Asked {
    question: Question,
    is_one_clock: bool,
    before: [Bill; 4],
    /// Microseconds of the page's clock.
    began: u64,
    lasts: u64,
}

impl Panel {
    pub(crate) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.form, "submit", |app, event| {
            event.prevent_default();
            app.compare.begin(app);
        });
        on(&elements.stop, "click", |app, _| app.compare.end(app));
        Self {
            elements,
            charts: ["bytes", "requests", "staleness", "cpu"]
                .map(|name| dom::find(&format!("compare-{name}"))),
            ways: RefCell::default(),
            asked: RefCell::default(),
            readers: RefCell::default(),
            number: Cell::new(0),
            is_drawn: Cell::new(true),
            ticker: Alarm::new(|app| {
                app.compare.tick(app);
            }),
        }
    }

    pub(crate) fn render(&self, app: &App) {
        if self.is_drawn.get() || !app.shell.shows("compare") {
            return;
        }
        self.is_drawn.set(true);
        let elements = &self.elements;
        let asked = self.asked.borrow();
        let is_on = self.readers.borrow().is_some();
        dom::set_flag(&elements.fields, "disabled", is_on);
        dom::set_flag(&elements.start, "disabled", is_on);
        dom::set_flag(&elements.stop, "hidden", !is_on);
        dom::set_flag(&elements.progress, "hidden", !is_on);
        dom::set_flag(&elements.empty, "hidden", asked.is_some());
        dom::set_flag(&elements.results, "hidden", asked.is_none());
        let Some(asked) = &*asked else { return };
        let gone = app.now().mono.saturating_sub(asked.began).min(asked.lasts);
        dom::set_attribute(&elements.progress, "value", &(gone * 1000 / asked.lasts).to_string());
        let ways = self.ways.borrow();
        let stale = figures::staleness(&ways, asked.is_one_clock);
        let charts = [figures::bytes(&ways), figures::requests(&ways), stale, figures::cpu(&ways)];
        for (place, chart) in self.charts.iter().zip(&charts) {
            draw(place, chart);
        }
        dom::set_text(
            &elements.clock,
            if asked.is_one_clock {
                "The server is on this machine, so one clock says when an update was made and when it came."
            } else {
                "The server has another clock: the update that came quickest counts as 0 ms old, and the others beside it."
            },
        );
        self.tabulate(&ways, &charts);
    }

    /// Something came in by one of the ways.
    fn change(&self, way: usize, change: impl FnOnce(&mut Way)) {
        if let Some(way) = self.ways.borrow_mut().get_mut(way) {
            change(way);
        }
    }

    fn begin(&self, app: &App) {
        if self.readers.borrow().is_some() {
            return;
        }
        let elements = &self.elements;
        dom::set_problem(&elements.fields, &elements.problem, None);
        dom::set_text(&elements.said, "");
        let url = app.model.borrow().selected().setup.url.clone();
        let Some((base, is_one_clock)) = base(&url) else {
            return self.refuse("The connection's URL names no server.");
        };
        let seconds: u64 = elements.lasts.value().parse().unwrap_or(10);
        let question = Question {
            base,
            rate: elements.rate.value(),
            poll: elements.poll.value().parse().unwrap_or(1000),
        };
        let number = self.number.get() + 1;
        self.number.set(number);
        dom::set_flag(&elements.start, "disabled", true);
        // They read the same feed, and the server's account is of all who do.
        app.examples.leave("disconnected for a comparison");
        spawn_local(async move {
            let before = ways::bills(&question.base).await;
            app::with(|app| {
                let this = &app.compare;
                if this.number.get() != number {
                    return;
                }
                match before {
                    Some(before) => {
                        this.ways.take();
                        let began = app.now().mono;
                        let lasts = seconds * 1_000_000;
                        this.readers.replace(Some(Readers::start(&question)));
                        this.asked.replace(Some(Asked { question, is_one_clock, before, began, lasts }));
                        this.ticker.set(EVERY);
                        this.redraw(app);
                    }
                    None => {
                        let problem = format!(
                            "{}/feed/prices/cost cannot be read: only Wirescope's own server has this feed, and it must let \
                             this page read it.",
                            question.base
                        );
                        this.refuse(&problem);
                    }
                }
            });
        });
    }

    fn refuse(&self, problem: &str) {
        let elements = &self.elements;
        dom::set_flag(&elements.start, "disabled", false);
        dom::set_text(&elements.problem, problem);
        dom::set_flag(&elements.problem, "hidden", false);
    }

    fn tick(&self, app: &App) {
        let Some(asked) = self.asked.borrow().clone() else { return };
        if app.now().mono.saturating_sub(asked.began) >= asked.lasts {
            return self.end(app);
        }
        self.ticker.set(EVERY);
        self.ask(false);
        self.redraw(app);
    }

    /// Ends the readers, and asks for the bill.
    fn end(&self, app: &App) {
        let readers = self.readers.take();
        drop(readers);
        self.ticker.clear();
        self.ask(true);
        self.redraw(app);
    }

    /// Asks the server what it cost so far.
    fn ask(&self, is_last: bool) {
        let Some(asked) = self.asked.borrow().clone() else { return };
        let number = self.number.get();
        spawn_local(async move {
            let bills = ways::bills(&asked.question.base).await;
            app::with(|app| {
                let this = &app.compare;
                if this.number.get() != number || (this.readers.borrow().is_some() == is_last) {
                    return;
                }
                if let Some(bills) = bills {
                    let mut ways = this.ways.borrow_mut();
                    for (way, (bill, before)) in ways.iter_mut().zip(bills.into_iter().zip(asked.before)) {
                        way.bill = bill.since(before);
                    }
                }
                if is_last {
                    dom::set_text(
                        &this.elements.said,
                        if bills.is_some() { "Done." } else { "The server no longer answers." },
                    );
                }
                this.redraw(app);
            });
        });
    }

    fn redraw(&self, app: &App) {
        self.is_drawn.set(false);
        app.changed();
    }

    /// The same in figures.
    fn tabulate(&self, ways: &[Way; 4], charts: &[Chart; 4]) {
        let body = &self.elements.body;
        body.set_text_content(None);
        for (place, way) in ways.iter().enumerate() {
            let row = dom::element("tr", "", "");
            let name = dom::element("th", "", WAYS[place]);
            dom::set_attribute(&name, "scope", "row");
            dom::append(&row, &name);
            let [bytes, requests, stale, cpu] = charts;
            let cells = [
                format::count(way.updates.into()),
                requests.bars[place].text.clone(),
                format::size(way.bill.bytes_in),
                format::size(way.bill.bytes_out),
                bytes.bars[place].text.clone(),
                stale.bars[place].text.clone(),
                cpu.bars[place].text.clone(),
                way.trouble.unwrap_or("none").to_owned(),
            ];
            for cell in &cells {
                dom::append(&row, &dom::element("td", "", cell));
            }
            dom::append(body, &row);
        }
    }
}

/// Draws four bars, and says what they show.
fn draw(place: &Element, chart: &Chart) {
    let mut row = place.first_element_child();
    for bar in &chart.bars {
        let Some(this) = row else { return };
        if let Some(drawn) = this.first_element_child().and_then(|name| name.next_element_sibling()) {
            for (name, length) in [("--length", bar.length), ("--inner", bar.inner)] {
                if let Some(drawn) = drawn.dyn_ref::<HtmlElement>() {
                    let _ = drawn.style().set_property(name, &format!("{}.{}%", length / 10, length % 10));
                }
            }
        }
        if let Some(text) = this.last_element_child() {
            dom::set_text(&text, &bar.text);
        }
        row = this.next_element_sibling();
    }
    if let Some(shows) = row {
        dom::set_text(&shows, &chart.shows);
    }
}

/// The server of a URL, over HTTP, and whether it is this machine.
pub(crate) fn base(url: &str) -> Option<(String, bool)> {
    let url = Url::new(url).ok()?;
    let scheme = match &*url.protocol() {
        "ws:" | "http:" => "http",
        "wss:" | "https:" => "https",
        _ => return None,
    };
    let name = url.hostname();
    let is_here =
        name == "localhost" || name == "[::1]" || name.starts_with("127.") || name.ends_with(".localhost");
    Some((format!("{scheme}://{}", url.host()), is_here))
}
