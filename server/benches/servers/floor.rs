//! The floor: reads, unmasks, writes back. It checks nothing, keeps no limit, and knows no ping and no Close, so it is no
//! WebSocket server; it is what the system calls and the bytes cost by themselves.

use std::sync::{Arc, Mutex, PoisonError};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Of RFC 6455 section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// What a connection begins with.
const SMALL: usize = 4 * 1024;
/// What it reads into once a message was larger than that.
const LARGE: usize = 128 * 1024;

/// Those who listen to what the others say.
type Room = Arc<Mutex<Vec<Arc<TcpStream>>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let room = Room::default();
    loop {
        let (stream, _) = listener.accept().await?;
        let room = Arc::clone(&room);
        tokio::spawn(async move {
            // A connection that fails is over; the load notices.
            let _ = serve(stream, room).await;
        });
    }
}

async fn serve(mut stream: TcpStream, room: Room) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Buffer { bytes: vec![0; SMALL], start: 0, end: 0 };
    while !buffer.filled().ends_with(b"\r\n\r\n") {
        buffer.read(&mut stream).await?;
    }
    stream.write_all(&answer(buffer.filled())?).await?;
    let is_chat = buffer.filled().starts_with(b"GET /chat");
    buffer.end = 0;
    if is_chat { pass_on(stream, buffer, &room).await } else { echo(stream, buffer).await }
}

async fn echo(mut stream: TcpStream, mut buffer: Buffer) -> anyhow::Result<()> {
    let mut out = Vec::new();
    loop {
        buffer.read(&mut stream).await?;
        while let Some(taken) = unmask(buffer.filled(), &mut out) {
            buffer.start += taken;
        }
        if !out.is_empty() {
            stream.write_all(&out).await?;
            out.clear();
            out.shrink_to(LARGE);
        }
    }
}

/// What a receiver's socket does not take at once is lost: this is a floor.
async fn pass_on(stream: TcpStream, mut buffer: Buffer, room: &Room) -> anyhow::Result<()> {
    let stream = Arc::new(stream);
    let members = || room.lock().unwrap_or_else(PoisonError::into_inner);
    members().push(Arc::clone(&stream));
    let mut out = Vec::new();
    loop {
        stream.readable().await?;
        match stream.try_read(&mut buffer.bytes[buffer.end..]) {
            Ok(0) => break,
            Ok(count) => buffer.end += count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        }
        while let Some(taken) = unmask(buffer.filled(), &mut out) {
            buffer.start += taken;
        }
        if buffer.start == buffer.end {
            (buffer.start, buffer.end) = (0, 0);
        }
        for member in members().iter().filter(|member| !Arc::ptr_eq(member, &stream)) {
            let _ = member.try_write(&out);
        }
        out.clear();
    }
    members().retain(|member| !Arc::ptr_eq(member, &stream));
    Ok(())
}

struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Reads once, with room for what is left of a frame.
    async fn read(&mut self, stream: &mut TcpStream) -> anyhow::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.end == self.bytes.len() {
                self.bytes.resize(LARGE.max(2 * self.end), 0);
            }
        }
        let count = stream.read(&mut self.bytes[self.end..]).await?;
        anyhow::ensure!(count > 0, "over");
        self.end += count;
        Ok(())
    }
}

/// Appends the answer to the first frame and gives the frame's length, if it is whole.
fn unmask(bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (length, head) = match second & 127 {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
        length => (usize::from(length), 2),
    };
    let mask: [u8; 4] = bytes.get(head..head + 4)?.try_into().ok()?;
    let payload = bytes.get(head + 4..head + 4 + length)?;
    out.extend_from_slice(&[first, second & 127]);
    out.extend_from_slice(&bytes[2..head]);
    let start = out.len();
    out.extend_from_slice(payload);
    let word = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let mut words = out[start..].chunks_exact_mut(8);
    for eight in &mut words {
        let masked = u64::from_ne_bytes(eight.try_into().ok()?);
        eight.copy_from_slice(&(masked ^ word).to_ne_bytes());
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(mask) {
        *byte ^= mask;
    }
    Some(head + 4 + length)
}

fn answer(request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let text = std::str::from_utf8(request)?;
    let key = text.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let key = key.ok_or_else(|| anyhow::anyhow!("no key"))?;
    let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    Ok(format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes())
}
