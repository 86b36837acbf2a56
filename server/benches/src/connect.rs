//! Connections before they are loaded, and what is sent through each but once.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rustls::ClientConnection;

use crate::{tls::Connector, wire};

/// How many requests wait for their answers at a time.
const AT_ONCE: usize = 32;
/// It only guards against hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A WebSocket, and what was read of it beyond the response.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
    /// TLS over the stream, where it is over that.
    pub(crate) tls: Option<Box<ClientConnection>>,
    pub(crate) leftover: Vec<u8>,
}

/// Opens so many connections, [`AT_ONCE`] at a time; over TLS where it is told how.
pub(crate) fn open(address: &str, path: &str, count: usize, tls: Option<&Connector>) -> Result<Vec<Socket>> {
    let request = wire::request(address, path);
    let mut sockets = Vec::with_capacity(count);
    while sockets.len() < count {
        let some = AT_ONCE.min(count - sockets.len());
        let opening = (0..some).map(|_| connect(address, &request, tls)).collect::<Result<Vec<_>>>()?;
        for socket in opening {
            sockets.push(response(socket).with_context(|| format!("connection {}", sockets.len() + 1))?);
        }
    }
    Ok(sockets)
}

/// Sends a message through each connection and compares what comes back, byte for byte.
pub(crate) fn echo_once(sockets: &mut [Socket], opcode: u8, payload: &[u8]) -> Result<()> {
    let (request, wanted) = (wire::masked(opcode, payload), wire::unmasked(opcode, payload));
    let mut answer = vec![0; wanted.len()];
    // What is in flight must fit in the buffers of the sockets: nothing is read until it is all written.
    let at_once = if payload.len() > 64 * 1024 { 1 } else { AT_ONCE };
    for some in sockets.chunks_mut(at_once) {
        if payload.len() > 64 * 1024 {
            ensure!(some[0].tls.is_none(), "nothing as large is sent over TLS");
            let mut writer = some[0].stream.try_clone()?;
            std::thread::scope(|scope| -> Result<()> {
                let writing = scope.spawn(|| writer.write_all(&request));
                (&some[0].stream).read_exact(&mut answer)?;
                writing.join().map_err(|_| anyhow::anyhow!("the writer panicked"))?.context("writing")
            })?;
            ensure!(answer == wanted, "what came back is not what was sent");
            continue;
        }
        for socket in &mut *some {
            socket.write_all(&request)?;
        }
        for socket in some {
            socket.read_exact(&mut answer)?;
            ensure!(answer == wanted, "what came back is not what was sent");
        }
    }
    Ok(())
}

fn connect(address: &str, request: &[u8], tls: Option<&Connector>) -> Result<Socket> {
    let address: SocketAddr = address.parse()?;
    let stream = TcpStream::connect(address).context("connecting")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // Reset when it is dropped: thousands of ports in TIME-WAIT would be in the way of the next.
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
    let tls = tls.map(|tls| tls.connection(address.ip())).transpose()?;
    let mut socket = Socket { stream, tls, leftover: Vec::new() };
    socket.write_all(request)?;
    Ok(socket)
}

fn response(mut socket: Socket) -> Result<Socket> {
    let mut read = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let count = socket.read(&mut piece).context("reading the response")?;
        ensure!(count > 0, "closed within the response: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..count]);
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&read[..end]);
            ensure!(text.starts_with("HTTP/1.1 101"), "refused: {text}");
            socket.leftover = read.split_off(end + 4);
            return Ok(socket);
        }
    }
}

/// Waits, as the stream does until it is told not to.
impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.stream.read(buffer),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.stream).read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.stream.write(bytes),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.stream).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
