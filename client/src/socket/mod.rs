//! One WebSocket: born connecting, dies once.
//!
//! [`Socket`] is a [`Stream`] of what arrives and takes what is sent, with a [`Receipt`] for each. [`EventSocket`] beneath
//! it hands the browser's four events to a handler, for code that is driven by events anyway. This module is the only code
//! of the crate that touches `web_sys::WebSocket`. `stream` is the other interface that some browsers have, chosen by
//! [`Connect::stream`]: [`Transport`] says what differs.

mod account;
#[cfg(feature = "io")]
mod bytes;
mod connect;
mod diagnosis;
mod ending;
mod error;
mod event;
pub(crate) mod inbound;
mod message;
mod offers;
mod outbound;
mod readers;
mod shared;
mod stream;
pub(crate) mod transport;
mod url;
pub(crate) mod wakers;

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures_util::{Sink, Stream};
use wirescope_protocol::CloseCode;

pub use self::{
    account::Watermarks,
    connect::{Connect, Connecting},
    diagnosis::{Cause, Diagnosis, diagnose},
    ending::{CloseEvent, Initiator},
    error::Error,
    event::{Event, EventSocket, State},
    inbound::{InboundLimits, Overflow},
    message::{AsPayload, Message, Payload},
    outbound::{Delivery, Receipt},
};
use self::{shared::Shared, wakers::Place};

#[cfg(feature = "io")]
pub use self::bytes::ByteStream;
/// Opens a connection over [`Transport::Stream`].
pub(crate) const STREAM: transport::Opener = stream::open;

pub use wirescope_protocol::{ReasonTooLong, subprotocol::OfferError};

pub(crate) use self::{event::check_close, offers::Offers, url::check_all as check_url};

/// What carries a connection: one of the browser's two interfaces for WebSockets.
///
/// What a [`Socket`] does is the same over both, but for what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// The browser's `WebSocket` and its events; the default, and in every browser.
    ///
    /// It cannot be told to stop reading: what a slow reader leaves waits in the inbound queue, whose [`Overflow`] rule
    /// decides what happens when that is full. *Drained* is what `bufferedAmount` has passed.
    Events,
    /// The browser's `WebSocketStream`, by [`Connect::stream`] or [`Connect::stream_if_available`]; in windows and Workers of
    /// Chromium since version 124, and neither in Firefox nor in Safari.
    ///
    /// * A slow reader slows the peer. Once a message takes the inbound queue past either of its limits, nothing more is asked
    ///   of the browser until enough was taken out; the browser's and the system's buffers fill, and TCP stops the peer. There
    ///   is no overflow, so the [`Overflow`] rule is not used and nothing is dropped. The queue never holds more than one
    ///   message beyond its limits.
    /// * *Drained* is a message whose write promise has resolved, which is told without a timer.
    /// * Until the reader takes what is queued, the end of the connection may stay unknown: it comes behind what was sent
    ///   before it.
    /// * A peer that closes while reading is held back can cost messages: at its Close frame, Chromium (156) forgets what it
    ///   has received and was not asked for, about 128 KiB at most, and calls the close clean. The stream gives
    ///   [`Error::Unread`] whenever that may have happened, and ends. A peer that waits for a word from the reader before it
    ///   closes loses nothing.
    /// * **Chromium (156) crashes the page or Worker when a connection is lost while a write waits**, that is while more was
    ///   sent than the peer and the buffers between take. Use it for connections that receive much and send little.
    /// * A URL that the browser blocks is [`Error::ConnectFailed`], not [`Error::Blocked`].
    Stream,
}

impl Transport {
    /// Whether this browser has it.
    pub fn is_available(self) -> bool {
        self == Self::Events || stream::is_available()
    }
}

/// One browser WebSocket, open when you get it.
///
/// * [`Socket::send`] waits for room and gives a [`Receipt`]; [`Socket::try_send`] does not wait. On a socket that is not
///   open both fail, where the browser would lose the message silently.
/// * As a [`Stream`] it gives each [`Message`] as it arrives. The stream ends after a clean close; after any other
///   ending it gives one [`Error::Lost`] and then ends ([`Error::Unread`] is a case of [`Transport::Stream`] alone). What is queued is still given after the connection ended.
/// * By default it is over the browser's `WebSocket`; [`Connect::stream`] makes it one whose slow reader slows the peer.
/// * As a [`Sink`] it takes each [`Message`], and is not ready while more than the high [`Watermarks`] is buffered.
/// * A clone is another handle of the same connection: keep one to close it after `split`, or to send from another task.
///   A message goes to one reader, so read from one handle.
/// * Dropping the last handle closes the connection with code 1000 and frees every closure it registered.
///
/// ```no_run
/// use futures_util::StreamExt;
/// use wirescope::{CloseCode, socket::{Error, Message, Socket}};
///
/// # async fn example() -> Result<(), Error> {
/// let mut socket = Socket::connect("ws://127.0.0.1:8080/echo").await?;
/// let receipt = socket.send("hello").await?;
/// receipt.drained().await?;
/// if let Some(answer) = socket.next().await {
///     assert_eq!(answer?, Message::from("hello"));
/// }
/// let ending = socket.close(CloseCode::NORMAL, "done").await?;
/// assert!(ending.was_clean);
/// # Ok(())
/// # }
/// ```
pub struct Socket {
    shared: Rc<Shared>,
    /// This handle among those that read.
    handle: u64,
    /// Where the task that uses this handle as a sink waits.
    room: Place,
    end: Place,
}

impl Socket {
    /// A connection attempt to this URL, started when it is awaited. Dropping the future ends the attempt and leaves
    /// nothing behind.
    ///
    /// Takes an absolute `ws:`, `wss:`, `http:` or `https:` URL. Resolves when the opening handshake is done.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`], [`Error::InvalidOffer`], [`Error::Blocked`] and [`Error::Unsupported`] before anything is tried,
    /// and [`Error::ConnectFailed`] when the attempt fails.
    pub fn connect(url: impl Into<String>) -> Connect {
        Connect::to(url.into())
    }

    /// Waits until there is room, then hands the message to the browser, which copies it. `Ok` means that the browser has
    /// it and the socket was open; the [`Receipt`] tells what becomes of it further.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] once the socket is closing or closed, by either side; [`Error::SendFailed`] when the browser
    /// throws. The message then was not sent.
    pub async fn send(&self, payload: impl AsPayload) -> Result<Receipt, Error> {
        let transport = self.shared.transport();
        let mut watch = transport.outbound().watch();
        poll_fn(|cx| match transport.outbound().poll_room(watch.place(), cx) {
            // Sending looks where the connection stands anyway; only who waits for room looks twice.
            Poll::Pending if transport.state() == State::Open => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
        transport.send(payload.as_payload())
    }

    /// Hands the message to the browser if there is room, and is [`Socket::send`] otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] while more than the high watermark is buffered, until it is below the low one, and all errors of
    /// [`Socket::send`]. The message then was not sent.
    pub fn try_send(&self, payload: impl AsPayload) -> Result<Receipt, Error> {
        let outbound = self.shared.transport().outbound();
        if self.state() == State::Open && !outbound.has_room() {
            return Err(Error::Full { buffered: outbound.buffered() });
        }
        self.shared.transport().send(payload.as_payload())
    }

    /// Closes the connection with this code and reason, and resolves with the close event once it has ended: at once
    /// when it already had, and at the latest after [`Connect::close_timeout`], then as an unclean close.
    ///
    /// The browser delivers no message that arrives once closing has begun. Those queued before can still be read.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCloseCode`] unless the code is 1000 or 3000 to 4999, and [`Error::InvalidCloseReason`] unless the
    /// reason fits in 123 bytes of UTF-8; the connection then stays open.
    pub async fn close(&self, code: CloseCode, reason: &str) -> Result<CloseEvent, Error> {
        self.shared.close(code, reason)?;
        let mut watch = self.shared.watch();
        Ok(poll_fn(|cx| self.shared.poll_closed(watch.place(), cx)).await)
    }

    /// Resolves with the close event once the connection has ended, whoever ended it.
    pub async fn closed(&self) -> CloseEvent {
        let mut watch = self.shared.watch();
        poll_fn(|cx| self.shared.poll_closed(watch.place(), cx)).await
    }

    /// How the connection ended, or `None` while it has not.
    pub fn ending(&self) -> Option<CloseEvent> {
        self.shared.ending()
    }

    /// This connection as a stream of bytes: `AsyncRead` and `AsyncWrite` of the `futures` crates.
    #[cfg(feature = "io")]
    pub fn into_bytes(self) -> ByteStream {
        ByteStream::new(self)
    }

    /// Where the connection stands.
    pub fn state(&self) -> State {
        self.shared.transport().state()
    }

    /// The subprotocol that the server selected, empty if none.
    ///
    /// Where offers were made and none was selected, Chromium fails the connection and Firefox opens it.
    pub fn subprotocol(&self) -> String {
        self.shared.transport().subprotocol()
    }

    /// The URL as the browser resolved it.
    pub fn url(&self) -> String {
        self.shared.transport().url()
    }

    /// How many bytes of payload were handed to the browser and have not left the page's process.
    pub fn buffered_amount(&self) -> u32 {
        let transport = self.shared.transport();
        match transport.events() {
            Some(events) => events.buffered_amount(),
            None => u32::try_from(transport.outbound().buffered()).unwrap_or(u32::MAX),
        }
    }

    /// How many messages the inbound queue dropped, under a rule of [`Overflow`] that drops.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped()
    }

    /// What carries this connection.
    pub fn transport(&self) -> Transport {
        match self.shared.transport().events() {
            Some(_) => Transport::Events,
            None => Transport::Stream,
        }
    }

    /// The browser's own object, for what this crate does not wrap; over [`Transport::Stream`] there is none. Leave its `on…`
    /// handlers and its `binaryType` alone: a Blob would be read as an empty message. What is sent on it directly makes receipts
    /// inexact.
    pub fn as_raw(&self) -> Option<&web_sys::WebSocket> {
        self.shared.transport().events().map(EventSocket::as_raw)
    }

    fn new(shared: Rc<Shared>) -> Self {
        Self { handle: shared.readers().number(), shared, room: Place::default(), end: Place::default() }
    }

    fn poll_open_and_room(&self, place: &mut Place, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        match self.state() {
            State::Open => self.shared.transport().outbound().poll_room(place, cx).map(Ok),
            state => Poll::Ready(Err(Error::NotOpen { state })),
        }
    }
}

impl Stream for Socket {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.shared.poll_message(self.handle, cx)
    }
}

impl Sink<Message> for Socket {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut place = std::mem::take(&mut self.room);
        let polled = self.poll_open_and_room(&mut place, cx);
        self.room = place;
        polled
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.shared.transport().send((&message).into()).map(drop)
    }

    /// A message is the browser's from the moment it was taken, so there is nothing left to flush.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    /// Closes with code 1000, and is ready when the connection has ended.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.close(CloseCode::NORMAL, "")?;
        let Self { shared, end, .. } = &mut *self;
        shared.poll_closed(end, cx).map(|_| Ok(()))
    }
}

impl Clone for Socket {
    fn clone(&self) -> Self {
        Self::new(Rc::clone(&self.shared))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.shared.transport().outbound().leave(&mut self.room);
        self.shared.leave(&mut self.end);
        self.shared.readers().leave(self.handle);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("url", &self.url())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
