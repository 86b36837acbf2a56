//! What scenarios receive and send.

use std::{fmt, ops::Deref};

use bytes::{Bytes, BytesMut};

use crate::socket::head;

/// A data message, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(Text),
    Binary(Bytes),
}

impl Message {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Binary(_) => "binary",
        }
    }

    /// In bytes, of UTF-8 for text.
    pub(crate) fn len(&self) -> usize {
        self.payload().len()
    }

    pub(crate) fn payload(&self) -> &Bytes {
        match self {
            Self::Text(Text(bytes)) | Self::Binary(bytes) => bytes,
        }
    }
}

/// UTF-8 that is shared. Whoever looks at it as a `str` has it checked once more, which costs little and spares `unsafe`;
/// an echo never does.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(Bytes);

impl Text {
    pub(crate) const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// Of bytes that [`is_text`].
    pub(crate) fn checked(bytes: Bytes) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_str(&self) -> &str {
        simdutf8::basic::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// In bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Whether this is UTF-8 as RFC 3629 has it, as strictly as `str::from_utf8`.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Bytes that are no UTF-8 come back.
impl TryFrom<BytesMut> for Text {
    type Error = BytesMut;

    fn try_from(bytes: BytesMut) -> Result<Self, BytesMut> {
        if is_text(&bytes) { Ok(Self(bytes.freeze())) } else { Err(bytes) }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text message as the frame that it becomes: made once, for all who are sent it.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    frame: Bytes,
    /// The length of the payload.
    length: usize,
}

impl Encoded {
    /// Of a text in pieces.
    pub(crate) fn text(pieces: &[&str]) -> Self {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        let mut frame = Vec::with_capacity(head::LONGEST + length);
        head::put(&mut frame, head::TEXT, length);
        for piece in pieces {
            frame.extend_from_slice(piece.as_bytes());
        }
        Self { frame: frame.into(), length }
    }

    /// In bytes of its payload.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn frame(&self) -> &Bytes {
        &self.frame
    }
}
