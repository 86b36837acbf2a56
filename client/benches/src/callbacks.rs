//! web-sys and nothing else, as one writes it by hand: the browser's callbacks, and the next message sent from them.

use std::cell::Cell as StdCell;

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{BinaryType, Event, MessageEvent, WebSocket};

use crate::work::{self, BYTES, Cell, Next, Progress, TEXT, is_bytes, is_text};

#[wasm_bindgen]
pub async fn callbacks(cell: Cell) -> Result<(), JsValue> {
    let socket = WebSocket::new(&cell.url())?;
    socket.set_binary_type(BinaryType::Arraybuffer);
    let (opened, resolve) = work::promise();
    let on_open = Closure::<dyn FnMut(Event)>::new(move |_| {
        let _ = resolve.call0(&JsValue::UNDEFINED);
    });
    socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
    JsFuture::from(opened).await?;

    let progress = StdCell::new(Progress::of(&cell));
    let on_message = {
        let (socket, cell) = (socket.clone(), cell.clone());
        Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let data = event.data();
            let same = match data.as_string() {
                Some(text) => is_text(&text),
                None => is_bytes(&Uint8Array::new(data.unchecked_ref::<ArrayBuffer>()).to_vec()),
            };
            if !same {
                return cell.fail("the echo differs");
            }
            let mut now = progress.get();
            match now.count() {
                Next::Send => send(&socket, now.binary),
                Next::Wait => {}
                Next::Finish => cell.finish(),
            }
            progress.set(now);
        })
    };
    socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));

    cell.connected().await?;
    for _ in 0..cell.in_flight() {
        send(&socket, cell.binary());
    }
    cell.measured().await?;
    socket.set_onmessage(None);
    socket.set_onopen(None);
    socket.close()
}

fn send(socket: &WebSocket, binary: bool) {
    let sent = if binary { socket.send_with_u8_array(&BYTES) } else { socket.send_with_str(TEXT) };
    sent.expect("the socket is open");
}
