use std::fmt;

use wirescope_protocol::{CloseCode, Quoted, ReasonTooLong, subprotocol::OfferError};

use super::{CloseEvent, State};

/// What went wrong with a [`Socket`](super::Socket): each variant names the URL, code or name it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The URL is none that a WebSocket can be opened to. Nothing was tried.
    InvalidUrl {
        /// The URL as it was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A subprotocol cannot be offered. Nothing was tried.
    InvalidOffer(OfferError),
    /// The browser refuses to open this URL from this page, such as one that the page's Content-Security-Policy forbids
    /// or `ws:` from a page served over `https:`.
    Blocked {
        /// The URL as it was given.
        url: String,
        /// The browser's own words, where it has any.
        detail: String,
    },
    /// The opening handshake failed. The browser tells no page why: nobody listens there, the server is not a
    /// WebSocket server or refuses this origin, or it selected none of the subprotocols offered.
    ConnectFailed {
        /// The URL as it was given.
        url: String,
        /// The close event, whose code is 1006.
        close: CloseEvent,
    },
    /// The socket is not open, so the message was not sent.
    NotOpen {
        /// The state that it is in.
        state: State,
    },
    /// More than the high watermark is buffered, so the message was not sent.
    Full {
        /// How many bytes are buffered.
        buffered: u64,
    },
    /// The browser threw when it was handed the message, so the message was not sent.
    SendFailed {
        /// The browser's own words.
        detail: String,
    },
    /// A browser's `close` takes 1000 and 3000 to 4999, and no other code.
    InvalidCloseCode(CloseCode),
    /// The close reason does not fit in a Close frame.
    InvalidCloseReason(ReasonTooLong),
    /// The connection ended without a clean close; messages under way may be lost.
    Lost(CloseEvent),
    /// Messages came faster than they were read, the inbound queue was full, and the rule was
    /// [`Overflow::Fail`](super::Overflow::Fail): the connection was closed and no message after the queued ones is read.
    Overflow {
        /// How many messages were in the queue.
        messages: usize,
        /// How many bytes of payload were in the queue.
        bytes: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidUrl { url, why } => write!(f, "{} is not a WebSocket URL: {why}", Quoted(url)),
            Self::InvalidOffer(offer) => offer.fmt(f),
            Self::Blocked { url, detail } => {
                write!(f, "the browser refuses to open {url} from this page: {detail}")
            }
            Self::ConnectFailed { url, close } => write!(
                f,
                "the connection to {url} failed before it opened ({close}); browsers hide the cause: see that a \
                 WebSocket server listens there, accepts this page's origin, and selects a subprotocol if any is offered"
            ),
            Self::NotOpen { state } => write!(f, "not sent: the socket is {state}, not open"),
            Self::Full { buffered } => write!(
                f,
                "not sent: {buffered} bytes are still buffered; await `send`, or try again when they have drained"
            ),
            Self::SendFailed { detail } => write!(f, "not sent: {detail}"),
            Self::InvalidCloseCode(code) => {
                write!(f, "a browser cannot send close code {}: use 1000 or 3000 to 4999", code.number())
            }
            Self::InvalidCloseReason(reason) => reason.fmt(f),
            Self::Lost(close) => write!(f, "the connection was lost: {close}"),
            Self::Overflow { messages, bytes } => write!(
                f,
                "messages came faster than they were read: with {messages} of {bytes} bytes waiting, the connection was closed"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::InvalidOffer(offer) => Some(offer),
            Self::InvalidCloseReason(reason) => Some(reason),
            _ => None,
        }
    }
}

impl From<OfferError> for Error {
    fn from(offer: OfferError) -> Self {
        Self::InvalidOffer(offer)
    }
}

impl From<ReasonTooLong> for Error {
    fn from(reason: ReasonTooLong) -> Self {
        Self::InvalidCloseReason(reason)
    }
}
