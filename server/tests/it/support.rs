//! A peer that speaks WebSocket byte by byte, so that a test can be as wrong as it needs to be.

use std::{future::Future, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use wirescope_server::{Config, Server};

pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// No test waits longer than this for one thing.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn server() -> Server {
    server_with(|_| {}).await
}

pub(crate) async fn server_with(change: impl FnOnce(&mut Config)) -> Server {
    let mut config = Config::default();
    change(&mut config);
    Server::bind(config).await.unwrap()
}

/// Fails the test when this takes too long.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it takes too long")
}

/// A request that opens a WebSocket, with these headers in the place of or after its own; an empty value removes one.
pub(crate) fn request(path: &str, changes: &[(&str, &str)]) -> String {
    let mut headers = vec![
        ("Host", "127.0.0.1"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];
    for change in changes {
        match headers.iter_mut().find(|header| header.0 == change.0) {
            Some(header) => *header = *change,
            None => headers.push(*change),
        }
    }
    headers.retain(|header| !header.1.is_empty());
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\n{headers}\r\n")
}

/// A masked frame: the first byte as it is, then the payload's true length in its shortest form.
pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let payload = payload.as_ref();
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The payload of a Close frame.
pub(crate) fn close_payload(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_ref()].concat()
}

/// A frame that the server sent: its first byte and its payload. A masked one fails the test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(first: u8, payload: impl AsRef<[u8]>) -> Self {
        Self { first, payload: payload.as_ref().to_vec() }
    }

    pub(crate) fn close(code: u16, reason: &str) -> Self {
        Self::new(FIN | CLOSE, close_payload(code, reason))
    }

    /// The text of a whole text message.
    pub(crate) fn text(&self) -> String {
        assert_eq!(self.first, FIN | TEXT, "{self:?}");
        String::from_utf8(self.payload.clone()).unwrap()
    }

    /// The code of a Close frame.
    pub(crate) fn code(&self) -> Option<u16> {
        let code = self.payload.get(..2)?.try_into().ok()?;
        (self.first == FIN | CLOSE).then(|| u16::from_be_bytes(code))
    }
}

pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
}

impl Peer {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(addr)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// A peer whose opening handshake on `/echo` is done.
    pub(crate) async fn open(server: &Server) -> Self {
        Self::open_at(server.addr()).await
    }

    pub(crate) async fn open_at(addr: SocketAddr) -> Self {
        Self::open_path(addr, "/echo").await
    }

    /// A peer whose opening handshake on a path is done.
    pub(crate) async fn open_path(addr: SocketAddr, path: &str) -> Self {
        let mut peer = Self::connect(addr).await;
        peer.send(request(path, &[])).await;
        let head = peer.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        peer
    }

    /// Sends a text message, whole.
    pub(crate) async fn say(&mut self, text: &str) {
        self.send(frame(FIN | TEXT, text)).await;
    }

    /// The next frame's payload as text.
    pub(crate) async fn hear(&mut self) -> String {
        String::from_utf8(self.frame().await.payload).unwrap()
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// A response's head, to its empty line and no further.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(self.stream.read_u8()).await.expect("the response ends within its head"));
        }
        String::from_utf8(head).unwrap()
    }

    /// All that comes until the server ends its side. A reset fails the test.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        soon(self.stream.read_to_end(&mut rest)).await.expect("the connection is not reset");
        rest
    }

    /// A whole response that ends with the connection.
    pub(crate) async fn response(&mut self) -> String {
        String::from_utf8(self.rest().await).unwrap()
    }

    /// The text of the next frame, which must be a whole text message.
    pub(crate) async fn text(&mut self) -> String {
        self.frame().await.text()
    }

    /// The next frame, which must be a text message in JSON.
    pub(crate) async fn json(&mut self) -> serde_json::Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    pub(crate) async fn frame(&mut self) -> Frame {
        soon(read_frame(&mut self.stream)).await.unwrap().expect("a frame, and not the end")
    }

    /// All frames until the server ends its side.
    pub(crate) async fn frames(&mut self) -> Vec<Frame> {
        let rest = self.rest().await;
        let mut rest = rest.as_slice();
        let mut frames = Vec::new();
        while let Some(frame) = read_frame(&mut rest).await.unwrap() {
            frames.push(frame);
        }
        frames
    }

    /// Ends its side of a raw TCP echo, and waits for the server to end the other.
    pub(crate) async fn part_raw(mut self) -> Vec<u8> {
        soon(self.stream.shutdown()).await.unwrap();
        self.rest().await
    }

    /// Sends Close 1000, and fails the test unless it is answered and the connection then ends cleanly.
    pub(crate) async fn part(mut self) {
        self.send(frame(FIN | CLOSE, close_payload(1000, ""))).await;
        assert_eq!(self.frames().await, [Frame::close(1000, "")]);
    }
}

/// The next frame, or `None` where the stream ends between two.
async fn read_frame(stream: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Option<Frame>> {
    let Ok(first) = stream.read_u8().await else { return Ok(None) };
    let length = match stream.read_u8().await? {
        126 => stream.read_u16().await?.into(),
        127 => stream.read_u64().await?,
        length => {
            assert!(length < 126, "the server must not mask");
            length.into()
        }
    };
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await?;
    Ok(Some(Frame { first, payload }))
}
