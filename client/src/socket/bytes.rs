use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::{AsyncRead, AsyncWrite, Sink as _, Stream as _};

use super::{Error, Message, Socket};

/// The most bytes that go into one message.
const MAX_MESSAGE: usize = 64 * 1024;

/// A socket as a stream of bytes in both directions, for protocols that frame themselves; from [`Socket::into_bytes`].
///
/// What is written goes out in binary messages of at most 64 KiB, and what comes in binary messages is read without regard
/// to their ends. A text message is an error of kind `InvalidData`. A clean close is the end of the stream, any other an
/// error of kind `ConnectionReset`. Writing waits while the browser has too much buffered; flushing does nothing, since what
/// was written is the browser's already.
#[derive(Debug)]
pub struct ByteStream {
    socket: Socket,
    unread: Vec<u8>,
    /// How much of `unread` was read.
    read: usize,
}

impl ByteStream {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, unread: Vec::new(), read: 0 }
    }

    /// The socket beneath, for closing it with a code of one's own.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        // An empty message is not the end of the stream, which reading nothing would mean.
        while self.read == self.unread.len() {
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => {
                    self.unread = bytes;
                    self.read = 0;
                }
                Some(Ok(Message::Text(_))) => {
                    let why = "a text message came where bytes were expected";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
                }
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                None => return Poll::Ready(Ok(0)),
            }
        }
        let rest = &self.unread[self.read..];
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(Pin::new(&mut self.socket).poll_ready(cx))?;
        let count = buf.len().min(MAX_MESSAGE);
        self.socket.try_send(&buf[..count])?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Closes the connection with code 1000, and is ready when it has ended.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx).map_err(io::Error::from)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::InvalidUrl { .. }
            | Error::InvalidOffer(_)
            | Error::InvalidCloseCode(_)
            | Error::InvalidCloseReason(_) => io::ErrorKind::InvalidInput,
            Error::Blocked { .. } => io::ErrorKind::PermissionDenied,
            Error::ConnectFailed { .. } => io::ErrorKind::ConnectionRefused,
            Error::NotOpen { .. } => io::ErrorKind::NotConnected,
            Error::Full { .. } => io::ErrorKind::WouldBlock,
            Error::Unsupported => io::ErrorKind::Unsupported,
            Error::Lost(_) | Error::Unread(_) => io::ErrorKind::ConnectionReset,
            Error::Overflow { .. } | Error::SendFailed { .. } => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
