//! A tap in front of a server: it passes everything on, and keeps what the client said, connection by connection.
//!
//! A server that is killed takes its own record with it, so the record is kept here. A message is recorded once its last
//! byte came off the wire, before it is passed on: what the server received is a prefix of what the tap did.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::sleep,
};
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// The most connections that are recorded, and the most bytes of their messages. A record that would be longer says so
/// instead of leaving something out.
const MAX_CONNECTIONS: usize = 20_000;
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The longest request head that is looked through, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// A running tap; dropping it takes no more connections.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    record: Arc<Mutex<Record>>,
    cut: Arc<Notify>,
    listening: JoinHandle<()>,
}

/// What one connection's client said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Its messages, in order.
    pub messages: Vec<Vec<u8>>,
    /// How it ended, from the client's side.
    pub ending: Ending,
}

/// How a client ended its side of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// It has not.
    #[default]
    Open,
    /// With a Close frame, which may hold a code.
    Close(Option<u16>),
    /// Without one.
    Gone,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Close(Some(code)) => write!(f, "close {code}"),
            Self::Close(None) => f.write_str("close"),
            Self::Gone => f.write_str("gone"),
        }
    }
}

#[derive(Debug, Default)]
struct Record {
    connections: Vec<Connection>,
    bytes: usize,
    /// Why it is not the whole truth.
    fault: Option<String>,
}

impl Tap {
    /// Listens on a free port of the loopback interface, in front of this server, which need not be there yet.
    ///
    /// # Errors
    ///
    /// No port can be had.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let record = Arc::new(Mutex::new(Record::default()));
        let cut = Arc::new(Notify::new());
        let (kept, until) = (Arc::clone(&record), Arc::clone(&cut));
        let listening = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((client, _)) => {
                        let Some(mut listener) = Listener::begin(&kept) else { continue };
                        let cut = Arc::clone(&until);
                        tokio::spawn(async move {
                            tokio::select! {
                                () = cut.notified() => {}
                                () = pass_on(client, server, &mut listener) => {}
                            }
                            listener.end();
                        });
                    }
                    // Out of file descriptors, most likely: some will be free again.
                    Err(_) => sleep(Duration::from_millis(100)).await,
                }
            }
        });
        Ok(Self { address, record, cut, listening })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends each connection there is, without a word to either side.
    pub fn cut(&self) {
        self.cut.notify_waiters();
    }

    /// What each connection's client said so far, in the order in which they came.
    ///
    /// # Errors
    ///
    /// Something is missing: there was too much, or a client's bytes are no frames.
    pub fn connections(&self) -> Result<Vec<Connection>, String> {
        let record = lock(&self.record);
        record.fault.clone().map_or_else(|| Ok(record.connections.clone()), Err)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Passes bytes both ways until both sides have ended. The end of one side is passed on like its bytes.
async fn pass_on(mut client: TcpStream, server: SocketAddr, listener: &mut Listener) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        // As a port that nobody listens on does, as nearly as one can who has accepted.
        let _ = client.set_zero_linger();
        return;
    };
    // What is passed on is to wait no longer than it would without a tap.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = async {
        let mut bytes = vec![0; 64 * 1024];
        let mut passed = true;
        while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
            // What the server cannot get any more is read away, so that the client's end is seen.
            if passed {
                listener.hear(&bytes[..read]);
                passed = to_server.write_all(&bytes[..read]).await.is_ok();
            }
        }
        listener.end();
        let _ = to_server.shutdown().await;
    };
    let down = async {
        let _ = copy(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    tokio::join!(up, down);
}

/// Reads one client's bytes into the record.
struct Listener {
    record: Arc<Mutex<Record>>,
    connection: usize,
    frames: Frames,
}

impl Listener {
    fn begin(record: &Arc<Mutex<Record>>) -> Option<Self> {
        let mut locked = lock(record);
        let connection = locked.connections.len();
        if connection == MAX_CONNECTIONS {
            locked.fault = Some(format!("more than {MAX_CONNECTIONS} connections came"));
            return None;
        }
        locked.connections.push(Connection::default());
        Some(Self { record: Arc::clone(record), connection, frames: Frames::default() })
    }

    fn hear(&mut self, bytes: &[u8]) {
        let mut record = lock(&self.record);
        if record.fault.is_some() {
            return;
        }
        let heard = self.frames.read(bytes);
        for said in heard.unwrap_or_else(|why| vec![Said::Nonsense(why)]) {
            match said {
                Said::Message(message) => {
                    record.bytes += message.len();
                    if record.bytes > MAX_BYTES {
                        record.fault = Some(format!("more than {MAX_BYTES} bytes were sent"));
                        return;
                    }
                    record.connections[self.connection].messages.push(message);
                }
                Said::Close(code) => record.connections[self.connection].ending = Ending::Close(code),
                Said::Nonsense(why) => record.fault = Some(why),
            }
        }
    }

    fn end(&self) {
        let ending = &mut lock(&self.record).connections[self.connection].ending;
        if *ending == Ending::Open {
            *ending = Ending::Gone;
        }
    }
}

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Message(Vec<u8>),
    Close(Option<u16>),
    Nonsense(String),
}

/// What is not yet a whole request, frame or message.
#[derive(Debug, Default)]
struct Frames {
    buffer: Vec<u8>,
    is_past_head: bool,
    /// The payload of the fragments so far, while a message is under way.
    message: Vec<u8>,
}

impl Frames {
    /// Takes the bytes that came, and gives what is complete with them.
    fn read(&mut self, bytes: &[u8]) -> Result<Vec<Said>, String> {
        self.buffer.extend_from_slice(bytes);
        if !self.is_past_head {
            let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
                return if self.buffer.len() > MAX_HEAD {
                    Err("a request has no end".to_owned())
                } else {
                    Ok(Vec::new())
                };
            };
            self.buffer.drain(..end + 4);
            self.is_past_head = true;
        }
        let mut said = Vec::new();
        let mut cursor = io::Cursor::new(std::mem::take(&mut self.buffer));
        loop {
            let start = position(&cursor);
            let header = FrameHeader::parse(&mut cursor).map_err(|error| format!("no frame: {error}"))?;
            let body = position(&cursor);
            let end =
                header.as_ref().and_then(|(_, length)| body.checked_add(usize::try_from(*length).ok()?));
            let payload = end.and_then(|end| cursor.get_ref().get(body..end));
            let (Some((header, _)), Some(end), Some(payload)) = (header, end, payload) else {
                self.buffer = cursor.into_inner().split_off(start);
                return Ok(said);
            };
            said.extend(self.frame(&header, payload)?);
            cursor.set_position(end as u64);
        }
    }

    fn frame(&mut self, header: &FrameHeader, payload: &[u8]) -> Result<Option<Said>, String> {
        let Some(mask) = header.mask else { return Err("a client's frame is not masked".to_owned()) };
        let plain = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        match header.opcode {
            OpCode::Data(Data::Text | Data::Binary | Data::Continue) => {
                self.message.extend(plain);
                Ok(header.is_final.then(|| Said::Message(std::mem::take(&mut self.message))))
            }
            OpCode::Control(Control::Close) => {
                let code: Vec<u8> = plain.take(2).collect();
                Ok(Some(Said::Close(code.try_into().ok().map(u16::from_be_bytes))))
            }
            OpCode::Control(Control::Ping | Control::Pong) => Ok(None),
            other => Err(format!("no opcode of RFC 6455: {other}")),
        }
    }
}

fn position(cursor: &io::Cursor<Vec<u8>>) -> usize {
    usize::try_from(cursor.position()).unwrap_or(usize::MAX)
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::{
        client_async,
        tungstenite::{Message, protocol::CloseFrame},
    };

    use super::*;

    /// "Hello" in two fragments with a ping between them, then a Close frame; masked with zeros but for the first.
    const FRAMES: [&[u8]; 4] = [
        &[0x01, 0x83, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d],
        &[0x89, 0x80, 0, 0, 0, 0],
        &[0x80, 0x82, 0, 0, 0, 0, b'l', b'o'],
        &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8],
    ];

    #[test]
    fn messages_are_read_however_the_bytes_are_cut() {
        let mut bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
        bytes.extend(FRAMES.concat());
        for size in 1..bytes.len() {
            let mut frames = Frames::default();
            let said: Vec<_> =
                bytes.chunks(size).flat_map(|chunk| frames.read(chunk).expect("frames")).collect();
            assert_eq!(said, [Said::Message(b"Hello".to_vec()), Said::Close(Some(1000))], "{size}");
        }
    }

    #[test]
    fn what_is_no_frame_of_a_client_is_an_error() {
        let mut frames = Frames { is_past_head: true, ..Frames::default() };
        assert!(frames.read(&[0x81, 0x00]).is_err_and(|why| why.contains("masked")));
        let mut frames = Frames::default();
        assert!(frames.read(&vec![b'x'; MAX_HEAD + 1]).is_err());
    }

    /// Echoes one connection after another, and drops one that says so.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { continue };
                while let Some(Ok(message)) = socket.next().await {
                    if message == Message::text("die") {
                        break;
                    }
                    if message.is_text() && socket.send(message).await.is_err() {
                        break;
                    }
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn both_ways_are_passed_on_and_the_client_is_recorded() {
        let tap = Tap::start(echo().await).await.expect("a port");
        for last in ["one", "die"] {
            let stream = TcpStream::connect(tap.address()).await.expect("it listens");
            let (mut socket, _) = client_async("ws://tap/", stream).await.expect("a handshake");
            socket.send(Message::text("zero")).await.expect("it is open");
            assert_eq!(socket.next().await.expect("an answer").expect("a message"), Message::text("zero"));
            socket.send(Message::text(last)).await.expect("it is open");
            let close = CloseFrame { code: 4001.into(), reason: "done".into() };
            if last == "one" {
                socket.close(Some(close)).await.expect("it is open");
            }
            while let Some(Ok(_)) = socket.next().await {}
        }
        let record = tap.connections().expect("all of it");
        let said = |words: [&str; 2], ending| Connection {
            messages: words.map(|word| word.as_bytes().to_vec()).to_vec(),
            ending,
        };
        assert_eq!(record[0], said(["zero", "one"], Ending::Close(Some(4001))));
        assert_eq!(record[1].messages, said(["zero", "die"], Ending::Gone).messages);
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_passed_on_too() {
        let away = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("it is bound");
        let tap = Tap::start(away).await.expect("a port");
        let mut stream = TcpStream::connect(tap.address()).await.expect("it listens");
        assert!(matches!(stream.read(&mut [0; 8]).await, Ok(0) | Err(_)));
        assert_eq!(
            tap.connections().expect("all of it"),
            [Connection { ending: Ending::Gone, ..Connection::default() }]
        );
    }
}
