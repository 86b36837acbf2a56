//! Newline-delimited JSON: a first line that says what it is, and a line for each entry.
//!
//! `{"wirescope":1,"connections":{"1":"ws://…"}}`, then for example
//! `{"time":"2026-…Z","us":1200,"connection":1,"socket":1,"ordinal":1,"kind":"sent","delivery":"drained","text":"hi"}`:
//! `us` are microseconds on a clock that never goes back; a payload is `text` or `base64`; what is no message has `head`,
//! `quoted`, `tail` and `why`.

use super::json;
use crate::{
    log::{Delivery, Entry, Kind, View},
    model::Id,
};

pub(super) const KINDS: [(Kind, &str); 10] = [
    (Kind::Connecting, "connecting"),
    (Kind::Open, "open"),
    (Kind::Sent, "sent"),
    (Kind::Received, "received"),
    (Kind::Waiting, "waiting"),
    (Kind::Closing, "closing"),
    (Kind::Closed, "closed"),
    (Kind::Unclean, "unclean"),
    (Kind::Measured, "measured"),
    (Kind::Error, "error"),
];

pub(super) const DELIVERIES: [Delivery; 5] =
    [Delivery::Queued, Delivery::HandedOver, Delivery::Drained, Delivery::Lost, Delivery::Dropped];

pub(super) fn header(connections: &[(Id, String)], to: &mut Vec<u8>) {
    to.extend_from_slice(b"{\"wirescope\":1,\"connections\":{");
    for (place, (id, url)) in connections.iter().enumerate() {
        if place > 0 {
            to.push(b',');
        }
        json::string(&id.to_string(), to);
        to.push(b':');
        json::string(url, to);
    }
    to.extend_from_slice(b"}}\n");
}

/// Writes a part of an entry's line, from a place in its payload on; gives the place of the rest, if there is one.
pub(super) fn line(entry: &Entry<'_>, behind_utc: i64, from: usize, to: &mut Vec<u8>) -> Option<usize> {
    if from == 0 {
        begin(entry, behind_utc, to);
    }
    if let View::Message(payload) = &entry.content {
        let rest = json::piece(*payload, from, to);
        if rest.is_some() {
            return rest;
        }
        to.push(b'"');
    }
    to.extend_from_slice(b"}\n");
    None
}

fn begin(entry: &Entry<'_>, behind_utc: i64, to: &mut Vec<u8>) {
    let origin = entry.origin;
    let time = json::time(entry.when.wall.saturating_add_signed(behind_utc));
    let kind = KINDS.iter().find(|(kind, _)| *kind == entry.kind).map_or("", |(_, name)| name);
    let mut line = format!(
        "{{\"time\":\"{time}\",\"us\":{},\"connection\":{},\"socket\":{},\"ordinal\":{},\"kind\":\"{kind}\"",
        entry.when.mono, origin.connection, origin.socket, origin.ordinal
    );
    if let Some(delivery) = entry.delivery {
        line.push_str(",\"delivery\":\"");
        line.push_str(delivery.word());
        line.push('"');
    }
    to.extend_from_slice(line.as_bytes());
    match &entry.content {
        View::Message(payload) => {
            to.extend_from_slice(if payload.is_text { b",\"text\":\"" } else { b",\"base64\":\"" });
        }
        View::Note(note) => {
            let parts =
                [("head", &note.head), ("quoted", &note.quoted), ("tail", &note.tail), ("why", &note.why)];
            for (name, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
                to.extend_from_slice(b",\"");
                to.extend_from_slice(name.as_bytes());
                to.extend_from_slice(b"\":");
                json::string(text, to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Content, Log, Moment, Note, Origin};

    #[test]
    fn a_line_for_each() {
        let mut log = Log::default();
        let origin = Origin { connection: 1, socket: 2, ordinal: 3 };
        let when = Moment { wall: 1000, mono: 5 };
        log.push(origin, when, Kind::Sent, Content::Message("a\"b\n".into()));
        log.push(origin, when, Kind::Received, Content::Message(vec![0, 255].into()));
        let note = Note { head: "1006".to_owned(), quoted: "\0".to_owned(), ..Note::default() };
        log.push(origin, when, Kind::Unclean, Content::Note(note));
        let mut out = Vec::new();
        header(&[(1, "ws://x/\"".to_owned()), (2, String::new())], &mut out);
        for number in 0..3 {
            assert_eq!(line(&log.get(number).unwrap(), 60_000, 0, &mut out), None);
        }
        let common =
            r#"{"time":"1970-01-01T00:01:01.000Z","us":5,"connection":1,"socket":2,"ordinal":3,"kind":"#;
        let lines = [
            r#"{"wirescope":1,"connections":{"1":"ws://x/\"","2":""}}"#.to_owned(),
            common.to_owned() + r#""sent","delivery":"queued","text":"a\"b\n"}"#,
            common.to_owned() + r#""received","base64":"AP8="}"#,
            common.to_owned() + r#""unclean","head":"1006","quoted":"\u0000"}"#,
        ];
        assert_eq!(String::from_utf8(out).unwrap(), lines.join("\n") + "\n");
    }
}
