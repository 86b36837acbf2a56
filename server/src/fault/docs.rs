//! The faults' documentation, from the table that parses them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{ALL, COMMON, PRESETS};

/// For people: at most 100 columns.
pub(crate) fn text() -> String {
    let mut text = String::from(
        "Faults, on any path: ws://127.0.0.1:8080/echo?drop=2%&jitter=80ms&seed=42\n\
         Every random choice is a function of the seed, the fault, the direction and the message's number,\n\
         so the same URL and the same messages meet the same fate.\n",
    );
    let mut group = None;
    for fault in ALL {
        if group.replace(fault.group) != Some(fault.group) {
            let _ = write!(text, "\n{}\n", sentence(fault.group.name()));
        }
        entry(
            &mut text,
            fault.example,
            fault.text,
            Some(fault.takes.allowed).filter(|_| fault.takes.kind != "flag"),
        );
    }
    text.push_str(
        "\nWhen they strike, of all faults; of one as FAULT.after, FAULT.every, FAULT.chance, FAULT.dir\n",
    );
    for common in COMMON {
        entry(&mut text, common.name, common.text, Some(common.allowed));
    }
    text.push_str("\nPresets, which give way to what the URL says itself\n");
    for preset in PRESETS {
        entry(&mut text, &format!("preset={}", preset.name), preset.text, Some(preset.query));
    }
    text.push_str("\nA trace: ?trace=ID on any path, watched on /trace/ID, whole on /trace/ID.ndjson\n");
    text
}

/// For programs.
pub(crate) fn json() -> Value {
    let faults: Vec<_> = ALL
        .iter()
        .map(|fault| {
            json!({
                "name": fault.name,
                "group": fault.group.name(),
                "kind": fault.takes.kind,
                "allowed": fault.takes.allowed,
                "text": fault.text,
                "example": fault.example,
                "triggers": fault.triggers(),
            })
        })
        .collect();
    let common: Vec<_> = COMMON
        .iter()
        .map(|common| {
            json!({
                "name": common.name,
                "allowed": common.allowed,
                "text": common.text,
                "scoped": common.scoped,
            })
        })
        .collect();
    let presets: Vec<_> = PRESETS
        .iter()
        .map(|preset| json!({ "name": preset.name, "query": preset.query, "text": preset.text }))
        .collect();
    json!({ "faults": faults, "common": common, "presets": presets })
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn entry(text: &mut String, example: &str, about: &str, allowed: Option<&str>) {
    const INDENT: usize = 28;
    const WIDTH: usize = 100;
    let mut line = format!("  {example}");
    let words = about.split_whitespace().map(str::to_owned);
    let allowed = allowed.map(|allowed| format!("({allowed})"));
    let allowed = allowed.iter().flat_map(|allowed| allowed.split_whitespace().map(str::to_owned));
    if line.len() >= INDENT {
        let _ = writeln!(text, "{line}");
        line.clear();
    }
    for word in words.chain(allowed) {
        if line.len() > INDENT && line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(text, "{line}");
            line.clear();
        }
        while line.len() < INDENT - 1 {
            line.push(' ');
        }
        line.push(' ');
        line.push_str(&word);
    }
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_in_both() {
        let (text, json) = (text(), json());
        for fault in ALL {
            assert!(text.contains(&format!("\n  {}", fault.example)), "{}", fault.name);
        }
        assert_eq!(json["faults"].as_array().map(Vec::len), Some(ALL.len()));
        assert_eq!(json["faults"][0]["triggers"], "chance");
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
    }
}
