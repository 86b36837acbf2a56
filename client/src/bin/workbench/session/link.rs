//! A link, which connects again.

use std::{future::poll_fn, task::Poll};

use futures_util::{StreamExt as _, future::ready};
use wirescope::{
    CloseCode,
    link::{self, EndReason, Link},
    socket::{Error, Message, Payload},
    spawn,
};

use super::{Happening, Held, NotSent, Running, Session, run, tell, with_trace};
use crate::{
    log::Delivery,
    model::{Id, Setup},
};

/// Begins a link.
pub(crate) fn begin(id: Id, setup: &Setup, is_traced: bool) -> Result<Session, Error> {
    let (url, offers) = (setup.url.clone(), setup.offers.clone());
    let endpoint = if is_traced {
        Link::provided(move || ready(Some((with_trace(id, &url), offers.clone()))))
    } else {
        Link::to(url).subprotocols(offers)
    };
    let link = setup.link(endpoint).open()?;
    let (mut reader, mut phases) = (link.clone(), link.phases());
    let tasks = run(async move {
        let (mut told, mut reading) = (Told::default(), true);
        loop {
            // What came before a change is told before it, and what the next connection brings, after it.
            let next = poll_fn(|cx| {
                for messages in [told.open, !told.open] {
                    if !messages {
                        if let Poll::Ready(phase) = phases.poll_next_unpin(cx) {
                            return Poll::Ready(Next::Phase(phase));
                        }
                    } else if reading && let Poll::Ready(message) = reader.poll_next_unpin(cx) {
                        return Poll::Ready(Next::Message(message));
                    }
                }
                Poll::Pending
            });
            match next.await {
                Next::Message(Some(message)) => tell(id, Happening::Received(message)),
                Next::Message(None) => reading = false,
                Next::Phase(Some(link::Phase::Ended(_))) => {
                    // A close may be under way, and its ending is yet to come.
                    let (reason, _) = reader.ended().await;
                    told.endings(id, &reader, &link::Phase::Ended(reason.clone()));
                    return tell(id, Happening::Ended(reason));
                }
                Next::Phase(Some(phase)) => {
                    told.endings(id, &reader, &phase);
                    told.phase(id, &reader, phase);
                }
                Next::Phase(None) => return,
            }
        }
    });
    Ok(Session { running: Box::new(Lasting { id, link }), tasks })
}

struct Lasting {
    id: Id,
    link: Link,
}

impl Running for Lasting {
    fn send(&self, number: u64, message: Message) -> Result<(), NotSent> {
        let id = self.id;
        let receipt = self.link.send(message).map_err(|error| NotSent::Failed(error.to_string()))?;
        spawn(async move {
            if !matches!(receipt.handed_over().await, link::Delivery::Dropped(_)) {
                tell(id, Happening::Delivered(number, Delivery::HandedOver));
            }
            let delivery = match receipt.settled().await {
                link::Delivery::Drained => Delivery::Drained,
                link::Delivery::Dropped(_) => Delivery::Dropped,
                _ => Delivery::Lost,
            };
            tell(id, Happening::Delivered(number, delivery));
        });
        Ok(())
    }

    fn try_send(&self, payload: Payload<'_>) -> Result<(), Held> {
        self.link.try_send(payload).map(drop).map_err(|error| match error {
            link::Error::Ended(_) => Held::Ended,
            _ if self.link.phase() == link::Phase::Open => Held::Full,
            _ => Held::NotOpen,
        })
    }

    fn backlog(&self) -> (u64, u64) {
        let stats = self.link.stats();
        (stats.buffered, stats.queued)
    }

    fn takes(&self) -> bool {
        true
    }

    fn close(&self, code: CloseCode, reason: String) -> bool {
        let link = self.link.clone();
        spawn(async move {
            let _ = link.close(code, &reason).await;
        });
        true
    }

    fn retry_now(&self) {
        self.link.retry_now();
    }
}

/// What the task of a link waits for.
enum Next {
    Message(Option<Message>),
    Phase(Option<link::Phase>),
}

/// How many endings a link keeps.
const KEPT: usize = 16;

/// What was told of a link. Its phases are a reader's latest view: where two came at once, the first is not seen, and what
/// happened is worked out from the link's own counts.
#[derive(Default)]
struct Told {
    /// A try is under way, or open, as far as was told.
    trying: bool,
    open: bool,
    /// How many WebSockets were told to be over.
    over: u64,
    /// How many endings the link had kept then.
    kept: usize,
}

impl Told {
    /// Tells of every WebSocket that is over, once, whatever phases were seen of it.
    fn endings(&mut self, id: Id, link: &Link, phase: &link::Phase) {
        // A try that the browser refuses is counted, and has no ending.
        let without = matches!(
            phase,
            link::Phase::Connecting { .. } | link::Phase::Open | link::Phase::Ended(EndReason::Refused(_))
        );
        let over = link.stats().attempts.saturating_sub(without.into());
        let endings = link.endings();
        // As long as it keeps all, they are counted themselves: a try that is given up before it has a WebSocket has none.
        let untold = if endings.len() < KEPT {
            endings.len().saturating_sub(self.kept)
        } else {
            usize::try_from(over.saturating_sub(self.over)).unwrap_or(usize::MAX).min(KEPT)
        };
        (self.over, self.kept) = (over, endings.len());
        for close in &endings[endings.len().saturating_sub(untold)..] {
            if !self.trying {
                tell(id, Happening::Connecting(1));
            }
            if close.had_opened() && !self.open {
                tell(id, Happening::Opened(String::new()));
            }
            (self.trying, self.open) = (false, false);
            tell(id, Happening::Closed(close.clone()));
        }
    }

    fn phase(&mut self, id: Id, link: &Link, phase: link::Phase) {
        match phase {
            link::Phase::Connecting { attempt } => {
                self.trying = true;
                tell(id, Happening::Connecting(attempt));
            }
            link::Phase::Open => {
                if !self.trying {
                    tell(id, Happening::Connecting(1));
                }
                (self.trying, self.open) = (true, true);
                tell(id, Happening::Opened(link.subprotocol()));
            }
            phase => tell(id, Happening::Waiting(phase)),
        }
    }
}
