use std::fmt;

use wirescope_protocol::{CloseCode, ReasonTooLong, Text, subprotocol::OfferError};

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
    /// This browser has no `WebSocketStream`, which [`Connect::stream`](super::Connect::stream) asked for. Nothing was tried.
    Unsupported,
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
    /// The peer closed the connection, cleanly, while reading was held back over
    /// [`Transport::Stream`](super::Transport::Stream), and the browser threw away what it had received and not handed over:
    /// messages after those that were read may be missing.
    Unread(CloseEvent),
    /// Messages came faster than they were read, the inbound queue was full, and the rule was
    /// [`Overflow::Fail`](super::Overflow::Fail): the connection was closed and no message after the queued ones is read.
    Overflow {
        /// How many messages were in the queue.
        messages: usize,
        /// How many bytes of payload were in the queue.
        bytes: usize,
    },
}

impl Error {
    fn add_to(&self, text: &mut Text) {
        match self {
            Self::InvalidUrl { url, why } => {
                text.quoted(url).add(" is not a WebSocket URL: ").add(why);
            }
            Self::InvalidOffer(offer) => offer.add_to(text),
            Self::Blocked { url, detail } => {
                text.add("the browser refuses to open ").add(url).add(" from this page: ").add(detail);
            }
            Self::Unsupported => {
                text.add("this browser has no WebSocketStream");
            }
            Self::ConnectFailed { url, close } => {
                text.add("the connection to ").add(url).add(" failed before it opened (");
                close.add_to(text);
                text.add(
                    "); browsers hide the cause: see that a WebSocket server listens there, accepts this page's origin, \
                     and selects a subprotocol if any is offered",
                );
            }
            Self::NotOpen { state } => {
                text.add("not sent: the socket is ").add(state.name()).add(", not open");
            }
            Self::Full { buffered } => {
                text.add("not sent: ").number(usize::try_from(*buffered).unwrap_or(usize::MAX));
                text.add(" bytes are still buffered; await `send`, or try again when they have drained");
            }
            Self::SendFailed { detail } => {
                text.add("not sent: ").add(detail);
            }
            Self::InvalidCloseCode(code) => {
                text.add("a browser cannot send close code ").number(code.number().into());
                text.add(": use 1000 or 3000 to 4999");
            }
            Self::InvalidCloseReason(reason) => reason.add_to(text),
            Self::Lost(close) => {
                text.add("the connection was lost: ");
                close.add_to(text);
            }
            Self::Unread(close) => {
                text.add("the peer closed the connection before all was read, so that its last messages may be missing: ");
                close.add_to(text);
            }
            Self::Overflow { messages, bytes } => {
                text.add("messages came faster than they were read: with ").number(*messages);
                text.add(" of ").number(*bytes).add(" bytes waiting, the connection was closed");
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        self.add_to(&mut text);
        text.fmt(f)
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
