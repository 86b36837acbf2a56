//! Times, sizes and payloads as a person reads them.

/// How many runs of control characters are marked one by one; a text with more has the rest in one piece.
const MAX_MARKED: usize = 2000;

/// Microseconds in the unit that suits them.
pub(crate) fn duration(micros: u64) -> String {
    let tenths_of_ms = micros / 100;
    let ms = micros / 1000;
    let s = ms / 1000;
    match s {
        0 if ms < 10 => format!("{ms}.{} ms", tenths_of_ms % 10),
        0 => format!("{ms} ms"),
        1..10 => format!("{s}.{:02} s", ms / 10 % 100),
        10..60 => format!("{s}.{} s", ms / 100 % 10),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s / 60 % 60),
    }
}

/// The time of day of a moment in local milliseconds since the epoch.
pub(crate) fn clock(local_ms: u64) -> String {
    let ms = local_ms % 86_400_000;
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

pub(crate) fn size(bytes: u64) -> String {
    let tenths = |unit: u64| (bytes / unit, bytes % unit * 10 / unit);
    let ((whole, tenth), unit) = match bytes {
        0..1024 => return format!("{bytes} B"),
        1024..1_048_576 => (tenths(1024), "KiB"),
        1_048_576..1_073_741_824 => (tenths(1 << 20), "MiB"),
        _ => (tenths(1 << 30), "GiB"),
    };
    format!("{whole}.{tenth} {unit}")
}

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part of a text as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Plain(&'a str),
    /// The names of characters that would not be seen, or would change how others are.
    Control(String),
}

/// A text with every character that is invisible or reorders its neighbours replaced by its name. Line feeds and
/// tabs stay.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut names = String::new();
    let mut marked = 0;
    for (at, c) in text.char_indices() {
        let hidden = is_hidden(c);
        if hidden || marked >= MAX_MARKED {
            if names.is_empty() && start < at {
                pieces.push(Piece::Plain(&text[start..at]));
            }
            if hidden {
                push_name(&mut names, c);
            } else {
                names.push(c);
            }
            start = at + c.len_utf8();
        } else if !names.is_empty() {
            pieces.push(Piece::Control(std::mem::take(&mut names)));
            marked += 1;
        }
    }
    if !names.is_empty() {
        pieces.push(Piece::Control(names));
    } else if start < text.len() {
        pieces.push(Piece::Plain(&text[start..]));
    }
    pieces
}

fn is_hidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}'
        // Zero-width non-joiner and joiner are left out: scripts and emoji need them.
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn push_name(names: &mut String, c: char) {
    const ASCII: &[u8] = b"NULSOHSTXETXEOTENQACKBELBS HT LF VT FF CR SO SI \
                           DLEDC1DC2DC3DC4NAKSYNETBCANEM SUBESCFS GS RS US ";
    let code = c as usize;
    names.push('‹');
    match ASCII.get(3 * code..3 * code + 3) {
        Some(name) => names.extend(name.iter().filter(|&&byte| byte != b' ').copied().map(char::from)),
        None => {
            names.push_str("U+");
            for nibble in (0..if code > 0xffff { 5 } else { 4 }).rev() {
                names.push(digit_of(code >> (4 * nibble)).to_ascii_uppercase());
            }
        }
    }
    names.push('›');
}

/// Bytes as a person reads them: three columns of lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Dump {
    /// Where each line starts; empty when there is one line.
    pub(crate) offsets: String,
    pub(crate) hex: String,
    pub(crate) ascii: String,
}

pub(crate) fn dump(bytes: &[u8], per_line: usize) -> Dump {
    let mut dump = dump_from(bytes, per_line, 0, bytes.len() > 0xffff);
    if bytes.len() <= per_line {
        dump.offsets.clear();
    }
    dump
}

/// A part of some bytes, which begins at an offset.
pub(crate) fn dump_from(bytes: &[u8], per_line: usize, from: usize, long: bool) -> Dump {
    let mut dump = Dump::default();
    for (index, line) in bytes.chunks(per_line).enumerate() {
        if index > 0 {
            dump.offsets.push('\n');
            dump.hex.push('\n');
            dump.ascii.push('\n');
        }
        let offset = from + index * per_line;
        for nibble in (0..if long { 8 } else { 4 }).rev() {
            dump.offsets.push(digit_of(offset >> (4 * nibble)));
        }
        for (place, &byte) in line.iter().enumerate() {
            if place > 0 {
                dump.hex.push_str(if place == 8 { "  " } else { " " });
            }
            dump.hex.push(digit_of(usize::from(byte) >> 4));
            dump.hex.push(digit_of(usize::from(byte)));
            dump.ascii.push(if matches!(byte, b' '..=b'~') { char::from(byte) } else { '·' });
        }
    }
    dump
}

fn digit_of(number: usize) -> char {
    char::from(b"0123456789abcdef"[number & 15])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_the_unit_that_suits_them() {
        let cases = [
            (0, "0.0 ms"),
            (340, "0.3 ms"),
            (9_990, "9.9 ms"),
            (12_500, "12 ms"),
            (1_230_000, "1.23 s"),
            (59_960_000, "59.9 s"),
            (192_000_000, "3 min 12 s"),
            (3_780_000_000, "1 h 3 min"),
        ];
        for (micros, text) in cases {
            assert_eq!(duration(micros), text);
        }
    }

    #[test]
    fn the_clock_has_milliseconds() {
        assert_eq!(clock(86_400_000 * 20_000 + 3_723_004), "01:02:03.004");
    }

    #[test]
    fn sizes_are_in_binary_units() {
        assert_eq!(
            [0, 1023, 1024, 1536, 16 << 20].map(size),
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "16.0 MiB"]
        );
        assert_eq!([7, 1000, 1_234_567].map(count), ["7", "1,000", "1,234,567"]);
    }

    #[test]
    fn hidden_characters_are_named() {
        assert_eq!(pieces("plain\n\ttext"), [Piece::Plain("plain\n\ttext")]);
        assert_eq!(
            pieces("a\0\u{1b}b\u{202e}"),
            [
                Piece::Plain("a"),
                Piece::Control("‹NUL›‹ESC›".into()),
                Piece::Plain("b"),
                Piece::Control("‹U+202E›".into())
            ]
        );
        assert_eq!(pieces("\r\n"), [Piece::Control("‹CR›".into()), Piece::Plain("\n")]);
        assert_eq!(pieces("👩‍🚀"), [Piece::Plain("👩‍🚀")]);
        assert_eq!(pieces(""), []);
    }

    #[test]
    fn a_hostile_text_is_few_pieces() {
        let text = "a\0".repeat(100_000);
        let pieces = pieces(&text);
        assert!(pieces.len() <= 2 * MAX_MARKED + 2);
        let shown: usize = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Plain(text) => text.chars().count(),
                Piece::Control(names) => names.chars().filter(|&c| c == 'a' || c == '‹').count(),
            })
            .sum();
        assert_eq!(shown, 200_000, "nothing is left out");
    }

    #[test]
    fn a_dump_has_three_columns() {
        let short = dump(b"Hi\0", 16);
        assert_eq!((&*short.offsets, &*short.hex, &*short.ascii), ("", "48 69 00", "Hi·"));
        let long = dump(b"0123456789abcdefXY", 16);
        assert_eq!(long.offsets, "0000\n0010");
        assert_eq!(long.hex, "30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66\n58 59");
        assert_eq!(long.ascii, "0123456789abcdef\nXY");
    }
}
