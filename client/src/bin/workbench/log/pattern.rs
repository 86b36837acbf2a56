//! What is looked for in a message: a text, or a regular expression; in pieces, so that none takes long.

use regex_lite::Regex;

use super::entry::Payload;

/// How much is searched at a time.
const WINDOW: usize = 16 * 1024;
/// How much of it is searched again with what follows: a match of an expression that is longer may be missed where two
/// windows meet.
const OVERLAP: usize = 2 * 1024;
/// What an expression sees of what is before a window, for `^` and `\b`.
const BEFORE: usize = 4;

#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    Text {
        /// In lower case, as far as ASCII has it.
        text: Vec<u8>,
        /// The bytes that it names as a row shows those of a binary message, if it does.
        bytes: Option<Vec<u8>>,
    },
    Regex {
        regex: Regex,
        /// What every match has in it, which is quicker to look for.
        literal: Option<String>,
        /// Whether what is after a match matters.
        looks_ahead: bool,
    },
}

impl Pattern {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text { text: text.to_ascii_lowercase().into_bytes(), bytes: named(text) }
    }

    /// Whether it is in a short text.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Text { text: own, .. } => find(text.as_bytes(), own, true),
            Self::Regex { regex, .. } => regex.is_match(text),
        }
    }

    /// An expression, or what is wrong with it.
    pub(crate) fn regex(expression: &str) -> Result<Self, String> {
        let regex = Regex::new(expression).map_err(|error| error.to_string())?;
        let looks_ahead = expression.contains('$') || expression.contains('\\');
        Ok(Self::Regex { regex, literal: literal(expression), looks_ahead })
    }

    /// Looks in one window of a payload, from a place on; `Err` says from where to look next.
    pub(crate) fn look(&self, payload: Payload<'_>, from: usize) -> Result<bool, usize> {
        let length = payload.bytes.len();
        match self {
            Self::Text { text, bytes } => {
                // Plain search is quick.
                let end = from.saturating_add(8 * WINDOW).min(length);
                let window = &payload.bytes[from.min(end)..end];
                let named = bytes.as_ref().filter(|_| !payload.is_text);
                if find(window, text, true) || named.is_some_and(|bytes| find(window, bytes, false)) {
                    return Ok(true);
                }
                if end == length {
                    Ok(false)
                } else {
                    Err((end + 1).saturating_sub(text.len()).max(from + 1))
                }
            }
            Self::Regex { regex, literal, looks_ahead } => {
                let start = payload.boundary(from.saturating_sub(BEFORE));
                let window = payload.part(start, WINDOW + BEFORE);
                let end = start + window.bytes.len();
                let is_last = end == length;
                let may = literal.as_ref().is_none_or(|it| find(window.bytes, it.as_bytes(), false));
                if may {
                    let text = window.text();
                    // What is replaced in a binary message has another length.
                    let mut at = (from - start).min(text.len());
                    while !text.is_char_boundary(at) {
                        at -= 1;
                    }
                    let found = regex.find_at(&text, at);
                    if found.is_some_and(|found| is_last || !looks_ahead || found.end() < text.len()) {
                        return Ok(true);
                    }
                }
                if is_last { Ok(false) } else { Err(payload.boundary(end - OVERLAP)) }
            }
        }
    }
}

/// The bytes that a text names in pairs of hexadecimal digits with a space between.
fn named(text: &str) -> Option<Vec<u8>> {
    let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
    let pairs = text.trim().split(' ');
    pairs.map(|pair| u8::from_str_radix(pair, 16).ok().filter(|_| is_pair(pair))).collect()
}

/// Whether `needle`, which is in lower case if case does not matter, is in `haystack`.
fn find(haystack: &[u8], needle: &[u8], ignore_case: bool) -> bool {
    let Some((&first, rest)) = needle.split_first() else { return true };
    let other = if ignore_case { first.to_ascii_uppercase() } else { first };
    let Some(last) = haystack.len().checked_sub(needle.len()) else { return false };
    let mut at = 0;
    while at <= last {
        let Some(next) = haystack[at..=last].iter().position(|&byte| byte == first || byte == other) else {
            return false;
        };
        at += next + 1;
        let candidate = &haystack[at..at + rest.len()];
        if if ignore_case { candidate.eq_ignore_ascii_case(rest) } else { candidate == rest } {
            return true;
        }
    }
    false
}

/// A text that every match of an expression has in it, if it is plain to see.
fn literal(expression: &str) -> Option<String> {
    let unusual = ["(?", "[[", "[]", "[^]", "&&"];
    if unusual.iter().any(|part| expression.contains(part)) {
        return None;
    }
    let mut longest = String::new();
    let mut run = String::new();
    let mut depth = 0_usize;
    let mut chars = expression.chars();
    while let Some(c) = chars.next() {
        // What a group has in it may be optional.
        let is_literal = match c {
            '|' if depth == 0 => return None,
            '(' => {
                depth += 1;
                false
            }
            ')' => {
                depth = depth.checked_sub(1)?;
                false
            }
            '[' => {
                while match chars.next()? {
                    '\\' => chars.next().is_some(),
                    other => other != ']',
                } {}
                false
            }
            '?' | '*' | '{' => {
                run.pop();
                if c == '{' {
                    while chars.next()? != '}' {}
                }
                false
            }
            '+' | '.' | '^' | '$' | '|' => false,
            '\\' => match chars.next()? {
                'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'b' | 'B' | 'n' | 'r' | 't' | 'A' | 'z' => false,
                escaped if escaped.is_ascii_punctuation() && depth == 0 => {
                    run.push(escaped);
                    continue;
                }
                escaped if escaped.is_ascii_punctuation() => false,
                _ => return None,
            },
            _ => depth == 0,
        };
        if is_literal {
            run.push(c);
        } else {
            if run.len() > longest.len() {
                longest.clone_from(&run);
            }
            run.clear();
        }
    }
    if run.len() > longest.len() {
        longest = run;
    }
    (longest.len() > 1).then_some(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &Pattern, bytes: &[u8], is_text: bool) -> bool {
        let mut from = 0;
        loop {
            match pattern.look(Payload { bytes, is_text }, from) {
                Ok(found) => return found,
                Err(next) => {
                    assert!(next > from, "it goes on");
                    from = next;
                }
            }
        }
    }

    #[test]
    fn a_text_is_found_in_any_case_and_anywhere() {
        let hay = |before: usize, text: &str, after: usize| {
            ["x".repeat(before), text.to_owned(), "y".repeat(after)].concat().into_bytes()
        };
        for before in [0, 1, 8 * WINDOW - 3, 8 * WINDOW, 20 * WINDOW] {
            for after in [0, 1, 9 * WINDOW] {
                let bytes = hay(before, "NeeDle€", after);
                assert!(matches(&Pattern::text("needle€"), &bytes, true), "{before} {after}");
                assert!(!matches(&Pattern::text("noodle"), &bytes, true));
                let regex = Pattern::regex("(?i)needle").unwrap();
                assert!(matches(&regex, &bytes, true), "{before} {after}");
                assert!(matches(&Pattern::regex("N..D").unwrap(), &bytes, true));
            }
        }
        assert!(matches(&Pattern::text(""), b"", true));
        assert!(!matches(&Pattern::text("longer"), b"long", true));
    }

    #[test]
    fn an_expression_sees_where_a_payload_begins_and_ends() {
        let long = "ab ".repeat(3 * WINDOW);
        let long = long.trim_end().as_bytes();
        for (expression, found) in [
            ("^ab", true),
            ("^b", false),
            ("ab$", true),
            ("a$", false),
            (r"a\b", false),
            (r"\bb", false),
            ("^ab.*b$", false),
        ] {
            let pattern = Pattern::regex(expression).unwrap();
            // The last is longer than what is searched at once, which the documentation says is not found.
            assert_eq!(matches(&pattern, long, true), found, "{expression}");
            assert_eq!(matches(&pattern, b"ab ab", true), found || expression == "^ab.*b$", "{expression}");
        }
    }

    #[test]
    fn binary_messages_are_searched_as_text() {
        let bytes = [b"\xff\xfe abc ".as_slice(), &vec![0xff; 2 * WINDOW], b"end"].concat();
        assert!(matches(&Pattern::text("ABC"), &bytes, false));
        assert!(matches(&Pattern::regex("a.c .").unwrap(), &bytes, false));
        assert!(matches(&Pattern::regex("end$").unwrap(), &bytes, false));
        assert!(!matches(&Pattern::regex("^end").unwrap(), &bytes, false));
    }

    #[test]
    fn binary_messages_are_searched_for_the_bytes_that_their_rows_show() {
        let bytes = [vec![7; 8 * WINDOW - 1], vec![0x01, 0x86, 0xa0]].concat();
        for (text, found) in [
            ("01 86 a0", true),
            ("86 A0", true),
            ("a0", true),
            ("01 a0", false),
            ("0 1", false),
            ("+1", false),
        ] {
            assert_eq!(matches(&Pattern::text(text), &bytes, false), found, "{text}");
            assert!(!matches(&Pattern::text(text), &[bytes.as_slice(), b"x"].concat(), true), "{text}");
        }
    }

    #[test]
    fn what_every_match_has_in_it() {
        for (expression, found) in [
            ("hello", Some("hello")),
            ("he+llo", Some("llo")),
            ("hel*lo", Some("he")),
            ("hell{2}o", Some("hel")),
            (r"price\.eur: \d+", Some("price.eur: ")),
            ("(abc)?de", Some("de")),
            ("(abc", Some("")),
            ("abc|de", None),
            ("a(b|c)dd", Some("dd")),
            ("[abc]+xyz", Some("xyz")),
            (r"[\]a]bcd", Some("bcd")),
            (r"\x41bc", None),
            (r"\p{Greek}abc", None),
            ("(?i)abc", None),
            ("", None),
            ("a.b", None),
        ] {
            assert_eq!(literal(expression).as_deref(), found.filter(|text| !text.is_empty()), "{expression}");
        }
    }

    #[test]
    fn a_bad_expression_says_what_is_wrong() {
        assert!(Pattern::regex("a(b").unwrap_err().contains("group"));
    }
}
