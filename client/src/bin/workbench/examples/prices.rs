//! Live prices, over the server's `/feed/prices`: each connection asks for what came after the last update that is here.

use std::fmt::Write as _;

use std::{
    cell::{Cell, RefCell},
    future::ready,
};

use web_sys::{Element, HtmlInputElement};
use wirescope::{link::Link, socket::Message};

use super::{Heard, Running, address, quotes::Quotes, retry, show};
use crate::{
    app::{self, App},
    dom::{self, elements, on},
    json,
};

elements! {
    Elements {
        turn: Element = "prices-turn",
        cut: HtmlInputElement = "prices-cut",
        state: Element = "prices-state",
        body: Element = "prices-body",
        account: Element = "prices-account",
    }
}

pub(super) struct View {
    elements: Elements,
    quotes: RefCell<Quotes>,
    running: RefCell<Option<Running>>,
    /// The viewer disconnected it.
    is_off: Cell<bool>,
    is_drawn: Cell<bool>,
}

impl View {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.turn, "click", |app, _| app.examples.prices.turn(app));
        on(&elements.cut, "change", |app, _| {
            let prices = &app.examples.prices;
            if prices.running.take().is_some() {
                prices.arrive(app);
            }
        });
        Self {
            elements,
            quotes: RefCell::default(),
            running: RefCell::default(),
            is_off: Cell::new(false),
            is_drawn: Cell::new(true),
        }
    }

    /// Somebody looks.
    pub(super) fn arrive(&self, app: &App) {
        if self.is_off.get() || self.running.borrow().is_some() {
            return;
        }
        let cut = if self.elements.cut.checked() { "&rst&rst.after=8s" } else { "" };
        match address(app, &format!("/feed/prices?rate=2{cut}")) {
            Some(url) => {
                // Asked for before each try, so that each goes on where the last one ended.
                let link =
                    Link::provided(move || ready(Some((next(&url), Vec::new())))).retry(retry()).open();
                let running = link
                    .ok()
                    .map(|link| Running::new(link, |app, heard| app.examples.prices.hear(app, heard)));
                self.running.replace(running);
            }
            None => show(&self.elements.state, "failed", "the connection's URL names no server"),
        }
        self.show();
    }

    pub(super) fn leave(&self, why: &str) {
        if self.running.take().is_some() {
            show(&self.elements.state, "idle", why);
        }
        self.show();
    }

    /// Draws the prices, at most once a frame.
    pub(super) fn render(&self) {
        if self.is_drawn.replace(true) {
            return;
        }
        let quotes = self.quotes.borrow();
        dom::set_text(&self.elements.account, &quotes.account());
        let mut row = self.elements.body.first_element_child();
        for share in &quotes.shares {
            let Some(this) = row else { break };
            let cells = this.children();
            let cell = |index| cells.item(index);
            let (sign, change) = share.change();
            dom::set_attribute(
                &this,
                "data-change",
                match sign {
                    '▲' => "rose",
                    '▼' => "fell",
                    _ => "",
                },
            );
            for (index, text) in
                [share.name.clone(), share.price(), format!("{sign} {change}")].iter().enumerate()
            {
                if let Some(cell) = u32::try_from(index).ok().and_then(cell) {
                    dom::set_text(&cell, text);
                }
            }
            let line = cell(3).and_then(|cell| cell.query_selector("path").ok().flatten());
            if let Some(line) = line {
                dom::set_attribute(&line, "d", &share.line());
            }
            row = this.next_element_sibling();
        }
    }

    fn turn(&self, app: &App) {
        let is_on = self.running.borrow().is_some();
        self.is_off.set(is_on);
        if is_on { self.leave("disconnected") } else { self.arrive(app) }
    }

    fn show(&self) {
        dom::set_text(
            &self.elements.turn,
            if self.running.borrow().is_some() { "Disconnect" } else { "Connect" },
        );
    }

    fn hear(&self, app: &App, heard: Heard) {
        match heard {
            Heard::Stands(said) => show(&self.elements.state, said.state, &said.text),
            Heard::Message(Message::Text(text)) => {
                let mut quotes = self.quotes.borrow_mut();
                if let Some(number) = json::number(&text, "number") {
                    quotes.update(number, prices(&text));
                } else if let (Some(after), Some(latest)) =
                    (json::number(&text, "after"), json::number(&text, "latest"))
                {
                    quotes.lost(after, latest);
                }
                drop(quotes);
                self.is_drawn.set(false);
                app.changed();
            }
            Heard::Message(Message::Binary(_)) => {}
        }
    }
}

/// The URL with what is here already.
fn next(url: &str) -> String {
    let mut next = url.to_owned();
    app::with(|app| {
        if let Some(last) = app.examples.prices.quotes.borrow().last {
            let _ = write!(next, "&after={last}");
        }
    });
    next
}

/// The names and the prices, in hundredths.
fn prices(update: &str) -> impl Iterator<Item = (String, u64)> {
    let quotes = json::members(json::member(update, "quotes").unwrap_or_default());
    quotes.into_iter().filter_map(|(name, price)| {
        let price: f64 = price.parse().ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        Some((name.to_owned(), (price * 100.0).round() as u64))
    })
}
