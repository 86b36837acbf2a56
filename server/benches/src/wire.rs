//! As much of RFC 6455 as the load needs: a request, masked frames made beforehand, and the heads of what comes back.

use anyhow::{Result, ensure};

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;

/// Any mask costs a server as much as any other, except perhaps one of zeros.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) fn request(address: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// A whole message in one masked frame, as a client sends it.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(opcode, payload.len());
    frame[1] |= 0x80;
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// As a server sends it.
pub(crate) fn unmasked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(opcode, payload.len());
    frame.extend(payload);
    frame
}

fn head(opcode: u8, length: usize) -> Vec<u8> {
    let mut head = vec![0x80 | opcode];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..126), _) => head.push(length),
        (_, Ok(length)) => {
            head.push(126);
            head.extend(length.to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend((length as u64).to_be_bytes());
        }
    }
    head
}

/// Finds the frames in a stream, and passes over their payloads.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    head: [u8; 10],
    have: usize,
    /// What is still to come of the payload.
    left: usize,
    /// The frame's first byte and the length of its payload, once its head is whole.
    current: Option<(u8, usize)>,
}

impl Frames {
    /// Takes what came; calls `whole` with each frame's first byte and the length of its payload.
    pub(crate) fn take(&mut self, mut bytes: &[u8], mut whole: impl FnMut(u8, usize)) -> Result<()> {
        loop {
            if let Some((first, length)) = self.current {
                let taken = self.left.min(bytes.len());
                (self.left, bytes) = (self.left - taken, &bytes[taken..]);
                if self.left > 0 {
                    return Ok(());
                }
                whole(first, length);
                (self.current, self.have) = (None, 0);
            }
            while self.current.is_none() {
                let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
                (self.head[self.have], self.have, bytes) = (byte, self.have + 1, rest);
                self.current = self.whole_head()?;
                self.left = self.current.map_or(0, |current| current.1);
            }
        }
    }

    fn whole_head(&self) -> Result<Option<(u8, usize)>> {
        if self.have < 2 {
            return Ok(None);
        }
        ensure!(self.head[1] < 128, "a server's frame is masked");
        let length = match (self.head[1], self.have) {
            (126, 4) => u64::from(u16::from_be_bytes([self.head[2], self.head[3]])),
            (127, 10) => u64::from_be_bytes(std::array::from_fn(|at| self.head[at + 2])),
            (126 | 127, _) => return Ok(None),
            (length, _) => u64::from(length),
        };
        Ok(Some((self.head[0], usize::try_from(length)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let lengths = [0, 1, 125, 126, 65_535, 65_536];
        let stream: Vec<u8> =
            lengths.iter().flat_map(|&length| unmasked(BINARY, &vec![0x81; length])).collect();
        for size in [1, 2, 7, 4_096, stream.len()] {
            let (mut frames, mut found) = (Frames::default(), Vec::new());
            for piece in stream.chunks(size) {
                frames.take(piece, |first, length| found.push((first, length))).expect("frames");
            }
            assert_eq!(found, lengths.map(|length| (0x82, length)), "in pieces of {size}");
        }
    }

    #[test]
    fn a_masked_frame_is_an_unmasked_one_under_the_mask() {
        let payload = b"a payload of a length that is no multiple of four";
        let (masked, unmasked) = (masked(TEXT, payload), unmasked(TEXT, payload));
        assert_eq!(masked[1], unmasked[1] | 0x80);
        assert_eq!(masked[2..6], MASK);
        for (at, byte) in unmasked[2..].iter().enumerate() {
            assert_eq!(masked[6 + at] ^ MASK[at % 4], *byte);
        }
    }
}
