//! This library's socket with a handler of events.

use std::{
    cell::{Cell as StdCell, OnceCell},
    rc::Rc,
};

use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use wirescope::socket::{Event, EventSocket, Message};

use crate::work::{self, BYTES, Cell, Next, Progress, TEXT, is_bytes, is_text, thrown};

#[wasm_bindgen]
pub async fn event_socket(cell: Cell) -> Result<(), JsValue> {
    let (opened, resolve) = work::promise();
    let slot = Rc::new(OnceCell::<EventSocket>::new());
    let handler = {
        let (slot, cell) = (Rc::downgrade(&slot), cell.clone());
        let progress = StdCell::new(Progress::of(&cell));
        move |event| match event {
            Event::Open => {
                let _ = resolve.call0(&JsValue::UNDEFINED);
            }
            Event::Message(message) => {
                let same = match &message {
                    Message::Text(text) => is_text(text),
                    Message::Binary(bytes) => is_bytes(bytes),
                };
                if !same {
                    return cell.fail("the echo differs");
                }
                let mut now = progress.get();
                match now.count() {
                    Next::Send => {
                        if let Some(slot) = slot.upgrade() {
                            send(slot.get().expect("it is set before it is open"), now.binary);
                        }
                    }
                    Next::Wait => {}
                    Next::Finish => cell.finish(),
                }
                progress.set(now);
            }
            other => cell.fail(&format!("{other:?}")),
        }
    };
    let socket = EventSocket::open(&cell.url(), &[] as &[&str], handler).map_err(thrown)?;
    let socket = slot.get_or_init(|| socket);
    JsFuture::from(opened).await?;

    cell.connected().await?;
    for _ in 0..cell.in_flight() {
        send(socket, cell.binary());
    }
    cell.measured().await?;
    Ok(())
}

fn send(socket: &EventSocket, binary: bool) {
    let sent = if binary { socket.send(&BYTES) } else { socket.send(TEXT) };
    sent.expect("the socket is open");
}
