//! A frame taken apart: what each bit of it says, by RFC 6455 section 5.2.

use wirescope_protocol::hex;

use crate::{format, json};

/// A frame as it was on the wire, of whose payload the beginning is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// From the server.
    pub(crate) out: bool,
    /// The first two bytes, the extended length and the masking key.
    pub(crate) head: Vec<u8>,
    /// The beginning of the payload, unmasked.
    pub(crate) payload: Vec<u8>,
    pub(crate) length: u64,
}

/// One of the names in section 5.2, and what it says in this frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// As bits or, where they are whole bytes, in hexadecimal.
    pub(crate) bits: String,
    /// In a word or two.
    pub(crate) short: String,
    /// In a sentence or two, for one who sees this for the first time.
    pub(crate) text: String,
    /// It breaks a rule.
    pub(crate) is_bad: bool,
    /// The bytes of the frame that it is in, from and to.
    pub(crate) bytes: (usize, usize),
}

impl Frame {
    /// Of an event of a trace.
    pub(crate) fn read(event: &str) -> Self {
        Self {
            out: json::member(event, "dir") == Some("\"out\""),
            head: bytes(&json::text(event, "head")),
            payload: bytes(&json::text(event, "payload")),
            length: json::number(event, "length").unwrap_or_default(),
        }
    }

    /// Of what a fault withheld: as it would have been.
    pub(crate) fn withheld(out: bool, was: &str) -> Self {
        let opcode = u8::try_from(json::number(was, "opcode").unwrap_or_default()).unwrap_or_default();
        let length = json::number(was, "length").unwrap_or_default();
        let mut head = vec![0x80 | opcode];
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(length @ 0..=125), _) => head.push(length),
            (_, Ok(length)) => {
                head.push(126);
                head.extend(length.to_be_bytes());
            }
            _ => {
                head.push(127);
                head.extend(length.to_be_bytes());
            }
        }
        Self { out, head, payload: bytes(&json::text(was, "payload")), length }
    }

    /// The whole frames that bytes begin with, and the bytes that are left.
    pub(crate) fn all_in(out: bool, mut bytes: &[u8]) -> (Vec<Self>, &[u8]) {
        let mut frames = Vec::new();
        while let Some((head, length)) = measure(bytes) {
            let rest = &bytes[head..];
            let Some(payload) = usize::try_from(length).ok().and_then(|length| rest.get(..length)) else {
                break;
            };
            let mut frame = Self { out, head: bytes[..head].to_vec(), payload: payload.to_vec(), length };
            if let Some(key) = frame.key() {
                frame.payload.iter_mut().zip(key.into_iter().cycle()).for_each(|(byte, key)| *byte ^= key);
            }
            frames.push(frame);
            bytes = &bytes[head + payload.len()..];
        }
        (frames, bytes)
    }

    /// The head that bytes begin with, of a frame that is not all there.
    pub(crate) fn head_of(out: bool, bytes: &[u8]) -> Option<Self> {
        let (head, length) = measure(bytes)?;
        Some(Self { out, head: bytes[..head].to_vec(), payload: Vec::new(), length })
    }

    fn first(&self) -> u8 {
        self.head.first().copied().unwrap_or_default()
    }

    pub(crate) fn fin(&self) -> bool {
        self.first() & 0x80 != 0
    }

    pub(crate) fn rsv(&self) -> u8 {
        self.first() >> 4 & 7
    }

    pub(crate) fn opcode(&self) -> u8 {
        self.first() & 15
    }

    pub(crate) fn is_control(&self) -> bool {
        self.opcode() >= 8
    }

    pub(crate) fn key(&self) -> Option<[u8; 4]> {
        let is_masked = self.head.get(1).is_some_and(|second| second & 0x80 != 0);
        is_masked.then(|| self.head.last_chunk().copied())?
    }

    /// The name of what it is.
    pub(crate) fn name(&self) -> &'static str {
        opcode_name(self.opcode())
    }

    /// The code and the reason of a Close frame.
    pub(crate) fn close(&self) -> Option<(Option<u16>, String)> {
        let code = self.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        let reason = String::from_utf8_lossy(self.payload.get(2..).unwrap_or_default()).into_owned();
        (self.opcode() == 8).then_some((code, reason))
    }

    /// What it is, in a sentence.
    pub(crate) fn summary(&self) -> String {
        let who = if self.out { "The server" } else { "The browser" };
        let size = match self.length {
            1 => "1 byte".to_owned(),
            length => format!("{} bytes", format::count(length)),
        };
        let what = match (self.opcode(), self.fin()) {
            (1, true) => format!("{who} says a whole text message of {size}"),
            (2, true) => format!("{who} says a whole binary message of {size}"),
            (1, false) => format!("{who} begins a text message: its first {size}"),
            (2, false) => format!("{who} begins a binary message: its first {size}"),
            (0, true) => format!("{who} ends the message that it began: the last {size}"),
            (0, false) => format!("{who} goes on with the message that it began: {size} more"),
            (8, _) => match self.close() {
                Some((Some(code), _)) => format!("{who} closes the connection with code {code}"),
                _ => format!("{who} closes the connection without a code"),
            },
            (9, _) => format!("{who} asks whether the other is still there"),
            (10, _) => format!("{who} answers that it is still there"),
            (opcode, _) => format!("{who} sends a frame that nobody knows, opcode {opcode}"),
        };
        match self.key() {
            Some(key) => format!("{what}, masked with {}.", hex::write(&key)),
            None => format!("{what}."),
        }
    }

    /// Its parts before the payload.
    pub(crate) fn fields(&self) -> Vec<Field> {
        let [first, second] = [self.first(), self.head.get(1).copied().unwrap_or_default()];
        let is_masked = second & 0x80 != 0;
        let field = |name, bits: String, short: &str, text: &str, is_bad, bytes| Field {
            name,
            bits,
            short: short.to_owned(),
            text: text.to_owned(),
            is_bad,
            bytes,
        };
        let bit = |byte: u8, at: u8| (byte >> at & 1).to_string();
        let (short, text) = match (self.fin(), self.is_control()) {
            (true, false) => {
                ("last", "1: this is the last frame of its message. A message in one frame has it set.")
            }
            (true, true) => ("whole", "1: this frame is whole. A control frame may not be cut into several."),
            (false, false) => ("more follow", "0: more frames of this message follow, each with opcode 0."),
            (false, true) => (
                "cut",
                "0: more frames follow. A control frame may not be cut into several, so the receiver must fail the connection.",
            ),
        };
        let mut fields =
            vec![field("FIN", bit(first, 7), short, text, self.is_control() && !self.fin(), (0, 1))];
        for (place, name) in ["RSV1", "RSV2", "RSV3"].into_iter().enumerate() {
            let is_set = first >> (6 - place) & 1 == 1;
            let text = if is_set {
                "1: only an extension that both agreed on in the handshake may set it, and none was agreed. The receiver must fail the connection."
            } else {
                "0: reserved for extensions. With permessage-deflate, RSV1 marks a compressed message."
            };
            fields.push(field(
                name,
                u8::from(is_set).to_string(),
                if is_set { "not agreed" } else { "" },
                text,
                is_set,
                (0, 1),
            ));
        }
        let (text, is_bad) = match self.opcode() {
            0 => ("0: a continuation. It goes on with the message that an earlier frame began.", false),
            1 => ("1: text. The payload is UTF-8, which the receiver must check.", false),
            2 => ("2: binary. The payload is any bytes.", false),
            8 => (
                "8: Close. The other side answers with a Close, and then the connection ends. The first two bytes are a code, the rest a reason.",
                false,
            ),
            9 => (
                "9: Ping. The other side answers with a Pong of the same payload. A page can neither send nor see one.",
                false,
            ),
            10 => (
                "10: Pong. The answer to a Ping, with its payload; or a sign of life that nobody asked for.",
                false,
            ),
            _ => (
                "Reserved: RFC 6455 says nothing of this opcode, so the receiver must fail the connection.",
                true,
            ),
        };
        fields.push(field("opcode", format!("{:04b}", self.opcode()), self.name(), text, is_bad, (0, 1)));
        let (short, text) = match (self.out, is_masked) {
            (false, true) => (
                "masked",
                "1: the payload is masked. All that a client sends is, so that a page cannot put bytes of its choice on the wire to fool a proxy.",
            ),
            (true, false) => ("plain", "0: the payload is as it is. A server never masks."),
            (true, true) => (
                "masked",
                "1: the payload is masked. A server must not do that, so the browser must fail the connection.",
            ),
            (false, false) => (
                "plain",
                "0: the payload is not masked. A client must mask, so the server must fail the connection.",
            ),
        };
        fields.push(field("MASK", bit(second, 7), short, text, is_masked == self.out, (1, 2)));
        let length = second & 127;
        let too_long = self.is_control() && length > 125;
        let (short, text) = match length {
            126 => (
                "see next 2".to_owned(),
                "126: the length is in the next 2 bytes. Up to 125 it would be here.",
            ),
            127 => (
                "see next 8".to_owned(),
                "127: the length is in the next 8 bytes, since it is more than 65,535.",
            ),
            length => (
                format!("{length} B"),
                "How many bytes the payload has. Up to 125 are said here; 126 and 127 mean that the length follows.",
            ),
        };
        let text = if too_long {
            "A control frame has at most 125 bytes, so the receiver must fail the connection."
        } else {
            text
        };
        fields.push(field("payload len", format!("{length:07b}"), &short, text, too_long, (1, 2)));
        let mut at = 2;
        if length > 125 {
            let width = if length == 126 { 2 } else { 8 };
            let bytes = self.head.get(at..at + width).unwrap_or_default();
            let (text, is_bad) = if length == 126 && self.length < 126
                || length == 127 && self.length < 65_536
            {
                (
                    "The length, big-endian. A shorter form would have done, and the shortest must be taken.",
                    true,
                )
            } else {
                ("The length, big-endian: the first byte counts most.", false)
            };
            let short = format!("{} B", format::count(self.length));
            fields.push(field("extended length", hex::write(bytes), &short, text, is_bad, (at, at + width)));
            at += width;
        }
        if let Some(key) = self.key() {
            let text = "Four bytes that the browser picks at random for each frame. Byte i of the payload is XORed with byte i mod 4 of the key; XOR with the same byte again gives it back.";
            fields.push(field("masking key", hex::write(&key), "random", text, false, (at, at + 4)));
        }
        fields
    }

    /// The beginning of the payload, as it was on the wire.
    pub(crate) fn on_the_wire(&self) -> Vec<u8> {
        let key = self.key().unwrap_or_default();
        self.payload.iter().zip(key.into_iter().cycle()).map(|(byte, key)| byte ^ key).collect()
    }
}

pub(crate) fn opcode_name(opcode: u8) -> &'static str {
    match opcode {
        0 => "continuation",
        1 => "text",
        2 => "binary",
        8 => "Close",
        9 => "Ping",
        10 => "Pong",
        _ => "reserved",
    }
}

/// How long a frame's head is and how long its payload, if the head is all there.
fn measure(bytes: &[u8]) -> Option<(usize, u64)> {
    let (short, masked) = (bytes.get(1)? & 127, bytes.get(1)? & 128 != 0);
    let (mut head, length) = match short {
        126 => (4, u64::from(u16::from_be_bytes(*bytes.get(2..4)?.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*bytes.get(2..10)?.first_chunk()?)),
        length => (2, u64::from(length)),
    };
    if masked {
        head += 4;
    }
    (bytes.len() >= head).then_some((head, length))
}

/// The bytes that hexadecimal digits say; none if they are not all such.
pub(crate) fn bytes(digits: &str) -> Vec<u8> {
    hex::parse(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = r#"{"dir":"in","event":"frame","fin":true,"head":"818537fa213d","length":5,"mask":"37fa213d","opcode":1,"payload":"48656c6c6f","rsv":0}"#;

    /// The examples of RFC 6455 section 5.7.
    #[test]
    fn a_masked_hello_is_taken_apart() {
        let frame = Frame::read(HELLO);
        assert_eq!(hex::write(&frame.on_the_wire()), "7f 9f 4d 51 58");
        assert_eq!(
            frame.summary(),
            "The browser says a whole text message of 5 bytes, masked with 37 fa 21 3d."
        );
        let fields = frame.fields();
        let read: Vec<_> = fields.iter().map(|field| (field.name, &*field.bits, &*field.short)).collect();
        assert_eq!(
            read,
            [
                ("FIN", "1", "last"),
                ("RSV1", "0", ""),
                ("RSV2", "0", ""),
                ("RSV3", "0", ""),
                ("opcode", "0001", "text"),
                ("MASK", "1", "masked"),
                ("payload len", "0000101", "5 B"),
                ("masking key", "37 fa 21 3d", "random"),
            ]
        );
        assert!(fields.iter().all(|field| !field.is_bad));
        assert_eq!(fields[7].bytes, (2, 6));
    }

    #[test]
    fn longer_lengths_are_fields_of_their_own() {
        let wire = [&[0x82, 0x7e, 1, 0][..], &[7; 256], b"\x89\x00\x01"].concat();
        let (frames, rest) = Frame::all_in(true, &wire);
        assert_eq!((frames.len(), rest), (2, &b"\x01"[..]));
        let fields = frames[0].fields();
        assert_eq!(
            (fields[7].name, &*fields[7].bits, &*fields[7].short),
            ("extended length", "01 00", "256 B")
        );
        assert!(!fields[7].is_bad);
        assert_eq!(Frame::withheld(true, r#"{"opcode":2,"length":65536,"payload":"0707"}"#).head.len(), 10);
        assert_eq!(
            Frame::withheld(true, r#"{"opcode":2,"length":256,"payload":"0707"}"#).head,
            frames[0].head
        );
    }

    #[test]
    fn what_breaks_a_rule_is_bad() {
        for (bytes, name) in [
            (&b"\xc1\x01x"[..], "RSV1"),
            (b"\x91\x01x", "RSV3"),
            (b"\x83\x01x", "opcode"),
            (b"\x09\x00", "FIN"),
            (b"\x81\x81\0\0\0\0x", "MASK"),
            (b"\x82\x7e\0\x01x", "extended length"),
        ] {
            let (frames, _) = Frame::all_in(true, bytes);
            let bad: Vec<_> =
                frames[0].fields().into_iter().filter(|field| field.is_bad).map(|field| field.name).collect();
            assert_eq!(bad, [name]);
        }
        let (frames, _) = Frame::all_in(true, b"\x88\x02\x03\xe8");
        assert_eq!(frames[0].close(), Some((Some(1000), String::new())));
        assert_eq!(frames[0].summary(), "The server closes the connection with code 1000.");
    }
}
