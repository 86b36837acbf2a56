//! The workbench: the page on which a person opens a connection, sends anything, and sees every message.
//!
//! index.html holds all structure and client/style.css all style; this is the behaviour.
//!
//! * `state`, `log`, `hex`, `format`: what the page knows and how it is written. They never touch the browser.
//! * `dom`, `rows`, `view`: the elements, and what they show of it.
//! * `app`, `composer`: what the user's and the socket's events do.

mod app;
mod composer;
mod dom;
mod format;
mod hex;
mod log;
mod rows;
mod state;
mod view;

use std::panic::PanicHookInfo;

fn main() {
    std::panic::set_hook(Box::new(show_panic));
    app::start();
}

/// A panic ends the program, so the page says that it is dead. What fails afterwards is its consequence.
fn show_panic(info: &PanicHookInfo<'_>) {
    if app::stop() {
        let text = format!("The page's program failed, which is a mistake in it; reload the page. {info}");
        web_sys::console::error_1(&text.as_str().into());
        let place = web_sys::window().and_then(|window| window.document()?.get_element_by_id("failure"));
        if let Some(place) = place {
            place.set_text_content(Some(&text));
            let _ = place.remove_attribute("hidden");
        }
    }
}
