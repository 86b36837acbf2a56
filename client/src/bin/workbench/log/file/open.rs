//! Opens a file that was saved, here or by a browser's developer tools: its entries become rows of the log.
//!
//! A file is data that somebody made: it is read in slices, its lines are bounded, and what is wrong is said with its line.

use js_sys::{ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::File;
use wirescope::socket::Message;
use wirescope_protocol::base64;

use super::ndjson::{DELIVERIES, KINDS};
use crate::{
    alarm::pause,
    app,
    log::{Content, Delivery, Kind, Log, Moment, Note, Origin, tree},
    model::Id,
};

/// How much of a file is read at once.
const SLICE: f64 = 128.0 * 1024.0;
/// The longest line: what holds a message of 16 MiB, each byte escaped.
const LINE: usize = 100 * 1024 * 1024;
/// The largest HAR, which the browser parses in one go.
const HAR: f64 = 256.0 * 1024.0 * 1024.0;
/// A file with more bad lines than this is something else.
const BAD_LINES: u64 = 100;
/// How many messages of a HAR become rows at once.
const BATCH: u32 = 200;

/// What came of a file.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) rows: u64,
    bad: u64,
    /// What is wrong, and where, at first.
    problem: Option<String>,
}

impl Opened {
    fn refuse(&mut self, line: u64, what: &str) {
        self.bad += 1;
        self.problem.get_or_insert_with(|| format!("line {line}: {what}"));
    }

    /// What is wrong with the file, if anything is.
    pub(super) fn problem(&self) -> Option<String> {
        let problem = self.problem.as_ref()?;
        Some(match self.bad {
            0 | 1 => problem.clone(),
            bad => format!("{problem}; {bad} lines were left out"),
        })
    }
}

/// Reads a file into the log, as the rows of `id`; tells how far it is, and stops when that says so.
pub(super) async fn open(file: File, id: Id, mut tell: impl FnMut(u64, u64) -> bool) -> Opened {
    let mut opened = Opened::default();
    let mut importer = Importer { id, behind_utc: behind_utc(), last: None };
    let name = file.name();
    if std::path::Path::new(&name).extension().is_some_and(|end| end.eq_ignore_ascii_case("har")) {
        open_har(&file, &mut importer, &mut opened, &mut tell).await;
        return opened;
    }
    let (size, mut at, mut number) = (file.size(), 0.0, 0_u64);
    let mut line: Vec<u8> = Vec::new();
    while at < size {
        let Some(bytes) = read(&file, at, at + SLICE).await else {
            opened.refuse(number + 1, "the browser cannot read it");
            return opened;
        };
        at += SLICE;
        let mut rest = bytes.as_slice();
        loop {
            let (part, after) = match rest.iter().position(|&byte| byte == b'\n') {
                Some(end) => (&rest[..end], Some(&rest[end + 1..])),
                None => (rest, None),
            };
            if line.len() + part.len() > LINE {
                opened.refuse(number + 1, "longer than a line may be");
                return opened;
            }
            line.extend_from_slice(part);
            if after.is_none() && at < size {
                break;
            }
            number += 1;
            if let Err(what) = read_line(&line, number == 1, &mut importer, &mut opened) {
                // A file that is one value over many lines is a HAR by another name.
                if number == 1 && opened.rows == 0 && what != NOT_UTF8 {
                    open_har(&file, &mut importer, &mut opened, &mut tell).await;
                    return opened;
                }
                opened.refuse(number, &what);
            }
            line.clear();
            if opened.bad > BAD_LINES {
                return opened;
            }
            match after {
                Some(after) if !(after.is_empty() && at >= size) => rest = after,
                _ => break,
            }
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a hundred")]
        if !tell(opened.rows, (at / size * 100.0).min(100.0) as u64) {
            return opened;
        }
    }
    opened
}

const NOT_UTF8: &str = "not UTF-8";

fn read_line(
    line: &[u8],
    is_first: bool,
    importer: &mut Importer,
    opened: &mut Opened,
) -> Result<(), String> {
    let text = std::str::from_utf8(line).map_err(|_| NOT_UTF8.to_owned())?;
    if text.trim().is_empty() {
        return Ok(());
    }
    let value = tree::parse(text).map_err(|what| format!("not JSON: {what}"))?;
    if is_first && !get(&value, "wirescope").is_undefined() {
        return Ok(());
    }
    if is_first && get(&value, "kind").is_undefined() {
        return Err("not an entry of a log".to_owned());
    }
    let (origin, when, kind, delivery, content) = importer.entry(&value)?;
    importer.insert(origin, when, kind, delivery, content);
    opened.rows += 1;
    Ok(())
}

async fn open_har(
    file: &File,
    importer: &mut Importer,
    opened: &mut Opened,
    tell: &mut impl FnMut(u64, u64) -> bool,
) {
    if file.size() > HAR {
        return opened.refuse(1, "a HAR of more than 256 MiB is not opened");
    }
    let text = JsFuture::from(file.text()).await.unwrap_or_default();
    let text: &js_sys::JsString = text.unchecked_ref();
    let value = match parse(text) {
        Ok(value) => value,
        Err(error) => return opened.refuse(1, &format!("neither NDJSON nor HAR: {}", tree::message(&error))),
    };
    let entries = get(&get(&value, "log"), "entries");
    if !js_sys::Array::is_array(&entries) {
        return opened.refuse(1, "neither an entry of a log, nor a HAR: it has no log.entries");
    }
    let entries: js_sys::Array = entries.unchecked_into();
    let mut start = None;
    for (socket, entry) in (1_u32..).zip(entries.iter()) {
        let messages = get(&entry, "_webSocketMessages");
        if !js_sys::Array::is_array(&messages) {
            continue;
        }
        let messages: js_sys::Array = messages.unchecked_into();
        let url = get(&get(&entry, "request"), "url").as_string().unwrap_or_default();
        let began =
            js_sys::Date::parse(&get(&entry, "startedDateTime").as_string().unwrap_or_default()) * 1000.0;
        let zero = *start.get_or_insert(began);
        let origin = |ordinal| Origin { connection: importer.id, socket, ordinal };
        let note = Note { head: url, ..Note::default() };
        let when = importer.moment(began, began - zero);
        importer.insert(origin(0), when, Kind::Connecting, None, Content::Note(note));
        opened.rows += 1;
        let mut ordinals = [0_u32; 2];
        for index in 0..messages.length() {
            if index % BATCH == BATCH - 1 {
                pause(0).await;
                if !tell(opened.rows, u64::from(index) * 100 / u64::from(messages.length())) {
                    return;
                }
            }
            let message = messages.get(index);
            let sent = get(&message, "type").as_string().as_deref() == Some("send");
            let us = number(&get(&message, "time")) * 1_000_000.0;
            let data = get(&message, "data").as_string().unwrap_or_default();
            let content = if get(&message, "opcode").as_f64() == Some(2.0) {
                match base64::parse(&data) {
                    Ok(bytes) => Message::Binary(bytes),
                    Err(error) => {
                        let what = format!("message {index} of entry {socket} is not base64: {error}");
                        opened.refuse(1, &what);
                        continue;
                    }
                }
            } else {
                Message::Text(data)
            };
            let ordinal = &mut ordinals[usize::from(sent)];
            *ordinal += 1;
            let origin = Origin { connection: importer.id, socket, ordinal: *ordinal };
            let kind = if sent { Kind::Sent } else { Kind::Received };
            let when = importer.moment(us, us - zero);
            importer.insert(origin, when, kind, None, Content::Message(content));
            opened.rows += 1;
        }
    }
    if opened.rows == 0 {
        opened.refuse(1, "a HAR without WebSocket messages");
    }
}

/// What makes entries of values.
struct Importer {
    id: Id,
    /// In milliseconds.
    behind_utc: f64,
    last: Option<Moment>,
}

type Parts = (Origin, Moment, Kind, Option<Delivery>, Content);

impl Importer {
    fn entry(&self, value: &JsValue) -> Result<Parts, String> {
        let text = |name: &str| get(value, name).as_string();
        let name = text("kind").ok_or("it has no kind")?;
        let kind = KINDS.iter().find(|(_, other)| *other == name);
        let kind = kind.map(|(kind, _)| *kind).ok_or("its kind is none of a log's")?;
        let delivery = text("delivery").and_then(|word| DELIVERIES.into_iter().find(|it| it.word() == word));
        let word = |name| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it stays within")]
            let word = number(&get(value, name)).min(f64::from(u32::MAX)) as u32;
            word
        };
        let origin = Origin { connection: self.id, socket: word("socket"), ordinal: word("ordinal") };
        let time = js_sys::Date::parse(&text("time").unwrap_or_default());
        let when = self.moment(time * 1000.0, number(&get(value, "us")));
        let content = match (kind, text("text"), text("base64")) {
            (Kind::Sent | Kind::Received, Some(text), None) => Content::Message(Message::Text(text)),
            (Kind::Sent | Kind::Received, None, Some(bytes)) => {
                let bytes = base64::parse(&bytes).map_err(|error| format!("its base64 is none: {error}"))?;
                Content::Message(Message::Binary(bytes))
            }
            (Kind::Sent | Kind::Received, ..) => return Err("a message has either text or base64".to_owned()),
            _ => {
                let part = |name| text(name).unwrap_or_default();
                let (head, quoted, tail, why) = (part("head"), part("quoted"), part("tail"), part("why"));
                Content::Note(Note { head, quoted, tail, why })
            }
        };
        Ok((origin, when, kind, delivery, content))
    }

    /// A moment of these microseconds since 1970 in UTC, and since the file's beginning.
    fn moment(&self, utc_us: f64, us: f64) -> Moment {
        let whole = |number: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped")]
            let whole = number.clamp(0.0, 9e15) as u64;
            whole
        };
        Moment { wall: whole(utc_us / 1000.0 - self.behind_utc), mono: whole(us) }
    }

    fn insert(
        &mut self,
        origin: Origin,
        when: Moment,
        kind: Kind,
        delivery: Option<Delivery>,
        content: Content,
    ) {
        let since = self.last.map(|last| when.mono.saturating_sub(last.mono));
        self.last = Some(when);
        with_log(|log| {
            log.insert(origin, when, since, kind, delivery, content);
        });
    }
}

fn with_log(work: impl FnOnce(&mut Log)) {
    app::with(|app| {
        work(&mut app.model.borrow_mut().log);
        app.changed();
    });
}

/// The bytes of a part of a file.
async fn read(file: &File, from: f64, to: f64) -> Option<Vec<u8>> {
    let part = file.slice_with_f64_and_f64(from, to).ok()?;
    let buffer: ArrayBuffer = JsFuture::from(part.array_buffer()).await.ok()?.dyn_into().ok()?;
    Some(Uint8Array::new(&buffer).to_vec())
}

/// As `JSON::parse`, without a copy of the text in Rust.
fn parse(text: &js_sys::JsString) -> Result<JsValue, JsValue> {
    let json = Reflect::get(&js_sys::global(), &"JSON".into())?;
    let parse: js_sys::Function = Reflect::get(&json, &"parse".into())?.unchecked_into();
    parse.call1(&json, text)
}

/// A property of what may be an object.
fn get(value: &JsValue, name: &str) -> JsValue {
    if value.is_object() && Object::has_own::<JsValue>(value.unchecked_ref(), &name.into()) {
        Reflect::get(value, &name.into()).unwrap_or_default()
    } else {
        JsValue::UNDEFINED
    }
}

/// A number that is one.
fn number(value: &JsValue) -> f64 {
    value.as_f64().filter(|number| number.is_finite() && *number >= 0.0).unwrap_or_default()
}

/// How far the local clock is behind UTC, in milliseconds.
pub(super) fn behind_utc() -> f64 {
    js_sys::Date::new_0().get_timezone_offset() * 60_000.0
}
