//! What is being written, as a message: checked, with the place of the mistake.

use wirescope::socket::Message;
use wirescope_protocol::{
    Text, base64,
    hex::{self, Problem},
    json,
};

/// How much of a bad line is shown before and after the bad character, in characters.
const EXCERPT: (usize, usize) = (23, 12);

/// How a message is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Hex,
    Base64,
    File,
}

impl Format {
    pub(crate) const ALL: [Self; 5] = [Self::Text, Self::Json, Self::Hex, Self::Base64, Self::File];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::File => "file",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Json)
    }
}

/// Why what is written is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    /// Where, in bytes; the text's length if the end is what is wrong.
    pub(crate) at: usize,
    /// It may just not be written to the end.
    pub(crate) is_unfinished: bool,
    pub(crate) says: String,
}

/// The message that a text says in this format.
pub(crate) fn read(format: Format, text: &str) -> Result<Message, Bad> {
    let mut says = Text::new();
    match format {
        Format::Text | Format::File => return Ok(text.into()),
        Format::Json => match json::check(text) {
            Ok(()) => return Ok(text.into()),
            Err(error) => {
                error.add_to(&mut says);
                Err((error.at, error.is_unfinished()))
            }
        },
        Format::Hex => match hex::parse(text) {
            Ok(bytes) => return Ok(bytes.into()),
            Err(error) => {
                error.add_to(&mut says);
                Err((error.at, error.problem == Problem::Unfinished))
            }
        },
        Format::Base64 => match base64::parse(text) {
            Ok(bytes) => return Ok(bytes.into()),
            Err(error) => {
                error.add_to(&mut says);
                Err((error.at, error.found.is_none()))
            }
        },
    }
    .map_err(|(at, is_unfinished)| Bad { at, is_unfinished, says: says.as_str().to_owned() })
}

/// The bad character's line, in three parts: some of what is before it, itself, and some of what is after it.
pub(crate) fn excerpt(text: &str, at: usize) -> [&str; 3] {
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = &text[line_start..at];
    let before = line.char_indices().rev().nth(EXCERPT.0 - 1).map_or(line, |(start, _)| &line[start..]);
    let found = text[at..].chars().next().map_or(0, char::len_utf8);
    let (bad, after) = text[at..].split_at(found);
    let end = after.char_indices().enumerate().find(|&(nth, (_, c))| c == '\n' || nth == EXCERPT.1);
    [before, bad, &after[..end.map_or(after.len(), |(_, (end, _))| end)]]
}

/// The UTF-16 units that a field counts from here to there.
pub(crate) fn selection(text: &str, at: usize) -> (u32, u32) {
    let units = |part: &str| u32::try_from(part.encode_utf16().count()).unwrap_or(u32::MAX);
    let start = units(&text[..at]);
    let length = text[at..].chars().next().map_or(0, char::len_utf16);
    (start, start.saturating_add(u32::try_from(length).unwrap_or_default()))
}

/// The bytes of the header of a browser's frame for so long a message: a browser sends each in one frame.
pub(crate) fn header(bytes: u64) -> u64 {
    // The mask is the last four.
    4 + match bytes {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(format: Format, text: &str) -> Bad {
        read(format, text).unwrap_err()
    }

    #[test]
    fn each_format_is_read() {
        assert_eq!(read(Format::Text, "00"), Ok("00".into()));
        assert_eq!(read(Format::Json, "[1, 2]"), Ok("[1, 2]".into()), "as it was written");
        assert_eq!(read(Format::Hex, "00 ff"), Ok(vec![0, 255].into()));
        assert_eq!(read(Format::Base64, "AP8="), Ok(vec![0, 255].into()));
        for format in Format::ALL {
            assert_eq!(Format::named(format.name()), Some(format));
        }
    }

    #[test]
    fn a_mistake_is_told_from_an_end_that_is_yet_to_come() {
        assert_eq!(
            bad(Format::Json, "{\"a\":"),
            Bad {
                at: 5,
                is_unfinished: true,
                says: "line 1, column 6: the end where a value belongs".into()
            }
        );
        assert!(!bad(Format::Json, "{\"a\":}").is_unfinished);
        assert!(bad(Format::Hex, "48 6").is_unfinished && !bad(Format::Hex, "48 6z").is_unfinished);
        assert!(bad(Format::Base64, "Zm9vY").is_unfinished && !bad(Format::Base64, "Zm9v?").is_unfinished);
    }

    #[test]
    fn the_excerpt_is_a_part_of_the_bad_line() {
        let excerpt = |text: &'static str, at| excerpt(text, at);
        assert_eq!(excerpt("00\n48 6z 6c\n00", 7), ["48 6", "z", " 6c"]);
        assert_eq!(excerpt("48 é", 3), ["48 ", "é", ""]);
        assert_eq!(excerpt("[1,", 3), ["[1,", "", ""]);
        let long = format!("{}z{}", "é".repeat(100), "é".repeat(100));
        let [before, found, after] = super::excerpt(&long, 200);
        assert_eq!((before.chars().count(), found, after.chars().count()), (23, "z", 12));
        assert_eq!(selection("é😀x", 2), (1, 3));
        assert_eq!(selection("x", 1), (1, 1));
    }

    #[test]
    fn the_header_grows_with_the_message() {
        let headers = [0, 125, 126, 65_535, 65_536].map(header);
        assert_eq!(headers, [6, 6, 8, 8, 14]);
    }
}
