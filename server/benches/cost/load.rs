//! One connection's load, or many idle ones', by raw frames and from the calling thread.

use std::{
    error::Error,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// It only guards against hanging.
const PATIENCE: Duration = Duration::from_secs(60);
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const BINARY: u8 = 0x82;

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Socket(TcpStream);

impl Socket {
    /// Opens one to `/echo`.
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let request = format!(
            "GET /echo HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut response = Vec::new();
        // By single bytes: what comes after it is not part of it.
        while !response.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            response.extend(byte);
        }
        let response = String::from_utf8_lossy(&response);
        if !response.starts_with("HTTP/1.1 101") {
            return Err(format!("refused: {response}").into());
        }
        Ok(Self(stream))
    }

    /// Sends so many messages in one write, and reads the answers, so many times.
    pub(crate) fn echo(&mut self, size: u16, at_once: usize, times: usize) -> Result<()> {
        let payload: Vec<u8> = (0..size).map(|at| at.to_le_bytes()[0]).collect();
        let masked: Vec<u8> =
            payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        let question = [&head(size, 0x80)[..], &MASK, &masked].concat().repeat(at_once);
        let wanted = [&head(size, 0)[..], &payload].concat().repeat(at_once);
        let mut answer = vec![0; wanted.len()];
        for _ in 0..times {
            self.0.write_all(&question)?;
            self.0.read_exact(&mut answer)?;
            if answer != wanted {
                return Err("what came back is not what was sent".into());
            }
        }
        Ok(())
    }
}

/// The head of a frame but for its mask.
fn head(length: u16, masked: u8) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(length @ ..126) => vec![BINARY, masked | length],
        _ => [&[BINARY, masked | 126][..], &length.to_be_bytes()].concat(),
    }
}
