//! Opens a file that was saved, here or by a browser's developer tools: its entries become rows of the log.
//!
//! A file is data that somebody made: it is read in slices, its lines are bounded, and what is wrong is said with its line.

use js_sys::{ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::File;
use wirescope::socket::Message;
use wirescope_protocol::base64;

use super::{
    ndjson::{DELIVERIES, KINDS},
    split::{Part, Splitter},
};
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
/// A file with more bad lines than this is something else.
const BAD_LINES: u64 = 100;
/// How many lines or messages become rows in one task of the browser's, and for how many microseconds one works.
const BATCH: u32 = 200;
const TASK: u64 = 8_000;
/// How much of a HAR is looked through between two looks at the clock.
const STEP: usize = 16 * 1024;

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

/// Lets the browser have its turn when a task becomes long.
struct Turns {
    since: u64,
    rows: u32,
}

impl Turns {
    fn new() -> Self {
        Self { since: now(), rows: 0 }
    }

    /// So many rows were made.
    async fn pass(&mut self, rows: u32) {
        self.rows += rows;
        if self.rows >= BATCH || now().saturating_sub(self.since) > TASK {
            pause(0).await;
            *self = Self::new();
        }
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
    let mut turns = Turns::new();
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
                if number == 1 && opened.rows == 0 && what != NOT_UTF8 && what != OTHER_VERSION {
                    open_har(&file, &mut importer, &mut opened, &mut tell).await;
                    return opened;
                }
                opened.refuse(number, &what);
            }
            line.clear();
            if opened.bad > BAD_LINES {
                return opened;
            }
            turns.pass(1).await;
            match after {
                Some(after) if !(after.is_empty() && at >= size) => rest = after,
                _ => break,
            }
        }
        if !tell(opened.rows, percent(at, size)) {
            return opened;
        }
    }
    opened
}

const NOT_UTF8: &str = "not UTF-8";
const OTHER_VERSION: &str =
    "a log of another version than 1, which is what this page reads: some of it may be missing";

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
        return match get(&value, "wirescope").as_f64() {
            Some(1.0) => Ok(()),
            // What it has in common is read all the same.
            _ => Err(OTHER_VERSION.to_owned()),
        };
    }
    if is_first && get(&value, "kind").is_undefined() {
        return Err("not an entry of a log".to_owned());
    }
    let (origin, when, kind, delivery, content) = importer.entry(&value)?;
    importer.insert(origin, when, kind, delivery, content);
    opened.rows += 1;
    Ok(())
}

/// A HAR is read twice: an entry's messages may come before what says where they begin and where they went.
async fn open_har(
    file: &File,
    importer: &mut Importer,
    opened: &mut Opened,
    tell: &mut impl FnMut(u64, u64) -> bool,
) {
    let (mut sockets, mut is_har) = (Vec::<Socket>::new(), false);
    let size = file.size();
    let mut first = |part, value: &[u8]| {
        let last = sockets.last_mut();
        match (part, last) {
            (Part::Entries, _) => is_har = true,
            (Part::Entry, _) => sockets.push(Socket::default()),
            (Part::Messages, Some(socket)) => socket.has_messages = true,
            (Part::Started, Some(socket)) => {
                let text = parse(value).ok().and_then(|text| text.as_string()).unwrap_or_default();
                socket.began = js_sys::Date::parse(&text) * 1000.0;
            }
            (Part::Request, Some(socket)) => {
                socket.url =
                    parse(value).map(|it| get(&it, "url").as_string()).ok().flatten().unwrap_or_default();
            }
            _ => {}
        }
        0
    };
    match split(file, &mut first, &mut |at| tell(0, percent(at, 2.0 * size))).await {
        Split::All => {}
        Split::Stopped => return,
        Split::Unread => return opened.refuse(1, "the browser cannot read it"),
        Split::NotJson => return opened.refuse(1, "neither NDJSON nor HAR: not a whole JSON object"),
    }
    if !is_har {
        return opened.refuse(1, "neither an entry of a log, nor a HAR: it has no log.entries");
    }
    let zero = sockets.iter().find(|socket| socket.has_messages).map_or(0.0, |socket| socket.began);
    let mut reader = HarReader { sockets, zero, entry: 0, message: 0, ordinals: [0; 2] };
    let rows = std::cell::Cell::new(0);
    let mut second = |part, value: &[u8]| {
        let before = opened.rows;
        reader.see(part, value, importer, opened);
        rows.set(opened.rows);
        u32::try_from(opened.rows - before).unwrap_or(u32::MAX)
    };
    let all = split(file, &mut second, &mut |at| tell(rows.get(), 50 + percent(at, 2.0 * size))).await;
    if !matches!(all, Split::All | Split::Stopped) {
        opened.refuse(1, "it changed while it was read");
    } else if opened.rows == 0 {
        opened.refuse(1, "a HAR without WebSocket messages");
    }
}

/// How the reading of a HAR went.
enum Split {
    All,
    Stopped,
    Unread,
    NotJson,
}

/// Reads through a HAR in slices; `found` says how many rows it made of what was found.
async fn split(
    file: &File,
    found: &mut impl FnMut(Part, &[u8]) -> u32,
    tell: &mut impl FnMut(f64) -> bool,
) -> Split {
    let (mut splitter, mut turns) = (Splitter::default(), Turns::new());
    let (size, mut at) = (file.size(), 0.0);
    while at < size {
        let Some(bytes) = read(file, at, at + SLICE).await else { return Split::Unread };
        at += SLICE;
        for piece in bytes.chunks(STEP) {
            let mut rows = 0;
            if !splitter.read(piece, LINE, |part, value| rows += found(part, value)) {
                return Split::NotJson;
            }
            turns.pass(rows).await;
        }
        if !tell(at.min(size)) {
            return Split::Stopped;
        }
    }
    if splitter.is_over() { Split::All } else { Split::NotJson }
}

/// An entry of a HAR.
#[derive(Default)]
struct Socket {
    url: String,
    /// In microseconds since 1970; not a number where that is not said.
    began: f64,
    has_messages: bool,
}

/// What makes rows of a HAR's parts, when its entries are known.
struct HarReader {
    sockets: Vec<Socket>,
    /// When the first WebSocket began.
    zero: f64,
    /// The how manyth entry this is, from 1, and message of it, from 0; and how many came and went.
    entry: u32,
    message: u32,
    ordinals: [u32; 2],
}

impl HarReader {
    fn see(&mut self, part: Part, value: &[u8], importer: &mut Importer, opened: &mut Opened) {
        match part {
            Part::Entry => (self.entry, self.message, self.ordinals) = (self.entry + 1, 0, [0; 2]),
            Part::Messages => {
                let socket = self.sockets.get_mut(self.entry as usize - 1).map(std::mem::take);
                let Socket { url, began, .. } = socket.unwrap_or_default();
                let origin = Origin { connection: importer.id, socket: self.entry, ordinal: 0 };
                let note = Note { head: url, ..Note::default() };
                let when = importer.moment(began, began - self.zero);
                importer.insert(origin, when, Kind::Connecting, None, Content::Note(note));
                opened.rows += 1;
            }
            Part::Message => {
                match self.message(value, importer) {
                    Ok(()) => opened.rows += 1,
                    Err(what) => {
                        opened.refuse(1, &format!("message {} of entry {} {what}", self.message, self.entry));
                    }
                }
                self.message += 1;
            }
            Part::Entries | Part::Started | Part::Request => {}
        }
    }

    fn message(&mut self, value: &[u8], importer: &mut Importer) -> Result<(), String> {
        let value = parse(value).map_err(|error| format!("is not JSON: {error}"))?;
        let sent = get(&value, "type").as_string().as_deref() == Some("send");
        let us = number(&get(&value, "time")) * 1_000_000.0;
        let data = get(&value, "data").as_string().unwrap_or_default();
        let content = if get(&value, "opcode").as_f64() == Some(2.0) {
            let bytes = base64::parse(&data).map_err(|error| format!("is not base64: {error}"))?;
            Message::Binary(bytes)
        } else {
            Message::Text(data)
        };
        let ordinal = &mut self.ordinals[usize::from(sent)];
        *ordinal += 1;
        let origin = Origin { connection: importer.id, socket: self.entry, ordinal: *ordinal };
        let kind = if sent { Kind::Sent } else { Kind::Received };
        let when = importer.moment(us, us - self.zero);
        importer.insert(origin, when, kind, None, Content::Message(content));
        Ok(())
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

fn parse(json: &[u8]) -> Result<JsValue, String> {
    tree::parse(&String::from_utf8_lossy(json))
}

fn now() -> u64 {
    let mut now = 0;
    app::with(|app| now = app.now().mono);
    now
}

/// How much of a whole this is.
fn percent(part: f64, whole: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a hundred")]
    let percent = (part / whole * 100.0).clamp(0.0, 100.0) as u64;
    percent
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
