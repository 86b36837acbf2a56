//! What a server can break, as its own table says.

use super::url;
use crate::json;

/// A fault that a URL can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) kind: String,
    /// What is allowed, in words.
    pub(crate) allowed: String,
    /// What it does, in a sentence.
    pub(crate) text: String,
    /// The value of its example.
    pub(crate) example: String,
    /// Which triggers mean something for it: `all`, `chance` or `none`.
    pub(crate) triggers: String,
}

/// A parameter that is of no one fault, or a set of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) text: String,
    /// What is allowed; or of a preset, its faults.
    pub(crate) says: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) faults: Vec<Fault>,
    pub(crate) common: Vec<Named>,
    pub(crate) presets: Vec<Named>,
    /// Whether the faults of a live connection may be changed.
    pub(crate) control: bool,
}

/// What is written in a field of a number with a unit.
pub(crate) const UNITS: [(&str, &[&str]); 2] =
    [("time", &["ms", "s", "m", "us", "h"]), ("size", &["B", "KiB", "MiB"])];

/// The names of what says when a fault strikes.
pub(crate) const TRIGGERS: [&str; 4] = ["after", "every", "chance", "dir"];

impl Table {
    /// Reads `/faults.json`; `None` if it is anything else.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let list = |name| json::member(text, name).map(json::elements);
        let faults: Vec<_> = list("faults")?
            .into_iter()
            .map(|fault| Fault {
                name: json::text(fault, "name"),
                group: json::text(fault, "group"),
                kind: json::text(fault, "kind"),
                allowed: json::text(fault, "allowed"),
                text: json::text(fault, "text"),
                example: json::text(fault, "example")
                    .split_once('=')
                    .map(|(_, value)| value.to_owned())
                    .unwrap_or_default(),
                triggers: json::text(fault, "triggers"),
            })
            .collect();
        let named = |list: Vec<&str>, says| {
            let read = |one| Named {
                name: json::text(one, "name"),
                text: json::text(one, "text"),
                says: json::text(one, says),
            };
            list.into_iter().map(read).collect()
        };
        let table = Self {
            common: named(list("common")?, "allowed"),
            presets: named(list("presets")?, "query"),
            control: json::member(text, "control") == Some("true"),
            faults,
        };
        (!table.faults.is_empty() && table.faults.iter().all(|fault| !fault.name.is_empty())).then_some(table)
    }

    /// Whether a parameter is this table's: a fault, when one strikes, or what concerns all of them.
    pub(crate) fn knows(&self, key: &str) -> bool {
        let (name, trigger) = key.split_once('.').unwrap_or((key, ""));
        let is_fault = self.faults.iter().any(|fault| fault.name == name);
        match trigger {
            "" => is_fault || self.common.iter().any(|common| common.name == name),
            trigger => is_fault && TRIGGERS.contains(&trigger),
        }
    }

    /// The faults and the preset that a URL asks for, as it says them.
    pub(crate) fn chosen(&self, url: &str) -> Vec<String> {
        let parameters = url::parameters(url).into_iter();
        parameters
            .filter(|(key, _)| key == "preset" || self.faults.iter().any(|fault| fault.name == *key))
            .map(|(key, value)| if value.is_empty() { key } else { format!("{key}={value}") })
            .collect()
    }

    /// The URL with none of it.
    pub(crate) fn mended(&self, url: &str) -> String {
        url::without(url, |key| self.knows(key))
    }

    /// What of a URL can be asked of a live connection, as a query.
    pub(crate) fn for_a_live_one(&self, url: &str) -> String {
        let is_too_late = |key: &str| {
            let name = key.split('.').next().unwrap_or_default();
            self.faults.iter().any(|fault| fault.name == name && fault.group == "opening handshake")
        };
        url::only(url, |key| self.knows(key) && !is_too_late(key))
    }
}

/// The words that `allowed` lists, and whether there is nothing else.
pub(crate) fn words(allowed: &str) -> (Vec<&str>, bool) {
    let is_word = |word: &&str| word.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-');
    let (before, last) = allowed.rsplit_once(" or ").unwrap_or((allowed, ""));
    let all = is_word(&last);
    let mut words: Vec<_> =
        before.split(", ").map(|word| word.trim_end_matches(',')).filter(is_word).collect();
    words.extend(Some(last).filter(|last| all && !last.is_empty()));
    (words, all)
}

/// A value's number and its unit, if it is written with one of these.
pub(crate) fn unit<'a>(value: &'a str, units: &[&'static str]) -> (&'a str, &'static str) {
    let end = value.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(value.len());
    let (number, written) = value.split_at(end);
    match units.iter().find(|unit| **unit == written) {
        Some(unit) => (number, unit),
        None if written.is_empty() => (value, units[0]),
        None => (value, ""),
    }
}

/// A share as a whole number of percent, for a slider.
pub(crate) fn percent(value: &str) -> String {
    let share = match value.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok(),
        None => value.parse::<f64>().ok().map(|share| share * 100.0),
    };
    // Without a value, a fault that takes a share strikes always.
    share.unwrap_or(100.0).clamp(0.0, 100.0).round().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"common":[{"allowed":"a whole number","name":"seed","scoped":false,"text":"Chance."},{"name":"after"}],
        "control":true,"faults":[{"allowed":"a probability","example":"drop=2%","group":"messages","kind":"probability","name":"drop","text":"Lost.","triggers":"all"},
        {"name":"status","group":"opening handshake","example":"status=503"},{"name":"rst","example":"rst","triggers":"all"}],
        "presets":[{"name":"lossy","query":"drop=2%&duplicate=1%","text":"Lost."}]}"#;

    #[test]
    fn the_table_is_read_and_nothing_else_is() {
        let table = Table::read(JSON).unwrap();
        assert_eq!((table.faults.len(), &*table.faults[0].example, table.control), (3, "2%", true));
        assert_eq!(table.presets[0].says, "drop=2%&duplicate=1%");
        for other in ["", "{}", "<html>", r#"{"faults":[],"common":[],"presets":[]}"#] {
            assert_eq!(Table::read(other), None, "{other}");
        }
    }

    #[test]
    fn only_what_the_table_knows_is_touched() {
        let table = Table::read(JSON).unwrap();
        let url = "ws://h/echo?size=3&drop=2%&drop.after=3&rst&size.after=1&seed=4&trace=x#f";
        assert_eq!(table.chosen(url), ["drop=2%", "rst"]);
        assert_eq!(table.mended(url), "ws://h/echo?size=3&size.after=1&trace=x#f");
        assert_eq!(table.for_a_live_one("ws://h/?status=503&status.chance=1&drop&x"), "drop");
    }

    #[test]
    fn allowed_words_are_told_from_prose() {
        assert_eq!(words("none or wrong"), (vec!["none", "wrong"], true));
        assert_eq!(words("out, in or both"), (vec!["out", "in", "both"], true));
        assert_eq!(words("rsv1, bad-utf8, cut, or hex: and bytes"), (vec!["rsv1", "bad-utf8", "cut"], false));
    }

    #[test]
    fn values_are_split_for_their_controls() {
        assert_eq!(unit("1.5s", UNITS[0].1), ("1.5", "s"));
        assert_eq!(unit("64KiB", UNITS[1].1), ("64", "KiB"));
        assert_eq!(unit("16", UNITS[1].1), ("16", "B"));
        assert_eq!(unit("soon", UNITS[0].1), ("soon", ""));
        assert_eq!(["2%", "0.5", "", "x", "250%"].map(percent), ["2", "50", "100", "100", "100"]);
    }
}
