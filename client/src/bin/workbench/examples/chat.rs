//! A chat of two, over the server's `/chat`: what one says goes to all others there, also in other windows.

use std::cell::{Cell, RefCell};

use web_sys::{Element, Event, HtmlInputElement};
use wirescope::{
    link::{Delivery, Link},
    socket::Message,
    spawn,
};

use super::{Heard, Running, address, retry, show};
use crate::{
    app::App,
    dom::{self, elements, on},
    format::{self, Piece},
};

elements! {
    Elements {
        turn: Element = "chat-turn",
    }
}

/// How many lines are kept of each seat.
const KEPT: u32 = 200;

pub(super) struct View {
    elements: Elements,
    seats: [Seat; 2],
    /// The viewer disconnected it.
    is_off: Cell<bool>,
}

struct Seat {
    name: &'static str,
    state: Element,
    lines: Element,
    field: HtmlInputElement,
    running: RefCell<Option<Running>>,
}

impl View {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.turn, "click", |app, _| app.examples.chat.turn(app));
        on(&dom::find("left-form"), "submit", |app, event| app.examples.chat.say(0, event));
        on(&dom::find("right-form"), "submit", |app, event| app.examples.chat.say(1, event));
        Self { elements, seats: ["left", "right"].map(Seat::find), is_off: Cell::new(false) }
    }

    /// Somebody looks.
    pub(super) fn arrive(&self, app: &App) {
        if self.is_off.get() || self.is_on() {
            return;
        }
        for (place, seat) in self.seats.iter().enumerate() {
            let url = address(app, &format!("/chat?name={}", seat.name));
            match url.map(|url| Link::to(url).retry(retry()).open()) {
                Some(Ok(link)) => {
                    let running =
                        Running::new(link, move |app, heard| app.examples.chat.seats[place].hear(heard));
                    seat.running.replace(Some(running));
                }
                _ => show(&seat.state, "failed", "the connection's URL names no server"),
            }
        }
        self.show();
    }

    pub(super) fn leave(&self, why: &str) {
        for seat in &self.seats {
            if seat.running.take().is_some() {
                show(&seat.state, "idle", why);
            }
        }
        self.show();
    }

    fn turn(&self, app: &App) {
        let is_on = self.is_on();
        self.is_off.set(is_on);
        if is_on { self.leave("disconnected") } else { self.arrive(app) }
    }

    fn is_on(&self) -> bool {
        self.seats.iter().any(|seat| seat.running.borrow().is_some())
    }

    fn show(&self) {
        dom::set_text(&self.elements.turn, if self.is_on() { "Disconnect" } else { "Connect" });
    }

    fn say(&self, place: usize, event: &Event) {
        event.prevent_default();
        let seat = &self.seats[place];
        let text = seat.field.value();
        if !text.is_empty() && seat.say(&text) {
            seat.field.set_value("");
        }
    }
}

impl Seat {
    fn find(name: &'static str) -> Self {
        let part = |part: &str| dom::find(&format!("{name}-{part}"));
        Self {
            name,
            state: part("state"),
            lines: part("lines"),
            field: wasm_bindgen::JsCast::unchecked_into(part("field")),
            running: RefCell::default(),
        }
    }

    fn hear(&self, heard: Heard) {
        match heard {
            Heard::Stands(said) => {
                show(&self.state, said.state, &said.text);
                if let Some(away) = said.back_after {
                    let away = format::duration(away * 1000);
                    self.line(
                        "info",
                        &format!(
                            "Back after {away}. What others said meanwhile is gone: a chat keeps nothing."
                        ),
                    );
                }
            }
            Heard::Message(Message::Text(text)) => {
                self.line("theirs", &text);
            }
            Heard::Message(Message::Binary(_)) => {}
        }
    }

    /// Sends a line, and shows what becomes of it; `false` if it was not taken.
    fn say(&self, text: &str) -> bool {
        let sent = self.running.borrow().as_ref().map(|running| running.link.send(text));
        match sent {
            None => self.line("info", "Not sent: disconnected."),
            Some(Err(error)) => self.line("info", &error.to_string()),
            Some(Ok(receipt)) => {
                let line = self.line("mine", text);
                let note = dom::element("span", "delivery", "waits");
                dom::append(&line, &note);
                spawn(async move {
                    if !matches!(receipt.handed_over().await, Delivery::Dropped(_)) {
                        dom::set_text(&note, "sent");
                    }
                    match receipt.settled().await {
                        Delivery::Drained => {}
                        Delivery::Dropped(_) => dom::set_text(&note, "never sent"),
                        _ => dom::set_text(&note, "perhaps lost"),
                    }
                });
                return true;
            }
        };
        false
    }

    fn line(&self, class: &str, text: &str) -> Element {
        let line = dom::element("p", class, "");
        let words = dom::element("span", "content", "");
        for piece in format::pieces(text) {
            match piece {
                Piece::Plain(text) => {
                    let _ = words.append_child(&dom::document().create_text_node(text));
                }
                Piece::Control(names) => dom::append(&words, &dom::element("span", "ctl", &names)),
            }
        }
        dom::append(&line, &words);
        let lines = &self.lines;
        let at_end = lines.scroll_height() - lines.client_height() - lines.scroll_top() < 8;
        dom::append(lines, &line);
        if lines.child_element_count() > KEPT
            && let Some(first) = lines.first_element_child()
        {
            first.remove();
        }
        if at_end {
            lines.set_scroll_top(lines.scroll_height());
        }
        line
    }
}
