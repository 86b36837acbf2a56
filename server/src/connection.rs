//! Messages over tungstenite, and how a connection ends.
//!
//! What is sent is written when the scenario next has to wait, so answers to messages that came together leave
//! together.

use std::{fmt, future::poll_fn, io, net::SocketAddr, pin::Pin, sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error as WsError, Message as WsMessage, Utf8Bytes,
        error::ProtocolError,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};
use tracing::{debug, info};
use wirescope_protocol::{CloseCode, Quoted, limits::MAX_CLOSE_REASON};

use crate::{
    Timeouts,
    config::LONGEST_WAIT,
    ending,
    handshake::Accepted,
    limits::Rate,
    metrics::Hit,
    scenario::Scenario,
    server::Context,
    stream::{Counted, Stream},
    tally::Tally,
    wire::{self, Wire},
    writing::Writing,
};

/// How many messages are taken in a row without a pause: past it, other connections and the shutdown get their turn.
const BURST: usize = 128;

/// The size of tungstenite's read buffer, which is allocated at once and kept. An idle connection costs 7.8 KiB with
/// this one, and 132 KiB with tungstenite's default of 128 KiB.
const READ_BUFFER: usize = 4 * 1024;

/// One in so many answers of an echo is timed, since looking at the clock takes a while itself.
const TIMED: u32 = 16;

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
    let wire = Wire::new(tracer, context, &handle);
    let _listed = is_controlled.then(|| context.live.enter(peer, &accepted, handle));
    let (pipe, end) = tokio::io::duplex(wire::PIPE);
    // Boxed, so that the task of a connection without all this is no larger for it.
    let bent = Box::pin(async {
        tokio::join!(
            wire.run(plan, ports, stream, leftover, pipe, &context.shutdown),
            talk(end, Vec::new(), peer, &accepted, context)
        )
    });
    bent.await;
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

    fn len(&self) -> usize {
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
    socket: WebSocketStream<Counted<S>>,
    context: Arc<Context>,
    peer: SocketAddr,
    path: String,
    subprotocol: String,
    opened: Instant,
    timeouts: Timeouts,
    taken_in_a_row: usize,
    rate: Rate,
    watch: Watch,
    /// When what is being answered came, while that is timed.
    arrived: Option<Instant>,
    tally: Tally,
    writing: Writing,
}

/// What a connection keeps an eye on while it waits for its peer: one timer, which is looked at when it fires and not set
/// anew for each message.
#[derive(Debug)]
struct Watch {
    timer: Pin<Box<Sleep>>,
    /// When the peer was last heard of, as of the last wait.
    heard: Instant,
    /// Whether anything came since the last wait began.
    fresh: bool,
    /// When the ping was sent that nothing has answered yet.
    pinged: Option<Instant>,
    /// When the connection has lived as long as it may.
    end: Option<Instant>,
    /// How often it has waited.
    waits: u32,
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
        let (max_message, limits) = (context.config.max_message, &context.config.limits);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(limits.outbound_queue)
            // A message is only taken from the scenario when less than that waits, so this bound is for what tungstenite
            // queues by itself: the answers to pings of a peer that does not read them.
            .max_write_buffer_size(limits.outbound_queue + max_message + 64 * 1024)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(limits.frame.min(max_message)));
        let stream = Counted::new(stream);
        let socket = WebSocketStream::from_partially_read(stream, leftover, Role::Server, Some(config)).await;
        let (path, subprotocol) = (accepted.path.clone(), accepted.subprotocol.clone().unwrap_or_default());
        let faults = tracing::field::display(&accepted.plan);
        info!(%peer, path, subprotocol, %faults, "connection opened");
        let opened = Instant::now();
        let end = limits.lifetime(peer.ip()).map(|lifetime| opened + lifetime);
        let mut timeouts = context.config.timeouts;
        if accepted.plan.bends_the_connection() {
            // What becomes of it is for its URL to say, and a ping in it would depend on time.
            (timeouts.idle, timeouts.blocked) = (LONGEST_WAIT, LONGEST_WAIT);
        }
        let first = opened + timeouts.idle;
        let watch = Watch {
            timer: Box::pin(sleep_until(end.map_or(first, |end| end.min(first)))),
            heard: opened,
            fresh: false,
            pinged: None,
            end,
            // Only an echo is timed.
            waits: if matches!(accepted.scenario, Scenario::Echo) { 0 } else { u32::MAX },
        };
        Self {
            socket,
            context: Arc::clone(context),
            peer,
            path,
            subprotocol,
            opened,
            timeouts,
            taken_in_a_row: 0,
            rate: Rate::new(limits.messages_per_second(peer.ip())),
            watch,
            arrived: None,
            tally: Tally::new(&context.metrics),
            writing: Writing::default(),
        }
    }

    /// What all connections share.
    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The next data message. Before it waits for one it writes all that was sent. Pings are answered on the way.
    pub(crate) async fn recv(&mut self) -> Result<Message, Ending> {
        loop {
            let message = self.next().await?;
            if !self.rate.take() {
                // A ping's answer goes before the Close frame.
                self.flush().await?;
                return Err(self.exceeded(Hit::MessagesPerSecond));
            }
            let message = match message {
                WsMessage::Text(text) => Message::Text(text),
                WsMessage::Binary(bytes) => Message::Binary(bytes),
                // The answer is queued. Until it is written nothing more is read, so that a peer that only ever pings
                // cannot make the server gather answers.
                WsMessage::Ping(_) => {
                    self.flush().await?;
                    continue;
                }
                WsMessage::Close(frame) => return Err(closed(frame)),
                WsMessage::Pong(_) | WsMessage::Frame(_) => continue,
            };
            self.tally.received.add(message.len());
            debug!(peer = %self.peer, kind = message.kind(), bytes = message.len(), "received");
            return Ok(message);
        }
    }

    /// Takes a message to send; waits while the peer does not read what was sent before. It is written at the latest when
    /// the scenario next waits in [`Connection::recv`].
    pub(crate) async fn send(&mut self, message: Message) -> Result<(), Ending> {
        tokio::select! {
            biased;
            ready = self.writing.ready(&mut self.socket, self.timeouts.blocked, &self.context.metrics) => ready?,
            () = self.context.shutdown.cancelled() => return Err(Ending::GoingAway),
        }
        self.tally.sent.add(message.len());
        self.writing.queued += message.len() as u64;
        debug!(peer = %self.peer, kind = message.kind(), bytes = message.len(), "sent");
        let message = match message {
            Message::Text(text) => WsMessage::Text(text),
            Message::Binary(bytes) => WsMessage::Binary(bytes),
        };
        self.socket.start_send_unpin(message).map_err(|error| failed(&error))
    }

    /// Ends the connection as its ending demands, and logs it.
    pub(crate) async fn end(mut self, ending: Ending) {
        let timeouts = self.timeouts;
        self.tally.close = (ending.code().number(), ending.by());
        if matches!(&ending, Ending::Failed { code, .. } if *code == CloseCode::MESSAGE_TOO_BIG) {
            self.context.metrics.hit(Hit::Message);
        }
        let clean = match &ending {
            Ending::Closed { .. } => within(timeouts.close, self.socket.flush()).await,
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
            received = %self.tally.received,
            sent = %self.tally.sent,
            code = ending.code().number(),
            reason = ending.reason(),
            by = ending.by(),
            clean,
            lived = ?self.opened.elapsed(),
            "connection closed"
        );
        if !matches!(ending, Ending::Lost { .. }) {
            ending::drain(self.socket.into_inner().stream, &timeouts).await;
        }
    }

    /// What tungstenite reads next, control frames included.
    async fn next(&mut self) -> Result<WsMessage, Ending> {
        let polled = poll_fn(|cx| Poll::Ready(self.socket.poll_next_unpin(cx))).await;
        if let Poll::Ready(message) = polled {
            self.watch.fresh = true;
            self.taken_in_a_row += 1;
            if self.taken_in_a_row >= BURST {
                self.taken_in_a_row = 0;
                self.flush().await?;
                self.tally.publish();
                tokio::task::yield_now().await;
            }
            return read(message);
        }
        self.taken_in_a_row = 0;
        self.flush().await?;
        self.tally.publish();
        self.wait().await
    }

    /// Waits for the peer, and sees to it that the peer is there.
    async fn wait(&mut self) -> Result<WsMessage, Ending> {
        if self.watch.fresh {
            self.watch.fresh = false;
            self.watch.heard = Instant::now();
            if self.watch.pinged.take().is_some() {
                self.set_timer();
            }
            if let Some(arrived) = self.arrived.take() {
                self.context.metrics.echo.observe(self.watch.heard - arrived);
            }
        }
        loop {
            tokio::select! {
                biased;
                () = self.context.shutdown.cancelled() => return Err(Ending::GoingAway),
                message = self.socket.next() => {
                    self.watch.fresh = true;
                    if self.watch.waits != u32::MAX {
                        if self.watch.waits.is_multiple_of(TIMED) {
                            self.arrived = Some(Instant::now());
                        }
                        self.watch.waits = (self.watch.waits + 1) % TIMED;
                    }
                    return read(message);
                }
                () = self.watch.timer.as_mut() => {
                    if let Some(message) = self.look().await? {
                        self.watch.fresh = true;
                        return Ok(message);
                    }
                }
            }
        }
    }

    /// Does what is due when the timer fires, and sets it anew.
    async fn look(&mut self) -> Result<Option<WsMessage>, Ending> {
        let timeouts = self.timeouts;
        let now = Instant::now();
        if self.watch.end.is_some_and(|end| end <= now) {
            self.context.metrics.hit(Hit::Lifetime);
            let reason = "the connection has lived as long as one may here".to_owned();
            return Err(Ending::Done { code: CloseCode::GOING_AWAY, reason });
        }
        if self.watch.pinged.is_some_and(|pinged| pinged + timeouts.pong <= now) {
            // What comes may be there already and only not have been looked for, where the machine is busy.
            tokio::task::yield_now().await;
            if let Poll::Ready(message) = poll_fn(|cx| Poll::Ready(self.socket.poll_next_unpin(cx))).await {
                return read(message).map(Some);
            }
            return Err(self.exceeded(Hit::Pong));
        }
        if self.watch.pinged.is_none() && self.watch.heard + timeouts.idle <= now {
            self.watch.pinged = Some(now);
            self.socket.start_send_unpin(WsMessage::Ping(Bytes::new())).map_err(|error| failed(&error))?;
            debug!(peer = %self.peer, "pinged");
            self.flush().await?;
        }
        self.set_timer();
        Ok(None)
    }

    fn set_timer(&mut self) {
        let timeouts = self.timeouts;
        let next = match self.watch.pinged {
            Some(pinged) => pinged + timeouts.pong,
            None => self.watch.heard + timeouts.idle,
        };
        self.watch.timer.as_mut().reset(self.watch.end.map_or(next, |end| end.min(next)));
    }

    fn exceeded(&self, limit: Hit) -> Ending {
        self.context.metrics.hit(limit);
        let (code, reason) = match limit {
            Hit::MessagesPerSecond => {
                let most = self.context.config.limits.messages_per_second(self.peer.ip()).unwrap_or_default();
                (CloseCode::POLICY_VIOLATION, format!("more than {most} messages in a second"))
            }
            _ => {
                let pong = self.timeouts.pong;
                (CloseCode::INTERNAL_ERROR, format!("no answer to a ping within {pong:?}"))
            }
        };
        Ending::Failed { code, reason }
    }

    /// Writes all that was sent.
    pub(crate) async fn flush(&mut self) -> Result<(), Ending> {
        tokio::select! {
            // First, since a peer that keeps the server busy would otherwise put the shutdown off. What is not flushed
            // here goes out before the Close frame.
            biased;
            () = self.context.shutdown.cancelled() => Err(Ending::GoingAway),
            flushed = self.writing.flush(&mut self.socket, self.timeouts.blocked, &self.context.metrics) => flushed,
        }
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
pub(crate) fn failed(error: &WsError) -> Ending {
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

    /// The same through a whole server depends on when the system tells of the end.
    #[tokio::test]
    async fn messages_are_answered_when_the_end_of_the_peers_side_is_seen_right_after_them() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        client.shutdown().await.unwrap();
        stream.readable().await.unwrap();

        let request = ::http::Request::get("/echo")
            .header("Host", "localhost")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        let context = Arc::new(Context::new(Config::default(), CancellationToken::new()).unwrap());
        let accepted = handshake::check(&request.body(()).unwrap(), &context).unwrap();
        let messages = [&[0x81, 0x83, 0, 0, 0, 0][..], b"one", &[0x82, 0x83, 0, 0, 0, 0], b"two"].concat();
        serve(stream, messages, peer, accepted, &context).await;

        let mut answers = Vec::new();
        client.read_to_end(&mut answers).await.unwrap();
        assert_eq!(answers, b"\x81\x03one\x82\x03two");
    }
}
