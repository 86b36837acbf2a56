//! A connection's first bytes: what it is, told within bounds of size and time.

use std::{fmt::Write as _, io, mem::MaybeUninit};

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, timeout_at},
};

use crate::{
    Config, Timeouts, ending, handshake,
    metrics::Hit,
    stream::{Arrival, Stream},
};

/// The most headers a request may have.
pub(crate) const MAX_HEADERS: usize = 100;

/// The methods of RFC 9110 and PATCH, and the one that HTTP/2's preface begins with: what "begun like HTTP" means.
const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI"];

/// A request's head as it came, to the end of its empty line: an extension of the request, where it was read here.
#[derive(Clone, Debug)]
pub(crate) struct Head(pub(crate) Bytes);

/// What a connection turned out to be.
#[derive(Debug)]
pub(crate) enum Opening {
    /// A request to open a WebSocket, what came after it, and when it began.
    WebSocket { request: Request<()>, leftover: Vec<u8>, begun: Instant },
    /// Any other HTTP request, of which this was read.
    Http { read: BytesMut },
    /// Not HTTP; this was read.
    Raw { read: BytesMut },
    /// Nothing that is served, the answer to it, and the limit that it went past if it was one.
    Refused { response: Response<String>, to_head: bool, hit: Option<Hit> },
    /// The peer left, or never said anything.
    Nothing,
}

/// Reads until it is clear what the connection is, and a WebSocket's request to its end.
pub(crate) async fn read<S: Stream>(
    stream: &mut S,
    arrival: Arrival,
    config: &Config,
) -> io::Result<Opening> {
    let raw_allowed = config.raw_tcp || arrival.peer.ip().to_canonical().is_loopback();
    let max_head = config.limits.request_head;
    let mut read = BytesMut::with_capacity(1024);
    let mut begun = Instant::now();
    let mut deadline = begun + config.timeouts.first_byte;
    loop {
        let count = match timeout_at(deadline, stream.read_buf(&mut read)).await {
            Ok(count) => count?,
            Err(_) if read.is_empty() => return Ok(Opening::Nothing),
            Err(_) => {
                return Ok(refused(
                    &read,
                    StatusCode::REQUEST_TIMEOUT,
                    "the request did not arrive within the time allowed",
                )
                .past(Hit::RequestTime));
            }
        };
        if read.len() == count {
            begun = Instant::now();
            deadline = begun + config.timeouts.request;
        }
        match sniff(&read, count == 0) {
            Sniffed::Nothing => return Ok(Opening::Nothing),
            Sniffed::Undecided => {}
            Sniffed::Raw if raw_allowed => return Ok(Opening::Raw { read }),
            Sniffed::Raw => {
                return Ok(refused(
                    &read,
                    StatusCode::BAD_REQUEST,
                    "this is an HTTP and WebSocket server; raw TCP echo is for loopback, or with --raw-tcp",
                ));
            }
            Sniffed::Tls => {
                return Ok(refused(
                    &read,
                    StatusCode::BAD_REQUEST,
                    "this port does not speak TLS: use ws:// or http://, or start the server with --tls-cert and \
                     --tls-key, or --tls-self-signed",
                ));
            }
            Sniffed::OtherVersion => {
                return Ok(refused(
                    &read,
                    StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                    "this server speaks HTTP/1.1",
                ));
            }
            Sniffed::Http if count == 0 => return Ok(Opening::Nothing),
            Sniffed::Http => {
                if let Some(opening) = classify(&mut read, arrival, begun) {
                    return Ok(opening);
                }
            }
        }
        if read.len() >= max_head {
            return Ok(refused(
                &read,
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                format!("the request's head is longer than {max_head} bytes"),
            )
            .past(Hit::RequestHead));
        }
    }
}

/// Whether a connection begins like TLS. Its first byte is looked at and stays to be read.
#[cfg(feature = "tls")]
pub(crate) async fn is_tls(stream: &tokio::net::TcpStream, timeouts: &Timeouts) -> io::Result<bool> {
    let mut first = [0];
    let nothing = |_| io::Error::new(io::ErrorKind::UnexpectedEof, "nothing came in the time allowed");
    let count =
        tokio::time::timeout(timeouts.first_byte, stream.peek(&mut first)).await.map_err(nothing)??;
    Ok(count == 1 && first == [crate::tls::FIRST_BYTE])
}

/// A response to a request that was read here, as it is on the wire. The answer to HEAD has no body.
pub(crate) fn rendered<B: AsRef<str>>(response: &Response<B>, to_head: bool) -> String {
    let status = response.status();
    let mut head =
        format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default());
    let body = response.body().as_ref();
    let is_last = status != StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in response.headers() {
        // Every value this server makes is ASCII; one that came from a peer was checked to be.
        let value = value.to_str().unwrap_or_default();
        let also = if is_last && name == header::CONNECTION { ", close" } else { "" };
        let _ = write!(head, "{name}: {value}{also}\r\n");
    }
    if is_last {
        let _ = write!(head, "content-length: {}\r\n", body.len());
        if !response.headers().contains_key(header::CONNECTION) {
            head.push_str("connection: close\r\n");
        }
    }
    head.push_str("\r\n");
    if !to_head {
        head.push_str(body);
    }
    head
}

/// Writes the response and ends the connection so that the peer can read it.
pub(crate) async fn refuse(
    mut stream: impl Stream,
    response: &Response<String>,
    to_head: bool,
    timeouts: &Timeouts,
) {
    // A peer that is already gone needs no answer.
    if stream.write_all(rendered(response, to_head).as_bytes()).await.is_ok() {
        ending::drain(stream, timeouts).await;
    }
}

/// A response of one line of text.
pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Response<String> {
    let mut response = Response::new(text.into() + "\n");
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

fn refused(read: &[u8], status: StatusCode, why: impl Into<String>) -> Opening {
    Opening::Refused { response: text(status, why), to_head: read.starts_with(b"HEAD "), hit: None }
}

impl Opening {
    /// The same refusal, counted as that of a limit.
    fn past(mut self, limit: Hit) -> Self {
        if let Self::Refused { hit, .. } = &mut self {
            *hit = Some(limit);
        }
        self
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Sniffed {
    /// The peer ended its side without a byte.
    Nothing,
    Undecided,
    Http,
    Raw,
    Tls,
    OtherVersion,
}

/// Tells HTTP from everything else by the first line: HTTP is what ends it in `HTTP/1.x`.
fn sniff(read: &[u8], ended: bool) -> Sniffed {
    // A TLS handshake record, of any version.
    if read.starts_with(&[0x16, 0x03]) {
        return Sniffed::Tls;
    }
    match read.iter().position(|&byte| byte == b'\n') {
        Some(end) => {
            let line = read[..end].trim_ascii_end();
            match line.rsplit(|&byte| byte == b' ').next() {
                Some(b"HTTP/1.0" | b"HTTP/1.1") => Sniffed::Http,
                Some(version) if version.starts_with(b"HTTP/") && line.len() > version.len() => {
                    Sniffed::OtherVersion
                }
                _ => Sniffed::Raw,
            }
        }
        None if read.is_empty() && ended => Sniffed::Nothing,
        None if ended => Sniffed::Raw,
        None if begins_like_http(read) => Sniffed::Undecided,
        None => Sniffed::Raw,
    }
}

fn begins_like_http(line: &[u8]) -> bool {
    METHODS.iter().any(|method| {
        let method = method.as_bytes();
        match line.get(method.len()) {
            Some(after) => *after == b' ' && line.starts_with(method),
            None => method.starts_with(line),
        }
    })
}

/// What an HTTP request is, once its head is whole.
pub(crate) fn classify(read: &mut BytesMut, arrival: Arrival, begun: Instant) -> Option<Opening> {
    if !has_head_end(read) {
        return None;
    }
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    let length = match parsed.parse_with_uninit_headers(read, &mut headers) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return None,
        Err(httparse::Error::TooManyHeaders) => {
            return Some(
                refused(
                    read,
                    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                    format!("the request has more than {MAX_HEADERS} headers"),
                )
                .past(Hit::RequestHead),
            );
        }
        Err(error) => {
            return Some(refused(
                read,
                StatusCode::BAD_REQUEST,
                format!("the request does not parse: {error}"),
            ));
        }
    };
    let Some(mut request) = to_request(&parsed) else {
        return Some(refused(
            read,
            StatusCode::BAD_REQUEST,
            "the request's method, target or a header is not valid",
        ));
    };
    if handshake::is_upgrade(&request) {
        request.extensions_mut().insert(arrival);
        request.extensions_mut().insert(Head(read.split_to(length).freeze()));
        Some(Opening::WebSocket { request, leftover: read.to_vec(), begun })
    } else {
        Some(Opening::Http { read: std::mem::take(read) })
    }
}

/// Whether an empty line is there. Looking for it first keeps a head that comes byte by byte from being parsed at each.
fn has_head_end(read: &[u8]) -> bool {
    read.windows(2).any(|pair| pair == b"\n\n") || read.windows(3).any(|three| three == b"\n\r\n")
}

fn to_request(parsed: &httparse::Request<'_, '_>) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    *request.uri_mut() = parsed.path?.parse::<Uri>().ok()?;
    *request.version_mut() = if parsed.version? == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        request.headers_mut().append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_what_ends_its_first_line_in_http_1() {
        assert_eq!(sniff(b"GET /echo HTTP/1.1\r\n", false), Sniffed::Http);
        assert_eq!(sniff(b"GET / HTTP/1.0\n", false), Sniffed::Http);
        assert_eq!(sniff(b"BREW /pot HTTP/1.1\r\nHost: x\r\n", false), Sniffed::Http);
        assert_eq!(sniff(b"PRI * HTTP/2.0\r\n\r\n", false), Sniffed::OtherVersion);
        assert_eq!(sniff(b"GET the door\r\n", false), Sniffed::Raw);
        assert_eq!(sniff(b"HTTP/1.1 is a protocol\n", false), Sniffed::Raw);
        assert_eq!(sniff(b"hello\n", false), Sniffed::Raw);
        assert_eq!(sniff(b"\r\n", false), Sniffed::Raw);
    }

    #[test]
    fn a_line_that_has_begun_like_http_is_waited_for() {
        for begun in ["G", "GET", "GET ", "OPTIONS * HTTP", "PRI"] {
            assert_eq!(sniff(begun.as_bytes(), false), Sniffed::Undecided, "{begun}");
            assert_eq!(sniff(begun.as_bytes(), true), Sniffed::Raw, "{begun}, and then the end");
        }
        for other in ["h", "GETX", "get ", "\u{7f}"] {
            assert_eq!(sniff(other.as_bytes(), false), Sniffed::Raw, "{other}");
        }
        assert_eq!(sniff(b"", true), Sniffed::Nothing);
        assert_eq!(sniff(&[0x16, 3, 1, 2, 0], false), Sniffed::Tls);
    }
}
