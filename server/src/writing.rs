//! Waiting for a peer to take what is written to it, and not for ever for one that takes nothing.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
    time::Duration,
};

use futures_util::Sink;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Sleep, sleep_until},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error as WsError, Message as WsMessage},
};
use wirescope_protocol::CloseCode;

use crate::{
    connection::{Ending, failed},
    metrics::{Hit, Metrics, Queued},
    stream::Counted,
};

/// How far a connection is with its writing.
#[derive(Debug, Default)]
pub(crate) struct Writing {
    /// The payload bytes that were taken since all was written last.
    pub(crate) queued: u64,
    /// What had been written then.
    written: u64,
}

impl Writing {
    /// Waits until a message can be taken.
    pub(crate) async fn ready<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut WebSocketStream<Counted<S>>,
        patience: Duration,
        metrics: &Arc<Metrics>,
    ) -> Result<(), Ending> {
        self.until(socket, patience, metrics, <WebSocketStream<_> as Sink<WsMessage>>::poll_ready).await
    }

    /// Waits until all is written.
    pub(crate) async fn flush<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut WebSocketStream<Counted<S>>,
        patience: Duration,
        metrics: &Arc<Metrics>,
    ) -> Result<(), Ending> {
        self.until(socket, patience, metrics, <WebSocketStream<_> as Sink<WsMessage>>::poll_flush).await?;
        *self = Self { queued: 0, written: socket.get_ref().written };
        Ok(())
    }

    async fn until<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut WebSocketStream<Counted<S>>,
        patience: Duration,
        metrics: &Arc<Metrics>,
        write: impl Fn(Pin<&mut WebSocketStream<Counted<S>>>, &mut Task<'_>) -> Poll<Result<(), WsError>>,
    ) -> Result<(), Ending> {
        let mut blocked: Option<Blocked> = None;
        poll_fn(|cx| {
            if let Poll::Ready(done) = write(Pin::new(socket), cx) {
                return Poll::Ready(done.map_err(|error| failed(&error)));
            }
            self.poll_stuck(&mut blocked, socket, patience, metrics, cx).map(Err)
        })
        .await
    }

    /// Ready when the peer has read nothing for too long while something waits for it; `blocked` is kept by one wait.
    pub(crate) fn poll_stuck<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        blocked: &mut Option<Blocked>,
        socket: &WebSocketStream<Counted<S>>,
        patience: Duration,
        metrics: &Arc<Metrics>,
        task: &mut Task<'_>,
    ) -> Poll<Ending> {
        let written = socket.get_ref().written;
        let waits = self.queued.saturating_sub(written - self.written);
        let blocked = blocked.get_or_insert_with(|| Blocked::new(patience, metrics, written, waits));
        blocked.poll(written, waits, metrics, task)
    }
}

/// A peer that does not read what waits for it.
pub(crate) struct Blocked {
    patience: Duration,
    written: u64,
    /// When it last read something.
    since: Instant,
    timer: Pin<Box<Sleep>>,
    queued: Queued,
}

impl Blocked {
    fn new(patience: Duration, metrics: &Arc<Metrics>, written: u64, waits: u64) -> Self {
        let since = Instant::now();
        let timer = Box::pin(sleep_until(since + patience));
        Self { patience, written, since, timer, queued: metrics.queued(waits) }
    }

    /// Ready when it has read nothing for too long.
    fn poll(&mut self, written: u64, waits: u64, metrics: &Metrics, task: &mut Task<'_>) -> Poll<Ending> {
        let patience = self.patience;
        if written != self.written {
            (self.written, self.since) = (written, Instant::now());
            self.queued.now(waits);
        }
        while self.timer.as_mut().poll(task).is_ready() {
            if self.since + patience <= Instant::now() {
                metrics.hit(Hit::OutboundQueue);
                let reason =
                    format!("the peer read nothing for {patience:?} while {waits} bytes waited for it");
                return Poll::Ready(Ending::Failed { code: CloseCode::TRY_AGAIN_LATER, reason });
            }
            self.timer.as_mut().reset(self.since + patience);
        }
        Poll::Pending
    }
}
