//! Two examples of the library at work, on links of their own: a chat, and live prices. They connect when they are looked
//! at, and disconnect when nobody has looked for a while.

mod chat;
mod prices;
mod quotes;
mod state;

use std::{cell::Cell, time::Duration};

use futures_util::{
    StreamExt as _,
    future::{AbortHandle, abortable, join},
};
use js_sys::Date;
use web_sys::Element;
use wirescope::{
    link::{Link, RetryPolicy},
    socket::Message,
    spawn,
};

use self::state::{Said, Standing};
use crate::{
    alarm::Alarm,
    app::{self, App},
    compare, dom,
};

/// How long nobody looks before the links are closed, in milliseconds.
const LEFT: i32 = 60_000;

pub(crate) struct Panel {
    chat: chat::View,
    prices: prices::View,
    is_shown: Cell<bool>,
    leaving: Alarm,
}

impl Panel {
    pub(crate) fn new() -> Self {
        Self {
            chat: chat::View::new(),
            prices: prices::View::new(),
            is_shown: Cell::new(false),
            leaving: Alarm::new(|app| {
                app.examples.leave("disconnected, since nobody looked");
            }),
        }
    }

    pub(crate) fn render(&self, app: &App) {
        let is_shown = app.shell.shows("examples");
        if self.is_shown.replace(is_shown) != is_shown {
            if is_shown {
                self.leaving.clear();
                self.chat.arrive(app);
                self.prices.arrive(app);
            } else {
                self.leaving.set(LEFT);
            }
        }
        if is_shown {
            self.prices.render();
        }
    }

    /// Disconnects until somebody looks again.
    pub(crate) fn leave(&self, why: &str) {
        self.chat.leave(why);
        self.prices.leave(why);
    }
}

/// Where the examples connect to: the server of the selected connection.
fn address(app: &App, path: &str) -> Option<String> {
    let (base, _) = compare::base(&app.model.borrow().selected().setup.url)?;
    // From http to ws, and from https to wss.
    Some(format!("ws{}{path}", base.strip_prefix("http")?))
}

/// What a link does.
enum Heard {
    Stands(Said),
    Message(Message),
}

/// Tried again soon, since somebody watches.
fn retry() -> RetryPolicy {
    let mut retry = RetryPolicy::default();
    retry.cap = Duration::from_secs(2);
    retry
}

/// A link that runs, and is closed when this is dropped.
struct Running {
    link: Link,
    tasks: AbortHandle,
}

impl Running {
    fn new(link: Link, tell: impl Fn(&App, Heard) + 'static) -> Self {
        let (mut reader, mut phases) = (link.clone(), link.phases());
        let (task, tasks) = abortable(async move {
            let states = async {
                let mut standing = Standing::default();
                while let Some(phase) = phases.next().await {
                    let said = standing.enter(&phase, now());
                    app::with(|app| tell(app, Heard::Stands(said)));
                }
            };
            let messages = async {
                while let Some(message) = reader.next().await {
                    app::with(|app| tell(app, Heard::Message(message)));
                }
            };
            join(states, messages).await;
        });
        spawn(async move {
            let _ = task.await;
        });
        Self { link, tasks }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.abort();
    }
}

/// Shows how a link stands.
fn show(place: &Element, state: &str, text: &str) {
    dom::set_attribute(place, "data-state", state);
    if let Some(words) = place.last_element_child() {
        dom::set_text(&words, text);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is positive and far below 2^53"
)]
fn now() -> u64 {
    Date::now() as u64
}
