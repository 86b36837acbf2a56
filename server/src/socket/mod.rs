//! An open WebSocket over a byte stream, from the server's side: polled by one task, which owns both directions.
//!
//! tungstenite keeps the protocol. What it need not see is a message in one frame that breaks no rule, which changes
//! nothing that it knows: [`inward`] takes such a message as it stands in the buffer. Everything else that comes, be it a
//! control frame, a fragment or a mistake, is handed to tungstenite and is its to answer or to refuse. While it has
//! nothing in hand it is not there at all, so an idle connection keeps no buffer.
//!
//! What is sent, by us or by it, goes through one queue ([`outward`]).

pub(crate) mod head;
mod inward;
mod outward;

use std::{
    io::{self, Read, Write},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::{
    Error as WsError, Message as WsMessage,
    error::ProtocolError,
    protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext, frame::Frame},
};

use self::{
    inward::{Inward, Next},
    outward::Outward,
};
use wirescope_protocol::CloseCode;

use crate::{
    ending::Ending,
    message::{Encoded, Message, Text},
};

/// The size of tungstenite's read buffer, which it fills with zeros before each read.
const READ_BUFFER: usize = 4 * 1024;

/// How much the peer may send at once, and how much may wait for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) message: usize,
    pub(crate) frame: usize,
    /// How many bytes wait before nothing more is taken; what passes it is still taken.
    pub(crate) queue: usize,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Message(Message),
    /// It is answered, which is to be flushed before more is read.
    Ping,
    Pong,
    /// It is answered when the socket is next flushed.
    Close(Option<CloseFrame>),
}

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    stream: S,
    inward: Inward,
    outward: Outward,
    /// While it has something in hand, and from the first Close frame on.
    tungstenite: Option<Box<WebSocketContext>>,
    bounds: Bounds,
    /// Whether a Close frame was sent or came.
    is_closing: bool,
    /// Whether nothing more can be read.
    is_over: bool,
}

/// The stream as tungstenite sees it, while it is polled.
struct Passage<'a, 'task, S> {
    stream: &'a mut S,
    inward: &'a mut Inward,
    outward: &'a mut Outward,
    task: &'a mut Context<'task>,
}

impl<S: AsyncRead + Unpin> Read for Passage<'_, '_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.inward.poll_hand(self.stream, into, self.task) {
            Poll::Ready(read) => read,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S> Write for Passage<'_, '_, S> {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        Queue(self.outward).write(frames)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The stream as tungstenite sees it when it is to write: it takes everything.
struct Queue<'a>(&'a mut Outward);

impl Read for Queue<'_> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Queue<'_> {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        self.0.push_bytes(frames);
        Ok(frames.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// `leftover` is what was read of the stream already.
    pub(crate) fn new(stream: S, leftover: &[u8], bounds: Bounds) -> Self {
        Self {
            stream,
            inward: Inward::new(leftover),
            outward: Outward::default(),
            tungstenite: None,
            bounds,
            is_closing: false,
            is_over: false,
        }
    }

    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    /// How many bytes wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.outward.waiting()
    }

    /// How many bytes were ever written.
    pub(crate) fn written(&self) -> u64 {
        self.outward.written()
    }

    /// What comes next. Nothing is lost where a poll is the last one.
    pub(crate) fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Result<Received, Ending>> {
        if self.is_over {
            return Poll::Ready(Err(over()));
        }
        while self.tungstenite.is_none() {
            match self.inward.next(self.bounds.message.min(self.bounds.frame)) {
                Next::Message(message) => return Poll::Ready(Ok(Received::Message(message))),
                Next::Incomplete(wanted) => {
                    match ready!(self.inward.poll_fill(&mut self.stream, wanted, task)) {
                        Ok(1..) => {}
                        // What the end means is also for it to say.
                        Ok(0) => self.wake_tungstenite(),
                        Err(error) => {
                            self.is_over = true;
                            return Poll::Ready(Err(failed(&error.into())));
                        }
                    }
                }
                Next::Other => self.wake_tungstenite(),
            }
        }
        self.poll_tungstenite(task)
    }

    /// A message that has come already and is not tungstenite's.
    #[inline]
    pub(crate) fn at_hand(&mut self) -> Option<Message> {
        if self.inward.is_empty() || self.tungstenite.is_some() || self.is_over {
            return None;
        }
        match self.inward.next(self.bounds.message.min(self.bounds.frame)) {
            Next::Message(message) => Some(message),
            Next::Incomplete(_) | Next::Other => None,
        }
    }

    fn poll_tungstenite(&mut self, task: &mut Context<'_>) -> Poll<Result<Received, Ending>> {
        let Self { stream, inward, outward, tungstenite: Some(tungstenite), .. } = self else {
            return Poll::Ready(Err(over()));
        };
        let read = match tungstenite.read(&mut Passage { stream, inward, outward, task }) {
            Err(WsError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            read => read.and_then(|message| self.received(message)),
        };
        self.is_over = read.is_err();
        Poll::Ready(read.map_err(|error| match error {
            WsError::ConnectionClosed | WsError::AlreadyClosed => over(),
            error => failed(&error),
        }))
    }

    /// Says what tungstenite read, and lets it go when it has nothing more in hand.
    fn received(&mut self, message: WsMessage) -> Result<Received, WsError> {
        let received = match message {
            WsMessage::Text(text) => Received::Message(Message::Text(Text::checked(text.into()))),
            WsMessage::Binary(bytes) => Received::Message(Message::Binary(bytes)),
            WsMessage::Ping(_) => {
                // The answer goes into the queue.
                self.with_tungstenite(|tungstenite, queue| tungstenite.flush(queue))?;
                Received::Ping
            }
            WsMessage::Pong(_) | WsMessage::Frame(_) => Received::Pong,
            WsMessage::Close(frame) => {
                self.is_closing = true;
                Received::Close(frame)
            }
        };
        if !self.is_closing && self.inward.is_at_a_boundary() {
            self.tungstenite = None;
        }
        Ok(received)
    }

    /// Whether a message can be taken without a wait.
    pub(crate) fn is_ready(&self) -> bool {
        self.outward.waiting() <= self.bounds.queue
    }

    /// Writes until a message can be taken.
    pub(crate) fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        if self.is_ready() { Poll::Ready(Ok(())) } else { self.poll_flush(task) }
    }

    /// Takes a message to write when it is flushed.
    pub(crate) fn send(&mut self, message: &Message) {
        let first = match message {
            Message::Text(_) => head::TEXT,
            Message::Binary(_) => head::BINARY,
        };
        self.outward.push(first, message.payload());
    }

    /// Takes a message that is a frame already.
    pub(crate) fn send_encoded(&mut self, message: &Encoded) {
        self.outward.push_made(message.frame());
    }

    pub(crate) fn ping(&mut self) {
        self.outward.push(head::PING, &Bytes::new());
    }

    /// Writes all that was taken, and what tungstenite has to say.
    pub(crate) fn poll_flush(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        if self.tungstenite.is_some() {
            match self.with_tungstenite(|tungstenite, queue| tungstenite.flush(queue)) {
                // Where it is closed, its last word is in the queue.
                Ok(()) | Err(WsError::ConnectionClosed) => {}
                Err(error) => return Poll::Ready(Err(failed(&error))),
            }
        }
        let written = match ready!(self.outward.poll_write(&mut self.stream, task)) {
            Ok(()) => ready!(Pin::new(&mut self.stream).poll_flush(task)),
            Err(error) => Err(error),
        };
        Poll::Ready(written.map_err(|error| failed(&error.into())))
    }

    /// Begins the closing handshake with a frame that is written when it is flushed.
    pub(crate) fn close(&mut self, frame: CloseFrame) -> Result<(), Ending> {
        if self.tungstenite.is_none() {
            self.wake_tungstenite();
        }
        self.is_closing = true;
        self.with_tungstenite(|tungstenite, queue| tungstenite.close(queue, Some(frame)))
            .map_err(|error| failed(&error))
    }

    /// Takes a last message and the answer to the peer's Close frame, in the place of tungstenite's own.
    pub(crate) fn answer_close(&mut self, word: &Message, frame: Option<CloseFrame>) -> Result<(), Ending> {
        (self.tungstenite, self.is_over) = (None, true);
        self.send(word);
        let mut answer = Vec::new();
        Frame::close(frame).format(&mut answer).map_err(|error| failed(&error))?;
        self.outward.push_bytes(&answer);
        Ok(())
    }

    /// Gives shared memory back before a time in which nothing is read.
    pub(crate) fn rest(&mut self) {
        self.inward.settle(0);
    }

    fn wake_tungstenite(&mut self) {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(self.bounds.message))
            .max_frame_size(Some(self.bounds.frame));
        self.tungstenite = Some(Box::new(WebSocketContext::new(Role::Server, Some(config))));
    }

    fn with_tungstenite(
        &mut self,
        act: impl FnOnce(&mut WebSocketContext, &mut Queue<'_>) -> Result<(), WsError>,
    ) -> Result<(), WsError> {
        self.tungstenite
            .as_mut()
            .map_or(Ok(()), |tungstenite| act(tungstenite, &mut Queue(&mut self.outward)))
    }
}

/// The ending that an error of tungstenite means. It reports what the peer did and sends nothing about it.
#[cold]
fn failed(error: &WsError) -> Ending {
    let code = match error {
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        | WsError::ConnectionClosed
        | WsError::AlreadyClosed => return Ending::Ended,
        WsError::Io(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            return Ending::Lost { why: "reset by the peer".to_owned() };
        }
        WsError::Io(error) => return Ending::Lost { why: error.to_string() },
        WsError::Protocol(_) => CloseCode::PROTOCOL_ERROR,
        WsError::Utf8(_) => CloseCode::INVALID_PAYLOAD,
        WsError::Capacity(_) => CloseCode::MESSAGE_TOO_BIG,
        _ => CloseCode::INTERNAL_ERROR,
    };
    Ending::Failed { code, reason: error.to_string() }
}

/// What is read of a socket of which all was read.
#[cold]
fn over() -> Ending {
    Ending::Lost { why: "the connection was closed before".to_owned() }
}

#[cfg(test)]
mod tests;
