use std::{fmt, time::Duration};

use wirescope_protocol::{CloseCode, Text};

/// How a connection ended: what the browser's `close` event says, and what this side saw of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseEvent {
    /// The peer's code; 1005 when its Close frame had none, 1006 when there was no Close frame.
    pub code: CloseCode,
    /// The peer's reason, often empty.
    pub reason: String,
    /// Whether both sides sent a Close frame and the connection then ended.
    pub was_clean: bool,
    /// Who began it.
    pub initiator: Initiator,
    /// How long the connection was open; zero if it never was.
    pub lived: Duration,
    /// How long no message had come when it ended, at most as long as it lived. Over
    /// [`Transport::Stream`](super::Transport::Stream), the time in which none was asked for does not count.
    pub silence: Duration,
    /// This side asked for it, and the peer's Close frame never came.
    pub(crate) unanswered: bool,
}

/// Who began to close a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Initiator {
    /// This side, by closing or dropping the socket.
    Us,
    /// The peer, with a Close frame.
    Peer,
    /// This side, because its inbound queue was full under [`Overflow::Fail`](super::Overflow::Fail): messages came faster
    /// than they were read.
    Overflow,
    /// This side, because the peer did not answer in time: to the opening handshake, or to a heartbeat.
    Timeout,
    /// Neither said that it would: the network was lost, the peer vanished, or the browser failed the connection.
    Nobody,
}

impl CloseEvent {
    /// The ending of a connection that this side gives up without the peer's word.
    pub(crate) fn abandoned(initiator: Initiator, lived: Duration, silence: Duration) -> Self {
        Self {
            code: CloseCode::ABNORMAL,
            reason: String::new(),
            was_clean: false,
            initiator,
            lived,
            silence,
            unanswered: false,
        }
    }

    pub(super) fn add_to(&self, text: &mut Text) {
        self.code.add_to(text);
        if !self.reason.is_empty() {
            text.add(", reason ").quoted(&self.reason);
        }
        if !self.was_clean {
            text.add(", not a clean close");
        }
    }

    /// Whether the connection was open before it ended.
    pub fn had_opened(&self) -> bool {
        !self.lived.is_zero()
    }
}

impl fmt::Display for CloseEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        self.add_to(&mut text);
        text.fmt(f)
    }
}
