//! One lasting connection over many sockets: it retries, notices a dead peer, and keeps what is sent while it is down.
//!
//! A [`Link`] connects when it is made and again whenever its connection is lost, as its [`RetryPolicy`] says. What is sent
//! meanwhile waits in a bounded queue, and every message has a [`Receipt`] that ends in exactly one of *drained*, *lost* and
//! *dropped*: nothing is sent twice and nothing vanishes silently.
//!
//! `policy`, `heartbeat`, `queue` and `stats` decide and count, without a clock or a browser; `inner` has the sockets, timers and
//! browser events; `surroundings` hears of the network and of the page.

mod connection;
mod heartbeat;
mod inner;
mod policy;
mod queue;
mod receipt;
mod stats;
mod surroundings;

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use wirescope_protocol::{CloseCode, subprotocol::check_offers};

use self::inner::Inner;
pub use self::{
    policy::{EndReason, Phase, RetryPolicy, is_terminal},
    queue::QueueLimits,
    receipt::{Delivery, Dropped, Receipt},
    stats::Stats,
};
use crate::socket::{
    self, AsPayload, CloseEvent, InboundLimits, Message, Watermarks, transport::Opener, wakers::Place,
};

/// A connection that lasts.
///
/// * [`Link::send`] queues, and hands over as soon as there is a connection with room; [`Link::try_send`] sends now or not at
///   all. Both fail only for a message that was not taken, and give a [`Receipt`] for one that was.
/// * As a [`Stream`] it gives the messages of all its connections, and ends when the link does. [`Link::phases`] says where it
///   stands, which is how a reader learns that messages may have been missed.
/// * A clone is another handle of the same link. Dropping the last one closes its connection with code 1000.
///
/// ```no_run
/// use futures_util::StreamExt;
/// use wirescope::link::Link;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut link = Link::to("wss://example.com/quotes").open()?;
/// let receipt = link.send("subscribe")?; // waits for the connection, through any number of failures
/// while let Some(message) = link.next().await {
///     println!("{message:?}, and the subscription is {:?}", receipt.delivery());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Link {
    inner: Rc<Inner>,
    /// Where the task that reads from this handle waits.
    reading: Place,
}

/// What a link is made of; from [`Link::to`] or [`Link::provided`].
#[derive(Clone)]
#[must_use = "a link begins with `open`"]
pub struct Options {
    endpoint: Endpoint,
    retry: RetryPolicy,
    heartbeat: Option<Heartbeat>,
    queue: QueueLimits,
    inbound: InboundLimits,
    watermarks: Watermarks,
    opener: Option<Opener>,
}

/// What a provider answers, in time.
type Provided = Pin<Box<dyn Future<Output = Option<(String, Vec<String>)>>>>;

type Provider = dyn Fn() -> Provided;

/// Where a link connects to.
#[derive(Clone)]
enum Endpoint {
    Fixed { url: String, subprotocols: Vec<String> },
    Provided(Rc<Provider>),
}

/// How a link notices that its peer is gone although the connection still stands, as after a sleep or a lost network.
///
/// A browser shows nothing of the protocol's own pings, so these are messages, and what they look like is the application's.
/// Answers are not given to the reader. A peer that does not answer is known to be dead after interval and deadline, and
/// in a page whose timers the browser slows down, within two more of its ticks.
#[derive(Clone)]
#[non_exhaustive]
pub struct Heartbeat {
    /// How long after the last answer the next ping is sent.
    pub interval: Duration,
    /// How long an answer may take, as long as nothing else comes either.
    pub deadline: Duration,
    /// Makes a ping.
    pub ping: Rc<dyn Fn() -> Message>,
    /// Whether a message that arrived answers a ping. If it holds the link itself, the link is never freed.
    pub is_pong: Rc<dyn Fn(&Message) -> bool>,
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat")
            .field("interval", &self.interval)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = match &self.endpoint {
            Endpoint::Fixed { url, .. } => url.as_str(),
            Endpoint::Provided(_) => "provided",
        };
        f.debug_struct("Options")
            .field("url", &url)
            .field("retry", &self.retry)
            .field("heartbeat", &self.heartbeat)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl Heartbeat {
    /// A ping this long after the last answer, to be answered within the deadline.
    pub fn new(
        interval: Duration,
        deadline: Duration,
        ping: impl Fn() -> Message + 'static,
        is_pong: impl Fn(&Message) -> bool + 'static,
    ) -> Self {
        Self { interval, deadline, ping: Rc::new(ping), is_pong: Rc::new(is_pong) }
    }
}

impl Options {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            retry: RetryPolicy::default(),
            heartbeat: None,
            queue: QueueLimits::default(),
            inbound: InboundLimits::default(),
            watermarks: Watermarks::default(),
            opener: None,
        }
    }

    /// The subprotocols to offer on each try, best first; of a provided endpoint, those that are provided count.
    pub fn subprotocols<I>(mut self, offers: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        if let Endpoint::Fixed { subprotocols, .. } = &mut self.endpoint {
            *subprotocols = offers.into_iter().map(Into::into).collect();
        }
        self
    }

    /// When it tries again, and when it stops trying.
    pub fn retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// How it notices a dead peer; by default it does not.
    pub fn heartbeat(self, heartbeat: Heartbeat) -> Self {
        Self { heartbeat: Some(heartbeat), ..self }
    }

    /// How much may wait to be sent.
    pub fn queue(self, queue: QueueLimits) -> Self {
        Self { queue, ..self }
    }

    /// How much may wait to be read. Under [`Overflow::Fail`](socket::Overflow::Fail) the connection is closed, and the link
    /// tries again.
    pub fn inbound(self, inbound: InboundLimits) -> Self {
        Self { inbound, ..self }
    }

    /// How much may be buffered by the browser before messages wait in the queue.
    pub fn watermarks(self, watermarks: Watermarks) -> Self {
        Self { watermarks, ..self }
    }

    /// Makes each connection over [`Transport::Stream`](socket::Transport::Stream). See there what differs; while reading is
    /// held back, a heartbeat counts the peer as alive, and no connection is given up for a full inbound queue. Messages
    /// that the peer's close makes the browser forget are not told apart from others that a reconnect misses.
    ///
    /// A heartbeat that finds a dead peer drops a connection whose writes may be pending, as of what was sent meanwhile:
    /// the case in which Chromium crashes the page.
    ///
    /// Where the browser has none, no try succeeds: ask [`Transport::is_available`](socket::Transport::is_available), or
    /// take [`Options::stream_if_available`].
    pub fn stream(self) -> Self {
        Self { opener: Some(socket::STREAM), ..self }
    }

    /// Makes each connection over [`Transport::Stream`](socket::Transport::Stream) where the browser has it.
    pub fn stream_if_available(self) -> Self {
        if socket::Transport::Stream.is_available() { self.stream() } else { self }
    }

    /// Begins the link, whose first try is at once.
    ///
    /// # Errors
    ///
    /// [`socket::Error::InvalidUrl`] and [`socket::Error::InvalidOffer`], which trying again would not change.
    pub fn open(self) -> Result<Link, socket::Error> {
        if let Endpoint::Fixed { url, subprotocols } = &self.endpoint {
            socket::check_url(url)?;
            check_offers(subprotocols)?;
        }
        Ok(Link { inner: Inner::start(self), reading: Place::default() })
    }
}

impl Link {
    /// A link to this URL, begun with [`Options::open`].
    ///
    /// Takes an absolute `ws:`, `wss:`, `http:` or `https:` URL.
    pub fn to(url: impl Into<String>) -> Options {
        Options::new(Endpoint::Fixed { url: url.into(), subprotocols: Vec::new() })
    }

    /// A link whose URL and subprotocols are asked for before each try, so that tokens are fresh. `None` makes the try
    /// fail, and the next comes after a wait as after any failure. A future that has not answered when its try is given up
    /// is dropped.
    pub fn provided<F>(provider: impl Fn() -> F + 'static) -> Options
    where
        F: Future<Output = Option<(String, Vec<String>)>> + 'static,
    {
        Options::new(Endpoint::Provided(Rc::new(move || Box::pin(provider()))))
    }

    /// Takes a message and hands it to a connection as soon as there is one with room, in the order of the calls.
    ///
    /// # Errors
    ///
    /// [`Error::QueueFull`] when as much waits as may, and [`Error::Ended`] once the link has ended. The message then was
    /// not taken.
    pub fn send(&self, message: impl Into<Message>) -> Result<Receipt, Error> {
        self.inner.send(message.into())
    }

    /// Hands a message to the connection now, for what is worth nothing later.
    ///
    /// # Errors
    ///
    /// [`Error::NotReady`] when the link is not connected, has no room, or has messages waiting; [`Error::Ended`] once the
    /// link has ended. The message then was not taken.
    pub fn try_send(&self, payload: impl AsPayload) -> Result<Receipt, Error> {
        self.inner.send_now(payload.as_payload())?.ok_or(Error::NotReady)
    }

    /// Tries at once instead of waiting, also after the link gave up or met a terminal close code; not after
    /// [`Link::close`].
    pub fn retry_now(&self) {
        self.inner.retry_now();
    }

    /// Ends the link: closes its connection with this code and reason, and resolves once that has ended, at the latest
    /// after 5 s, also where nobody waits for this any more. Messages that still wait are dropped, and their receipts say so.
    ///
    /// Gives the close event of the last connection, if there was one.
    ///
    /// # Errors
    ///
    /// [`socket::Error::InvalidCloseCode`] and [`socket::Error::InvalidCloseReason`]; the link then goes on.
    pub async fn close(&self, code: CloseCode, reason: &str) -> Result<Option<CloseEvent>, socket::Error> {
        socket::check_close(code, reason)?;
        self.inner.close(code, reason)?;
        Ok(self.ended().await.1)
    }

    /// Resolves once the link has ended, with why, and how its last connection did.
    pub async fn ended(&self) -> (EndReason, Option<CloseEvent>) {
        let mut watch = self.inner.watch();
        poll_fn(|cx| self.inner.poll_closed(watch.place(), cx)).await
    }

    /// Where the link stands now.
    pub fn phase(&self) -> Phase {
        self.inner.phase()
    }

    /// Where the link stands, now and at each change. A reader that is slower than the changes sees the latest. It ends after
    /// [`Phase::Ended`] if the link is dropped, since [`Link::retry_now`] may revive it.
    pub fn phases(&self) -> Phases {
        Phases { inner: Rc::downgrade(&self.inner), seen: 0, place: Place::default() }
    }

    /// What the link has done so far.
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }

    /// How the latest connections and tries ended, at most 16, the last one last: what
    /// [`diagnose`](socket::diagnose) takes.
    pub fn endings(&self) -> Vec<CloseEvent> {
        self.inner.endings()
    }

    /// The subprotocol that the server selected, empty if none or not connected.
    pub fn subprotocol(&self) -> String {
        self.inner.subprotocol()
    }
}

impl Stream for Link {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let Self { inner, reading } = &mut *self;
        inner.poll_message(reading, cx)
    }
}

impl Clone for Link {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner), reading: Place::default() }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.inner.stop_reading(&mut self.reading);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("phase", &self.phase()).finish_non_exhaustive()
    }
}

/// Where a link stands, as a stream; from [`Link::phases`]. It does not keep the link alive.
#[must_use = "streams do nothing unless they are polled"]
pub struct Phases {
    inner: Weak<Inner>,
    seen: u64,
    place: Place,
}

impl Stream for Phases {
    type Item = Phase;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Phase>> {
        let Self { inner, seen, place } = &mut *self;
        match inner.upgrade() {
            Some(inner) => inner.poll_phase(seen, place, cx).map(Some),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for Phases {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.upgrade() {
            inner.leave(&mut self.place);
        }
    }
}

impl fmt::Debug for Phases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phases").finish_non_exhaustive()
    }
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The link has ended.
    Ended(EndReason),
    /// As much waits as [`QueueLimits`] allow.
    QueueFull {
        /// How many messages wait.
        messages: usize,
        /// How many bytes of payload wait.
        bytes: usize,
    },
    /// The link is not connected, has no room, or has messages waiting.
    NotReady,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(EndReason::Closed) => f.write_str("not sent: the link was closed"),
            Self::Ended(EndReason::Terminal(close)) => write!(f, "not sent: the link ended with {close}"),
            Self::Ended(EndReason::Refused(error)) => write!(f, "not sent: the link ended, since {error}"),
            Self::Ended(EndReason::GaveUp { tries }) => {
                write!(f, "not sent: the link gave up after {tries} tries; retry_now begins anew")
            }
            Self::QueueFull { messages, bytes } => {
                write!(f, "not sent: {messages} messages of {bytes} bytes wait already")
            }
            Self::NotReady => f.write_str("not sent: there is no connection with room; `send` waits for one"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Ended(EndReason::Refused(error)) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn what_the_browser_refused_is_the_source() {
        let refused = Error::Ended(EndReason::Refused(socket::Error::Unsupported));
        assert_eq!(refused.source().map(ToString::to_string), Some(socket::Error::Unsupported.to_string()));
        assert!(Error::NotReady.source().is_none());
        assert!(Error::Ended(EndReason::Closed).source().is_none());
    }
}
