//! HAR 1.2, with the messages of each WebSocket where Chrome's developer tools write them: `_webSocketMessages`.

use super::json;
use crate::log::{Entry, Kind, Moment, Payload, View};

/// One WebSocket: an entry of the file.
pub(super) struct Socket {
    pub(super) key: (u16, u32),
    url: String,
    first: Moment,
    last: Moment,
    opened: Option<Moment>,
    messages: u64,
    /// What is written of its messages and not taken yet.
    pub(super) out: Vec<u8>,
}

impl Socket {
    pub(super) fn new(entry: &Entry<'_>, url: String) -> Self {
        Self {
            key: (entry.origin.connection, entry.origin.socket),
            url,
            first: entry.when,
            last: entry.when,
            opened: None,
            messages: 0,
            out: Vec::new(),
        }
    }

    /// Notes what an entry says; a message is written besides.
    pub(super) fn see(&mut self, entry: &Entry<'_>) {
        self.last = entry.when;
        match (&entry.content, entry.kind) {
            (View::Note(note), Kind::Connecting) => self.url.clone_from(&note.head),
            (View::Note(_), Kind::Open) => self.opened = Some(entry.when),
            _ => {}
        }
    }

    /// Writes a part of a message, from a place in its payload on; gives the place of the rest, if there is one.
    pub(super) fn message(
        &mut self,
        entry: &Entry<'_>,
        payload: Payload<'_>,
        behind_utc: i64,
        from: usize,
    ) -> Option<usize> {
        if from == 0 {
            let way = if entry.kind == Kind::Sent { "send" } else { "receive" };
            let opcode = if payload.is_text { 1 } else { 2 };
            let since = entry.when.mono.saturating_sub(self.first.mono);
            let us = self.first.wall.saturating_add_signed(behind_utc) * 1000 + since;
            let comma = if self.messages == 0 { "" } else { "," };
            let begin = format!(
                "{comma}\n{{\"type\":\"{way}\",\"time\":{}.{:06},\"opcode\":{opcode},\"data\":\"",
                us / 1_000_000,
                us % 1_000_000
            );
            self.out.extend_from_slice(begin.as_bytes());
            self.messages += 1;
        }
        let rest = json::piece(payload, from, &mut self.out);
        if rest.is_none() {
            self.out.extend_from_slice(b"\"}");
        }
        rest
    }

    /// What is before its messages.
    pub(super) fn begin(&self, is_first: bool, behind_utc: i64, to: &mut Vec<u8>) {
        let ms = |us: u64| format!("{}.{:03}", us / 1000, us % 1000);
        let wait = self.opened.map_or(0, |opened| opened.mono.saturating_sub(self.first.mono));
        let all = self.last.mono.saturating_sub(self.first.mono);
        let comma = if is_first { "" } else { "," };
        let time = json::time(self.first.wall.saturating_add_signed(behind_utc));
        let (status, word) =
            if self.opened.is_some() || self.messages > 0 { (101, "Switching Protocols") } else { (0, "") };
        let text = format!(
            "{comma}\n{{\"startedDateTime\":\"{time}\",\"time\":{},\"_resourceType\":\"websocket\",\
             \"request\":{{\"method\":\"GET\",\"url\":",
            ms(all)
        );
        to.extend_from_slice(text.as_bytes());
        json::string(&self.url, to);
        let text = format!(
            ",\"httpVersion\":\"HTTP/1.1\",\"cookies\":[],\"headers\":[],\"queryString\":[],\"headersSize\":-1,\
             \"bodySize\":-1}},\"response\":{{\"status\":{status},\"statusText\":\"{word}\",\
             \"httpVersion\":\"HTTP/1.1\",\"cookies\":[],\"headers\":[],\
             \"content\":{{\"size\":0,\"mimeType\":\"x-unknown\"}},\"redirectURL\":\"\",\"headersSize\":-1,\
             \"bodySize\":-1}},\"cache\":{{}},\"timings\":{{\"send\":0,\"wait\":{},\"receive\":{}}},\
             \"_webSocketMessages\":[",
            ms(wait),
            ms(all - wait.min(all))
        );
        to.extend_from_slice(text.as_bytes());
    }
}

/// What is before the sockets, after each, and at the end.
pub(super) const BEGIN: &str = "{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"Wirescope\",\"version\":\"1\"},\
                                \"pages\":[],\"entries\":[";
pub(super) const AFTER: &str = "\n]}";
pub(super) const END: &str = "\n]}}\n";
