//! Saves the log, or what a filter shows of it, in slices; the browser keeps what is written so far.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsCast as _;
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

use super::{
    har::{self, Socket},
    ndjson,
    scan::{Scan, Step},
};
use crate::{
    dom,
    log::{Log, View, filter::Criteria},
    model::Id,
};

/// How much is written before the browser takes it.
const PART: usize = 1024 * 1024;

pub(super) struct Save {
    scan: Scan,
    /// The entry that is being written, and from where on.
    current: Option<(u64, usize)>,
    format: Format,
    urls: Vec<(Id, String)>,
    behind_utc: i64,
    pub(super) rows: u64,
}

enum Format {
    Ndjson {
        parts: Array,
        out: Vec<u8>,
    },
    /// Each socket with what the browser took of it.
    Har(Vec<(Socket, Array)>),
}

impl Save {
    pub(super) fn new(
        as_har: bool,
        criteria: Criteria,
        log: &Log,
        urls: Vec<(Id, String)>,
        behind_utc: i64,
    ) -> Self {
        let format = if as_har {
            Format::Har(Vec::new())
        } else {
            let mut out = Vec::new();
            ndjson::header(&urls, &mut out);
            Format::Ndjson { parts: Array::new(), out }
        };
        Self { scan: Scan::new(criteria, log), current: None, format, urls, behind_utc, rows: 0 }
    }

    /// Goes on until it is late; `true` when all is written.
    pub(super) fn advance(&mut self, log: &Log, mut late: impl FnMut() -> bool) -> bool {
        loop {
            let (number, from) = match self.current {
                Some(current) => current,
                None => match self.scan.next(log, &mut late) {
                    Step::Found(number) => (number, 0),
                    Step::Late => return false,
                    Step::End => return true,
                },
            };
            let rest = self.write(log, number, from);
            self.current = rest.map(|from| (number, from));
            self.rows += u64::from(rest.is_none());
            if rest.is_some() && late() {
                return false;
            }
        }
    }

    pub(super) fn done(&self) -> u64 {
        self.scan.done()
    }

    fn write(&mut self, log: &Log, number: u64, from: usize) -> Option<usize> {
        // It may have gone within its own writing: then it ends there, and what reads the file says where.
        let entry = log.get(number)?;
        match &mut self.format {
            Format::Ndjson { parts, out } => {
                let rest = ndjson::line(&entry, self.behind_utc, from, out);
                take(out, parts, PART);
                rest
            }
            Format::Har(sockets) => {
                let key = (entry.origin.connection, entry.origin.socket);
                // The newest is the likeliest.
                let place = sockets.iter().rposition(|(socket, _)| socket.key == key).unwrap_or_else(|| {
                    let url = self.urls.iter().find(|(id, _)| *id == key.0);
                    let url = url.map(|(_, url)| url.clone()).unwrap_or_default();
                    sockets.push((Socket::new(&entry, url), Array::new()));
                    sockets.len() - 1
                });
                let (socket, parts) = &mut sockets[place];
                let View::Message(payload) = &entry.content else {
                    socket.see(&entry);
                    return None;
                };
                if from == 0 {
                    socket.see(&entry);
                }
                let rest = socket.message(&entry, *payload, self.behind_utc, from);
                take(&mut socket.out, parts, PART);
                rest
            }
        }
    }

    /// Gives the browser the file to save; and its URL, which is to be revoked when it was read.
    pub(super) fn finish(self) -> Option<String> {
        let parts = Array::new();
        let (kind, end) = match self.format {
            Format::Ndjson { parts: written, mut out } => {
                take(&mut out, &written, 0);
                parts.push(&blob(&written, ""));
                ("application/x-ndjson", "ndjson")
            }
            Format::Har(sockets) => {
                let mut out = har::BEGIN.as_bytes().to_vec();
                let mut is_first = true;
                for (mut socket, written) in sockets {
                    // What has no WebSocket, such as a refusal, is no request either.
                    if socket.key.1 == 0 {
                        continue;
                    }
                    socket.begin(is_first, self.behind_utc, &mut out);
                    is_first = false;
                    take(&mut out, &parts, 0);
                    take(&mut socket.out, &written, 0);
                    parts.push(&blob(&written, ""));
                    out.extend_from_slice(har::AFTER.as_bytes());
                }
                out.extend_from_slice(har::END.as_bytes());
                take(&mut out, &parts, 0);
                ("application/json", "har")
            }
        };
        let file = blob(&parts, kind);
        let url = Url::create_object_url_with_blob(&file).ok()?;
        let link: HtmlAnchorElement = dom::element("a", "", "").unchecked_into();
        link.set_href(&url);
        link.set_download(&format!("wirescope.{end}"));
        link.click();
        Some(url)
    }
}

/// Has the browser take what was written, if it is more than so much.
fn take(out: &mut Vec<u8>, parts: &Array, above: usize) {
    if out.len() > above {
        let bytes = Array::of1(&Uint8Array::from(out.as_slice()));
        if let Ok(part) = Blob::new_with_u8_array_sequence(&bytes) {
            parts.push(&part);
        }
        out.clear();
    }
}

fn blob(parts: &Array, kind: &str) -> Blob {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    Blob::new_with_blob_sequence_and_options(parts, &options).expect("blobs make a blob")
}
