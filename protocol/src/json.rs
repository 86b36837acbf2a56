//! JSON as text: checked with the place of the mistake, written wide or narrow, and its strings.
//!
//! What is rewritten is white space between tokens and nothing else, so numbers, escapes and the order of keys stay as they
//! were written; a parser's values would not keep them.

use std::fmt;

use crate::Text;

/// Why a text is not JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadJson {
    /// Where it is in the text, in bytes; its length if the end came too early.
    pub at: usize,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What would be right there.
    pub wanted: &'static str,
    found: Option<char>,
}

/// A part of a JSON text that white space may stand around.
#[derive(Clone, Copy)]
enum Token<'a> {
    Open(u8),
    Close(u8),
    Comma,
    Colon,
    Atom(&'a str),
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    ValueOrClose,
    Key,
    KeyOrClose,
    Colon,
    CommaOrClose,
    End,
}

/// Checks that a text is JSON (RFC 8259).
///
/// # Errors
///
/// [`BadJson`] for the first character that cannot stand where it does.
pub fn check(text: &str) -> Result<(), BadJson> {
    walk(text, |_| {})
}

/// The same JSON without white space between its tokens.
///
/// # Errors
///
/// As [`check`].
pub fn minify(text: &str) -> Result<String, BadJson> {
    let mut narrow = String::with_capacity(text.len());
    walk(text, |token| match token {
        Token::Open(byte) | Token::Close(byte) => narrow.push(char::from(byte)),
        Token::Comma => narrow.push(','),
        Token::Colon => narrow.push(':'),
        Token::Atom(atom) => narrow.push_str(atom),
    })?;
    Ok(narrow)
}

/// The same JSON with a line for each member, indented by two spaces.
///
/// # Errors
///
/// As [`check`].
pub fn format(text: &str) -> Result<String, BadJson> {
    // What is nested deeper than anybody reads is not indented further, so that hostile nesting stays linear.
    const DEEPEST: usize = 64;
    let mut wide = String::with_capacity(text.len() * 2);
    let (mut depth, mut fresh) = (0_usize, false);
    let line = |wide: &mut String, depth: usize| {
        wide.push('\n');
        for _ in 0..depth.min(DEEPEST) {
            wide.push_str("  ");
        }
    };
    walk(text, |token| {
        if fresh && !matches!(token, Token::Close(_)) {
            line(&mut wide, depth);
        }
        match token {
            Token::Open(byte) => {
                wide.push(char::from(byte));
                depth += 1;
            }
            Token::Close(byte) => {
                depth = depth.saturating_sub(1);
                if !fresh {
                    line(&mut wide, depth);
                }
                wide.push(char::from(byte));
            }
            Token::Comma => {
                wide.push(',');
                line(&mut wide, depth);
            }
            Token::Colon => wide.push_str(": "),
            Token::Atom(atom) => wide.push_str(atom),
        }
        fresh = matches!(token, Token::Open(_));
    })?;
    Ok(wide)
}

/// What a JSON string says, and what follows it in the text, which begins with its quotation mark.
///
/// # Errors
///
/// [`BadJson`], also for half of a surrogate pair, which is no text.
pub fn string(text: &str) -> Result<(String, &str), BadJson> {
    let end = string_end(text, 0)?;
    let mut said = String::with_capacity(end);
    let mut at = 1;
    while at < end - 1 {
        let rest = &text[at..end - 1];
        let plain = rest.find('\\').unwrap_or(rest.len());
        said.push_str(&rest[..plain]);
        at += plain;
        let Some(escaped) = rest.as_bytes().get(plain + 1) else { break };
        at += 2;
        said.push(match escaped {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let begin = at - 2;
                let high = unit(text, at);
                at += 4;
                let code = match high {
                    0xd800..=0xdbff if text[at..].starts_with("\\u") => match unit(text, at + 2) {
                        low @ 0xdc00..=0xdfff => {
                            at += 6;
                            0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00))
                        }
                        _ => high,
                    },
                    _ => high,
                };
                char::from_u32(code)
                    .ok_or_else(|| BadJson::new(text, begin, "both halves of a surrogate pair"))?
            }
            other => char::from(*other),
        });
    }
    Ok((said, &text[end..]))
}

/// A text as a JSON string, with its quotation marks.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ if is_hidden(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    quoted.push_str("\\u");
                    for place in (0..4).rev() {
                        let digit = u32::from(*unit >> (4 * place)) & 15;
                        quoted.push(char::from_digit(digit, 16).unwrap_or('0'));
                    }
                }
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a character is not seen, ends a line for some, or changes how others are shown: whoever reads the text is to read
/// its number.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// The number that four hex digits say; they were checked.
fn unit(text: &str, at: usize) -> u32 {
    text.get(at..at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0xdfff)
}

fn walk<'a>(text: &'a str, mut each: impl FnMut(Token<'a>)) -> Result<(), BadJson> {
    let bytes = text.as_bytes();
    // What is open: the brackets that will close it.
    let mut open = Vec::new();
    let mut next = Next::Value;
    let mut at = 0;
    loop {
        while bytes.get(at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            at += 1;
        }
        let Some(&byte) = bytes.get(at) else {
            return if next == Next::End { Ok(()) } else { Err(BadJson::new(text, at, next.wanted(&open))) };
        };
        let after = |open: &[u8]| if open.is_empty() { Next::End } else { Next::CommaOrClose };
        let takes_value = matches!(next, Next::Value | Next::ValueOrClose);
        match byte {
            b'{' | b'[' if takes_value => {
                open.push(byte + 2);
                each(Token::Open(byte));
                next = if byte == b'{' { Next::KeyOrClose } else { Next::ValueOrClose };
                at += 1;
            }
            b'}' | b']'
                if open.last() == Some(&byte)
                    && matches!(next, Next::CommaOrClose | Next::KeyOrClose | Next::ValueOrClose) =>
            {
                open.pop();
                each(Token::Close(byte));
                next = after(&open);
                at += 1;
            }
            b',' if next == Next::CommaOrClose => {
                each(Token::Comma);
                next = if open.last() == Some(&b'}') { Next::Key } else { Next::Value };
                at += 1;
            }
            b':' if next == Next::Colon => {
                each(Token::Colon);
                next = Next::Value;
                at += 1;
            }
            b'"' if takes_value || matches!(next, Next::Key | Next::KeyOrClose) => {
                let end = string_end(text, at)?;
                each(Token::Atom(&text[at..end]));
                next = if takes_value { after(&open) } else { Next::Colon };
                at = end;
            }
            b'-' | b'0'..=b'9' if takes_value => {
                let end = number_end(text, at)?;
                each(Token::Atom(&text[at..end]));
                next = after(&open);
                at = end;
            }
            b't' | b'f' | b'n' if takes_value => {
                let word = match byte {
                    b't' => "true",
                    b'f' => "false",
                    _ => "null",
                };
                let right =
                    text[at..].bytes().zip(word.bytes()).take_while(|(found, wanted)| found == wanted);
                let right = right.count();
                if right < word.len() {
                    return Err(BadJson::new(text, at + right, word));
                }
                each(Token::Atom(word));
                next = after(&open);
                at += word.len();
            }
            _ => return Err(BadJson::new(text, at, next.wanted(&open))),
        }
    }
}

/// Where the string ends that begins here: behind its second quotation mark.
fn string_end(text: &str, begin: usize) -> Result<usize, BadJson> {
    let bytes = text.as_bytes();
    let bad = |at, wanted| Err(BadJson::new(text, at, wanted));
    if bytes.get(begin) != Some(&b'"') {
        return bad(begin, "a string in quotation marks");
    }
    let mut at = begin + 1;
    loop {
        match bytes.get(at) {
            None => return bad(at, "a quotation mark that ends the string"),
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => match bytes.get(at + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
                Some(b'u') => {
                    let digits = bytes[at + 2..].iter().take(4).take_while(|byte| byte.is_ascii_hexdigit());
                    let digits = digits.count();
                    if digits < 4 {
                        return bad(at + 2 + digits, "four hex digits after \\u");
                    }
                    at += 6;
                }
                _ => return bad(at + 1, "one of \"\\/bfnrtu after the backslash"),
            },
            Some(0..=0x1f) => return bad(at, "an escape such as \\n in the place of a control character"),
            Some(_) => at += 1,
        }
    }
}

fn number_end(text: &str, begin: usize) -> Result<usize, BadJson> {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let count = bytes[from.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 { Err(BadJson::new(text, from, "a digit")) } else { Ok(from + count) }
    };
    let mut at = begin + usize::from(bytes[begin] == b'-');
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at = digits(at)?;
    }
    Ok(at)
}

impl Next {
    fn wanted(self, open: &[u8]) -> &'static str {
        match (self, open.last()) {
            (Self::Value, _) => "a value",
            (Self::ValueOrClose, _) => "a value or ]",
            (Self::Key, _) => "a key in quotation marks",
            (Self::KeyOrClose, _) => "a key in quotation marks or }",
            (Self::Colon, _) => "a colon",
            (Self::CommaOrClose, Some(b'}')) => "a comma or }",
            (Self::CommaOrClose, _) => "a comma or ]",
            (Self::End, _) => "nothing more",
        }
    }
}

impl BadJson {
    fn new(text: &str, at: usize, wanted: &'static str) -> Self {
        let (line, column) = crate::place(text, at);
        Self { at, line, column, wanted, found: text[at..].chars().next() }
    }

    /// Whether the text only ends too early, as one does that is still being written.
    pub fn is_unfinished(&self) -> bool {
        self.found.is_none()
    }

    /// Adds what is wrong, and where, to a text.
    pub fn add_to(&self, text: &mut Text) {
        text.add("line ").number(self.line).add(", column ").number(self.column).add(": ");
        match self.found {
            Some(found) if found.is_control() => text.add("U+").hex(u32::from(found)),
            Some(found) => text.add("“").add(found.encode_utf8(&mut [0; 4])).add("”"),
            None => text.add("the end"),
        };
        text.add(" where ").add(self.wanted).add(" belongs");
    }
}

impl fmt::Display for BadJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        self.add_to(&mut text);
        text.fmt(f)
    }
}

impl std::error::Error for BadJson {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_json() {
        for text in [
            "null",
            " true ",
            "false",
            "0",
            "-0.5e+10",
            "1E3",
            "\"\"",
            r#""a\"\\\/\b\f\n\r\t\u00e9""#,
            "[]",
            "{}",
            "[1,[2],{\"a\":{}}]",
            "{\"a\":1,\"a\":[{}]}\n",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_mistake_has_its_place_and_what_belongs_there() {
        let says = |text: &str| check(text).unwrap_err().to_string();
        for (text, wrong) in [
            ("", "line 1, column 1: the end where a value belongs"),
            ("{\"a\": 1,\n \"é\": tru }", "line 2, column 10: “ ” where true belongs"),
            ("[1,]", "line 1, column 4: “]” where a value belongs"),
            ("[1 2]", "line 1, column 4: “2” where a comma or ] belongs"),
            ("{a:1}", "line 1, column 2: “a” where a key in quotation marks or } belongs"),
            ("{\"a\" 1}", "line 1, column 6: “1” where a colon belongs"),
            ("{\"a\":1]", "line 1, column 7: “]” where a comma or } belongs"),
            ("1 2", "line 1, column 3: “2” where nothing more belongs"),
            ("01", "line 1, column 2: “1” where nothing more belongs"),
            ("-", "line 1, column 2: the end where a digit belongs"),
            (
                "\"a\nb\"",
                "line 1, column 3: U+000A where an escape such as \\n in the place of a control character belongs",
            ),
            ("\"\\x\"", "line 1, column 3: “x” where one of \"\\/bfnrtu after the backslash belongs"),
            ("\"\\u00g0\"", "line 1, column 6: “g” where four hex digits after \\u belongs"),
        ] {
            assert_eq!(says(text), wrong);
        }
        assert!(check("{\"a\": [1").unwrap_err().is_unfinished());
        assert!(!check("{\"a\": x").unwrap_err().is_unfinished());
    }

    #[test]
    fn only_white_space_is_rewritten() {
        let text =
            "{ \"big\" : 12345678901234567890.10 ,\"e\": \"\\u00e9 : ,\", \"none\":[ ],\"some\":[1,{ }]}";
        let narrow = "{\"big\":12345678901234567890.10,\"e\":\"\\u00e9 : ,\",\"none\":[],\"some\":[1,{}]}";
        assert_eq!(minify(text).unwrap(), narrow);
        let wide = "{\n  \"big\": 12345678901234567890.10,\n  \"e\": \"\\u00e9 : ,\",\n  \"none\": [],\n  \"some\": [\n    1,\n    {}\n  ]\n}";
        assert_eq!(format(text).unwrap(), wide);
        assert_eq!(minify(wide).unwrap(), narrow);
    }

    #[test]
    fn hostile_nesting_takes_no_stack_and_no_square() {
        let text = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(check(&text), Ok(()));
        assert!(super::format(&text).unwrap().len() < 6_000_000);
        assert!(check(&"[".repeat(100_000)).unwrap_err().is_unfinished());
    }

    #[test]
    fn strings_are_read_and_written() {
        assert_eq!(string("\"a\\n\\u00e9\\ud83d\\ude00\\/\" rest").unwrap(), ("a\né😀/".to_owned(), " rest"));
        for text in ["\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83dx\"", "\"\\ud83d\\u0041\"", "x", "\"open"] {
            assert!(string(text).is_err(), "{text}");
        }
        assert_eq!(quote("\u{202e}\u{e0041}👩‍🚀"), "\"\\u202e\\udb40\\udc41👩‍🚀\"");
        for text in ["", "plain", "a\"b\\c\n\r\t\0\u{1b}\u{85}\u{2028}\u{202e}\u{e0041}", "😀 é"] {
            assert_eq!(string(&quote(text)).unwrap(), (text.to_owned(), ""));
            assert!(!quote(text).chars().any(char::is_control));
        }
    }
}
