//! The library at work: what runs one connection, and tells the app what happens to it.

use std::{cell::RefCell, future::poll_fn, rc::Rc, task::Poll};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{AbortHandle, abortable, join, ready},
};
use wirescope::{
    CloseCode,
    link::{self, Link},
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
    /// A WebSocket is tried.
    Connecting,
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
    Ended,
    /// The user gave up an attempt.
    GivenUp,
    /// The browser refused to try.
    Refused(Error),
}

/// A connection that runs. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Session {
    id: Id,
    running: Running,
    tasks: AbortHandle,
}

#[derive(Debug)]
enum Running {
    /// Empty until it opened.
    Socket(Rc<RefCell<Option<Socket>>>),
    Link(Link),
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
        let mut attempt = Socket::connect(&url).subprotocols(&setup.offers).into_future();
        let opened = Rc::new(RefCell::new(None));
        let place = Rc::clone(&opened);
        let tasks = run(async move {
            // What the browser refuses, it refuses at once; and then nothing was tried.
            let refused = match poll_fn(|cx| Poll::Ready(attempt.poll_unpin(cx))).await {
                Poll::Ready(Err(error)) => Some(error),
                _ => None,
            };
            if let Some(error) = refused {
                return tell(id, Happening::Refused(error));
            }
            tell(id, Happening::Connecting);
            let mut socket = match attempt.await {
                Ok(socket) => socket,
                Err(Error::ConnectFailed { close, .. }) => return tell(id, Happening::Closed(close)),
                Err(error) => return tell(id, Happening::Refused(error)),
            };
            place.replace(Some(socket.clone()));
            tell(id, Happening::Opened(socket.subprotocol()));
            while let Some(Ok(message)) = socket.next().await {
                tell(id, Happening::Received(message));
            }
            tell(id, Happening::Closed(socket.closed().await));
        });
        Self { id, running: Running::Socket(opened), tasks }
    }

    fn link(id: Id, setup: &Setup, is_traced: bool) -> Result<Self, Error> {
        let (url, offers) = (setup.url.clone(), setup.offers.clone());
        let options = if is_traced {
            Link::provided(move || ready(Some((with_trace(id, &url), offers.clone()))))
        } else {
            Link::to(url).subprotocols(offers)
        };
        let link = options.open()?;
        let (mut reader, mut phases, watched) = (link.clone(), link.phases(), link.clone());
        let reading = async move {
            while let Some(message) = reader.next().await {
                tell(id, Happening::Received(message));
            }
        };
        let watching = async move {
            let mut is_live = false;
            while let Some(phase) = phases.next().await {
                if is_live && !matches!(phase, link::Phase::Open) {
                    is_live = false;
                    if let Some(close) = watched.endings().pop() {
                        tell(id, Happening::Closed(close));
                    }
                }
                match phase {
                    link::Phase::Connecting { .. } => {
                        is_live = true;
                        tell(id, Happening::Connecting);
                    }
                    link::Phase::Open => tell(id, Happening::Opened(watched.subprotocol())),
                    link::Phase::Ended(_) => return tell(id, Happening::Ended),
                    phase => tell(id, Happening::Waiting(phase)),
                }
            }
        };
        let tasks = run(async move {
            join(watching, reading).await;
        });
        Ok(Self { id, running: Running::Link(link), tasks })
    }

    /// Takes a message and tells what becomes of it: the message with this number in the log.
    pub(crate) fn send(&self, number: u64, message: Message) -> Result<(), NotSent> {
        let id = self.id;
        match &self.running {
            Running::Socket(place) => {
                let socket = place.borrow().clone().ok_or(NotSent::NotOpen)?;
                spawn(async move {
                    let delivery = match socket.send(&message).await {
                        Ok(receipt) => {
                            tell(id, Happening::Delivered(number, Delivery::HandedOver));
                            match receipt.drained().await {
                                Ok(()) => Delivery::Drained,
                                Err(_) => Delivery::Lost,
                            }
                        }
                        Err(_) => Delivery::Dropped,
                    };
                    tell(id, Happening::Delivered(number, delivery));
                });
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
            Running::Socket(place) => match place.borrow().as_ref().map(|socket| socket.try_send(payload)) {
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
            Running::Socket(place) => {
                (place.borrow().as_ref().map_or(0, |socket| socket.buffered_amount().into()), 0)
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
            Running::Socket(place) => place.borrow().is_some(),
            Running::Link(_) => true,
        }
    }

    /// Begins to close with this code and reason, which a browser takes; what comes of it is told.
    pub(crate) fn close(&self, code: CloseCode, reason: &str) {
        let reason = reason.to_owned();
        match &self.running {
            Running::Socket(place) => match place.borrow().clone() {
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
