//! The floor: reads, unmasks, writes back. It checks nothing, keeps no limit, and knows no ping and no Close, so it is no
//! WebSocket server; it is what the system calls and the bytes cost by themselves. It waits for no whole frame either, and
//! all connections share what they read into, so an idle one holds no buffer.

mod listening;

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Poll, ready},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

/// Of RFC 6455 section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// What is read at once.
const READ: usize = 128 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// Those who listen to what the others say.
type Room = Arc<Mutex<Vec<Arc<TcpStream>>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (listener, tls) = listening::listen().await?;
    let room = Room::default();
    loop {
        let (stream, _) = listener.accept().await?;
        let (room, tls) = (Arc::clone(&room), tls.clone());
        tokio::spawn(async move {
            // A connection that fails is over; the load notices.
            let _ = match tls {
                None => serve(stream, room).await,
                Some(tls) => serve_tls(stream, tls).await,
            };
        });
    }
}

async fn serve(mut stream: TcpStream, room: Room) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    if shake_hands(&mut stream).await? { pass_on(stream, &room).await } else { echo(stream).await }
}

async fn serve_tls(stream: TcpStream, tls: TlsAcceptor) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = tls.accept(stream).await?;
    shake_hands(&mut stream).await?;
    echo(stream).await
}

/// Answers the request; whether it is for the chat.
async fn shake_hands(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> anyhow::Result<bool> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        anyhow::ensure!(stream.read_buf(&mut request).await? > 0, "over");
    }
    stream.write_all(&answer(&request)?).await?;
    stream.flush().await?;
    Ok(request.starts_with(b"GET /chat"))
}

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> anyhow::Result<()> {
    let mut frames = Frames::default();
    loop {
        let rest = poll_fn(|task| {
            SCRATCH.with_borrow_mut(|scratch| {
                let mut read = ReadBuf::new(scratch);
                ready!(Pin::new(&mut stream).poll_read(task, &mut read))?;
                let bytes = read.filled_mut();
                if bytes.is_empty() {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof)));
                }
                let answers = frames.answer(bytes);
                let written = match Pin::new(&mut stream).poll_write(task, answers) {
                    Poll::Ready(written) => written?,
                    Poll::Pending => 0,
                };
                Poll::Ready(Ok(answers[written..].to_vec()))
            })
        })
        .await?;
        stream.write_all(&rest).await?;
        stream.flush().await?;
    }
}

/// What a receiver's socket does not take at once is lost: this is a floor.
async fn pass_on(stream: TcpStream, room: &Room) -> anyhow::Result<()> {
    let stream = Arc::new(stream);
    let members = || room.lock().unwrap_or_else(PoisonError::into_inner);
    members().push(Arc::clone(&stream));
    let mut frames = Frames::default();
    loop {
        stream.readable().await?;
        let goes_on = SCRATCH.with_borrow_mut(|scratch| match stream.try_read(scratch) {
            Ok(0) => false,
            Ok(count) => {
                let line = frames.answer(&mut scratch[..count]);
                for member in members().iter().filter(|member| !Arc::ptr_eq(member, &stream)) {
                    let _ = member.try_write(line);
                }
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        });
        if !goes_on {
            members().retain(|member| !Arc::ptr_eq(member, &stream));
            return Ok(());
        }
    }
}

/// Makes answers of frames as they come, however they are cut.
#[derive(Default)]
struct Frames {
    /// How much of a head was read, and where in it the mask begins.
    head: usize,
    mask_at: usize,
    length: u64,
    mask: [u8; 4],
    /// What is still to come of the payload.
    left: u64,
}

impl Frames {
    /// The answers, in the place of the frames: they are shorter by the masks.
    fn answer<'a>(&mut self, bytes: &'a mut [u8]) -> &'a [u8] {
        let (mut from, mut to) = (0, 0);
        while from < bytes.len() {
            if self.left > 0 {
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - from);
                bytes.copy_within(from..from + count, to);
                self.unmask(&mut bytes[to..to + count]);
                (from, to, self.left) = (from + count, to + count, self.left - count as u64);
                continue;
            }
            let mut byte = bytes[from];
            from += 1;
            match self.head {
                0 => {}
                1 => {
                    byte &= 127;
                    (self.mask_at, self.length) = match byte {
                        126 => (4, 0),
                        127 => (10, 0),
                        length => (2, u64::from(length)),
                    };
                }
                at if at < self.mask_at => self.length = self.length << 8 | u64::from(byte),
                at => {
                    self.mask[at - self.mask_at] = byte;
                    self.head += 1;
                    if self.head == self.mask_at + 4 {
                        (self.head, self.left) = (0, self.length);
                    }
                    continue;
                }
            }
            self.head += 1;
            bytes[to] = byte;
            to += 1;
        }
        &bytes[..to]
    }

    fn unmask(&mut self, payload: &mut [u8]) {
        let [a, b, c, d] = self.mask;
        let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let (words, rest) = payload.as_chunks_mut::<8>();
        for eight in words {
            *eight = (u64::from_ne_bytes(*eight) ^ word).to_ne_bytes();
        }
        for (byte, mask) in rest.iter_mut().zip([a, b, c, d, a, b, c, d]) {
            *byte ^= mask;
        }
        // The next piece goes on where this one ends.
        self.mask.rotate_left(payload.len() % 4);
    }
}

fn answer(request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let text = std::str::from_utf8(request)?;
    let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let key = key.ok_or_else(|| anyhow::anyhow!("no key"))?;
    let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    Ok(format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes())
}
