//! How a connection is over, and how its TCP connection then ends so that the peer can read all that was sent to it.

use std::fmt;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use wirescope_protocol::CloseCode;

use crate::Timeouts;

/// The reason with which tungstenite answers a Close frame whose code may not be sent; the code is 1002.
pub(crate) const BAD_CLOSE: &str = "Protocol violation";

/// How much a peer may still send after the server ended its side.
const MAX_DRAIN: u64 = 1024 * 1024;

/// Ends the server's side, and reads and drops what the peer still sends until it ends its own: at most 1 MiB, and no
/// longer than [`Timeouts::drain`]. Closing a TCP socket that has unread data sends a reset, which can overtake what was
/// written last and destroy it on its way to the peer.
pub(crate) async fn drain<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, timeouts: &Timeouts) {
    let _ = timeout(timeouts.drain, async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(MAX_DRAIN), &mut tokio::io::sink()).await
    })
    .await;
}

/// Why a connection is over, and so what the server still owes the peer.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The scenario has done all it was to do.
    Done { code: CloseCode, reason: String },
    /// The peer sent a Close frame; its answer is queued.
    Closed { code: CloseCode, reason: String },
    /// The peer broke a rule, and is told which with this code.
    Failed { code: CloseCode, reason: String },
    /// The server is shutting down.
    GoingAway,
    /// The peer's Close frame had a code that may not be sent; the answer that says so is queued.
    BadClose,
    /// The peer ended its side without a Close frame. It may still read, so it is owed what was sent.
    Ended,
    /// The scenario is to end the connection without a Close frame.
    Cut,
    /// The connection failed: nothing can be written any more.
    Lost { why: String },
}

impl Ending {
    /// The code in the log.
    pub(crate) fn code(&self) -> CloseCode {
        match self {
            Self::Done { code, .. } | Self::Closed { code, .. } | Self::Failed { code, .. } => *code,
            Self::BadClose => CloseCode::PROTOCOL_ERROR,
            Self::GoingAway => CloseCode::GOING_AWAY,
            Self::Cut | Self::Ended | Self::Lost { .. } => CloseCode::ABNORMAL,
        }
    }

    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Done { reason, .. } | Self::Closed { reason, .. } | Self::Failed { reason, .. } => reason,
            Self::BadClose => BAD_CLOSE,
            Self::Cut => "cut by the scenario",
            Self::Ended => "ended without a Close frame",
            Self::GoingAway => "server is shutting down",
            Self::Lost { why } => why,
        }
    }

    /// Who closed.
    pub(crate) fn by(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "peer",
            Self::Done { .. } | Self::Failed { .. } | Self::BadClose | Self::Cut | Self::GoingAway => {
                "server"
            }
            Self::Ended | Self::Lost { .. } => "nobody",
        }
    }
}

/// As a transcript has it.
impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { code, .. } => write!(f, "the client closed with {code}")?,
            Self::Done { code, .. } | Self::Failed { code, .. } => {
                write!(f, "the server closed with {code}")?;
            }
            Self::GoingAway | Self::BadClose => write!(f, "the server closed with {}", self.code())?,
            Self::Cut => return f.write_str("the server cut the connection"),
            Self::Ended => return f.write_str("the client ended the connection without a Close frame"),
            Self::Lost { .. } => f.write_str("the connection was lost")?,
        }
        match self.reason() {
            "" => Ok(()),
            reason => write!(f, ": {reason:?}"),
        }
    }
}
