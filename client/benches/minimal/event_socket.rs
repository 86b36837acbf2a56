//! This library's socket with a handler of events: connects, echoes one message, closes.
#![cfg(target_arch = "wasm32")]

use std::{cell::OnceCell, rc::Rc};

use js_sys::Function;
use wasm_bindgen::{JsError, JsValue, prelude::wasm_bindgen};
use wirescope::{
    CloseCode,
    socket::{Event, EventSocket, Message},
};

#[wasm_bindgen]
pub fn run(url: &str, message: String, done: Function) -> Result<(), JsError> {
    let slot = Rc::new(OnceCell::<EventSocket>::new());
    let mine = Rc::clone(&slot);
    let socket = EventSocket::open(url, &[] as &[&str], move |event| {
        let Some(socket) = mine.get() else { return };
        match event {
            Event::Open => {
                let _ = socket.send(&message);
            }
            Event::Message(Message::Text(echo)) => {
                let _ = socket.close(CloseCode::NORMAL, "");
                let _ = done.call1(&JsValue::UNDEFINED, &JsValue::from(echo));
            }
            _ => {}
        }
    })?;
    let _ = slot.set(socket);
    Ok(())
}
