//! JSON as this project's server writes it, read where it stands: what is not looked at costs nothing.

/// The members of an object, in their order: each name and its value's text. Nothing of what is no object.
pub(crate) fn members(object: &str) -> Vec<(&str, &str)> {
    let mut members = Vec::new();
    let mut rest = object.trim_start().strip_prefix('{').unwrap_or_default().trim_start();
    while rest.starts_with('"') {
        let (name, after) = rest.split_at(string_end(rest));
        let Some(value) = after.trim_start().strip_prefix(':').map(str::trim_start) else { break };
        let (value, after) = value.split_at(value_end(value));
        members.push((name.trim_matches('"'), value));
        let Some(next) = after.trim_start().strip_prefix(',') else { break };
        rest = next.trim_start();
    }
    members
}

/// The texts of an array's elements. Nothing of what is no array.
pub(crate) fn elements(array: &str) -> Vec<&str> {
    let mut elements = Vec::new();
    let mut rest = array.trim_start().strip_prefix('[').unwrap_or_default().trim_start();
    while !rest.is_empty() && !rest.starts_with(']') {
        let (value, after) = rest.split_at(value_end(rest));
        if value.is_empty() {
            break;
        }
        elements.push(value);
        let Some(next) = after.trim_start().strip_prefix(',') else { break };
        rest = next.trim_start();
    }
    elements
}

/// The text of one member's value.
pub(crate) fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    members(object).into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
}

/// A member that is a string; empty where there is none.
pub(crate) fn text(object: &str, name: &str) -> String {
    member(object, name).map(unquoted).unwrap_or_default()
}

/// A member that is a whole number.
pub(crate) fn number(object: &str, name: &str) -> Option<u64> {
    member(object, name)?.parse().ok()
}

/// A member in milliseconds, as microseconds.
pub(crate) fn micros(object: &str, name: &str) -> Option<u64> {
    as_micros(member(object, name)?)
}

/// Milliseconds, as microseconds.
pub(crate) fn as_micros(value: &str) -> Option<u64> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let below = digits.fold(0, |sum, digit| sum * 10 + u64::from(digit.wrapping_sub(b'0')));
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(below)
}

/// What a string says; nothing of what is none.
fn unquoted(value: &str) -> String {
    wirescope_protocol::json::string(value).map(|(said, _)| said).unwrap_or_default()
}

/// Where a string that begins here ends.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Where a value that begins here ends.
fn value_end(text: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += string_end(&text[at..]);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return if depth == 1 { at + 1 } else { at },
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"close":null,"dir":"out","fin":true,"ms":1.25,"text":"a \"b\", {c}\r\n\u0001\\","was":{"list":[1,[2,"]"],{}],"length":5}}"#;

    #[test]
    fn members_are_found_where_they_stand() {
        assert_eq!(members(EVENT).len(), 6);
        assert_eq!(member(EVENT, "close"), Some("null"));
        assert_eq!(text(EVENT, "dir"), "out");
        assert_eq!(text(EVENT, "text"), "a \"b\", {c}\r\n\u{1}\\");
        assert_eq!(micros(EVENT, "ms"), Some(1250));
        let was = member(EVENT, "was").unwrap();
        assert_eq!(number(was, "length"), Some(5));
        assert_eq!(elements(member(was, "list").unwrap()), ["1", r#"[2,"]"]"#, "{}"]);
        assert_eq!(member(EVENT, "length"), None, "it is another's");
    }

    #[test]
    fn what_is_cut_or_no_json_gives_what_can_be_had() {
        for end in (0..EVENT.len()).filter(|end| EVENT.is_char_boundary(*end)) {
            let _ = members(&EVENT[..end]);
            let _ = elements(&EVENT[..end]);
        }
        assert_eq!(members("[1]"), []);
        assert_eq!(elements("[1,,2]"), ["1"]);
        assert_eq!(elements(""), [""; 0]);
    }
}
