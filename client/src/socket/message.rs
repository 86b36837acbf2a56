use std::borrow::Cow;

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

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for Message {
    fn from(bytes: [u8; N]) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<Cow<'_, str>> for Message {
    fn from(text: Cow<'_, str>) -> Self {
        Self::Text(text.into_owned())
    }
}

impl From<Payload<'_>> for Message {
    fn from(payload: Payload<'_>) -> Self {
        match payload {
            Payload::Text(text) => Self::Text(text.to_owned()),
            Payload::Binary(bytes) => Self::Binary(bytes.to_owned()),
        }
    }
}

impl<T: AsPayload + ?Sized> From<&T> for Message {
    fn from(payload: &T) -> Self {
        payload.as_payload().into()
    }
}

/// A payload to send, borrowed: the browser copies it, so the caller keeps it.
///
/// Made of a reference to anything that is [`AsPayload`].
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

/// What can be sent: text and bytes, borrowed or owned, and a [`Message`].
///
/// What goes out is a text message for `str` and [`String`], and a binary one for bytes.
pub trait AsPayload {
    /// What goes out.
    fn as_payload(&self) -> Payload<'_>;
}

impl AsPayload for str {
    fn as_payload(&self) -> Payload<'_> {
        Payload::Text(self)
    }
}

impl AsPayload for String {
    fn as_payload(&self) -> Payload<'_> {
        Payload::Text(self)
    }
}

impl AsPayload for [u8] {
    fn as_payload(&self) -> Payload<'_> {
        Payload::Binary(self)
    }
}

impl<const N: usize> AsPayload for [u8; N] {
    fn as_payload(&self) -> Payload<'_> {
        Payload::Binary(self)
    }
}

impl AsPayload for Vec<u8> {
    fn as_payload(&self) -> Payload<'_> {
        Payload::Binary(self)
    }
}

impl AsPayload for Message {
    fn as_payload(&self) -> Payload<'_> {
        match self {
            Self::Text(text) => Payload::Text(text),
            Self::Binary(bytes) => Payload::Binary(bytes),
        }
    }
}

impl AsPayload for Payload<'_> {
    fn as_payload(&self) -> Payload<'_> {
        *self
    }
}

impl<T: AsPayload + ?Sized> AsPayload for &T {
    fn as_payload(&self) -> Payload<'_> {
        (**self).as_payload()
    }
}

impl<B: AsPayload + ToOwned + ?Sized> AsPayload for Cow<'_, B> {
    fn as_payload(&self) -> Payload<'_> {
        (**self).as_payload()
    }
}

impl<'a, T: AsPayload + ?Sized> From<&'a T> for Payload<'a> {
    fn from(payload: &'a T) -> Self {
        payload.as_payload()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Through what sends by reference, as [`Socket::send`](crate::socket::Socket::send) takes it.
    fn sent(payload: impl AsPayload) -> Message {
        payload.as_payload().into()
    }

    #[test]
    fn text_and_bytes_are_sent_however_they_are_held() {
        let text = Message::Text("text".to_owned());
        assert_eq!(sent("text"), text);
        assert_eq!(sent("text".to_owned()), text);
        assert_eq!(sent("text".to_owned()), text);
        assert_eq!(sent(Cow::Borrowed("text")), text);
        assert_eq!(sent(&text), text);
        assert_eq!(sent(text.clone()), text);
        assert_eq!(sent(Payload::from("text")), text);
        let bytes = Message::Binary(b"bytes".to_vec());
        assert_eq!(sent(b"bytes"), bytes);
        assert_eq!(sent(*b"bytes"), bytes);
        assert_eq!(sent(&b"bytes"[..]), bytes);
        assert_eq!(sent(b"bytes".to_vec()), bytes);
        assert_eq!(sent(b"bytes".to_vec()), bytes);
    }

    #[test]
    fn a_message_is_made_of_whatever_can_be_sent() {
        // As `Link::send` takes it.
        fn made(message: impl Into<Message>) -> Message {
            message.into()
        }
        let text = Message::Text("text".to_owned());
        assert_eq!(made("text"), text);
        assert_eq!(made("text".to_owned()), text);
        assert_eq!(made("text".to_owned()), text);
        assert_eq!(made(Cow::Borrowed("text")), text);
        assert_eq!(made(&text), text);
        let bytes = Message::Binary(b"bytes".to_vec());
        assert_eq!(made(b"bytes"), bytes);
        assert_eq!(made(*b"bytes"), bytes);
        assert_eq!(made(&b"bytes"[..]), bytes);
        assert_eq!(made(b"bytes".to_vec()), bytes);
        assert_eq!(made(b"bytes".to_vec()), bytes);
    }
}
