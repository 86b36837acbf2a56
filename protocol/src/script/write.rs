use std::{fmt, time::Duration};

use super::{Arrival, Data, Expected, Script, Step, What};
use crate::{Text, base64, hex, json};

/// A binary message that is longer is written as base64, which is half as long as hex.
const LONGEST_HEX: usize = 64;

/// How much of what came is quoted.
const SHOWN: usize = 200;

/// A time as a script writes it.
pub fn duration(time: Duration) -> String {
    let mut text = Text::new();
    let ms = usize::try_from(time.as_millis()).unwrap_or(usize::MAX);
    match ms {
        _ if ms > 0 && ms % 60_000 == 0 => text.number(ms / 60_000).add("m"),
        _ if ms % 1_000 == 0 => text.number(ms / 1_000).add("s"),
        _ => text.number(ms).add("ms"),
    };
    text.as_str().to_owned()
}

impl Script {
    /// Adds the script as a file to a text; read again it is the same, but for where its lines are.
    pub fn add_to(&self, text: &mut Text) {
        if let Some(connect) = &self.connect {
            text.add("connect ").add(&connect.url);
            for offer in &connect.offers {
                text.add(" ").add(offer);
            }
            text.add("\n");
        }
        let mut depth = 0_usize;
        for step in &self.steps {
            if let What::End { .. } = step.what {
                depth = depth.saturating_sub(1);
            }
            for _ in 0..depth {
                text.add("  ");
            }
            step.add_to(text);
            text.add("\n");
            if let What::Repeat { .. } = step.what {
                depth += 1;
            }
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        self.add_to(&mut text);
        text.fmt(f)
    }
}

impl Step {
    /// Adds the step's line to a text.
    pub fn add_to(&self, text: &mut Text) {
        match &self.what {
            What::Send(data) => {
                text.add("send ");
                data.add_to(text);
            }
            What::Expect { what, within } => {
                text.add("expect ");
                what.add_to(text);
                if let Some(within) = within {
                    text.add(" within ").add(&duration(*within));
                }
            }
            What::Wait(time) => {
                text.add("wait ").add(&duration(*time));
            }
            What::Close { code, reason } => {
                text.add("close ").number(code.number().into());
                if !reason.is_empty() {
                    add_text(text.add(" "), reason);
                }
            }
            What::Repeat { rounds, .. } => {
                text.add("repeat ").number(usize::try_from(*rounds).unwrap_or(usize::MAX));
            }
            What::End { .. } => {
                text.add("end");
            }
        }
    }
}

impl Data {
    /// Adds what a `send` says to a text.
    pub fn add_to(&self, text: &mut Text) {
        match self {
            Self::Text(said) if is_json(said) => text.add("json ").add(said),
            Self::Text(said) => add_text(text.add("text "), said),
            Self::Binary(bytes) if bytes.len() > LONGEST_HEX => {
                text.add("base64 ").add(&base64::write(bytes))
            }
            Self::Binary(bytes) => text.add("hex ").add(&hex::write(bytes)),
        };
    }
}

impl Expected {
    /// Adds what an `expect` says to a text.
    pub fn add_to(&self, text: &mut Text) {
        match self {
            Self::Text(said) => add_text(text.add("text "), said),
            Self::Contains(said) => add_text(text.add("contains "), said),
            Self::Binary(bytes) => text.add("hex ").add(&hex::write(bytes)),
            Self::Any => text.add("any"),
            Self::Close(None) => text.add("close"),
            Self::Close(Some(code)) => text.add("close ").number(code.number().into()),
        };
    }
}

impl Arrival<'_> {
    /// Adds what came to a text, in the words of a script, the beginning of it where it is long.
    pub fn add_to(self, text: &mut Text) {
        match self {
            Arrival::Text(said) => {
                let shown = said.char_indices().nth(SHOWN).map_or(said, |(at, _)| &said[..at]);
                text.add("text ").add(&json::quote(shown));
                more(text, said.len() - shown.len());
            }
            Arrival::Binary(bytes) => {
                let shown = &bytes[..bytes.len().min(SHOWN / 4)];
                text.add("hex ").add(&hex::write(shown));
                more(text, bytes.len() - shown.len());
            }
            Arrival::Closed(code, reason) => {
                text.add("close ");
                code.add_to(text);
                if !reason.is_empty() {
                    text.add(" ").add(&json::quote(reason));
                }
            }
        }
    }
}

fn more(text: &mut Text, bytes: usize) {
    if bytes > 0 {
        text.add(" and ").number(bytes).add(" bytes more");
    }
}

/// Whether a text reads best as JSON on its line.
fn is_json(text: &str) -> bool {
    text.starts_with(['{', '['])
        && text.trim_end().len() == text.len()
        && is_plain(text)
        && json::check(text).is_ok()
}

/// Whether a text is itself when it is the rest of a line.
fn is_plain(text: &str) -> bool {
    !text.chars().any(json::is_hidden)
}

fn add_text<'a>(text: &'a mut Text, said: &str) -> &'a mut Text {
    // What looks like a deadline at the end of an `expect` is quoted, as is all that a line would not keep.
    let bare =
        !said.is_empty() && said.trim().len() == said.len() && !said.starts_with('"') && is_plain(said);
    let mut words = said.split_whitespace().rev();
    let is_deadline = words.next() == Some("within") || words.next() == Some("within");
    if bare && !is_deadline { text.add(said) } else { text.add(&json::quote(said)) }
}
