//! The values of a HAR that matter here, cut out as the file is read: a browser parses JSON in one go only, however large.
//!
//! What is cut out is the browser's to parse. What is around it is followed only as far as to know where that is.

/// What was come to in a HAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Its list of entries, and another of them.
    Entries,
    Entry,
    /// Of an entry: when it began, its request, that it has a list of messages, and each of these.
    Started,
    Request,
    Messages,
    Message,
}

/// The keys of the lists and values above, each at its depth.
const LOG: &[u8] = b"log";
const ENTRIES: &[u8] = b"entries";
const STARTED: &[u8] = b"startedDateTime";
const REQUEST: &[u8] = b"request";
const MESSAGES: &[u8] = b"_webSocketMessages";

/// Beyond this depth it is no HAR, and no browser would parse it.
const DEEPEST: usize = 512;
/// More of a key than any of the above has.
const KEY: usize = 32;

#[derive(Default)]
pub(super) struct Splitter {
    /// What is open, and for an object the key whose value comes.
    levels: Vec<Level>,
    string: Option<Text>,
    /// The next string is a key.
    key_comes: bool,
    /// The value that is being cut out, and how many levels are around it.
    cut: Option<(Part, usize)>,
    value: Vec<u8>,
    inside: Inside,
    /// Whether anything was read, and whether all of it was closed again.
    begun: bool,
}

/// Whether the levels are those of the log's entries, or of an entry's messages.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Inside {
    #[default]
    Nothing,
    Entries,
    Messages,
}

struct Level {
    is_object: bool,
    key: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Text {
    is_key: bool,
    escaped: bool,
}

impl Splitter {
    /// Goes on with the next bytes, and tells what it came to: `false` when they cannot be of JSON, or are of a value of
    /// more than `most` bytes.
    pub(super) fn read(&mut self, bytes: &[u8], most: usize, mut found: impl FnMut(Part, &[u8])) -> bool {
        let mut at = 0;
        while at < bytes.len() {
            let from = at;
            let was_cut = self.cut.is_some();
            let mut ended = false;
            if let Some(text) = &mut self.string {
                // As far as the string goes on plainly, at once.
                let rest = &bytes[at..];
                let plain = if text.escaped {
                    text.escaped = false;
                    1
                } else {
                    rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(rest.len())
                };
                if plain > 0 {
                    at += plain;
                } else {
                    at += 1;
                    if rest[0] == b'\\' {
                        text.escaped = true;
                    } else {
                        let is_key = text.is_key;
                        self.string = None;
                        ended = !is_key && self.is_whole();
                    }
                }
                if let Some(text) = self.string.filter(|text| text.is_key)
                    && let Some(level) = self.levels.last_mut()
                    && !text.escaped
                {
                    let room = KEY.saturating_sub(level.key.len());
                    level.key.extend(bytes[from..at].iter().take(room));
                }
            } else {
                at += 1;
                match self.step(bytes[from], &mut found) {
                    Some(whole) => ended = whole,
                    None => return false,
                }
            }
            if was_cut || self.cut.is_some() {
                self.value.extend_from_slice(&bytes[from..at]);
            }
            if self.value.len() > most {
                return false;
            }
            if ended && let Some((part, _)) = self.cut.take() {
                found(part, &self.value);
                self.value.clear();
            }
        }
        true
    }

    /// Whether what was read is a whole value.
    pub(super) fn is_over(&self) -> bool {
        self.begun && self.levels.is_empty()
    }

    /// Whether the value that is cut out ends where a string or a level just did.
    fn is_whole(&self) -> bool {
        self.cut.is_some_and(|(_, around)| around == self.levels.len())
    }

    /// A byte between strings; whether the value that is cut out ends with it.
    fn step(&mut self, byte: u8, found: &mut impl FnMut(Part, &[u8])) -> Option<bool> {
        match byte {
            b'"' => {
                let is_key = self.key_comes;
                self.key_comes = false;
                if is_key && let Some(level) = self.levels.last_mut() {
                    level.key.clear();
                } else if !is_key {
                    self.begin(byte, found)?;
                }
                self.string = Some(Text { is_key, escaped: false });
                Some(false)
            }
            b'{' | b'[' => {
                self.begin(byte, found)?;
                self.key_comes = byte == b'{';
                self.levels.push(Level { is_object: byte == b'{', key: Vec::new() });
                (self.levels.len() <= DEEPEST).then_some(false)
            }
            b'}' | b']' => {
                let level = self.levels.pop()?;
                self.key_comes = false;
                self.inside = match self.levels.len() {
                    0..=2 => Inside::Nothing,
                    3..=4 => self.inside.min(Inside::Entries),
                    _ => self.inside,
                };
                (level.is_object == (byte == b'}')).then(|| self.is_whole())
            }
            b',' => {
                self.key_comes = self.levels.last()?.is_object;
                Some(false)
            }
            b':' | b' ' | b'\t' | b'\r' | b'\n' => Some(false),
            // Numbers and words, which nothing here is cut out of; and none is a file by itself.
            b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E' if self.begun => Some(false),
            // What some files begin with.
            0xef | 0xbb | 0xbf if !self.begun => Some(false),
            _ => None,
        }
    }

    /// A value that is no number or word begins.
    fn begin(&mut self, byte: u8, found: &mut impl FnMut(Part, &[u8])) -> Option<()> {
        if self.levels.is_empty() && (self.begun || byte == b'"') {
            return None;
        }
        self.begun = true;
        if self.cut.is_some() {
            return Some(());
        }
        let key = |depth: usize| self.levels.get(depth).map_or(&b""[..], |level| &level.key);
        let part = match (self.levels.len(), byte) {
            (2, b'[') if key(0) == LOG && key(1) == ENTRIES => Part::Entries,
            (3, b'{') if self.inside != Inside::Nothing => Part::Entry,
            (4, b'"') if self.inside != Inside::Nothing && key(3) == STARTED => Part::Started,
            (4, b'{') if self.inside != Inside::Nothing && key(3) == REQUEST => Part::Request,
            (4, b'[') if self.inside != Inside::Nothing && key(3) == MESSAGES => Part::Messages,
            (5, b'{') if self.inside == Inside::Messages => Part::Message,
            _ => return Some(()),
        };
        match part {
            Part::Entries => self.inside = Inside::Entries,
            Part::Messages => self.inside = Inside::Messages,
            Part::Entry => {}
            Part::Started | Part::Request | Part::Message => {
                self.cut = Some((part, self.levels.len()));
                return Some(());
            }
        }
        found(part, b"");
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a file that comes in pieces of a size.
    fn split(file: &str, size: usize) -> Option<Vec<(Part, String)>> {
        let mut splitter = Splitter::default();
        let mut parts = Vec::new();
        for piece in file.as_bytes().chunks(size) {
            let found = |part, value: &[u8]| parts.push((part, String::from_utf8(value.to_vec()).unwrap()));
            if !splitter.read(piece, 1000, found) {
                return None;
            }
        }
        splitter.is_over().then_some(parts)
    }

    #[test]
    fn what_matters_is_cut_out_wherever_the_pieces_end() {
        let file = r#"{"log":{"version":"1.2","x":{"entries":[{"request":{}}]},"entries":[
            {"_webSocketMessages":[{"data":"a]}\"\\","deep":[{"request":{}}]},7,{"data":"é"}],
             "nested":{"_webSocketMessages":[{}],"startedDateTime":"no"},
             "request":{"url":"ws://x/","headers":[{"name":"a","value":"{"}]},"startedDateTime":"2026\u002d"},
            null, {"request":"none", "startedDateTime":5}, {"_webSocketMessages":[]}]}, "entries":[{}]}"#;
        let expected = [
            (Part::Entries, ""),
            (Part::Entry, ""),
            (Part::Messages, ""),
            (Part::Message, r#"{"data":"a]}\"\\","deep":[{"request":{}}]}"#),
            (Part::Message, r#"{"data":"é"}"#),
            (Part::Request, r#"{"url":"ws://x/","headers":[{"name":"a","value":"{"}]}"#),
            (Part::Started, r#""2026\u002d""#),
            (Part::Entry, ""),
            (Part::Entry, ""),
            (Part::Messages, ""),
        ];
        for size in [1, 2, 3, 7, 64, 10_000] {
            let parts = split(file, size).expect("it is JSON");
            let parts: Vec<_> = parts.iter().map(|(part, value)| (*part, value.as_str())).collect();
            assert_eq!(parts, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_no_object_or_not_whole_is_refused() {
        for file in
            ["", "hello", "5", "\"x\"", "{", "{]", "}", "{} {}", "{\"a\":\"", "\u{1}", &"[".repeat(1000)]
        {
            for size in [1, 100] {
                assert_eq!(split(file, size), None, "{file}");
            }
        }
        assert_eq!(split("\u{feff}{}", 1), Some(Vec::new()));
        let long = format!(r#"{{"log":{{"entries":[{{"request":{{"x":"{}"}}}}]}}}}"#, "x".repeat(2000));
        assert_eq!(split(&long, 100), None, "a value beyond the bound");
        let other = long.replace("request", "other");
        assert!(split(&other, 100).is_some(), "what is not cut out may be as long as it likes");
    }
}
