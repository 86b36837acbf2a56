//! The library at work: what runs one connection, and tells the app what happens to it.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{AbortHandle, abortable, join, ready},
};
use wirescope::{
    CloseCode,
    link::{self, EndReason, Link},
    socket::{CloseEvent, Error, Message, Payload, Socket},
    spawn,
};

use crate::{
    app::{self, App},
    log::Delivery,
    model::{Id, Setup},
};

/// What happens to a connection.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A WebSocket is tried: the how manyth time in a row.
    Connecting(u32),
    /// It opened, and this subprotocol was selected; empty if none.
    Opened(String),
    Received(Message),
    /// The message with this number in the log is there now.
    Delivered(u64, Delivery),
    /// It ended, or never opened.
    Closed(CloseEvent),
    /// A link waits before it tries again: for this.
    Waiting(link::Phase),
    /// A link tries no more.
    Ended(EndReason),
    /// The user gave up an attempt.
    GivenUp,
    /// The browser refused to try.
    Refused(Error),
}

/// A connection that runs. Dropping it ends it.
pub(crate) struct Session {
    id: Id,
    running: Running,
    tasks: AbortHandle,
}

enum Running {
    Socket(Rc<Outbox>),
    Link(Link),
}

/// A socket, and what waits to be sent on it: one message after the other, so that none overtakes another where they
/// wait for room.
#[derive(Default)]
struct Outbox {
    /// None until it opened.
    socket: RefCell<Option<Socket>>,
    waiting: RefCell<VecDeque<(u64, Message)>>,
    sender: Cell<Option<Waker>>,
}

/// Why a message was not taken.
#[derive(Debug)]
pub(crate) enum NotSent {
    NotOpen,
    Failed(String),
}

/// Why a message could not be handed over at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The browser has too much already.
    Full,
    /// There is no open connection, and there may be one again.
    NotOpen,
    Ended,
}

impl Session {
    /// Begins what `setup` says, for the connection with this number; each of its WebSockets with a trace of its own or none.
    pub(crate) fn begin(id: Id, setup: &Setup, is_traced: bool) -> Result<Self, Error> {
        if setup.lasts { Self::link(id, setup, is_traced) } else { Ok(Self::socket(id, setup, is_traced)) }
    }

    fn socket(id: Id, setup: &Setup, is_traced: bool) -> Self {
        let url = if is_traced { with_trace(id, &setup.url) } else { setup.url.clone() };
        let mut attempt = setup.socket(&url).into_future();
        let outbox = Rc::new(Outbox::default());
        let place = Rc::clone(&outbox);
        let tasks = run(async move {
            // What the browser refuses, it refuses at once; and then nothing was tried.
            let refused = match poll_fn(|cx| Poll::Ready(attempt.poll_unpin(cx))).await {
                Poll::Ready(Err(error)) => Some(error),
                _ => None,
            };
            if let Some(error) = refused {
                return tell(id, Happening::Refused(error));
            }
            tell(id, Happening::Connecting(1));
            let mut socket = match attempt.await {
                Ok(socket) => socket,
                Err(Error::ConnectFailed { close, .. }) => return tell(id, Happening::Closed(close)),
                Err(error) => return tell(id, Happening::Refused(error)),
            };
            place.socket.replace(Some(socket.clone()));
            tell(id, Happening::Opened(socket.subprotocol()));
            let (outbox, sender) = (Rc::clone(&place), socket.clone());
            let sending = async move { outbox.send_all(id, sender).await };
            let reading = async move {
                while let Some(Ok(message)) = socket.next().await {
                    tell(id, Happening::Received(message));
                }
                let close = socket.closed().await;
                place.drop_all(id);
                tell(id, Happening::Closed(close));
            };
            join(reading, sending).await;
        });
        Self { id, running: Running::Socket(outbox), tasks }
    }

    fn link(id: Id, setup: &Setup, is_traced: bool) -> Result<Self, Error> {
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
        Ok(Self { id, running: Running::Link(link), tasks })
    }

    /// Takes a message and tells what becomes of it: the message with this number in the log.
    pub(crate) fn send(&self, number: u64, message: Message) -> Result<(), NotSent> {
        let id = self.id;
        match &self.running {
            Running::Socket(outbox) => {
                if outbox.socket.borrow().is_none() {
                    return Err(NotSent::NotOpen);
                }
                outbox.waiting.borrow_mut().push_back((number, message));
                if let Some(sender) = outbox.sender.take() {
                    sender.wake();
                }
            }
            Running::Link(link) => {
                let receipt = link.send(message).map_err(|error| NotSent::Failed(error.to_string()))?;
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
            }
        }
        Ok(())
    }

    /// Hands a message to the browser now, and tells nobody what becomes of it.
    pub(crate) fn try_send(&self, payload: Payload<'_>) -> Result<(), Held> {
        match &self.running {
            Running::Socket(outbox) => match outbox.socket.borrow().as_ref().map(|one| one.try_send(payload))
            {
                None => Err(Held::NotOpen),
                Some(Ok(_)) => Ok(()),
                Some(Err(Error::Full { .. })) => Err(Held::Full),
                Some(Err(_)) => Err(Held::Ended),
            },
            Running::Link(link) => link.try_send(payload).map(drop).map_err(|error| match error {
                link::Error::Ended(_) => Held::Ended,
                _ if link.phase() == link::Phase::Open => Held::Full,
                _ => Held::NotOpen,
            }),
        }
    }

    /// How many bytes wait with the browser, and how many messages with the library.
    pub(crate) fn backlog(&self) -> (u64, u64) {
        match &self.running {
            Running::Socket(outbox) => {
                let buffered = outbox.socket.borrow().as_ref().map_or(0, Socket::buffered_amount);
                (buffered.into(), outbox.waiting.borrow().len() as u64)
            }
            Running::Link(link) => {
                let stats = link.stats();
                (stats.buffered, stats.queued)
            }
        }
    }

    /// Whether a message would be taken now.
    pub(crate) fn takes(&self) -> bool {
        match &self.running {
            Running::Socket(outbox) => outbox.socket.borrow().is_some(),
            Running::Link(_) => true,
        }
    }

    /// Begins to close with this code and reason, which a browser takes; what comes of it is told.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        let reason = reason.to_owned();
        match &self.running {
            Running::Socket(outbox) => match outbox.socket.borrow().clone() {
                Some(socket) => {
                    spawn(async move {
                        let _ = socket.close(code, &reason).await;
                    });
                }
                None => {
                    self.tasks.abort();
                    tell(self.id, Happening::GivenUp);
                }
            },
            Running::Link(link) => {
                let link = link.clone();
                spawn(async move {
                    let _ = link.close(code, &reason).await;
                });
            }
        }
    }

    /// A link that waits tries at once.
    pub(crate) fn retry_now(&self) {
        if let Running::Link(link) = &self.running {
            link.retry_now();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.tasks.abort();
        if let Running::Socket(outbox) = &self.running {
            outbox.drop_all(self.id);
        }
    }
}

/// What the task of a link waits for.
enum Next {
    Message(Option<Message>),
    Phase(Option<link::Phase>),
}

/// What was told of a link. Its phases are a reader's latest view: where two came at once, the first is not seen, and what
/// happened is worked out from the link's own counts.
#[derive(Default)]
struct Told {
    /// A try is under way, or open, as far as was told.
    trying: bool,
    open: bool,
    /// How many WebSockets were told to be over.
    over: u64,
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
        let untold = usize::try_from(over.saturating_sub(self.over)).unwrap_or(usize::MAX).min(endings.len());
        self.over = over;
        for close in &endings[endings.len() - untold..] {
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

impl Outbox {
    /// Hands over one message after the other, for as long as it is polled.
    async fn send_all(&self, id: Id, socket: Socket) {
        loop {
            let next = poll_fn(|cx| match self.waiting.borrow_mut().pop_front() {
                Some(next) => Poll::Ready(next),
                None => {
                    self.sender.set(Some(cx.waker().clone()));
                    Poll::Pending
                }
            });
            let (number, message) = next.await;
            match socket.send(&message).await {
                Ok(receipt) => {
                    tell(id, Happening::Delivered(number, Delivery::HandedOver));
                    spawn(async move {
                        let drained = receipt.drained().await.is_ok();
                        let delivery = if drained { Delivery::Drained } else { Delivery::Lost };
                        tell(id, Happening::Delivered(number, delivery));
                    });
                }
                Err(_) => tell(id, Happening::Delivered(number, Delivery::Dropped)),
            }
        }
    }

    /// What still waits is not sent any more. That is told later, since nobody knows who is asking.
    fn drop_all(&self, id: Id) {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        if !waiting.is_empty() {
            spawn(async move {
                for (number, _) in waiting {
                    tell(id, Happening::Delivered(number, Delivery::Dropped));
                }
            });
        }
    }
}

/// Runs a task until it ends or is aborted.
fn run(task: impl Future<Output = ()> + 'static) -> AbortHandle {
    let (task, handle) = abortable(task);
    spawn(async move {
        let _ = task.await;
    });
    handle
}

/// The URL of a connection's next WebSocket, with a trace.
fn with_trace(id: Id, url: &str) -> String {
    let mut traced = url.to_owned();
    app::with(|app| traced = app.frames.watched.with_trace(id, url));
    traced
}

fn tell(id: Id, happening: Happening) {
    app::with(|app: &App| app.happened(id, happening));
}
