//! The second eye: beside each message its frames, as this project's server saw them on the wire.
//!
//! A connection to such a server is opened with `?trace=ID`, another WebSocket reads `/trace/ID`, and what it says is queued
//! here. The panel reads it into a [`trace::Trace`] for each WebSocket, and the tabs Frames and Handshake of the selected row
//! draw from there.

mod anatomy;
mod draw;
mod handshake;
mod heads;
mod panel;
mod strip;
mod trace;
mod verdict;
mod watch;

use std::cell::{Cell, RefCell};

use js_sys::Uint8Array;
use wirescope::socket::CloseEvent;
use wirescope_protocol::hex;

pub(crate) use self::panel::Panel;
use self::trace::Ended;
use crate::{
    app::App,
    faults::url,
    model::{Connection, Id},
    pairs::Pairs,
};

/// Which WebSocket: its connection, and the how manyth of that it is.
type Key = (Id, u32);

/// How many WebSockets are kept.
const MOST: usize = 64;
/// How much of one may wait to be read.
const MAX_WAITING: usize = 2 * 1024 * 1024;
/// What the server says when it has told less than it saw.
const MISSED: &str = r#"{"event":"missed"}"#;

/// What is heard of the WebSockets that are watched.
pub(crate) struct Watched {
    /// Unless the user said no.
    pub(crate) is_wanted: Cell<bool>,
    /// The ID that each connection's next WebSocket was given, and the URL of its trace.
    given: RefCell<Pairs<Id, (String, String)>>,
    sockets: RefCell<Pairs<Key, Record>>,
}

/// Where a WebSocket is watched, and what was heard and not read yet.
struct Record {
    id: String,
    /// The WebSocket URL of the trace.
    url: String,
    is_watched: bool,
    heard: Vec<Heard>,
    /// How long those are.
    waiting: usize,
}

/// What is heard of a WebSocket.
enum Heard {
    /// One a line.
    Events(String),
    /// It ended, as the browser has it.
    Ended(Ended),
    /// The watcher hears no more.
    Nothing,
}

impl Default for Watched {
    fn default() -> Self {
        Self { is_wanted: Cell::new(true), given: RefCell::default(), sockets: RefCell::default() }
    }
}

impl Watched {
    /// A URL for the next WebSocket of a connection, with a trace of its own that nobody can guess.
    pub(crate) fn with_trace(&self, id: Id, url: &str) -> String {
        // Whoever wrote an ID into the URL watches by it.
        if url::get(url, "trace").is_some() {
            return url.to_owned();
        }
        let Some(trace) = random_id() else { return url.to_owned() };
        let Some((origin, _)) = url::over_http(url) else { return url.to_owned() };
        // http becomes ws, and https wss.
        // With several events a message: in a flood, each message costs more than all that is in it.
        let watch = format!("{}/trace/{trace}?batch", origin.replacen("http", "ws", 1));
        let with_trace = url::set(url, "trace", Some(&trace));
        self.given.borrow_mut().insert(id, (trace, watch));
        with_trace
    }

    /// A connection is begun anew; an ID that its last try was given may never have been used.
    pub(crate) fn forget_given(&self, id: Id) {
        self.given.borrow_mut().remove(&id);
    }

    /// A WebSocket is tried: the one that was given an ID last.
    pub(crate) fn connecting(&self, connection: &Connection) {
        let Some((id, url)) = self.given.borrow_mut().remove(&connection.id) else { return };
        let mut sockets = self.sockets.borrow_mut();
        if sockets.len() >= MOST {
            sockets.remove_oldest();
        }
        let record = Record { id, url, is_watched: false, heard: Vec::new(), waiting: 0 };
        sockets.insert((connection.id, connection.socket()), record);
    }

    /// Begins to watch a WebSocket that opened, or did not. Not before: a browser opens one connection to a server at a
    /// time, so the watcher would hold up, or wait for, what it watches.
    pub(crate) fn watch(&self, connection: &Connection) {
        let key = (connection.id, connection.socket());
        if let Some(record) = self.sockets.borrow_mut().get_mut(&key)
            && !std::mem::replace(&mut record.is_watched, true)
        {
            watch::begin(key, record.url.clone());
        }
    }

    /// A WebSocket ended, as the browser has it.
    pub(crate) fn ended(&self, connection: &Connection, opened: bool, close: &CloseEvent) {
        self.watch(connection);
        if let Some(record) = self.sockets.borrow_mut().get_mut(&(connection.id, connection.socket())) {
            record.heard.push(Heard::Ended(Ended::new(connection, opened, close)));
        }
    }

    /// The ID of the trace of a connection's latest WebSocket.
    pub(crate) fn id(&self, connection: &Connection) -> Option<String> {
        let sockets = self.sockets.borrow();
        sockets.get(&(connection.id, connection.socket())).map(|record| record.id.clone())
    }

    fn is_kept(&self, key: Key) -> bool {
        self.sockets.borrow().get(&key).is_some()
    }

    /// Forgets the one that came first of all but this; whether there was one.
    fn forget_oldest_but(&self, kept: Option<Key>) -> bool {
        let mut sockets = self.sockets.borrow_mut();
        let oldest = sockets.keys().find(|key| Some(**key) != kept).copied();
        oldest.is_some_and(|oldest| sockets.remove(&oldest).is_some())
    }

    /// Tells what was heard and not told yet, for as long as `reader` goes on; whether that was all.
    fn tell(&self, mut reader: impl FnMut(Key, Heard) -> bool) -> bool {
        for (key, record) in self.sockets.borrow_mut().iter_mut() {
            let mut told = 0;
            let mut goes_on = true;
            for heard in &mut record.heard {
                if !goes_on {
                    break;
                }
                if let Heard::Events(events) = heard {
                    record.waiting -= events.len();
                }
                goes_on = reader(*key, std::mem::replace(heard, Heard::Nothing));
                told += 1;
            }
            record.heard.drain(..told);
            if !goes_on {
                return false;
            }
        }
        true
    }

    /// A watcher heard events, one a line; whether the last was among them.
    fn saw(&self, app: &App, key: Key, events: String) -> bool {
        let mut sockets = self.sockets.borrow_mut();
        let Some(record) = sockets.get_mut(&key) else { return true };
        // Within a string it would be written with backslashes.
        let is_last = events.contains(r#""event":"verdict""#);
        record.waiting += events.len();
        if record.waiting > MAX_WAITING {
            record.heard.retain(|heard| !matches!(heard, Heard::Events(_)));
            record.heard.insert(0, Heard::Events(MISSED.to_owned()));
            record.waiting = MISSED.len() + events.len();
        }
        record.heard.push(Heard::Events(events));
        app.changed();
        is_last
    }

    /// A watcher hears no more.
    fn is_over(&self, app: &App, key: Key) {
        if let Some(record) = self.sockets.borrow_mut().get_mut(&key) {
            record.heard.push(Heard::Nothing);
        }
        app.changed();
    }
}

/// 128 bits that nobody can guess, in hexadecimal.
fn random_id() -> Option<String> {
    let bytes = Uint8Array::new_with_length(16);
    crate::dom::window().crypto().ok()?.get_random_values_with_array_buffer_view(&bytes).ok()?;
    Some(hex::write(&bytes.to_vec()).replace(' ', ""))
}
