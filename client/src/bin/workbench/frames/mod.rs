//! The second eye: beside each message its frames, as this project's server saw them on the wire.
//!
//! A connection to such a server is opened with `?trace=ID`, another WebSocket reads `/trace/ID`, and what it says is kept
//! in a [`trace::Trace`] for each WebSocket. The tabs Frames and Handshake of the selected row draw from there.

mod anatomy;
mod draw;
mod handshake;
mod panel;
mod strip;
mod trace;
mod verdict;
mod watch;

use std::{cell::RefCell, collections::BTreeMap};

use js_sys::Uint8Array;
use wirescope::socket::{self, CloseEvent};

pub(crate) use self::panel::Panel;
use self::trace::{Ended, Trace};
use crate::{
    app::App,
    faults::url,
    log::{Entry, Kind},
    model::{Connection, Id},
};

/// Which WebSocket: its connection, and the how manyth of that it is.
type Key = (Id, u32);

/// How many WebSockets' traces are kept, and how much of them all.
const MAX_TRACES: usize = 64;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// What is known of the WebSockets that are watched.
#[derive(Default)]
pub(crate) struct Watched {
    traces: RefCell<BTreeMap<Key, Record>>,
    /// The ID that each connection's next WebSocket was given.
    given: RefCell<BTreeMap<Id, (String, String)>>,
}

/// A WebSocket's trace, and where it is watched.
struct Record {
    trace: Trace,
    id: String,
    /// The WebSocket URL of the trace.
    url: String,
    is_watched: bool,
    /// The SHA-1 of the handshake's key, once the browser has worked it out.
    digest: Option<Vec<u8>>,
    order: u64,
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
        let mut traces = self.traces.borrow_mut();
        while traces.len() >= MAX_TRACES {
            let oldest = traces.iter().min_by_key(|(_, record)| record.order).map(|(key, _)| *key);
            let Some(oldest) = oldest else { break };
            traces.remove(&oldest);
        }
        let order = traces.values().map(|record| record.order).max().map_or(0, |order| order + 1);
        let record = Record { trace: Trace::default(), id, url, is_watched: false, digest: None, order };
        traces.insert((connection.id, connection.socket()), record);
    }

    /// Begins to watch a WebSocket that opened, or did not. Not before: a browser opens one connection to a server at a
    /// time, so the watcher would hold up, or wait for, what it watches.
    pub(crate) fn watch(&self, connection: &Connection) {
        let key = (connection.id, connection.socket());
        if let Some(record) = self.traces.borrow_mut().get_mut(&key)
            && !std::mem::replace(&mut record.is_watched, true)
        {
            watch::begin(key, record.url.clone());
        }
    }

    /// A WebSocket ended, as the browser has it.
    pub(crate) fn ended(&self, connection: &Connection, opened: bool, close: &CloseEvent) {
        self.watch(connection);
        let diagnosis = socket::diagnose(&connection.endings)
            .map(|diagnosis| format!("{} {}", diagnosis.evidence, diagnosis.advice))
            .filter(|_| !close.was_clean)
            .unwrap_or_default();
        let (sent, received) = connection.counts();
        if let Some(record) = self.traces.borrow_mut().get_mut(&(connection.id, connection.socket())) {
            record.trace.ended = Some(Ended {
                opened,
                code: close.code.number(),
                reason: close.reason.clone(),
                was_clean: close.was_clean,
                sent,
                received,
                diagnosis,
            });
            record.trace.version += 1;
        }
    }

    /// The fault that an entry's frames met, if any did: a cheap look.
    pub(crate) fn mark(&self, entry: &Entry<'_>) -> Option<String> {
        let origin = entry.origin;
        let out = match entry.kind {
            Kind::Received => true,
            Kind::Sent => false,
            _ => return None,
        };
        if origin.ordinal == 0 {
            return None;
        }
        let traces = self.traces.borrow();
        Some(traces.get(&(origin.connection, origin.socket))?.trace.mark(out, origin.ordinal)?.to_owned())
    }

    /// The ID of the trace of a connection's latest WebSocket.
    pub(crate) fn id(&self, connection: &Connection) -> Option<String> {
        let traces = self.traces.borrow();
        traces.get(&(connection.id, connection.socket())).map(|record| record.id.clone())
    }

    /// A watcher heard events, one a line; whether the last was among them.
    fn saw(&self, app: &App, key: Key, events: &str) -> bool {
        let mut traces = self.traces.borrow_mut();
        let Some(record) = traces.get_mut(&key) else { return true };
        for event in events.lines() {
            record.trace.push(event);
        }
        let is_last = record.trace.verdict.is_some();
        if traces.values().map(|record| record.trace.bytes()).sum::<usize>() > MAX_BYTES {
            let others = traces.iter().filter(|(other, _)| **other != key);
            let oldest = others.min_by_key(|(_, record)| record.order).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                traces.remove(&oldest);
            }
        }
        app.changed();
        is_last
    }

    /// A watcher hears no more.
    fn is_over(&self, app: &App, key: Key) {
        if let Some(record) = self.traces.borrow_mut().get_mut(&key) {
            record.trace.lost = record.trace.verdict.is_none();
            record.trace.version += 1;
        }
        app.changed();
    }
}

/// 128 bits that nobody can guess, in hexadecimal.
fn random_id() -> Option<String> {
    let bytes = Uint8Array::new_with_length(16);
    crate::dom::window().crypto().ok()?.get_random_values_with_array_buffer_view(&bytes).ok()?;
    Some(anatomy::hex(&bytes.to_vec()).replace(' ', ""))
}
