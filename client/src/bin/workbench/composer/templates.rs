//! Messages that are kept by name, also over a reload.

use wirescope_protocol::json;

use super::draft::Format;

/// As many as a person oversees.
const MOST: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) name: String,
    pub(crate) format: Format,
    pub(crate) text: String,
}

/// By name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Templates(Vec<Template>);

impl Templates {
    /// Reads what was kept: a line each, of two JSON strings with the format between. Lines that are none are passed over.
    pub(crate) fn read(kept: &str) -> Self {
        let mut all = Self::default();
        for line in kept.lines() {
            let Ok((name, rest)) = json::string(line) else { continue };
            let Some((format, rest)) = rest.trim_start().split_once(' ') else { continue };
            if let (Some(format), Ok((text, _))) = (Format::named(format), json::string(rest)) {
                all.save(Template { name, format, text });
            }
        }
        all
    }

    pub(crate) fn write(&self) -> String {
        let mut kept = String::new();
        for Template { name, format, text } in &self.0 {
            for part in [&json::quote(name), " ", format.name(), " ", &json::quote(text), "\n"] {
                kept.push_str(part);
            }
        }
        kept
    }

    pub(crate) fn all(&self) -> &[Template] {
        &self.0
    }

    /// Keeps one, in the place of another of its name; `false` if there are too many.
    pub(crate) fn save(&mut self, template: Template) -> bool {
        match self.0.binary_search_by(|other| other.name.cmp(&template.name)) {
            Ok(place) => self.0[place] = template,
            Err(_) if self.0.len() >= MOST => return false,
            Err(place) => self.0.insert(place, template),
        }
        true
    }

    pub(crate) fn delete(&mut self, name: &str) {
        self.0.retain(|template| template.name != name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(name: &str, format: Format, text: &str) -> Template {
        Template { name: name.to_owned(), format, text: text.to_owned() }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut all = Templates::default();
        all.save(template("say \"hi\"\n", Format::Text, "two\nlines\u{2028}"));
        all.save(template("", Format::Json, "{\"a\": 1}"));
        all.save(template("é", Format::Base64, ""));
        assert_eq!(Templates::read(&all.write()), all);
        assert_eq!(all.write().lines().count(), 3);
    }

    #[test]
    fn the_same_name_is_the_same_template_and_they_are_bounded() {
        let mut all = Templates::default();
        all.save(template("a", Format::Text, "1"));
        assert!(all.save(template("a", Format::Hex, "00")));
        assert_eq!(all.all(), [template("a", Format::Hex, "00")]);
        for n in 1..MOST {
            assert!(all.save(template(&n.to_string(), Format::Text, "")));
        }
        assert!(!all.save(template("one more", Format::Text, "")));
        all.delete("a");
        assert!(all.save(template("one more", Format::Text, "")));
    }

    #[test]
    fn what_others_wrote_there_is_passed_over() {
        let kept = "nonsense\n\"a\" text \"x\"\n\"b\" nothing \"x\"\n\"c\" text\n\"\\ud800\" text \"x\"\n";
        assert_eq!(Templates::read(kept).all(), [template("a", Format::Text, "x")]);
    }
}
