use std::fmt::{self, Write as _};

/// A text in quotation marks, its control characters escaped: for messages that quote what a peer or a user wrote.
///
/// It is what `{:?}` writes, except that `{:?}` also knows what else in all of Unicode cannot be seen, by tables that are a
/// large part of a small page.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '\0' => f.write_str("\\0")?,
                '"' | '\\' => write!(f, "\\{character}")?,
                _ if character.is_control() => character.escape_default().fmt(f)?,
                _ => f.write_char(character)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_debug_writes_where_that_is_about_control_characters() {
        for text in ["", "Gr\u{fc}\u{df}e \u{2713}", "\x1b[2J\r\n\t\0\u{7f}\u{85}", r#"a "quoted" \ b"#] {
            assert_eq!(Quoted(text).to_string(), format!("{text:?}"));
        }
    }
}
