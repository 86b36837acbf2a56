use std::fmt;

use crate::{Text, limits::MAX_CLOSE_REASON};

/// The status code of a Close frame, or one that an endpoint reports without any frame (1005, 1006, 1015).
///
/// Any number can be held, since a peer can send any number; the methods say what it means and who may send it.
///
/// ```
/// use wirescope_protocol::CloseCode;
///
/// assert_eq!(CloseCode::GOING_AWAY.to_string(), "1001 going away");
/// assert_eq!(CloseCode::new(4001).to_string(), "4001 application's own");
/// assert!(!CloseCode::GOING_AWAY.is_sendable_by_browser());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection was fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server is shutting down, or the page was left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that the endpoint cannot accept.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: reported when the Close frame carried no code; never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: reported when the connection ended without a Close frame; never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a policy was violated.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message was too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1011: the server met an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service is restarting (IANA's registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: try again later (IANA's registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// The code with this number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number itself.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Whether a browser's `WebSocket.close` takes this code: 1000 and 3000 to 4999 (WHATWG WebSockets, `close`).
    pub const fn is_sendable_by_browser(self) -> bool {
        matches!(self.0, 1000 | 3000..=4999)
    }

    /// What the code means, in a few words.
    pub const fn name(self) -> &'static str {
        match self.0 {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1005 => "no status received",
            1006 => "abnormal closure",
            1007 => "invalid payload data",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "extension required",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            1015 => "TLS handshake failed",
            3000..=3999 => "registered by a library",
            4000..=4999 => "application's own",
            _ => "undefined",
        }
    }
}

impl CloseCode {
    /// Adds the number and what it means to a text.
    pub fn add_to(self, text: &mut Text) {
        text.number(self.0.into()).add(" ").add(self.name());
    }
}

impl From<u16> for CloseCode {
    fn from(number: u16) -> Self {
        Self(number)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        self.add_to(&mut text);
        text.fmt(f)
    }
}

/// A close reason of more than [`MAX_CLOSE_REASON`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonTooLong {
    /// How many bytes it has.
    pub bytes: usize,
}

impl fmt::Display for ReasonTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        self.add_to(&mut text);
        text.fmt(f)
    }
}

impl ReasonTooLong {
    /// Adds what is wrong to a text.
    pub fn add_to(&self, text: &mut Text) {
        text.add("the close reason has ").number(self.bytes).add(" bytes of UTF-8; at most ");
        text.number(MAX_CLOSE_REASON).add(" fit in a Close frame");
    }
}

impl std::error::Error for ReasonTooLong {}

/// Checks that a close reason fits in a Close frame.
///
/// # Errors
///
/// [`ReasonTooLong`] when it has more than [`MAX_CLOSE_REASON`] bytes of UTF-8.
pub fn check_reason(reason: &str) -> Result<(), ReasonTooLong> {
    if reason.len() > MAX_CLOSE_REASON { Err(ReasonTooLong { bytes: reason.len() }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_send_1000_and_3000_to_4999() {
        let sendable: Vec<u16> =
            (0..=u16::MAX).filter(|&n| CloseCode::new(n).is_sendable_by_browser()).collect();
        let expected: Vec<u16> = std::iter::once(1000).chain(3000..=4999).collect();
        assert_eq!(sendable, expected);
    }

    #[test]
    fn the_longest_reason_is_counted_in_bytes_not_characters() {
        assert_eq!(check_reason(&"x".repeat(123)), Ok(()));
        assert_eq!(check_reason(&"é".repeat(62)), Err(ReasonTooLong { bytes: 124 }));
    }
}
