use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Uint8Array)]
    type View;

    #[wasm_bindgen(constructor, js_class = "Uint8Array")]
    fn new(buffer: &JsValue) -> View;

    // A view's `valueOf` is itself. Returned as bytes it is copied at once, where `js_sys::Uint8Array::to_vec` asks for the
    // length first and then makes a second view, of Wasm's memory.
    #[wasm_bindgen(method, js_name = valueOf)]
    fn bytes(this: &View) -> Vec<u8>;
}

/// A message that arrived, or one to send through the [`Sink`](futures_util::Sink) of a [`Socket`](super::Socket).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

impl Message {
    /// The payload's length in bytes; of a text, the bytes of its UTF-8.
    pub fn len(&self) -> usize {
        Payload::from(self).len()
    }

    /// Whether the payload is empty, which is a message all the same.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the `data` of a browser's message event, whose socket has `binaryType` "arraybuffer".
    pub(super) fn from_js(data: &JsValue) -> Self {
        match data.as_string() {
            Some(text) => Self::Text(text),
            None => Self::Binary(View::new(data).bytes()),
        }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(bytes.to_owned())
    }
}

/// A payload to send, borrowed: the browser copies it, so the caller keeps it.
///
/// Made from `&str`, `&String`, `&[u8]`, `&Vec<u8>`, a byte array or `&Message`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Goes out as a text message.
    Text(&'a str),
    /// Goes out as a binary message.
    Binary(&'a [u8]),
}

impl Payload<'_> {
    /// The payload's length in bytes; of a text, the bytes of its UTF-8.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether the payload is empty, which can be sent all the same.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> From<&'a str> for Payload<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Payload<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Payload<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

impl<'a> From<&'a Message> for Payload<'a> {
    fn from(message: &'a Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text),
            Message::Binary(bytes) => Self::Binary(bytes),
        }
    }
}
