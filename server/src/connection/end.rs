//! How a connection ends: what its ending demands, and what an error or a Close frame means.

use std::{future::poll_fn, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tracing::info;
use wirescope_protocol::{CloseCode, limits::MAX_CLOSE_REASON};

use super::Connection;
use crate::{
    ending::{self, BAD_CLOSE, Ending},
    message::Message,
    metrics::Hit,
    socket::Received,
};

/// What a scenario says when the peer has sent its Close frame.
#[derive(Debug)]
pub(super) struct LastWord {
    pub(super) message: Message,
    pub(super) reason: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Ends the connection as its ending demands, and logs it.
    pub(crate) async fn end(mut self, ending: Ending) {
        let timeouts = self.context.config.timeouts;
        self.stuck = None;
        self.tally.close = (ending.code().number(), ending.by());
        if matches!(&ending, Ending::Failed { code, .. } if *code == CloseCode::MESSAGE_TOO_BIG) {
            self.context.metrics.hit(Hit::Message);
        }
        let clean = match &ending {
            Ending::Closed { code, reason } => match self.last_word.take() {
                Some(word) if !self.is_unwritten => {
                    within(timeouts.close, Box::pin(self.answer_close(*code, reason, *word))).await
                }
                _ => within(timeouts.close, self.write()).await,
            },
            Ending::Failed { code, reason } => {
                within(timeouts.close, self.send_close(*code, reason)).await;
                false
            }
            Ending::BadClose | Ending::Ended => {
                within(timeouts.close, self.write()).await;
                false
            }
            Ending::Done { .. } | Ending::GoingAway => {
                let code = ending.code();
                within(timeouts.close, async {
                    self.send_close(code, ending.reason()).await?;
                    self.peers_close().await
                })
                .await
            }
            Ending::Cut | Ending::Lost { .. } => false,
        };
        info!(
            peer = %self.peer,
            path = self.path,
            subprotocol = self.subprotocol,
            received = %self.tally.received,
            sent = %self.tally.sent,
            code = ending.code().number(),
            reason = ending.reason(),
            by = ending.by(),
            clean,
            lived = ?self.opened.elapsed(),
            "connection closed"
        );
        if !matches!(ending, Ending::Lost { .. }) {
            ending::drain(self.socket.into_inner(), &timeouts).await;
        }
    }

    /// Writes all that was sent, however long it takes.
    async fn write(&mut self) -> Result<(), Ending> {
        poll_fn(|task| self.socket.poll_flush(task)).await
    }

    /// Answers the peer's Close frame after a last message.
    async fn answer_close(&mut self, code: CloseCode, reason: &str, word: LastWord) -> Result<(), Ending> {
        let reason = if word.reason.len() <= MAX_CLOSE_REASON { &word.reason } else { reason };
        let close = (code != CloseCode::NO_STATUS)
            .then(|| CloseFrame { code: code.number().into(), reason: reason.into() });
        self.tally.sent.add(word.message.len());
        self.socket.answer_close(&word.message, close)?;
        self.write().await
    }

    async fn send_close(&mut self, code: CloseCode, reason: &str) -> Result<(), Ending> {
        self.socket.close(CloseFrame { code: code.number().into(), reason: truncated(reason).into() })?;
        self.write().await
    }

    /// Waits for the Close frame that answers the server's own; messages that were on their way are passed over.
    async fn peers_close(&mut self) -> Result<(), Ending> {
        loop {
            if let Received::Close(_) = poll_fn(|task| self.socket.poll_next(task)).await? {
                return Ok(());
            }
        }
    }
}

/// Whether it was done without an error and in time.
async fn within(limit: Duration, done: impl Future<Output = Result<(), Ending>>) -> bool {
    matches!(timeout(limit, done).await, Ok(Ok(())))
}

/// The ending that a Close frame of the peer means. Instead of one whose code may not be sent tungstenite reports its own
/// answer to it; it takes 1014 for such a code, although that was registered since.
pub(super) fn closed(frame: Option<CloseFrame>) -> Ending {
    let Some(frame) = frame else {
        return Ending::Closed { code: CloseCode::NO_STATUS, reason: String::new() };
    };
    let (code, reason) = (CloseCode::new(frame.code.into()), frame.reason.as_str());
    if code == CloseCode::PROTOCOL_ERROR && reason == BAD_CLOSE {
        Ending::BadClose
    } else {
        Ending::Closed { code, reason: reason.to_owned() }
    }
}

/// As much of a reason as fits in a Close frame.
fn truncated(reason: &str) -> &str {
    let end = (0..=MAX_CLOSE_REASON.min(reason.len())).rev().find(|&end| reason.is_char_boundary(end));
    &reason[..end.unwrap_or_default()]
}
