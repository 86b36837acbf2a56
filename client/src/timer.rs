//! One timeout, in a window or a Worker.

use std::{cell::Cell, rc::Rc};

use js_sys::Function;
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};

// Globals of a window and of a Worker alike, which is why web-sys's methods of `Window` do not serve.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(handler: &Function, milliseconds: i32) -> f64;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: f64);
}

/// A timeout that is set again and again with the same callback. Dropping it clears it and frees the callback.
#[derive(Debug)]
pub(crate) struct Timer {
    // Of the type that a socket's listeners have, so that one piece of JavaScript calls both.
    callback: Closure<dyn Fn(JsValue)>,
    id: Rc<Cell<Option<f64>>>,
}

impl Timer {
    pub(crate) fn new(callback: impl Fn() + 'static) -> Self {
        let id = Rc::new(Cell::new(None));
        let fired = Rc::clone(&id);
        let callback = Closure::new(move |_| {
            fired.set(None);
            callback();
        });
        Self { callback, id }
    }

    /// Calls back once after this many milliseconds, and not when it was set to before.
    pub(crate) fn set(&self, milliseconds: u32) {
        self.clear();
        let milliseconds = i32::try_from(milliseconds).unwrap_or(i32::MAX);
        self.id.set(Some(set_timeout(self.callback.as_ref().unchecked_ref(), milliseconds)));
    }

    /// Whether it will call back.
    pub(crate) fn is_set(&self) -> bool {
        self.id.get().is_some()
    }

    pub(crate) fn clear(&self) {
        if let Some(id) = self.id.take() {
            clear_timeout(id);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Milliseconds of the wall clock since 1970.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive and below 2^53")]
pub(crate) fn now() -> u64 {
    js_sys::Date::now() as u64
}
