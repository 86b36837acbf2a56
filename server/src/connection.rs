//! Messages over tungstenite, and how a connection ends.
//!
//! What is sent is written when the scenario next has to wait, so answers to messages that came together leave
//! together.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, Sleep, sleep_until, timeout},
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
use wirescope_protocol::{CloseCode, limits::MAX_CLOSE_REASON};

pub(crate) use tokio_tungstenite::tungstenite::Utf8Bytes;

pub(crate) use crate::ending::Ending;

use crate::{
    Timeouts,
    config::LONGEST_WAIT,
    ending::{self, BAD_CLOSE},
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

/// How much is sent in a row without a pause, in bytes. Without it Tokio makes the pauses, by saying that the socket is not
/// ready, which would look as if the peer did not read.
const SENT_IN_A_ROW: u64 = 512 * 1024;

/// The size of tungstenite's read buffer, which is allocated at once and kept. An idle connection costs 7.8 KiB with
/// this one, and 132 KiB with tungstenite's default of 128 KiB.
const READ_BUFFER: usize = 4 * 1024;

/// One in so many answers of an echo is timed, since looking at the clock takes a while itself.
const TIMED: u32 = 16;

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
    Box::pin(connection.end(ending)).await;
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
    /// What was sent at the last pause, in bytes.
    sent_at_pause: u64,
    /// Whether something was sent, or a ping answered, that may not be written yet.
    unwritten: bool,
    /// Whether an answer to a ping may not be written yet. Until it is nothing more is read, so that a peer that only ever
    /// pings cannot make the server gather answers.
    owes_pong: bool,
    blocked: Duration,
    last_word: Option<Box<LastWord>>,
    rate: Rate,
    watch: Watch,
    /// When what is being answered came, while that is timed.
    arrived: Option<Instant>,
    tally: Tally,
    writing: Writing,
}

/// What a scenario says when the peer has sent its Close frame.
#[derive(Debug)]
struct LastWord {
    message: Message,
    reason: String,
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
            sent_at_pause: 0,
            unwritten: false,
            owes_pong: false,
            blocked: Duration::ZERO,
            last_word: None,
            rate: Rate::new(limits.messages_per_second(peer.ip())),
            watch,
            arrived: None,
            tally: Tally::new(&context.metrics),
            writing: Writing::default(),
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

    /// Waits and neither reads nor writes.
    pub(crate) async fn rest_until(&mut self, end: tokio::time::Instant) -> Result<(), Ending> {
        tokio::select! {
            () = self.context.shutdown.cancelled() => Err(Ending::GoingAway),
            () = tokio::time::sleep_until(end) => Ok(()),
        }
    }

    /// Says this before the peer's Close frame, which was received, is answered; the answer carries `reason` if it fits.
    /// RFC 6455 section 5.5.1 allows it. A browser passes such a message over, since it no longer is open, but shows the
    /// reason. Nothing is said to a peer that has not read what was sent before, as far as [`Connection::flush`] tells.
    pub(crate) fn say_at_close(&mut self, message: Message, reason: String) {
        self.last_word = Some(Box::new(LastWord { message, reason }));
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
        let timeouts = self.timeouts;
        self.tally.close = (ending.code().number(), ending.by());
        if matches!(&ending, Ending::Failed { code, .. } if *code == CloseCode::MESSAGE_TOO_BIG) {
            self.context.metrics.hit(Hit::Message);
        }
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
        if self.owes_pong {
            self.flush().await?;
        }
        // Before a message is taken, and not after: a message in hand would be lost where this is dropped.
        if self.taken_in_a_row >= BURST {
            self.taken_in_a_row = 0;
            self.flush().await?;
            self.tally.publish();
            tokio::task::yield_now().await;
        }
        let polled = poll_fn(|cx| Poll::Ready(self.socket.poll_next_unpin(cx))).await;
        if let Poll::Ready(message) = polled {
            self.taken_in_a_row += 1;
            return self.note(message).await;
        }
        self.taken_in_a_row = 0;
        self.flush().await?;
        self.tally.publish();
        self.wait().await
    }

    /// Waits for what comes from the peer, or else until `done`.
    async fn recv_or(
        &mut self,
        mut done: impl FnMut(&mut WebSocketStream<Counted<S>>, &mut Task<'_>) -> Poll<Result<(), WsError>>,
    ) -> Result<Option<Message>, Ending> {
        loop {
            if self.owes_pong {
                self.flush().await?;
            }
            if self.taken_in_a_row >= BURST || self.tally.sent.bytes - self.sent_at_pause >= SENT_IN_A_ROW {
                self.taken_in_a_row = 0;
                self.sent_at_pause = self.tally.sent.bytes;
                if self.context.shutdown.is_cancelled() {
                    return Err(Ending::GoingAway);
                }
                self.tally.publish();
                tokio::task::yield_now().await;
            }
            let (patience, metrics, writing) = (self.timeouts.blocked, &self.context.metrics, &self.writing);
            let (socket, mut stuck) = (&mut self.socket, None);
            let mut poll = |cx: &mut Task<'_>, waits: bool| {
                if let Poll::Ready(message) = socket.poll_next_unpin(cx) {
                    return Poll::Ready(Ok(Some(message)));
                }
                match done(socket, cx) {
                    Poll::Ready(done) => Poll::Ready(done.map(|()| None).map_err(|error| failed(&error))),
                    Poll::Pending if waits => {
                        writing.poll_stuck(&mut stuck, socket, patience, metrics, cx).map(Err)
                    }
                    Poll::Pending => Poll::Pending,
                }
            };
            let polled = match poll_fn(|cx| Poll::Ready(poll(cx, false))).await {
                Poll::Ready(polled) => polled,
                Poll::Pending => {
                    let since = Instant::now();
                    let polled = tokio::select! {
                        biased;
                        () = self.context.shutdown.cancelled() => return Err(Ending::GoingAway),
                        polled = poll_fn(|cx| poll(cx, true)) => polled,
                    };
                    self.blocked += since.elapsed();
                    polled
                }
            };
            self.taken_in_a_row += 1;
            let Some(message) = polled? else { return Ok(None) };
            let message = self.note(message).await?;
            if let Some(message) = self.data(message)? {
                return Ok(Some(message));
            }
        }
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
                    if self.watch.waits != u32::MAX {
                        if self.watch.waits.is_multiple_of(TIMED) {
                            self.arrived = Some(Instant::now());
                        }
                        self.watch.waits = (self.watch.waits + 1) % TIMED;
                    }
                    return self.note(message).await;
                }
                () = self.watch.timer.as_mut() => {
                    if let Some(message) = self.look().await? {
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
                return self.note(message).await.map(Some);
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

    /// Reads what tungstenite read, and remembers what that obliges to.
    async fn note(&mut self, message: Option<Result<WsMessage, WsError>>) -> Result<WsMessage, Ending> {
        let message = read(message)?;
        self.watch.fresh = true;
        if message.is_ping() {
            self.owes_pong = true;
            self.unwritten = true;
        }
        if !self.rate.take() {
            // A ping's answer goes before the Close frame.
            self.flush().await?;
            return Err(self.exceeded(Hit::MessagesPerSecond));
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
        self.tally.received.add(message.len());
        debug!(peer = %self.peer, kind = message.kind(), bytes = message.len(), "received");
        Ok(Some(message))
    }

    /// Writes all that was sent, and reads nothing meanwhile.
    pub(crate) async fn flush(&mut self) -> Result<(), Ending> {
        tokio::select! {
            // First, since a peer that keeps the server busy would otherwise put the shutdown off. What is not flushed
            // here goes out before the Close frame.
            biased;
            () = self.context.shutdown.cancelled() => return Err(Ending::GoingAway),
            flushed = self.writing.flush(&mut self.socket, self.timeouts.blocked, &self.context.metrics) => flushed?,
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
        self.tally.sent.add(payload.len());
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
mod tests;
