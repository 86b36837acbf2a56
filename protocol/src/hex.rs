//! Bytes written as hex digits: two for a byte, with white space, commas, colons and `0x` between bytes passed over.

use std::fmt;

use crate::Text;

/// How much of a bad line is shown before and after the bad character.
const EXCERPT: (usize, usize) = (23, 12);

/// Why a text is not hex, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadHex {
    /// Where the bad character is in the text: in bytes, characters and UTF-16 units alike, since what is before it
    /// is hex and so ASCII.
    pub at: usize,
    /// The bad character.
    pub found: char,
    /// What is wrong with it.
    pub problem: Problem,
    line_start: usize,
    /// From 1; none in a text of one line.
    line: Option<usize>,
}

/// What is wrong with a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is neither a digit nor a separator.
    NotADigit,
    /// One digit between separators.
    Half,
    /// One digit at the end, perhaps still being typed.
    Unfinished,
}

/// The bytes that a text says.
///
/// # Errors
///
/// [`BadHex`] for the first character that is not hex, or is half a byte.
pub fn parse(text: &str) -> Result<Vec<u8>, BadHex> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    // The first digit of a byte: where it is, and its value.
    let mut half = None;
    let mut fresh = true;
    let mut chars = text.bytes().enumerate().peekable();
    while let Some((at, found)) = chars.next() {
        let digit = match found {
            b'0' if fresh && chars.next_if(|&(_, next)| matches!(next, b'x' | b'X')).is_some() => {
                fresh = false;
                continue;
            }
            b'0'..=b'9' => found - b'0',
            b'a'..=b'f' => found - b'a' + 10,
            b'A'..=b'F' => found - b'A' + 10,
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => match half {
                Some((at, _)) => return Err(BadHex::new(text, at, Problem::Half)),
                None => {
                    fresh = true;
                    continue;
                }
            },
            _ => return Err(BadHex::new(text, at, Problem::NotADigit)),
        };
        fresh = false;
        half = match half {
            None => Some((at, digit)),
            Some((_, high)) => {
                bytes.push(high << 4 | digit);
                None
            }
        };
    }
    match half {
        Some((at, _)) => Err(BadHex::new(text, at, Problem::Unfinished)),
        None => Ok(bytes),
    }
}

/// Bytes as hex: two digits a byte, with a space between bytes.
pub fn write(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 3);
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 {
            text.push(' ');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

impl BadHex {
    fn new(text: &str, at: usize, problem: Problem) -> Self {
        let (mut line, mut line_start) = (1, 0);
        for (place, byte) in text.bytes().enumerate().take(at) {
            if byte == b'\n' {
                line += 1;
                line_start = place + 1;
            }
        }
        let found = text[at..].chars().next().unwrap_or_default();
        let line = text.contains('\n').then_some(line);
        Self { at, found, problem, line_start, line }
    }

    /// The bad character's line, in three parts: some of what is before it, itself, and some of what is after it.
    pub fn excerpt<'a>(&self, text: &'a str) -> [&'a str; 3] {
        let before = &text[self.line_start.max(self.at.saturating_sub(EXCERPT.0))..self.at];
        let (bad, after) = text[self.at..].split_at(self.found.len_utf8());
        let end = after.char_indices().enumerate().find(|&(nth, (_, c))| c == '\n' || nth == EXCERPT.1);
        [before, bad, &after[..end.map_or(after.len(), |(_, (at, _))| at)]]
    }
}

impl BadHex {
    /// Adds what is wrong, and where, to a text.
    pub fn add_to(&self, text: &mut Text) {
        if let Some(line) = self.line {
            text.add("line ").number(line).add(", ");
        }
        text.add("column ").number(self.at - self.line_start + 1).add(": “");
        text.add(self.found.encode_utf8(&mut [0; 4])).add("” ");
        match self.problem {
            Problem::NotADigit if self.found.is_ascii_graphic() => text.add("is not a hex digit"),
            Problem::NotADigit => text.add("(U+").hex(u32::from(self.found)).add(") is not a hex digit"),
            Problem::Half | Problem::Unfinished => text
                .add("is half a byte: write both digits, as in 0")
                .add(self.found.encode_utf8(&mut [0; 4])),
        };
    }
}

impl fmt::Display for BadHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        self.add_to(&mut text);
        text.fmt(f)
    }
}

impl std::error::Error for BadHex {}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(text: &str) -> BadHex {
        parse(text).unwrap_err()
    }

    #[test]
    fn separators_and_prefixes_are_passed_over() {
        for text in ["48656c6C", "48 65 6C 6c", "0x48, 0x65, 0x6c, 0x6c", "48:65:6c:6c", " 0X48656c\r\n\t6c "]
        {
            assert_eq!(parse(text), Ok(b"Hell".to_vec()), "{text}");
        }
        assert_eq!(parse(" \n"), Ok(vec![]));
    }

    #[test]
    fn a_bad_character_is_named_with_its_place() {
        assert_eq!(bad("48 65 6z").to_string(), "column 8: “z” is not a hex digit");
        assert_eq!(bad("48\n65\n6c é").to_string(), "line 3, column 4: “é” (U+00E9) is not a hex digit");
        assert_eq!(bad("480x65").to_string(), "column 4: “x” is not a hex digit");
        assert_eq!((bad("48 😀").at, bad("48 😀").found), (3, '😀'));
    }

    #[test]
    fn half_a_byte_is_told_from_one_still_being_typed() {
        assert_eq!(bad("48 6 6c").problem, Problem::Half);
        assert_eq!(bad("48 6 6c").to_string(), "column 4: “6” is half a byte: write both digits, as in 06");
        assert_eq!(bad("48 6").problem, Problem::Unfinished);
    }

    #[test]
    fn what_is_written_parses_to_the_same() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(parse(&write(&bytes)), Ok(bytes));
        assert_eq!(write(b"Hi\0"), "48 69 00");
    }

    #[test]
    fn the_excerpt_is_a_part_of_the_bad_line() {
        let excerpt = |text: &'static str| bad(text).excerpt(text);
        assert_eq!(excerpt("00\n48 6z 6c\n00"), ["48 6", "z", " 6c"]);
        assert_eq!(excerpt("48 é"), ["48 ", "é", ""]);
        let long = format!("{}zz{}", "00 ".repeat(100), " 00".repeat(100));
        let [before, found, after] = bad(&long).excerpt(&long);
        assert_eq!((before.len(), found, after.len()), (23, "z", 12));
    }
}
