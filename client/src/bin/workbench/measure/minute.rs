//! The last minute, drawn: what went out and came in, and what waited.

use web_sys::{Element, HtmlInputElement, HtmlTemplateElement};

use super::{
    chart,
    series::{Second, Series},
};
use crate::{
    dom::{self, elements, on},
    format,
    model::Id,
};

elements! {
    Elements {
        of_one: HtmlInputElement = "minute-of-one",
        of_all: HtmlInputElement = "minute-of-all",
        one: Element = "minute-one",
        sent: Element = "sent-in-minute",
        received: Element = "received-in-minute",
        opened: Element = "opened-count",
        closed: Element = "closed-count",
        template: HtmlTemplateElement = "trend-template",
    }
}

/// A drawing of two values, or of one.
struct Trend {
    now: Element,
    top: Element,
    fill: Element,
    received: Element,
    sent: Element,
    opened: Element,
    closed: Element,
}

pub(super) struct View {
    elements: Elements,
    trends: [Trend; 4],
}

impl Trend {
    /// Makes a drawing beneath its title.
    fn new(title: &str, template: &HtmlTemplateElement) -> Self {
        let place = dom::find(title);
        if let Ok(drawing) = template.content().clone_node_with_deep(true) {
            dom::append(&place, &drawing);
        }
        let part = |part: &str| {
            place.query_selector(part).ok().flatten().unwrap_or_else(|| panic!("a drawing has no {part}"))
        };
        Self {
            now: part(".now"),
            top: part(".top"),
            fill: part(".fill"),
            received: part(".line.received"),
            sent: part(".line.sent"),
            opened: part(".opened"),
            closed: part(".closed"),
        }
    }

    /// Draws what was received and what was sent, or what waited to be sent alone.
    fn draw(&self, received: Option<&[u64]>, sent: &[u64], is_bytes: bool) {
        let most = received.into_iter().flatten().chain(sent).copied().max().unwrap_or(0);
        let top = if is_bytes { chart::round_bytes_above(most) } else { chart::round_above(most.max(10)) };
        let text = if is_bytes { format::size } else { format::count };
        let last = |values: &[u64]| text(values.last().copied().unwrap_or(0));
        match received {
            Some(received) => {
                dom::set_attribute(&self.fill, "d", &chart::area(received, top));
                dom::set_attribute(&self.received, "d", &chart::steps(received, top));
                let now = format!("↑ {}  ↓ {}  most {}", last(sent), last(received), text(most));
                dom::set_text(&self.now, &now);
            }
            None => dom::set_text(&self.now, &format!("{}  most {}", last(sent), text(most))),
        }
        dom::set_attribute(&self.sent, "d", &chart::steps(sent, top));
        dom::set_text(&self.top, &text(top));
    }
}

impl View {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        for radio in [&elements.of_one, &elements.of_all] {
            on(radio, "change", |app, _| app.changed());
        }
        let trends = ["trend-messages", "trend-bytes", "trend-buffered", "trend-queue"]
            .map(|title| Trend::new(title, &elements.template));
        Self { elements, trends }
    }

    /// Which connection is shown, or `None` for all.
    pub(super) fn of(&self, selected: Id) -> Option<Id> {
        self.elements.of_one.checked().then_some(selected)
    }

    pub(super) fn draw(&self, selected: Id, series: &Series) {
        let seconds: Vec<_> = series.shown().collect();
        let of = |value: fn(&Second) -> u64| seconds.iter().map(value).collect::<Vec<_>>();
        let [messages, bytes, buffered, queue] = &self.trends;
        let (sent, received) = (of(|second| second.sent.messages), of(|second| second.received.messages));
        messages.draw(Some(&received), &sent, false);
        let (sent, received) = (of(|second| second.sent.bytes), of(|second| second.received.bytes));
        bytes.draw(Some(&received), &sent, true);
        buffered.draw(None, &of(|second| second.buffered), true);
        queue.draw(None, &of(|second| second.queued), false);
        let opened = chart::marks(seconds.iter().map(|second| second.opened > 0));
        let closed = chart::marks(seconds.iter().map(|second| second.closed > 0));
        for trend in &self.trends {
            dom::set_attribute(&trend.opened, "d", &opened);
            dom::set_attribute(&trend.closed, "d", &closed);
        }
        let elements = &self.elements;
        dom::set_text(&elements.one, &format!("Connection {selected}"));
        let total = |place: &Element, count: fn(&Second) -> u64| {
            dom::set_text(place, &format::count(of(count).iter().sum()));
        };
        total(&elements.sent, |second| second.sent.messages);
        total(&elements.received, |second| second.received.messages);
        total(&elements.opened, |second| second.opened.into());
        total(&elements.closed, |second| second.closed.into());
    }
}
