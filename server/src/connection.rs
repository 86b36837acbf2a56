//! Messages over a socket, and how a connection ends.
//!
//! What is sent is written when the scenario next has to wait, so answers to messages that came together leave
//! together.

mod blocked;
mod end;
mod watch;

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::Arc,
    task::{Context as Task, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until},
};
use tracing::{debug, info};
use wirescope_protocol::CloseCode;

pub(crate) use crate::{
    ending::Ending,
    message::{Encoded, Message, Text},
};

use crate::{
    config::LONGEST_WAIT,
    handshake::Accepted,
    limits::Rate,
    metrics::Hit,
    scenario::Scenario,
    server::Context,
    socket::{Bounds, Received, Socket},
    stream::Stream,
    tally::Tally,
    wire::{self, Wire},
};

use self::{
    blocked::Blocked,
    end::{LastWord, closed},
    watch::Watch,
};

/// How many messages are taken in a row without a pause: past it, other connections and the shutdown get their turn.
const BURST: usize = 128;

/// How much is sent in a row without a pause, in bytes. Without it Tokio makes the pauses, by saying that the socket is not
/// ready, which would look as if the peer did not read.
const SENT_IN_A_ROW: u64 = 512 * 1024;

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
    let mut connection = Connection::open(stream, &leftover, peer, accepted, context);
    drop(leftover);
    let ending = accepted.scenario.run(&mut connection).await;
    Box::pin(connection.end(ending)).await;
}

/// An open WebSocket, from the server's side.
pub(crate) struct Connection<S> {
    socket: Socket<S>,
    context: Arc<Context>,
    peer: SocketAddr,
    path: String,
    subprotocol: String,
    opened: Instant,
    /// How long the peer may be silent, and how long it may read nothing.
    idle: Duration,
    patience: Duration,
    taken_in_a_row: usize,
    /// What was sent at the last pause, in bytes.
    sent_at_pause: u64,
    /// Whether something was sent, or a ping answered, that may not be written yet.
    is_unwritten: bool,
    /// Whether a flush was begun: [`Connection::recv`] ends it before it reads on, so a peer that does not read is not read.
    is_flushing: bool,
    /// Whether an answer to a ping may not be written yet. Until it is nothing more is read, so that a peer that only ever
    /// pings cannot make the server gather answers.
    owes_pong: bool,
    /// The time for which [`Connection::blocked`] is asked.
    blocked: Duration,
    stuck: Option<Box<Blocked>>,
    last_word: Option<Box<LastWord>>,
    rate: Rate,
    watch: Watch,
    tally: Tally,
}

/// What a step of receiving comes to.
enum Step {
    Message(Message),
    /// Nothing for the scenario.
    Again,
    /// Others are to have their turn first.
    Yield,
}

/// What is waited for besides a message.
#[derive(Clone, Copy)]
enum Until {
    Ready,
    Written,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Takes over a stream after the 101 response, and what was read of it beyond the request.
    pub(crate) fn open(
        stream: S,
        leftover: &[u8],
        peer: SocketAddr,
        accepted: &Accepted,
        context: &Arc<Context>,
    ) -> Self {
        let (message, limits) = (context.config.max_message, &context.config.limits);
        let bounds = Bounds { message, frame: limits.frame.min(message), queue: limits.outbound_queue };
        let (path, subprotocol) = (accepted.path.clone(), accepted.subprotocol.clone().unwrap_or_default());
        let faults = tracing::field::display(&accepted.plan);
        info!(%peer, path, subprotocol, %faults, "connection opened");
        let opened = Instant::now();
        let end = limits.lifetime(peer.ip()).map(|lifetime| opened + lifetime);
        let (mut idle, mut patience) = (context.config.timeouts.idle, context.config.timeouts.blocked);
        if accepted.plan.bends_the_connection() {
            // What becomes of it is for its URL to say, and a ping in it would depend on time.
            (idle, patience) = (LONGEST_WAIT, LONGEST_WAIT);
        }
        let is_timed = matches!(accepted.scenario, Scenario::Echo);
        Self {
            socket: Socket::new(stream, leftover, bounds),
            context: Arc::clone(context),
            peer,
            path,
            subprotocol,
            opened,
            idle,
            patience,
            taken_in_a_row: 0,
            sent_at_pause: 0,
            is_unwritten: false,
            is_flushing: false,
            owes_pong: false,
            blocked: Duration::ZERO,
            stuck: None,
            last_word: None,
            rate: Rate::new(limits.messages_per_second(peer.ip())),
            watch: Watch::new(&context.shutdown, opened, idle, end, is_timed),
            tally: Tally::new(&context.metrics),
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
            if let Some(message) = self.at_hand() {
                return message;
            }
            // Before a message is taken, and not after: a message in hand would be lost where this is dropped.
            if self.taken_in_a_row >= BURST {
                self.taken_in_a_row = 0;
                self.flush().await?;
                self.tally.publish();
                tokio::task::yield_now().await;
            }
            match poll_fn(|task| self.poll_recv(task)).await? {
                Step::Message(message) => return Ok(message),
                Step::Again => {}
                Step::Yield => tokio::task::yield_now().await,
            }
        }
    }

    /// Waits until a message comes, which it gives, or until [`Connection::send`] would not wait. For a scenario that
    /// sends as fast as the peer reads, and still hears it: what comes from the peer is looked at first. It may be
    /// dropped as [`Connection::recv`] may.
    pub(crate) async fn recv_or_ready(&mut self) -> Result<Option<Message>, Ending> {
        self.recv_or(Until::Ready).await
    }

    /// Waits until a message comes, which it gives, or until all that was sent is written. It may be dropped as
    /// [`Connection::recv`] may.
    pub(crate) async fn recv_or_written(&mut self) -> Result<Option<Message>, Ending> {
        self.recv_or(Until::Written).await
    }

    /// Waits and neither reads nor writes.
    pub(crate) async fn rest_until(&mut self, end: Instant) -> Result<(), Ending> {
        self.socket.rest();
        tokio::select! {
            () = self.context.shutdown.begun() => Err(Ending::GoingAway),
            () = sleep_until(end) => Ok(()),
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
        if !self.socket.is_ready() {
            self.ready().await?;
        }
        self.note_sent(message.kind(), message.len());
        self.socket.send(&message);
        Ok(())
    }

    /// [`Connection::send`] for a text that many are sent.
    pub(crate) async fn send_encoded(&mut self, message: &Encoded) -> Result<(), Ending> {
        if !self.socket.is_ready() {
            self.ready().await?;
        }
        self.note_sent("text", message.len());
        self.socket.send_encoded(message);
        Ok(())
    }

    /// Writes all that was sent, and reads nothing meanwhile.
    pub(crate) async fn flush(&mut self) -> Result<(), Ending> {
        poll_fn(|task| self.poll_flush(task)).await
    }

    /// Waits until a message can be taken.
    async fn ready(&mut self) -> Result<(), Ending> {
        poll_fn(|task| match self.socket.poll_ready(task) {
            Poll::Ready(ready) => {
                self.stuck = None;
                Poll::Ready(ready)
            }
            Poll::Pending => self.poll_stuck(task).map(Err),
        })
        .await
    }

    #[inline]
    fn note_sent(&mut self, kind: &str, bytes: usize) {
        self.tally.sent.add(bytes);
        self.is_unwritten = true;
        debug!(peer = %self.peer, kind, bytes, "sent");
    }

    /// The next of messages that came together.
    #[inline]
    fn at_hand(&mut self) -> Option<Result<Message, Ending>> {
        if self.taken_in_a_row >= BURST || self.is_flushing || self.owes_pong {
            return None;
        }
        let message = self.socket.at_hand()?;
        self.taken_in_a_row += 1;
        self.watch.is_fresh = true;
        if !self.rate.take() {
            return Some(Err(self.too_many()));
        }
        self.note_received(&message);
        Some(Ok(message))
    }

    fn poll_recv(&mut self, task: &mut Task<'_>) -> Poll<Result<Step, Ending>> {
        if self.is_flushing || self.owes_pong {
            ready!(self.poll_flush(task))?;
        }
        if let Poll::Ready(received) = self.socket.poll_next(task) {
            self.taken_in_a_row += 1;
            let received = self.note(received)?;
            let data = self.data(received)?;
            return Poll::Ready(Ok(data.map_or(Step::Again, Step::Message)));
        }
        self.taken_in_a_row = 0;
        if self.is_unwritten {
            ready!(self.poll_flush(task))?;
        }
        self.tally.publish();
        self.poll_watch(task)
    }

    fn poll_flush(&mut self, task: &mut Task<'_>) -> Poll<Result<(), Ending>> {
        // First, since a peer that keeps the server busy would otherwise put the shutdown off. What is not flushed
        // here goes out before the Close frame.
        if self.context.shutdown.has_begun() {
            return Poll::Ready(Err(Ending::GoingAway));
        }
        match self.socket.poll_flush(task) {
            Poll::Ready(flushed) => {
                self.stuck = None;
                (self.is_flushing, self.owes_pong, self.is_unwritten) = (false, false, false);
                Poll::Ready(flushed)
            }
            Poll::Pending => {
                self.is_flushing = true;
                self.poll_stuck(task).map(Err)
            }
        }
    }

    /// Waits for the end of a peer's patience that does not read, and for the shutdown.
    fn poll_stuck(&mut self, task: &mut Task<'_>) -> Poll<Ending> {
        if self.watch.poll_shutdown(&self.context.shutdown, task).is_ready() {
            return Poll::Ready(Ending::GoingAway);
        }
        let (written, waits, metrics) = (self.socket.written(), self.socket.waiting(), &self.context.metrics);
        let stuck =
            self.stuck.get_or_insert_with(|| Box::new(Blocked::new(self.patience, metrics, written, waits)));
        stuck.poll(written, waits, metrics, task)
    }

    /// Waits for what comes from the peer, or else until it is ready or all is written.
    async fn recv_or(&mut self, until: Until) -> Result<Option<Message>, Ending> {
        loop {
            if self.owes_pong {
                self.flush().await?;
            }
            if self.taken_in_a_row >= BURST || self.tally.sent.bytes - self.sent_at_pause >= SENT_IN_A_ROW {
                self.taken_in_a_row = 0;
                self.sent_at_pause = self.tally.sent.bytes;
                if self.context.shutdown.has_begun() {
                    return Err(Ending::GoingAway);
                }
                self.tally.publish();
                tokio::task::yield_now().await;
            }
            let mut since = None;
            let polled = poll_fn(|task| {
                let polled = self.poll_recv_or(until, task);
                if polled.is_pending() {
                    since.get_or_insert_with(Instant::now);
                }
                polled
            });
            let polled = polled.await;
            self.stuck = None;
            self.blocked += since.map_or(Duration::ZERO, |since| since.elapsed());
            self.taken_in_a_row += 1;
            let Some(received) = polled? else { return Ok(None) };
            if let Some(message) = self.data(received)? {
                return Ok(Some(message));
            }
        }
    }

    fn poll_recv_or(&mut self, until: Until, task: &mut Task<'_>) -> Poll<Result<Option<Received>, Ending>> {
        if let Poll::Ready(received) = self.socket.poll_next(task) {
            return Poll::Ready(self.note(received).map(Some));
        }
        let done = match until {
            Until::Ready => self.socket.poll_ready(task),
            Until::Written => self.socket.poll_flush(task),
        };
        match done {
            Poll::Ready(done) => {
                self.is_unwritten &= !matches!(until, Until::Written);
                Poll::Ready(done.map(|()| None))
            }
            Poll::Pending => self.poll_stuck(task).map(Err),
        }
    }

    /// Remembers what that which came obliges to.
    fn note(&mut self, received: Result<Received, Ending>) -> Result<Received, Ending> {
        let received = received?;
        self.watch.came();
        if let Received::Ping = received {
            (self.owes_pong, self.is_unwritten) = (true, true);
        }
        if self.rate.take() { Ok(received) } else { Err(self.too_many()) }
    }

    #[cold]
    fn too_many(&self) -> Ending {
        self.context.metrics.hit(Hit::MessagesPerSecond);
        let most = self.context.config.limits.messages_per_second(self.peer.ip()).unwrap_or_default();
        let reason = format!("more than {most} messages in a second");
        Ending::Failed { code: CloseCode::POLICY_VIOLATION, reason }
    }

    /// The data message that this is, if it is one.
    fn data(&mut self, received: Received) -> Result<Option<Message>, Ending> {
        let message = match received {
            Received::Message(message) => message,
            Received::Close(frame) => return Err(closed(frame)),
            Received::Ping | Received::Pong => return Ok(None),
        };
        self.note_received(&message);
        Ok(Some(message))
    }

    #[inline]
    fn note_received(&mut self, message: &Message) {
        self.tally.received.add(message.len());
        debug!(peer = %self.peer, kind = message.kind(), bytes = message.len(), "received");
    }
}

#[cfg(test)]
mod tests;
