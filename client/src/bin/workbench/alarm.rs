//! Something that is done a while later: one timeout, set again and again.

use std::{cell::Cell, rc::Rc};

use js_sys::Promise;
use wasm_bindgen::{JsCast as _, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::MessageChannel;

use crate::{
    app::{self, App},
    dom,
};

/// Calls back once each time it is set. It lives as long as the page.
pub(crate) struct Alarm {
    callback: Closure<dyn Fn()>,
    id: Rc<Cell<Option<i32>>>,
}

impl Alarm {
    pub(crate) fn new(callback: fn(&App)) -> Self {
        let id = Rc::new(Cell::new(None));
        let rung = Rc::clone(&id);
        let callback = Closure::new(move || {
            // First, so that the callback can set it anew.
            rung.set(None);
            app::with(callback);
        });
        Self { callback, id }
    }

    /// Calls back after this many milliseconds, and not when it was set to before.
    pub(crate) fn set(&self, milliseconds: i32) {
        self.clear();
        let function = self.callback.as_ref().unchecked_ref();
        let id = dom::window().set_timeout_with_callback_and_timeout_and_arguments_0(function, milliseconds);
        self.id.set(id.ok());
    }

    /// Calls back after this many milliseconds unless it will anyway.
    pub(crate) fn set_unless_set(&self, milliseconds: i32) {
        if self.id.get().is_none() {
            self.set(milliseconds);
        }
    }

    pub(crate) fn clear(&self) {
        if let Some(id) = self.id.take() {
            dom::window().clear_timeout_with_handle(id);
        }
    }
}

/// Calls back as soon as the browser has had its turn, without the 4 ms that nested timeouts take.
pub(crate) struct Turn {
    channel: MessageChannel,
    _callback: Closure<dyn Fn()>,
    asked: Rc<Cell<bool>>,
}

impl Turn {
    pub(crate) fn new(callback: fn(&App)) -> Self {
        let asked = Rc::new(Cell::new(false));
        let came = Rc::clone(&asked);
        let callback = Closure::<dyn Fn()>::new(move || {
            came.set(false);
            app::with(callback);
        });
        let channel = MessageChannel::new().expect("a browser has channels");
        channel.port1().set_onmessage(Some(callback.as_ref().unchecked_ref()));
        Self { channel, _callback: callback, asked }
    }

    pub(crate) fn ask(&self) {
        if !self.asked.replace(true) {
            let _ = self.channel.port2().post_message(&wasm_bindgen::JsValue::NULL);
        }
    }
}

/// Waits so many milliseconds; with 0, until the browser has had its turn.
pub(crate) async fn pause(milliseconds: i32) {
    let paused = Promise::new(&mut |resolve, _| {
        let _ = dom::window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, milliseconds);
    });
    let _ = JsFuture::from(paused).await;
}
