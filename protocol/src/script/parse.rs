use std::{fmt, time::Duration};

use super::{Connect, Data, Expected, MAX_DEPTH, MAX_ROUNDS, MAX_STEPS, MAX_TIME, Script, Step, What};
use crate::{CloseCode, Text, base64, check_reason, hex, json, subprotocol};

const STEPS: &str = "send, expect, wait, close, repeat or end";

/// Why a text is no script, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadScript {
    /// Which line, from 1.
    pub line: usize,
    /// Which column, in characters and from 1.
    pub column: usize,
    says: String,
}

impl BadScript {
    /// What is wrong, and where.
    pub fn says(&self) -> &str {
        &self.says
    }
}

impl fmt::Display for BadScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.says)
    }
}

impl std::error::Error for BadScript {}

/// A line that is being read.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    whole: &'a str,
    /// What was not read yet, without white space around it.
    rest: &'a str,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// [`BadScript`] for the first line that is not as it should be: it names the line, the word, and what is allowed.
    pub fn parse(text: &str) -> Result<Self, BadScript> {
        let mut script = Self::default();
        // The repeats that are open, by their index.
        let mut open: Vec<usize> = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut last = Line { number: 1, whole: "", rest: "" };
        for (index, whole) in text.lines().enumerate() {
            let mut line = Line { number: index + 1, whole, rest: whole.trim() };
            last = line;
            if line.rest.is_empty() || line.rest.starts_with('#') {
                continue;
            }
            if script.steps.len() == MAX_STEPS {
                return line.bad(line.rest, |text| {
                    text.add("a script has at most ").number(MAX_STEPS).add(" steps")
                });
            }
            let word = line.word();
            let what = match word {
                "connect" if script.steps.is_empty() && script.connect.is_none() => {
                    script.connect = Some(line.connect()?);
                    continue;
                }
                "connect" => {
                    return line
                        .bad(word, |text| text.add("connect comes once, and before every other step"));
                }
                "send" => What::Send(line.data()?),
                "expect" => line.expect()?,
                "wait" => What::Wait(line.last_word("a time", time)?),
                "close" => line.close()?,
                "repeat" => {
                    let rounds = line.last_word("how often, from 1 to 1000000", |word| {
                        word.parse().ok().filter(|rounds| (1..=MAX_ROUNDS).contains(rounds))
                    })?;
                    if open.len() == MAX_DEPTH {
                        return line.bad(word, |text| {
                            text.add("at most ").number(MAX_DEPTH).add(" repeats are within each other")
                        });
                    }
                    open.push(script.steps.len());
                    What::Repeat { rounds, end: 0 }
                }
                "end" => {
                    line.nothing_more()?;
                    let index = script.steps.len();
                    let Some(repeat) = open.pop() else {
                        return line.bad(word, |text| text.add("end has no repeat above it"));
                    };
                    if repeat + 1 == index {
                        return line.bad(word, |text| text.add("there is nothing to repeat"));
                    }
                    if let What::Repeat { end, .. } = &mut script.steps[repeat].what {
                        *end = index;
                    }
                    What::End { repeat }
                }
                word => {
                    return line.bad(word, |text| {
                        quoted(text, word).add(" is no step: a line begins with connect, ").add(STEPS)
                    });
                }
            };
            script.steps.push(Step { line: line.number, what });
        }
        match open.pop() {
            None => Ok(script),
            Some(repeat) => last.bad(last.rest, |text| {
                let line = script.steps[repeat].line;
                text.add("the repeat of line ").number(line).add(" has no end")
            }),
        }
    }
}

impl<'a> Line<'a> {
    /// Takes the next word, which is empty at the line's end.
    fn word(&mut self) -> &'a str {
        let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn connect(mut self) -> Result<Connect, BadScript> {
        let url = self.word();
        let after = ["ws://", "wss://", "http://", "https://"].iter().find_map(|scheme| {
            let start = url.get(..scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then(|| &url[scheme.len()..])
        });
        if after.is_none_or(str::is_empty) {
            return self.bad(url, |text| {
                quoted(text, url)
                    .add(" is no URL to connect to: it begins with ws:// or wss://, or http:// or https:// for the same, and names a host")
            });
        }
        let at = self.rest;
        let mut offers = Vec::new();
        while !self.rest.is_empty() {
            offers.push(self.word().to_owned());
        }
        if let Err(error) = subprotocol::check_offers(&offers) {
            return self.bad(at, |text| {
                error.add_to(text);
                text
            });
        }
        Ok(Connect { line: self.number, url: url.to_owned(), offers })
    }

    fn data(mut self) -> Result<Data, BadScript> {
        const KINDS: &str = " is nothing to send: text, json, hex or base64";
        let kind = self.word();
        match kind {
            "text" => {
                let (text, rest) = self.text()?;
                Line { rest, ..self }.nothing_more()?;
                Ok(Data::Text(text))
            }
            "json" => match json::check(self.rest) {
                Ok(()) => Ok(Data::Text(self.rest.to_owned())),
                Err(error) => self.bad(&self.rest[error.at..], |text| {
                    error.add_to(text);
                    text.add(" (within the JSON)")
                }),
            },
            "hex" => self.bytes().map(Data::Binary),
            "base64" => match base64::parse(self.rest) {
                Ok(bytes) => Ok(Data::Binary(bytes)),
                Err(error) => self.bad(&self.rest[error.at..], |text| {
                    error.add_to(text);
                    text.add(" (within the base64)")
                }),
            },
            kind => self.bad(kind, |text| quoted(text, kind).add(KINDS)),
        }
    }

    fn expect(mut self) -> Result<What, BadScript> {
        const KINDS: &str = " is nothing to expect: text, contains, hex, any or close";
        let kind = self.word();
        if matches!(kind, "text" | "contains") && self.rest.starts_with('"') {
            let (said, rest) = self.text()?;
            let mut after = Line { rest, ..self };
            let within = match after.word() {
                "" => None,
                "within" => Some(after.last_word("a time", time)?),
                word => {
                    return self.bad(word, |text| {
                        quoted(text, word).add(" after the text: only within TIME comes there")
                    });
                }
            };
            return Ok(What::Expect { what: said_or_contained(kind, said), within });
        }
        let within = self.within()?;
        let what = match kind {
            "text" | "contains" => said_or_contained(kind, self.text()?.0),
            "hex" => Expected::Binary(self.bytes()?),
            "any" => {
                self.nothing_more()?;
                Expected::Any
            }
            "close" if self.rest.is_empty() => Expected::Close(None),
            "close" => Expected::Close(Some(
                self.last_word("a close code from 1000 to 4999, or nothing", |word| {
                    word.parse().ok().filter(|code| (1000..5000).contains(code)).map(CloseCode::new)
                })?,
            )),
            kind => return self.bad(kind, |text| quoted(text, kind).add(KINDS)),
        };
        Ok(What::Expect { what, within })
    }

    fn close(mut self) -> Result<What, BadScript> {
        let word = self.word();
        if word.is_empty() {
            return Ok(What::Close { code: CloseCode::NORMAL, reason: String::new() });
        }
        let code = word.parse().ok().map(CloseCode::new).filter(|code| code.is_sendable_by_browser());
        let Some(code) = code else {
            return self.bad(word, |text| {
                quoted(text, word).add(" is no code to close with: 1000, or 3000 to 4999")
            });
        };
        let at = self.rest;
        let reason = if self.rest.is_empty() { String::new() } else { self.whole_text()? };
        match check_reason(&reason) {
            Ok(()) => Ok(What::Close { code, reason }),
            Err(error) => self.bad(at, |text| {
                error.add_to(text);
                text
            }),
        }
    }

    /// A text: the rest of the line, or a JSON string with what follows it.
    fn text(self) -> Result<(String, &'a str), BadScript> {
        if self.rest.is_empty() {
            return self.bad(self.rest, |text| text.add("there is no text; an empty one is \"\""));
        }
        if !self.rest.starts_with('"') {
            return Ok((self.rest.to_owned(), ""));
        }
        match json::string(self.rest) {
            Ok((said, rest)) => Ok((said, rest.trim_start())),
            Err(error) => self.bad(&self.rest[error.at..], |text| {
                error.add_to(text);
                text.add(" (within the text: one that begins with a quotation mark is a JSON string)")
            }),
        }
    }

    /// A text with nothing behind it.
    fn whole_text(self) -> Result<String, BadScript> {
        let (text, rest) = self.text()?;
        Line { rest, ..self }.nothing_more()?;
        Ok(text)
    }

    fn bytes(self) -> Result<Vec<u8>, BadScript> {
        hex::parse(self.rest).or_else(|error| {
            self.bad(&self.rest[error.at..], |text| {
                error.add_to(text);
                text.add(" (within the hex)")
            })
        })
    }

    /// Takes `within TIME` off the line's end.
    fn within(&mut self) -> Result<Option<Duration>, BadScript> {
        let (before, word) = match self.rest.rsplit_once(char::is_whitespace) {
            Some((before, word)) => (before.trim_end(), word),
            None => ("", self.rest),
        };
        let Some(front) = before
            .strip_suffix("within")
            .filter(|front| front.is_empty() || front.ends_with(char::is_whitespace))
        else {
            return Ok(None);
        };
        match time(word) {
            Some(time) => {
                self.rest = front.trim_end();
                Ok(Some(time))
            }
            None => self.bad(word, |text| {
                bad_time(text, word).add("; if it is a part of the text, write that in quotation marks")
            }),
        }
    }

    /// The line's last word, which is as it should be or is not what is wanted.
    fn last_word<T>(&mut self, wanted: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, BadScript> {
        let word = self.word();
        let Some(value) = read(word) else {
            return self.bad(word, |text| match wanted {
                "a time" => bad_time(text, word),
                wanted => quoted(text, word).add(" is not ").add(wanted),
            });
        };
        self.nothing_more()?;
        Ok(value)
    }

    fn nothing_more(self) -> Result<(), BadScript> {
        if self.rest.is_empty() {
            return Ok(());
        }
        self.bad(self.rest, |text| quoted(text, self.rest).add(" is too much: the step is over before it"))
    }

    /// That something is wrong with a part of the line.
    fn bad<T>(self, part: &str, says: impl FnOnce(&mut Text) -> &mut Text) -> Result<T, BadScript> {
        // The part is a slice of the line, so its place is where it lies in memory; an empty one is at the end.
        let offset = (part.as_ptr() as usize).wrapping_sub(self.whole.as_ptr() as usize);
        let at = if part.is_empty() { self.whole.trim_end().len() } else { offset.min(self.whole.len()) };
        let column = 1 + self.whole.get(..at).map_or(0, |before| before.chars().count());
        let mut text = Text::new();
        text.add("line ").number(self.number).add(", column ").number(column).add(": ");
        says(&mut text);
        Err(BadScript { line: self.number, column, says: text.as_str().to_owned() })
    }
}

/// Adds what somebody wrote, the beginning of it where it is long.
fn quoted<'a>(text: &'a mut Text, wrote: &str) -> &'a mut Text {
    const SHOWN: usize = 40;
    match wrote.char_indices().nth(SHOWN) {
        Some((at, _)) => text.quoted(&wrote[..at]).add("…"),
        None => text.quoted(wrote),
    }
}

fn said_or_contained(kind: &str, text: String) -> Expected {
    if kind == "text" { Expected::Text(text) } else { Expected::Contains(text) }
}

fn bad_time<'a>(text: &'a mut Text, word: &str) -> &'a mut Text {
    quoted(text, word).add(" is no time: a whole number of ms, s or m, at most 24 hours, as in 500ms or 2s")
}

fn time(word: &str) -> Option<Duration> {
    let unit = word.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = word[..unit].parse().ok()?;
    let time = match &word[unit..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.checked_mul(60)?),
        _ => return None,
    };
    (time <= MAX_TIME).then_some(time)
}
