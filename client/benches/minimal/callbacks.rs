//! web-sys and nothing else: connects, echoes one message, closes.
#![cfg(target_arch = "wasm32")]

use js_sys::Function;
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::{Event, MessageEvent, WebSocket};

#[wasm_bindgen]
pub fn run(url: &str, message: String, done: Function) -> Result<(), JsValue> {
    let socket = WebSocket::new(url)?;
    let on_open = {
        let socket = socket.clone();
        Closure::once_into_js(move |_: Event| socket.send_with_str(&message))
    };
    let on_message = {
        let socket = socket.clone();
        Closure::once_into_js(move |event: MessageEvent| {
            let echo = event.data().as_string().unwrap_or_default();
            socket.close()?;
            done.call1(&JsValue::UNDEFINED, &JsValue::from(echo))
        })
    };
    socket.set_onopen(Some(on_open.unchecked_ref()));
    socket.set_onmessage(Some(on_message.unchecked_ref()));
    Ok(())
}
