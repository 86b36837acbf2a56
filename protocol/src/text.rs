use std::fmt;

/// A text for people that is made without `core::fmt`, whose machinery for widths, signs and numbers of all sizes would
/// weigh more in a small page than all that such texts say.
///
/// ```
/// use wirescope_protocol::Text;
///
/// let text = Text::new().with("got ").number(3).with(" of ").quoted("these\n");
/// assert_eq!(text.as_str(), r#"got 3 of "these\n""#);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Text(String);

impl Text {
    /// An empty text.
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// This text and then another.
    #[must_use]
    pub fn with(mut self, more: &str) -> Self {
        self.0.push_str(more);
        self
    }

    /// This text and then a number, in decimal.
    #[must_use]
    pub fn number(self, number: usize) -> Self {
        self.digits(number, 10)
    }

    /// This text and then another in quotation marks, its control characters escaped: for what a peer or a user wrote.
    ///
    /// It is what `{:?}` writes, except that `{:?}` also knows what else in all of Unicode cannot be seen, by tables that
    /// are large.
    #[must_use]
    pub fn quoted(self, quoted: &str) -> Self {
        let mut text = self.with("\"");
        for character in quoted.chars() {
            text = match character {
                '\0' => text.with("\\0"),
                '\t' => text.with("\\t"),
                '\n' => text.with("\\n"),
                '\r' => text.with("\\r"),
                _ if character.is_control() => text.with("\\u{").digits(character as usize, 16).with("}"),
                _ => {
                    if matches!(character, '"' | '\\') {
                        text.0.push('\\');
                    }
                    text.0.push(character);
                    text
                }
            };
        }
        text.with("\"")
    }

    /// The text so far.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn digits(self, number: usize, base: u8) -> Self {
        let rest = usize::from(base);
        let mut text = if number >= rest { self.digits(number / rest, base) } else { self };
        text.0.push(char::from(b"0123456789abcdef"[number % rest % 16]));
        text
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_is_what_debug_writes_where_that_is_about_control_characters() {
        for text in ["", "Gr\u{fc}\u{df}e \u{2713}", "\x1b[2J\r\n\t\0\u{7f}\u{85}", r#"a "quoted" \ b"#] {
            assert_eq!(Text::new().quoted(text).as_str(), format!("{text:?}"));
        }
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 1006, 65_535, usize::MAX] {
            assert_eq!(Text::new().number(number).as_str(), number.to_string());
        }
    }
}
