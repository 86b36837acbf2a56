use std::{
    future::IntoFuture,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use super::{Error, InboundLimits, Offers, Shared, Socket, Watermarks};

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
}

impl Connect {
    pub(super) fn to(url: String) -> Self {
        Self {
            url,
            offers: Ok(Offers::default()),
            inbound: InboundLimits::default(),
            watermarks: Watermarks::default(),
            close_timeout: 5_000,
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
