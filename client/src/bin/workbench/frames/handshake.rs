//! The opening handshake, explained: what each line of it is for.

/// A line of a request's or an answer's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// A header's name; empty for the first line.
    pub(crate) name: String,
    pub(crate) value: String,
    /// What it is for, in a sentence; empty where it is of no matter here.
    pub(crate) text: &'static str,
    pub(crate) is_bad: bool,
}

/// What every key is joined with before its digest (RFC 6455 section 1.3).
pub(crate) const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

pub(crate) fn lines(head: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (place, line) in head.split("\r\n").enumerate() {
        if place == 0 {
            let (text, is_bad) = first(line);
            lines.push(Line { name: String::new(), value: line.to_owned(), text, is_bad });
        } else if let Some((name, value)) = line.split_once(':') {
            let (name, value) = (name.to_owned(), value.trim().to_owned());
            let (text, is_bad) = about(&name, &value);
            lines.push(Line { name, value, text, is_bad });
        } else if !line.is_empty() {
            lines.push(Line { name: String::new(), value: line.to_owned(), text: "", is_bad: false });
        }
    }
    lines
}

/// The value of a header.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    headers.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn first(line: &str) -> (&'static str, bool) {
    if line.starts_with("GET ") {
        return (
            "A WebSocket begins as a plain HTTP request. Its address says what is wanted, and with this server, what goes wrong.",
            false,
        );
    }
    match line.split(' ').nth(1) {
        Some("101") => {
            ("101: from here on, this TCP connection carries WebSocket frames and no HTTP.", false)
        }
        Some(_) if line.starts_with("HTTP/") => {
            ("Anything but 101 opens no WebSocket. A page is not told which it was.", true)
        }
        _ => ("This is no HTTP at all, so no WebSocket is opened.", true),
    }
}

fn about(name: &str, value: &str) -> (&'static str, bool) {
    let text = match &*name.to_ascii_lowercase() {
        "host" => "Which server is meant, since one machine may answer for many.",
        "connection" => {
            "Upgrade: what the Upgrade header says is meant for the next hop, which must not ignore it."
        }
        "upgrade" => "Which protocol to change to.",
        "origin" => {
            "The site of the page that asks. The browser sets it, a page cannot change it, and a server should check it: no other rule keeps foreign pages out."
        }
        "sec-websocket-version" => "13 is the only version there is.",
        "sec-websocket-key" => {
            "16 random bytes in base64. The server must answer with their digest, which shows that it knows what a WebSocket is; it is no secret and protects nothing."
        }
        "sec-websocket-accept" => {
            "The key's digest. If it is not what the browser works out itself, there is no WebSocket."
        }
        "sec-websocket-protocol" => {
            "Subprotocols: the browser offers a list, the server selects one of it or none."
        }
        "sec-websocket-extensions" if value.starts_with("permessage-deflate") => {
            "The browser can compress messages. A server that can too says so in its answer; this one never does, so no frame has RSV1 set."
        }
        "sec-websocket-extensions" => "Extensions that change what frames mean.",
        "cookie" => {
            "Cookies go along as with any request: why a server must check the Origin. Their values are left out of the trace."
        }
        "authorization" => "Left out of the trace.",
        "location" => "Where to go instead. A browser follows no redirect here.",
        _ => "",
    };
    (text, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_sentence() {
        let head = "GET /echo HTTP/1.1\r\nHost: h\r\nX-Other: 1\r\nSec-WebSocket-Key: dGhl\r\n\r\n";
        let lines = lines(head);
        let names: Vec<_> = lines.iter().map(|line| (&*line.name, line.text.is_empty())).collect();
        assert_eq!(names, [("", false), ("Host", false), ("X-Other", true), ("Sec-WebSocket-Key", false)]);
        assert_eq!(header(head, "sec-websocket-key"), Some("dGhl"));
        assert!(!first("HTTP/1.1 101 Switching Protocols").1);
        assert!(first("HTTP/1.1 503 Service Unavailable").1 && first("\u{1}\u{2}garbage").1);
    }
}
