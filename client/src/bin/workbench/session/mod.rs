//! The library at work: what runs one connection, and tells the app what happens to it.

pub(crate) mod link;
mod socket;

use futures_util::future::{AbortHandle, abortable};
use wirescope::{
    CloseCode,
    link::{EndReason, Phase},
    socket::{CloseEvent, Error, Message, Payload},
    spawn,
};

use self::socket::Outbox;
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
    Waiting(Phase),
    /// A link tries no more.
    Ended(EndReason),
    /// The user gave up an attempt.
    GivenUp,
    /// The browser refused to try.
    Refused(Error),
}

/// A connection that runs. Dropping it ends it.
pub(crate) struct Session {
    running: Box<dyn Running>,
    tasks: AbortHandle,
}

/// A socket, or a link.
trait Running {
    /// Takes a message and tells what becomes of it: the message with this number in the log.
    fn send(&self, number: u64, message: Message) -> Result<(), NotSent>;

    /// Hands a message to the browser now, and tells nobody what becomes of it.
    fn try_send(&self, payload: Payload<'_>) -> Result<(), Held>;

    /// How many bytes wait with the browser, and how many messages with the library.
    fn backlog(&self) -> (u64, u64);

    /// Whether a message would be taken now.
    fn takes(&self) -> bool;

    /// Begins to close with this code and reason, which a browser takes; `false` if there is nothing to close yet.
    fn close(&self, code: CloseCode, reason: String) -> bool;

    /// Tries at once, if it waits to try.
    fn retry_now(&self) {}

    /// What still waits is not sent any more.
    fn drop_all(&self) {}
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
    pub(crate) fn begin(app: &App, id: Id, setup: &Setup, is_traced: bool) -> Result<Self, Error> {
        match app.second.hooks() {
            // Who asks for a link has a hand.
            Some(hooks) if setup.lasts => hooks.link(id, setup, is_traced),
            hooks => {
                let url = if is_traced { with_trace(id, &setup.url) } else { setup.url.clone() };
                let mut connect = setup.socket(&url);
                if let Some(hooks) = hooks.filter(|_| setup.stream) {
                    connect = hooks.stream(connect);
                }
                let (outbox, tasks) = Outbox::begin(id, connect);
                Ok(Self { running: Box::new(outbox), tasks })
            }
        }
    }

    pub(crate) fn send(&self, number: u64, message: Message) -> Result<(), NotSent> {
        self.running.send(number, message)
    }

    pub(crate) fn try_send(&self, payload: Payload<'_>) -> Result<(), Held> {
        self.running.try_send(payload)
    }

    pub(crate) fn backlog(&self) -> (u64, u64) {
        self.running.backlog()
    }

    pub(crate) fn takes(&self) -> bool {
        self.running.takes()
    }

    /// Begins to close; what comes of it is told.
    pub(crate) fn close(&self, id: Id, code: CloseCode, reason: &str) {
        if !self.running.close(code, reason.to_owned()) {
            self.tasks.abort();
            tell(id, Happening::GivenUp);
        }
    }

    pub(crate) fn retry_now(&self) {
        self.running.retry_now();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.tasks.abort();
        self.running.drop_all();
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
    app::with(|app| traced = app.watched.with_trace(id, url));
    traced
}

fn tell(id: Id, happening: Happening) {
    app::with(|app: &App| app.happened(id, happening));
}
