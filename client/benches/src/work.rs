//! What all implementations do: the same messages, the same checks, the same way to start and to stop.

use js_sys::{Function, Promise};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

/// The text that is echoed.
pub(crate) const TEXT: &str = "(a text message, 32 ASCII bytes)";
/// The bytes that are echoed.
pub(crate) static BYTES: [u8; 1024] = {
    let mut bytes = [0x5a; 1024];
    bytes[0] = 1;
    bytes[1023] = 2;
    bytes
};

#[wasm_bindgen]
extern "C" {
    /// One cell of the table, as `page/page.js` has it.
    #[derive(Clone)]
    pub(crate) type Cell;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn url(this: &Cell) -> String;

    /// Whether the messages are binary.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn binary(this: &Cell) -> bool;

    /// How many messages to echo.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn messages(this: &Cell) -> u32;

    /// How many of them are under way at once.
    #[wasm_bindgen(method, getter, js_name = inFlight)]
    pub(crate) fn in_flight(this: &Cell) -> u32;

    /// Says that the connection is open. Resolves when the measurement begins.
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn connected(this: &Cell) -> Result<JsValue, JsValue>;

    /// Says that every message came back. The measurement ends now.
    #[wasm_bindgen(method)]
    pub(crate) fn finish(this: &Cell);

    /// Says that something is wrong, which ends the whole run.
    #[wasm_bindgen(method)]
    pub(crate) fn fail(this: &Cell, why: &str);

    /// Resolves when the measurement has been read, and the connection may be closed.
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn measured(this: &Cell) -> Result<JsValue, JsValue>;
}

/// What has been sent and received of a cell's messages.
#[derive(Clone, Copy, Default)]
pub(crate) struct Progress {
    pub(crate) binary: bool,
    pub(crate) in_flight: u32,
    messages: u32,
    received: u32,
}

/// What follows after a message.
pub(crate) enum Next {
    Send,
    Wait,
    Finish,
}

impl Progress {
    pub(crate) fn of(cell: &Cell) -> Self {
        Self { binary: cell.binary(), in_flight: cell.in_flight(), messages: cell.messages(), received: 0 }
    }

    /// Counts a message that came back.
    pub(crate) fn count(&mut self) -> Next {
        self.received += 1;
        if self.received == self.messages {
            Next::Finish
        } else if self.received + self.in_flight <= self.messages {
            Next::Send
        } else {
            Next::Wait
        }
    }
}

/// Whether this is the text that was sent: its length and both ends.
pub(crate) fn is_text(text: &str) -> bool {
    is_same(text.as_bytes(), TEXT.as_bytes())
}

/// Whether these are the bytes that were sent: their length and both ends.
pub(crate) fn is_bytes(bytes: &[u8]) -> bool {
    is_same(bytes, &BYTES)
}

fn is_same(came: &[u8], sent: &[u8]) -> bool {
    came.len() == sent.len() && came.first() == sent.first() && came.last() == sent.last()
}

/// An error as JavaScript throws it.
pub(crate) fn thrown(error: impl std::fmt::Display) -> JsValue {
    js_sys::Error::new(&error.to_string()).into()
}

/// A promise, and the function that resolves it.
pub(crate) fn promise() -> (Promise, Function) {
    let mut resolve = None;
    let promise = Promise::new(&mut |resolves, _| resolve = Some(resolves));
    (promise, resolve.expect("a promise calls its executor at once"))
}
