//! JSON as it is written to files, in pieces: a payload may be larger than what is written at once.

use wirescope_protocol::base64;

use crate::log::Payload;

/// How much of a payload is written at once; a multiple of three, as base64 wants it.
const PIECE: usize = 48 * 1024;

/// Writes what is in the quotation marks of a JSON string.
pub(super) fn escape(text: &str, to: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        to.extend_from_slice(&bytes[start..at]);
        start = at + 1;
        match byte {
            b'"' | b'\\' => to.extend_from_slice(&[b'\\', byte]),
            b'\n' => to.extend_from_slice(b"\\n"),
            b'\r' => to.extend_from_slice(b"\\r"),
            b'\t' => to.extend_from_slice(b"\\t"),
            _ => {
                to.extend_from_slice(b"\\u00");
                to.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
            }
        }
    }
    to.extend_from_slice(&bytes[start..]);
}

pub(super) fn string(text: &str, to: &mut Vec<u8>) {
    to.push(b'"');
    escape(text, to);
    to.push(b'"');
}

/// Writes a part of a payload's string, from a place on; gives the place of the rest, if there is one.
pub(super) fn piece(payload: Payload<'_>, from: usize, to: &mut Vec<u8>) -> Option<usize> {
    let part = payload.part(from, PIECE);
    if payload.is_text {
        escape(&part.text(), to);
    } else {
        to.extend_from_slice(base64::write(part.bytes).as_bytes());
    }
    let next = from + part.bytes.len();
    (next < payload.bytes.len()).then_some(next)
}

/// A moment as ISO 8601 has it, in UTC.
pub(super) fn time(utc_ms: u64) -> String {
    let (days, ms) = (utc_ms / 86_400_000, utc_ms % 86_400_000);
    // The civil calendar: eras of 400 years that begin in March.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = era * 400 + year + u64::from(month < 3);
    let (s, ms) = (ms / 1000, ms % 1000);
    format!("{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}.{ms:03}Z", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_json_wants() {
        let mut out = Vec::new();
        string("a\"\\\n\t\r\0\u{1f}\u{7f}é😀</script>", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"\\\\\\n\\t\\r\\u0000\\u001f\u{7f}é😀</script>\"");
    }

    #[test]
    fn a_large_payload_is_written_in_pieces() {
        let text = "é\n".repeat(100_000);
        let bytes = text.as_bytes();
        for (is_text, whole) in
            [(true, text.replace('\n', "\\n").into_bytes()), (false, base64::write(bytes).into_bytes())]
        {
            let payload = Payload { bytes, is_text };
            let (mut out, mut from) = (Vec::new(), Some(0));
            let mut pieces = 0;
            while let Some(at) = from {
                from = piece(payload, at, &mut out);
                pieces += 1;
            }
            assert!(pieces > 5);
            assert_eq!(out, whole);
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(time(1_795_270_640_558), "2026-11-21T14:17:20.558Z");
    }
}
