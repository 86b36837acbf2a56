use std::fmt;

/// A text for people that is made without `core::fmt`, whose machinery for widths, signs and numbers of all sizes would
/// weigh more in a small page than all that such texts say.
///
/// ```
/// use wirescope_protocol::Text;
///
/// let mut text = Text::new();
/// text.add("got ").number(3).add(" of ").quoted("these\n");
/// assert_eq!(text.as_str(), r#"got 3 of "these\n""#);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Text(String);

impl Text {
    /// An empty text.
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// Adds another text.
    pub fn add(&mut self, more: &str) -> &mut Self {
        self.0.push_str(more);
        self
    }

    /// Adds a number, in decimal.
    pub fn number(&mut self, number: usize) -> &mut Self {
        self.digits(number, 10)
    }

    /// Adds another text in quotation marks, its control characters escaped: for what a peer or a user wrote.
    ///
    /// It is what `{:?}` writes, except that `{:?}` also knows what else in all of Unicode cannot be seen, by tables that
    /// are large.
    pub fn quoted(&mut self, quoted: &str) -> &mut Self {
        self.add("\"");
        for character in quoted.chars() {
            let short = match character {
                '\0' => '0',
                '\t' => 't',
                '\n' => 'n',
                '\r' => 'r',
                '"' | '\\' => character,
                _ if character.is_control() => {
                    self.add("\\u{").digits(character as usize, 16).add("}");
                    continue;
                }
                _ => {
                    self.character(character);
                    continue;
                }
            };
            self.add("\\").character(short);
        }
        self.add("\"")
    }

    /// Adds the number of a character, as Unicode writes it: at least four hex digits.
    pub fn hex(&mut self, number: u32) -> &mut Self {
        let digits = (8 - number.leading_zeros() / 4).max(4);
        for place in (0..digits).rev() {
            let digit = (number >> (4 * place)) as usize & 15;
            self.character(char::from(b"0123456789ABCDEF"[digit]));
        }
        self
    }

    /// The text so far.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn digits(&mut self, number: usize, base: u8) -> &mut Self {
        let rest = usize::from(base);
        if number >= rest {
            self.digits(number / rest, base);
        }
        self.character(char::from(b"0123456789abcdef"[number % rest % 16]))
    }

    fn character(&mut self, character: char) -> &mut Self {
        self.add(character.encode_utf8(&mut [0; 4]))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
    fn characters_have_their_number() {
        for (number, text) in [(0, "0000"), (0xe9, "00E9"), (0x1f600, "1F600"), (u32::MAX, "FFFFFFFF")] {
            assert_eq!(Text::new().hex(number).as_str(), text);
        }
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 1006, 65_535, usize::MAX] {
            assert_eq!(Text::new().number(number).as_str(), number.to_string());
        }
    }
}
