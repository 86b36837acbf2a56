//! Bytes written as base64 (RFC 4648), either alphabet, with white space passed over and the padding optional.

use std::fmt;

use crate::Text;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Why a text is not base64, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadBase64 {
    /// Where it is in the text, in bytes; its length if the end is what is wrong.
    pub at: usize,
    /// The bad character; `None` if the end is what is wrong.
    pub found: Option<char>,
    line: usize,
    column: usize,
}

/// The bytes that a text says.
///
/// # Errors
///
/// [`BadBase64`] for the first character that does not belong, and for an end that leaves a byte unfinished.
pub fn parse(text: &str) -> Result<Vec<u8>, BadBase64> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut digits, mut padding) = (0_u32, 0_u32, 0_u32);
    for (at, character) in text.char_indices() {
        let digit = match character {
            'A'..='Z' => character as u32 - 'A' as u32,
            'a'..='z' => character as u32 - 'a' as u32 + 26,
            '0'..='9' => character as u32 - '0' as u32 + 52,
            '+' | '-' => 62,
            '/' | '_' => 63,
            ' ' | '\t' | '\n' | '\r' => continue,
            '=' if digits + padding >= 2 && digits + padding < 4 => {
                padding += 1;
                continue;
            }
            _ => return Err(BadBase64::new(text, at, Some(character))),
        };
        if padding > 0 {
            return Err(BadBase64::new(text, at, Some(character)));
        }
        group = group << 6 | digit;
        digits += 1;
        if digits == 4 {
            bytes.extend_from_slice(&group.to_be_bytes()[1..]);
            (group, digits) = (0, 0);
        }
    }
    if digits == 1 || (padding > 0 && digits + padding != 4) {
        return Err(BadBase64::new(text, text.len(), None));
    }
    // What is left over of a group has the bytes at its top.
    let rest = (group << (8 + 6 * (4 - digits).min(3))).to_be_bytes();
    bytes.extend_from_slice(&rest[..digits.saturating_sub(1) as usize]);
    Ok(bytes)
}

/// Bytes as base64, in the usual alphabet and with padding.
pub fn write(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|place| u32::from(group.get(place).copied().unwrap_or_default()));
        let bits = a << 16 | b << 8 | c;
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > group.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

impl BadBase64 {
    fn new(text: &str, at: usize, found: Option<char>) -> Self {
        let (line, column) = crate::place(text, at);
        Self { at, found, line, column }
    }

    /// Adds what is wrong, and where, to a text.
    pub fn add_to(&self, text: &mut Text) {
        let Some(found) = self.found else {
            text.add("it ends within a byte: four characters are three bytes");
            return;
        };
        text.add("line ").number(self.line).add(", column ").number(self.column).add(": “");
        text.add(found.encode_utf8(&mut [0; 4])).add("” ");
        text.add(if found == '=' { "is padding where none belongs" } else { "is not a base64 character" });
    }
}

impl fmt::Display for BadBase64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        self.add_to(&mut text);
        text.fmt(f)
    }
}

impl std::error::Error for BadBase64 {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_and_any_padding() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zg", b"f"),
            ("Zm8=", b"fo"),
            ("Zm8", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm 9v\nYg = =", b"foob"),
            ("-_+/", &[0xfb, 0xff, 0xbf]),
        ] {
            assert_eq!(parse(text), Ok(bytes.to_vec()), "{text}");
        }
    }

    #[test]
    fn what_is_written_parses_to_the_same() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in 0..=bytes.len() {
            assert_eq!(parse(&write(&bytes[..length])), Ok(bytes[..length].to_vec()));
        }
        assert_eq!(write(b"foob"), "Zm9vYg==");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let says = |text| parse(text).unwrap_err().to_string();
        assert_eq!(says("Zm\n9é"), "line 2, column 2: “é” is not a base64 character");
        assert_eq!(says("Zg=x"), "line 1, column 4: “x” is not a base64 character");
        assert_eq!(says("Z==="), "line 1, column 2: “=” is padding where none belongs");
        for text in ["Z", "Zm9vZ", "Zg="] {
            assert!(says(text).contains("ends within a byte"), "{text}");
        }
    }
}
