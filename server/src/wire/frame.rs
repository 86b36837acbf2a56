//! Frames as they are on the wire (RFC 6455 section 5.2), one at a time.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use wirescope_protocol::CloseCode;

use crate::socket::head::{self, Head};

/// A whole frame, rightly made or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The first two bytes, the extended length and the masking key, as they came.
    pub(crate) head: Bytes,
    /// The payload as it came: masked if there is a key.
    pub(crate) payload: Bytes,
}

/// What comes next of a stream of frames.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Frame(Frame),
    /// Bytes that are no whole frame: one too long to hold begins here, or the stream ends within one. All that follows is
    /// opaque as well.
    Opaque(Bytes),
}

impl Frame {
    pub(crate) fn fin(&self) -> bool {
        self.head[0] & 0x80 != 0
    }

    pub(crate) fn rsv(&self) -> u8 {
        (self.head[0] >> 4) & 7
    }

    pub(crate) fn opcode(&self) -> u8 {
        self.head[0] & 0x0f
    }

    pub(crate) fn is_control(&self) -> bool {
        self.opcode() >= 8
    }

    pub(crate) fn key(&self) -> Option<[u8; 4]> {
        if self.head[1] & 0x80 == 0 {
            return None;
        }
        self.head[self.head.len() - 4..].try_into().ok()
    }

    /// At most so many bytes of the payload without their mask.
    pub(crate) fn unmasked(&self, most: usize) -> Vec<u8> {
        let mut bytes = self.payload[..self.payload.len().min(most)].to_vec();
        if let Some(key) = self.key() {
            head::mask(&mut bytes, key);
        }
        bytes
    }

    /// The code and reason of a Close frame; 1005 where it has no code.
    pub(crate) fn close(&self) -> Option<(CloseCode, String)> {
        if self.opcode() != 8 {
            return None;
        }
        let payload = self.unmasked(125);
        let code = payload.get(..2).and_then(|code| code.try_into().ok());
        let code = code.map_or(CloseCode::NO_STATUS, |code| CloseCode::new(u16::from_be_bytes(code)));
        let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
        Some((code, reason))
    }
}

/// The head of a frame whose length has its shortest form.
pub(super) fn head(first: u8, length: usize, key: Option<[u8; 4]>) -> Bytes {
    let mut head = Vec::with_capacity(14);
    head::put(&mut head, first, length);
    if key.is_some() {
        head[1] |= 0x80;
    }
    head.extend(key.into_iter().flatten());
    head.into()
}

/// Reads frames off a stream.
pub(super) struct FrameReader<R> {
    reader: R,
    buffer: BytesMut,
    /// The longest payload that is gathered.
    longest: u64,
    opaque: bool,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// `read` is what was read of the stream already.
    pub(super) fn new(reader: R, read: &[u8], longest: usize) -> Self {
        Self { reader, buffer: BytesMut::from(read), longest: longest as u64, opaque: false }
    }

    pub(super) fn into_inner(self) -> R {
        self.reader
    }

    /// What comes next, `None` at the end. Nothing is lost when it is dropped while it waits.
    pub(super) async fn next(&mut self) -> io::Result<Option<Part>> {
        loop {
            if self.opaque {
                if !self.buffer.is_empty() {
                    return Ok(Some(Part::Opaque(self.buffer.split().freeze())));
                }
            } else if let Some(Head { size: head, length, .. }) = Head::parse(&self.buffer) {
                if length > self.longest {
                    self.opaque = true;
                    continue;
                }
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if self.buffer.len() - head >= length {
                    let head = self.buffer.split_to(head).freeze();
                    let payload = self.buffer.split_to(length).freeze();
                    return Ok(Some(Part::Frame(Frame { head, payload })));
                }
            }
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                self.opaque = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn measured(bytes: &[u8]) -> Option<(usize, u64)> {
        Head::parse(bytes).map(|head| (head.size, head.length))
    }

    async fn all(bytes: &[u8]) -> Vec<Part> {
        let mut reader = FrameReader::new(bytes, b"", 1000);
        let mut parts = Vec::new();
        while let Some(part) = reader.next().await.unwrap() {
            parts.push(part);
        }
        parts
    }

    #[tokio::test]
    async fn frames_are_told_apart() {
        let parts = all(b"\x81\x82\x01\x02\x03\x04ik\x88\x00").await;
        let [Part::Frame(text), Part::Frame(close)] = &*parts else { panic!("{parts:?}") };
        assert_eq!((text.fin(), text.opcode(), text.key()), (true, 1, Some([1, 2, 3, 4])));
        assert_eq!(text.unmasked(64), b"hi");
        assert_eq!(close.close(), Some((CloseCode::NO_STATUS, String::new())));
    }

    #[tokio::test]
    async fn what_is_too_long_or_cut_is_opaque() {
        let parts = all(b"\x82\x7e\xff\xffabc").await;
        assert_eq!(parts, [Part::Opaque(Bytes::from_static(b"\x82\x7e\xff\xffabc"))]);
        let parts = all(b"\x81\x05abc").await;
        assert_eq!(parts, [Part::Opaque(Bytes::from_static(b"\x81\x05abc"))]);
    }

    #[test]
    fn heads_have_their_shortest_form() {
        for (length, expected) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let head = head(0x81, length, None);
            assert_eq!(head.len(), expected);
            assert_eq!(measured(&head), Some((expected, length as u64)));
        }
        assert_eq!(measured(&head(0x81, 126, Some([0; 4]))), Some((8, 126)));
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_and_none_invented(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let parts = runtime.block_on(all(&bytes));
            let again: Vec<u8> = parts.iter().flat_map(|part| match part {
                Part::Frame(frame) => [&frame.head[..], &frame.payload].concat(),
                Part::Opaque(bytes) => bytes.to_vec(),
            }).collect();
            prop_assert_eq!(again, bytes);
        }
    }
}
