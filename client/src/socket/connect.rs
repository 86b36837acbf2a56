use std::{
    future::IntoFuture,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use super::{Error, InboundLimits, Offers, Shared, Socket, Watermarks, transport::Opener};

/// A connection attempt, from [`Socket::connect`]: set what it needs, then await it.
///
/// ```no_run
/// # use wirescope::socket::{Error, InboundLimits, Overflow, Socket};
/// # async fn example() -> Result<(), Error> {
/// let socket = Socket::connect("wss://example.com/quotes")
///     .subprotocols(["quotes.v2", "quotes.v1"])
///     .inbound(InboundLimits::default().messages(100).overflow(Overflow::DropOldest))
///     .await?;
/// assert_eq!(socket.subprotocol(), "quotes.v2");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a connection is tried only when this is awaited"]
pub struct Connect {
    pub(super) url: String,
    pub(super) offers: Result<Offers, Error>,
    pub(super) inbound: InboundLimits,
    pub(super) watermarks: Watermarks,
    /// In milliseconds.
    pub(super) close_timeout: u32,
    /// `None` for the browser's `WebSocket`.
    pub(super) opener: Option<Opener>,
}

impl Connect {
    pub(super) fn to(url: String) -> Self {
        Self {
            url,
            offers: Ok(Offers::default()),
            inbound: InboundLimits::default(),
            watermarks: Watermarks::default(),
            close_timeout: 5_000,
            opener: None,
        }
    }

    /// The subprotocols to offer, best first; none by default.
    pub fn subprotocols<I>(self, subprotocols: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let subprotocols: Vec<String> = subprotocols.into_iter().map(Into::into).collect();
        Self { offers: Offers::check(&subprotocols), ..self }
    }

    /// How much may wait to be read, and what happens to what comes on top.
    pub fn inbound(self, inbound: InboundLimits) -> Self {
        Self { inbound, ..self }
    }

    /// How much may be buffered before sending waits, and when it goes on.
    pub fn watermarks(self, watermarks: Watermarks) -> Self {
        Self { watermarks, ..self }
    }

    /// How long [`Socket::close`] waits for the peer's Close frame before it resolves all the same, as unclean; 5 s by
    /// default.
    pub fn close_timeout(self, close_timeout: Duration) -> Self {
        let close_timeout = u32::try_from(close_timeout.as_millis()).unwrap_or(u32::MAX);
        Self { close_timeout, ..self }
    }

    /// Connects over [`Transport::Stream`](super::Transport::Stream), or fails with [`Error::Unsupported`] where the browser
    /// has none. See there what differs.
    pub fn stream(self) -> Self {
        Self { opener: Some(super::STREAM), ..self }
    }

    /// Connects over [`Transport::Stream`](super::Transport::Stream) where the browser has it, and over
    /// [`Transport::Events`](super::Transport::Events) elsewhere; [`Socket::transport`] tells which it was.
    pub fn stream_if_available(self) -> Self {
        if super::Transport::Stream.is_available() { self.stream() } else { self }
    }
}

impl IntoFuture for Connect {
    type Output = Result<Socket, Error>;
    type IntoFuture = Connecting;

    fn into_future(self) -> Connecting {
        let started = Shared::connect(&self).map(Socket::new);
        Connecting { started: Some(started), url: self.url }
    }
}

/// A connection attempt under way. Dropping it ends the attempt: the browser's socket is closed and all that was
/// registered is freed.
#[derive(Debug)]
#[must_use = "dropping this ends the connection attempt"]
pub struct Connecting {
    started: Option<Result<Socket, Error>>,
    url: String,
}

impl Future for Connecting {
    type Output = Result<Socket, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { started, url } = &mut *self;
        if let Some(Ok(Socket { shared, end, .. })) = started {
            match shared.poll_opened(end, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(close)) => {
                    *started = Some(Err(Error::ConnectFailed { url: std::mem::take(url), close }));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(started.take().expect("polled after it was ready"))
    }
}
