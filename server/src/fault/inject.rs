//! `inject`: frames that no correct server sends, byte for byte.

use bytes::Bytes;

use super::{Fault, Group, Made, Strike, Takes};

pub(super) const FAULT: Fault = Fault {
    name: "inject",
    group: Group::Frame,
    takes: Takes {
        kind: "choice",
        allowed: "rsv1, rsv2, rsv3, opcode3, opcode11, bad-utf8, cut-utf8, masked, long-ping, fragmented-ping, \
                  continuation, interleaved, bad-close-code, short-close, close-utf8, lying-length, \
                  non-minimal-length, huge-length, or hex: and bytes in hexadecimal",
    },
    text: "A frame that breaks a rule of RFC 6455 goes out between two messages: a reserved bit, an unknown opcode, text \
           that is not UTF-8, a masked frame, a control frame of 126 bytes or in fragments, a continuation of nothing, a \
           message within a message, a bad Close, a length that is longer than what follows, not the shortest form, or \
           over 2^63.",
    example: "inject=rsv1",
    make: |text| bytes(text).map(|bytes| Made::Strike(Strike::Inject(bytes))),
};

/// The bytes of each choice, by the section of RFC 6455 whose rule they break.
fn bytes(choice: &str) -> Option<Bytes> {
    let fixed: &'static [u8] = match choice {
        // 5.2: reserved bits are 0 unless an extension says otherwise.
        "rsv1" => b"\xc1\x04rsv1",
        "rsv2" => b"\xa1\x04rsv2",
        "rsv3" => b"\x91\x04rsv3",
        // 5.2: opcodes 3 to 7 and 11 to 15 are reserved.
        "opcode3" => b"\x83\x01x",
        "opcode11" => b"\x8b\x01x",
        // 8.1: text is UTF-8; 0xff never is, and the crab of the second lacks its last byte.
        "bad-utf8" => b"\x81\x03a\xffb",
        "cut-utf8" => b"\x81\x03\xf0\x9f\xa6",
        // 5.1: a server does not mask.
        "masked" => b"\x81\x84\x01\x02\x03\x04lcph",
        // 5.5: a control frame has at most 125 bytes and is not fragmented.
        "fragmented-ping" => b"\x09\x01x",
        // 5.4: a continuation continues something, and nothing begins within a message.
        "continuation" => b"\x80\x01x",
        "interleaved" => b"\x01\x01a\x81\x01b",
        // 7.4.1: 1005 is never in a frame. 5.5.1: a Close has no byte or at least two, and its reason is UTF-8.
        "bad-close-code" => b"\x88\x02\x03\xed",
        "short-close" => b"\x88\x01\x03",
        "close-utf8" => b"\x88\x03\x03\xe8\xff",
        // The length is of 5 bytes and 1 follows, so that what comes next is taken for the rest.
        "lying-length" => b"\x81\x05x",
        // 5.2: the length has its shortest form, and its highest bit is 0.
        "non-minimal-length" => b"\x81\x7e\x00\x01x",
        "huge-length" => b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x01",
        "long-ping" => {
            let mut ping = vec![0x89, 126, 0, 126];
            ping.resize(4 + 126, b'x');
            return Some(ping.into());
        }
        _ => return hexadecimal(choice.strip_prefix("hex:")?),
    };
    Some(Bytes::from_static(fixed))
}

fn hexadecimal(text: &str) -> Option<Bytes> {
    let digits = text.as_bytes();
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(byte).collect::<Option<Vec<_>>>().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_what_there_is() {
        let names = FAULT.takes.allowed.split(", ").filter(|name| !name.contains(':'));
        let missing: Vec<_> = names.filter(|name| bytes(name).is_none()).collect();
        assert_eq!(missing, [""; 0]);
        assert_eq!(bytes("hex:8105").as_deref(), Some(&b"\x81\x05"[..]));
        for wrong in ["", "rsv4", "hex:", "hex:8", "hex:8x", "hex:é0"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
