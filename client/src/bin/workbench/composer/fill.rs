//! What stands for something else in a message that is sent again and again.

/// What there is, as the page says it.
pub(crate) const PLACEHOLDERS: [&str; 3] = ["{{n}}", "{{time}}", "{{uuid}}"];

/// A text with its placeholders filled: the how manyth message it is, when, and a number that nothing else has.
pub(crate) fn fill(text: &str, n: u64, time: impl Fn() -> String, random: impl Fn() -> f64) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        match PLACEHOLDERS.iter().position(|placeholder| rest.starts_with(placeholder)) {
            Some(which) => {
                match which {
                    0 => filled.push_str(&n.to_string()),
                    1 => filled.push_str(&time()),
                    _ => push_uuid(&mut filled, &random),
                }
                rest = &rest[PLACEHOLDERS[which].len()..];
            }
            None => {
                filled.push_str("{{");
                rest = &rest[2..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// A random UUID (RFC 9562, version 4). It is to tell messages apart, and nobody is to guess nothing by it.
fn push_uuid(text: &mut String, random: impl Fn() -> f64) {
    for place in 0..32 {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 15")]
        let digit = (random() * 16.0) as u32 & 15;
        let digit = match place {
            12 => 4,
            16 => 8 | digit & 3,
            _ => digit,
        };
        text.push(char::from_digit(digit, 16).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_all_else_stays() {
        let filled = |text: &str| fill(text, 7, || "now".to_owned(), || 0.999);
        assert_eq!(filled("{\"n\": {{n}}, \"at\": \"{{time}}\"}"), "{\"n\": 7, \"at\": \"now\"}");
        assert_eq!(filled("{{uuid}}"), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(filled("{{{n}}} {{m}} {{n}"), "{{{n}}} {{m}} {{n}");
        assert_eq!(filled("é{{"), "é{{");
    }
}
