//! Messages over tungstenite, and how a connection ends.
//!
//! What is sent is written when the scenario next has to wait, so answers to messages that came together leave
//! together.

use std::{
    fmt,
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context as Task, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WsError, Message as WsMessage,
        error::ProtocolError,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};
use tracing::{debug, info};
use wirescope_protocol::{CloseCode, Quoted, limits::MAX_CLOSE_REASON};

pub(crate) use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    ending,
    handshake::Accepted,
    server::Context,
    stream::Stream,
    wire::{self, Wire},
};

/// How many messages are taken in a row without a pause: past it, other connections and the shutdown get their turn.
const BURST: usize = 128;

/// How much is sent in a row without a pause, in bytes. Without it Tokio makes the pauses, by saying that the socket is not
/// ready, which would look as if the peer did not read.
const SENT_IN_A_ROW: u64 = 512 * 1024;

/// The size of tungstenite's read buffer, which is allocated at once and kept. An idle connection costs 7.8 KiB with
/// this one, and 132 KiB with tungstenite's default of 128 KiB.
const READ_BUFFER: usize = 4 * 1024;

/// How much is gathered before it is written although the scenario does not wait.
const WRITE_BUFFER: usize = 64 * 1024;

/// The reason with which tungstenite answers a Close frame whose code may not be sent; the code is 1002.
const BAD_CLOSE: &str = "Protocol violation";

/// Serves a stream after the 101 response until its connection is over. `leftover` is what was read beyond the request.
pub(crate) async fn serve(
    stream: impl Stream,
    leftover: Vec<u8>,
    peer: SocketAddr,
    accepted: Accepted,
    context: &Arc<Context>,
) {
    let (tracer, plan) = (accepted.tracer.as_ref(), &accepted.plan);
    let is_controlled = context.config.control;
    if tracer.is_none() && !is_controlled && !plan.bends_the_connection() {
        return talk(stream, leftover, peer, &accepted, context).await;
    }
    let (handle, ports) = wire::Handle::new();
    let wire = Wire::new(tracer, &context.config, &handle);
    let _listed = is_controlled.then(|| context.live.enter(peer, &accepted, handle));
    let (pipe, end) = tokio::io::duplex(wire::PIPE);
    tokio::join!(
        wire.run(plan, ports, stream, leftover, pipe, &context.shutdown),
        talk(end, Vec::new(), peer, &accepted, context)
    );
}

pub(crate) async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    leftover: Vec<u8>,
    peer: SocketAddr,
    accepted: &Accepted,
    context: &Arc<Context>,
) {
    let mut connection = Connection::open(stream, leftover, peer, accepted, context).await;
    let ending = accepted.scenario.run(&mut connection).await;
    connection.end(ending).await;
}

/// A data message, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(Utf8Bytes),
    Binary(Bytes),
}

impl Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Binary(_) => "binary",
        }
    }

    /// In bytes, of UTF-8 for text.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// Why a connection is over, and so what the server still owes the peer.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The scenario has done all it was to do.
    Done { code: CloseCode, reason: String },
    /// The peer sent a Close frame; its answer is queued.
    Closed { code: CloseCode, reason: String },
    /// The peer broke a rule, and is told which with this code.
    Failed { code: CloseCode, reason: String },
    /// The server is shutting down.
    GoingAway,
    /// The peer's Close frame had a code that may not be sent; the answer that says so is queued.
    BadClose,
    /// The peer ended its side without a Close frame. It may still read, so it is owed what was sent.
    Ended,
    /// The scenario is to end the connection without a Close frame.
    Cut,
    /// The connection failed: nothing can be written any more.
    Lost { why: String },
}

impl Ending {
    fn code(&self) -> CloseCode {
        match self {
            Self::Done { code, .. } | Self::Closed { code, .. } | Self::Failed { code, .. } => *code,
            Self::BadClose => CloseCode::PROTOCOL_ERROR,
            Self::GoingAway => CloseCode::GOING_AWAY,
            Self::Cut | Self::Ended | Self::Lost { .. } => CloseCode::ABNORMAL,
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::Done { reason, .. } | Self::Closed { reason, .. } | Self::Failed { reason, .. } => reason,
            Self::BadClose => BAD_CLOSE,
            Self::Cut => "cut by the scenario",
            Self::Ended => "ended without a Close frame",
            Self::GoingAway => "server is shutting down",
            Self::Lost { why } => why,
        }
    }

    fn by(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "peer",
            Self::Done { .. } | Self::Failed { .. } | Self::BadClose | Self::Cut | Self::GoingAway => {
                "server"
            }
            Self::Ended | Self::Lost { .. } => "nobody",
        }
    }
}

/// As a transcript has it.
impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { code, .. } => write!(f, "the client closed with {code}")?,
            Self::Done { code, .. } | Self::Failed { code, .. } => {
                write!(f, "the server closed with {code}")?;
            }
            Self::GoingAway | Self::BadClose => write!(f, "the server closed with {}", self.code())?,
            Self::Cut => return f.write_str("the server cut the connection"),
            Self::Ended => return f.write_str("the client ended the connection without a Close frame"),
            Self::Lost { .. } => f.write_str("the connection was lost")?,
        }
        match self.reason() {
            "" => Ok(()),
            reason => write!(f, ": {}", Quoted(reason)),
        }
    }
}

/// An open WebSocket, from the server's side.
pub(crate) struct Connection<S> {
    socket: WebSocketStream<S>,
    context: Arc<Context>,
    peer: SocketAddr,
    path: String,
    subprotocol: String,
    opened: Instant,
    taken_in_a_row: usize,
    received: Count,
    sent: Count,
    /// What `sent` was at the last pause, in bytes.
    sent_at_pause: u64,
    /// Whether something was sent, or a ping answered, that may not be written yet.
    unwritten: bool,
    /// Whether an answer to a ping may not be written yet. Until it is nothing more is read, so that a peer that only ever
    /// pings cannot make the server gather answers.
    owes_pong: bool,
    blocked: Duration,
    last_word: Option<Box<LastWord>>,
}

/// What a scenario says when the peer has sent its Close frame.
#[derive(Debug)]
struct LastWord {
    message: Message,
    reason: String,
}

#[derive(Clone, Copy, Default)]
struct Count {
    messages: u64,
    bytes: u64,
}

impl Count {
    fn add(&mut self, message: &Message) {
        self.messages += 1;
        self.bytes += message.len() as u64;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}B", self.messages, self.bytes)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Takes over a stream after the 101 response, and what was read of it beyond the request.
    pub(crate) async fn open(
        stream: S,
        leftover: Vec<u8>,
        peer: SocketAddr,
        accepted: &Accepted,
        context: &Arc<Context>,
    ) -> Self {
        let max_message = context.config.max_message;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            // A message is only taken from the scenario when less than WRITE_BUFFER waits, so this bound is for what
            // tungstenite queues by itself: the answers to pings of a peer that does not read them.
            .max_write_buffer_size(WRITE_BUFFER + max_message + 64 * 1024)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        let socket = WebSocketStream::from_partially_read(stream, leftover, Role::Server, Some(config)).await;
        let (path, subprotocol) = (accepted.path.clone(), accepted.subprotocol.clone().unwrap_or_default());
        let faults = tracing::field::display(&accepted.plan);
        info!(%peer, path, subprotocol, %faults, "connection opened");
        Self {
            socket,
            context: Arc::clone(context),
            peer,
            path,
            subprotocol,
            opened: Instant::now(),
            taken_in_a_row: 0,
            received: Count::default(),
            sent: Count::default(),
            sent_at_pause: 0,
            unwritten: false,
            owes_pong: false,
            blocked: Duration::ZERO,
            last_word: None,
        }
    }

    /// The path of the request.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The address of the other end of the TCP connection.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// What all connections share.
    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// How long [`Connection::recv_or_ready`] and [`Connection::recv_or_written`] have waited because the peer did not
    /// read.
    pub(crate) fn blocked(&self) -> Duration {
        self.blocked
    }

    /// The next data message. Before it waits for one it writes all that was sent. Pings are answered on the way.
    ///
    /// It may be dropped at any point, as by `select!`: no message is lost, and what was sent is still written later.
    pub(crate) async fn recv(&mut self) -> Result<Message, Ending> {
        loop {
            let message = self.next().await?;
            if let Some(message) = self.data(message)? {
                return Ok(message);
            }
        }
    }

    /// Waits until a message comes, which it gives, or until [`Connection::send`] would not wait. For a scenario that
    /// sends as fast as the peer reads, and still hears it: what comes from the peer is looked at first. It may be
    /// dropped as [`Connection::recv`] may.
    pub(crate) async fn recv_or_ready(&mut self) -> Result<Option<Message>, Ending> {
        self.recv_or(WebSocketStream::poll_ready_unpin).await
    }

    /// Waits until a message comes, which it gives, or until all that was sent is written. It may be dropped as
    /// [`Connection::recv`] may.
    pub(crate) async fn recv_or_written(&mut self) -> Result<Option<Message>, Ending> {
        let message = self.recv_or(WebSocketStream::poll_flush_unpin).await?;
        self.unwritten &= message.is_some();
        Ok(message)
    }

    /// Writes all that was sent, and reads nothing meanwhile.
    pub(crate) async fn write(&mut self) -> Result<(), Ending> {
        self.flush().await
    }

    /// Waits and neither reads nor writes.
    pub(crate) async fn rest_until(&mut self, end: tokio::time::Instant) -> Result<(), Ending> {
        tokio::select! {
            () = self.context.shutdown.cancelled() => Err(Ending::GoingAway),
            () = tokio::time::sleep_until(end) => Ok(()),
        }
    }

    /// Says this before the peer's Close frame, which was received, is answered; the answer carries `reason` if it fits.
    /// RFC 6455 section 5.5.1 allows it. A browser passes such a message over, since it no longer is open, but shows the
    /// reason. Nothing is said to a peer that has not read what was sent before, as far as [`Connection::write`] tells.
    pub(crate) fn say_at_close(&mut self, message: Message, reason: String) {
        self.last_word = Some(Box::new(LastWord { message, reason }));
    }

    /// Takes a message to send; waits while the peer does not read what was sent before. It is written at the latest when
    /// the scenario next waits in [`Connection::recv`].
    pub(crate) async fn send(&mut self, message: Message) -> Result<(), Ending> {
        tokio::select! {
            biased;
            ready = poll_fn(|cx| self.socket.poll_ready_unpin(cx)) => ready.map_err(|error| failed(&error))?,
            () = self.context.shutdown.cancelled() => return Err(Ending::GoingAway),
        }
        self.sent.add(&message);
        self.unwritten = true;
        debug!(peer = %self.peer, kind = message.kind(), bytes = message.len(), "sent");
        let message = match message {
            Message::Text(text) => WsMessage::Text(text),
            Message::Binary(bytes) => WsMessage::Binary(bytes),
        };
        self.socket.start_send_unpin(message).map_err(|error| failed(&error))
    }

    /// Ends the connection as its ending demands, and logs it.
    pub(crate) async fn end(mut self, ending: Ending) {
        let timeouts = self.context.config.timeouts;
        let clean = match &ending {
            Ending::Closed { code, reason } => match self.last_word.take() {
                Some(word) if !self.unwritten => {
                    within(timeouts.close, Box::pin(self.answer_close(*code, reason, *word))).await
                }
                _ => within(timeouts.close, self.socket.flush()).await,
            },
            Ending::Failed { code, reason } => {
                within(timeouts.close, self.send_close(*code, reason)).await;
                false
            }
            Ending::BadClose | Ending::Ended => {
                within(timeouts.close, self.socket.flush()).await;
                false
            }
            Ending::Done { .. } | Ending::GoingAway => {
                let code = ending.code();
                within(timeouts.close, async {
                    self.send_close(code, ending.reason()).await?;
                    self.peers_close().await
                })
                .await
            }
            Ending::Cut | Ending::Lost { .. } => false,
        };
        info!(
            peer = %self.peer,
            path = self.path,
            subprotocol = self.subprotocol,
            received = %self.received,
            sent = %self.sent,
            code = ending.code().number(),
            reason = ending.reason(),
            by = ending.by(),
            clean,
            lived = ?self.opened.elapsed(),
            "connection closed"
        );
        if !matches!(ending, Ending::Lost { .. }) {
            ending::drain(self.socket.into_inner(), &timeouts).await;
        }
    }

    /// What tungstenite reads next, control frames included.
    async fn next(&mut self) -> Result<WsMessage, Ending> {
        if self.owes_pong {
            self.flush().await?;
        }
        // Before a message is taken, and not after: a message in hand would be lost where this is dropped.
        if self.taken_in_a_row >= BURST {
            self.taken_in_a_row = 0;
            self.flush().await?;
            tokio::task::yield_now().await;
        }
        let polled = poll_fn(|cx| Poll::Ready(self.socket.poll_next_unpin(cx))).await;
        if let Poll::Ready(message) = polled {
            self.taken_in_a_row += 1;
            return self.note(message);
        }
        self.taken_in_a_row = 0;
        self.flush().await?;
        let message = tokio::select! {
            biased;
            () = self.context.shutdown.cancelled() => return Err(Ending::GoingAway),
            message = self.socket.next() => message,
        };
        self.note(message)
    }

    /// Waits for what comes from the peer, or else until `done`.
    async fn recv_or(
        &mut self,
        mut done: impl FnMut(&mut WebSocketStream<S>, &mut Task<'_>) -> Poll<Result<(), WsError>>,
    ) -> Result<Option<Message>, Ending> {
        loop {
            if self.owes_pong {
                self.flush().await?;
            }
            if self.taken_in_a_row >= BURST || self.sent.bytes - self.sent_at_pause >= SENT_IN_A_ROW {
                self.taken_in_a_row = 0;
                self.sent_at_pause = self.sent.bytes;
                if self.context.shutdown.is_cancelled() {
                    return Err(Ending::GoingAway);
                }
                tokio::task::yield_now().await;
            }
            let socket = &mut self.socket;
            let mut poll = |cx: &mut Task<'_>| match socket.poll_next_unpin(cx) {
                Poll::Ready(message) => Poll::Ready(Ok(Some(message))),
                Poll::Pending => done(socket, cx).map_ok(|()| None),
            };
            let polled = match poll_fn(|cx| Poll::Ready(poll(cx))).await {
                Poll::Ready(polled) => polled,
                Poll::Pending => {
                    let since = Instant::now();
                    let polled = tokio::select! {
                        biased;
                        () = self.context.shutdown.cancelled() => return Err(Ending::GoingAway),
                        polled = poll_fn(poll) => polled,
                    };
                    self.blocked += since.elapsed();
                    polled
                }
            };
            self.taken_in_a_row += 1;
            let Some(message) = polled.map_err(|error| failed(&error))? else { return Ok(None) };
            let message = self.note(message)?;
            if let Some(message) = self.data(message)? {
                return Ok(Some(message));
            }
        }
    }

    /// Reads what tungstenite read, and remembers what that obliges to.
    fn note(&mut self, message: Option<Result<WsMessage, WsError>>) -> Result<WsMessage, Ending> {
        let message = read(message)?;
        if message.is_ping() {
            self.owes_pong = true;
            self.unwritten = true;
        }
        Ok(message)
    }

    /// The data message that this is, if it is one.
    fn data(&mut self, message: WsMessage) -> Result<Option<Message>, Ending> {
        let message = match message {
            WsMessage::Text(text) => Message::Text(text),
            WsMessage::Binary(bytes) => Message::Binary(bytes),
            WsMessage::Close(frame) => return Err(closed(frame)),
            WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_) => return Ok(None),
        };
        self.received.add(&message);
        debug!(peer = %self.peer, kind = message.kind(), bytes = message.len(), "received");
        Ok(Some(message))
    }

    /// Writes all that was sent.
    pub(crate) async fn flush(&mut self) -> Result<(), Ending> {
        tokio::select! {
            // First, since a peer that keeps the server busy would otherwise put the shutdown off. What is not flushed
            // here goes out before the Close frame.
            biased;
            () = self.context.shutdown.cancelled() => return Err(Ending::GoingAway),
            flushed = self.socket.flush() => flushed.map_err(|error| failed(&error))?,
        }
        self.unwritten = false;
        self.owes_pong = false;
        Ok(())
    }

    /// Answers the peer's Close frame after a last message. tungstenite, which refuses to send one then, has nothing
    /// unwritten but its own answer, which is not written any more.
    async fn answer_close(&mut self, code: CloseCode, reason: &str, word: LastWord) -> Result<(), WsError> {
        let (payload, kind) = match word.message {
            Message::Text(text) => (Bytes::from(text), Data::Text),
            Message::Binary(bytes) => (bytes, Data::Binary),
        };
        let reason = if word.reason.len() <= MAX_CLOSE_REASON { &word.reason } else { reason };
        let close = (code != CloseCode::NO_STATUS)
            .then(|| CloseFrame { code: code.number().into(), reason: reason.into() });
        let mut frames = Vec::new();
        self.sent.messages += 1;
        self.sent.bytes += payload.len() as u64;
        Frame::message(payload, OpCode::Data(kind), true).format(&mut frames)?;
        Frame::close(close).format(&mut frames)?;
        let stream = self.socket.get_mut();
        stream.write_all(&frames).await?;
        stream.flush().await?;
        Ok(())
    }

    async fn send_close(&mut self, code: CloseCode, reason: &str) -> Result<(), WsError> {
        self.socket
            .close(Some(CloseFrame { code: code.number().into(), reason: truncated(reason).into() }))
            .await
    }

    /// Waits for the Close frame that answers the server's own; messages that were on their way are passed over.
    async fn peers_close(&mut self) -> Result<(), WsError> {
        while let Some(message) = self.socket.next().await {
            if message?.is_close() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Whether it was done without an error and in time.
async fn within(limit: Duration, done: impl Future<Output = Result<(), WsError>>) -> bool {
    matches!(timeout(limit, done).await, Ok(Ok(())))
}

fn read(message: Option<Result<WsMessage, WsError>>) -> Result<WsMessage, Ending> {
    match message {
        Some(message) => message.map_err(|error| failed(&error)),
        None => Err(Ending::Lost { why: "the connection was closed before".to_owned() }),
    }
}

/// The ending that a Close frame of the peer means. Instead of one whose code may not be sent tungstenite reports its own
/// answer to it; it takes 1014 for such a code, although that was registered since.
fn closed(frame: Option<CloseFrame>) -> Ending {
    let Some(frame) = frame else {
        return Ending::Closed { code: CloseCode::NO_STATUS, reason: String::new() };
    };
    let (code, reason) = (CloseCode::new(frame.code.into()), frame.reason.as_str());
    if code == CloseCode::PROTOCOL_ERROR && reason == BAD_CLOSE {
        Ending::BadClose
    } else {
        Ending::Closed { code, reason: reason.to_owned() }
    }
}

/// The ending that an error of tungstenite means. It reports what the peer did and sends nothing about it.
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

/// As much of a reason as fits in a Close frame.
fn truncated(reason: &str) -> &str {
    let end = (0..=MAX_CLOSE_REASON.min(reason.len())).rev().find(|&end| reason.is_char_boundary(end));
    &reason[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{Config, handshake};

    /// A connection, the other end of its TCP connection, and its server's context.
    async fn connection() -> (Connection<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let context = Arc::new(Context::new(Config::default(), CancellationToken::new()));
        let accepted = handshake::check(&request(), &context).unwrap();
        (Connection::open(stream, Vec::new(), peer, &accepted, &context).await, client)
    }

    fn request() -> ::http::Request<()> {
        let request = ::http::Request::get("/echo")
            .header("Host", "x")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        request.body(()).unwrap()
    }

    /// A masked frame with a key of zeros and a short payload.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let length = 0x80 | u8::try_from(payload.len()).unwrap();
        [&[first, length, 0, 0, 0, 0][..], payload].concat()
    }

    fn text(number: u32) -> Message {
        Message::Text(number.to_string().into())
    }

    /// As a scenario does that also listens to something else: what it waits for is dropped again and again, at whatever
    /// point it has come to.
    async fn cancelled_often<T>(mut wait: impl AsyncFnMut() -> T) -> T {
        for polls in (0_u32..).map(|round| round % 3) {
            let mut left = polls;
            let mut waiting = std::pin::pin!(wait());
            let polled = poll_fn(|cx| match waiting.as_mut().poll(cx) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => {
                    left -= 1;
                    Poll::Pending
                }
            });
            if let Ok(Some(done)) = timeout(Duration::from_millis(5), polled).await {
                return done;
            }
            tokio::task::yield_now().await;
        }
        unreachable!("the rounds have no end")
    }

    #[tokio::test]
    async fn nothing_is_lost_where_waiting_is_given_up() {
        const COUNT: u32 = 640;
        for way in 0..3 {
            let (mut connection, client) = connection().await;
            let (mut reader, mut writer) = client.into_split();
            let peer = tokio::spawn(async move {
                let mut answers = Vec::new();
                // The first half at once, so that pauses are made within it, and the rest in pieces. A ping now and then,
                // so that a pong is owed in between.
                let write = async {
                    let mut sent = Vec::new();
                    for number in 0..COUNT {
                        sent.extend(frame(0x81, number.to_string().as_bytes()));
                        if number % 50 == 0 {
                            sent.extend(frame(0x89, b"?"));
                        }
                        if number > COUNT / 2 && number % 20 == 0 {
                            writer.write_all(&std::mem::take(&mut sent)).await.unwrap();
                            tokio::time::sleep(Duration::from_millis(2)).await;
                        }
                    }
                    sent.extend(frame(0x88, b"\x03\xe8"));
                    writer.write_all(&sent).await.unwrap();
                };
                tokio::join!(write, async { reader.read_to_end(&mut answers).await.unwrap() });
                answers
            });
            let mut came = Vec::new();
            let ending = loop {
                let received = cancelled_often(async || match way {
                    0 => connection.recv().await.map(Some),
                    1 => connection.recv_or_ready().await,
                    _ => connection.recv_or_written().await,
                });
                match received.await {
                    Ok(Some(message)) => {
                        came.push(message.clone());
                        connection.send(message).await.unwrap();
                    }
                    Ok(None) => tokio::task::yield_now().await,
                    Err(ending) => break ending,
                }
            };
            assert!(matches!(ending, Ending::Closed { .. }), "{ending:?}");
            assert!(came == (0..COUNT).map(text).collect::<Vec<_>>(), "lost or out of order in way {way}");
            connection.end(ending).await;
            // Pongs come in between, so the answers are picked out of the rest.
            let answers = peer.await.unwrap();
            let mut answers = answers.as_slice();
            let (mut echoed, mut pongs) = (Vec::new(), 0);
            while let [first, length, rest @ ..] = answers {
                let (payload, rest) = rest.split_at((*length).into());
                match first {
                    0x81 => echoed.push(std::str::from_utf8(payload).unwrap().parse::<u32>().unwrap()),
                    0x8a => pongs += 1,
                    other => assert_eq!(*other, 0x88),
                }
                answers = rest;
            }
            assert_eq!(echoed, (0..COUNT).collect::<Vec<_>>());
            assert_eq!(pongs, COUNT.div_ceil(50));
        }
    }

    #[tokio::test]
    async fn a_last_word_is_said_before_the_answer_to_a_close_frame() {
        for (close, answer) in [
            (&b"\x03\xe8bye"[..], &b"\x81\x04last\x88\x08\x03\xe8reason"[..]),
            (b"", b"\x81\x04last\x88\x00"),
        ] {
            let (mut connection, mut client) = connection().await;
            client.write_all(&frame(0x88, close)).await.unwrap();
            let ending = connection.recv().await.unwrap_err();
            connection.say_at_close(Message::Text("last".into()), "reason".to_owned());
            let ((), answers) = tokio::join!(connection.end(ending), async {
                let mut answers = Vec::new();
                client.read_to_end(&mut answers).await.unwrap();
                client.shutdown().await.unwrap();
                answers
            });
            assert_eq!(answers, answer);
        }
    }

    #[tokio::test]
    async fn a_reason_that_does_not_fit_is_not_given() {
        let (mut connection, mut client) = connection().await;
        client.write_all(&frame(0x88, b"\x03\xe8bye")).await.unwrap();
        let ending = connection.recv().await.unwrap_err();
        connection.say_at_close(Message::Binary(Bytes::new()), "x".repeat(MAX_CLOSE_REASON + 1));
        let ((), answers) = tokio::join!(connection.end(ending), async {
            let mut answers = Vec::new();
            client.read_to_end(&mut answers).await.unwrap();
            client.shutdown().await.unwrap();
            answers
        });
        assert_eq!(answers, b"\x82\x00\x88\x05\x03\xe8bye");
    }

    /// The same through a whole server depends on when the system tells of the end.
    #[tokio::test]
    async fn messages_are_answered_when_the_end_of_the_peers_side_is_seen_right_after_them() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        client.shutdown().await.unwrap();
        stream.readable().await.unwrap();

        let context = Arc::new(Context::new(Config::default(), CancellationToken::new()));
        let accepted = handshake::check(&request(), &context).unwrap();
        let messages = [&[0x81, 0x83, 0, 0, 0, 0][..], b"one", &[0x82, 0x83, 0, 0, 0, 0], b"two"].concat();
        serve(stream, messages, peer, accepted, &context).await;

        let mut answers = Vec::new();
        client.read_to_end(&mut answers).await.unwrap();
        assert_eq!(answers, b"\x81\x03one\x82\x03two");
    }
}
