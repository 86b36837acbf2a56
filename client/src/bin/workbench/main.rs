//! The workbench: the page on which a person opens a connection, sends anything, and sees every message.
//!
//! index.html and client/later.html hold all structure, and client/style*.css all style; this is the behaviour.
//!
//! * `model`: what the page knows; `log::store`, `format`: how it is kept and written. They never touch the browser.
//! * `session`: the library at work, a connection each, telling the app what happens.
//! * `late`, `hand`: the program comes in two parts, of which the second is loaded when a hand comes near.
//! * `app`: the root. It owns the model and the parts of the page, and draws at most once a frame.
//! * The parts, a folder each: `shell`, `connect`, `composer`, `script`, `log`, `measure`, `compare`, `examples`. A part
//!   finds its elements, listens to them, and draws itself from the model.

mod alarm;
mod app;
mod clipboard;
mod compare;
mod composer;
mod connect;
mod dom;
mod examples;
mod faults;
mod format;
mod frames;
mod hand;
mod json;
mod keep;
mod late;
mod log;
mod measure;
mod model;
mod net;
mod pairs;
mod script;
mod session;
mod shell;

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
        dom::fail(&text);
    }
}
