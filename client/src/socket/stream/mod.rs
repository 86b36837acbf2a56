//! The second transport: the browser's `WebSocketStream`, which reads only when it is asked to.
//!
//! Nothing outside names what is in here but the options that ask for it, so an app that asks for none links none of it.

mod browser;
mod router;

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast as _, JsValue};
use wirescope_protocol::CloseCode;

use self::{
    browser::{AbortController, Function, Info, OpenInfo, Promised, Read, Readable, Reader, WebSocketStream},
    browser::{Writable, Writer},
    router::Settled,
};
use super::{
    CloseEvent, Error, Event, Initiator, Message, Offers, Payload, State,
    event::{History, check_close, text_of},
    outbound::Outbound,
    transport::Carrier,
    url,
};

pub(super) use self::browser::is_available;

/// Starts to connect; what [`Transport`](super::transport::Transport) calls for who asked for it.
pub(super) fn open(
    url: &str,
    offers: &Offers,
    outbound: &Rc<Outbound>,
    handler: Box<dyn Fn(Event)>,
) -> Result<Box<dyn Carrier>, Error> {
    let checked = url::check(url)?;
    if !is_available() {
        return Err(Error::Unsupported);
    }
    let controller = AbortController::new();
    let raw = WebSocketStream::connect(&checked, offers, &controller)
        .map_err(|thrown| url::refused(url, text_of(&thrown)))?;
    let number = router::reserve();
    let told = |settled| router::function(number, settled);
    raw.opened().then(&told(Settled::Opened), &told(Settled::Other));
    raw.closed().then(&told(Settled::Closed), &told(Settled::ClosedUncleanly));
    let connection = Rc::new(Connection {
        raw,
        controller,
        open: OnceCell::new(),
        handler,
        outbound: Rc::clone(outbound),
        history: History::default(),
        on_read: told(Settled::Read),
        on_read_failed: told(Settled::ReadFailed),
        on_written: told(Settled::Written),
        on_other: told(Settled::Other),
        unwritten: RefCell::default(),
        last_write: RefCell::default(),
        ending: RefCell::default(),
        flags: Flags::default(),
    });
    router::add(number, Rc::downgrade(&connection));
    Ok(Box::new(StreamSocket { connection, number }))
}

/// One connection over the browser's `WebSocketStream`. Dropping it frees all that is ours, gives up a connection that is not
/// open, and closes one that is, behind what was written.
struct StreamSocket {
    connection: Rc<Connection>,
    number: u32,
}

/// What the router reaches.
struct Connection {
    raw: WebSocketStream,
    /// Gives up the opening handshake; of no effect once that is done.
    controller: AbortController,
    open: OnceCell<Open>,
    handler: Box<dyn Fn(Event)>,
    outbound: Rc<Outbound>,
    history: History,
    on_read: Function,
    on_read_failed: Function,
    on_written: Function,
    on_other: Function,
    /// The sizes of the messages whose write promise has not resolved. They resolve in order.
    unwritten: RefCell<VecDeque<usize>>,
    /// The promise of the last of these.
    last_write: RefCell<Option<Promised>>,
    /// How it ended, kept until all that came before was read.
    ending: RefCell<Option<CloseEvent>>,
    flags: Flags,
}

/// What there is once the opening handshake is done.
struct Open {
    subprotocol: String,
    readable: Readable,
    reader: Reader,
    writer: Writer,
}

#[derive(Default)]
struct Flags {
    /// Nobody is listening any more.
    dropped: Cell<bool>,
    /// This side began to close.
    closing: Cell<bool>,
    /// A read is under way.
    reading: Cell<bool>,
    /// None is to be begun.
    paused: Cell<bool>,
    /// None will give anything more.
    read_to_end: Cell<bool>,
    /// The peer began to close while no read was under way.
    truncated: Cell<bool>,
    /// The last event was told.
    ended: Cell<bool>,
}

impl Carrier for StreamSocket {
    fn send(&self, payload: Payload<'_>) -> Result<(), Error> {
        let (state, connection) = (self.state(), &self.connection);
        let (State::Open, Some(open)) = (state, connection.open.get()) else {
            return Err(Error::NotOpen { state });
        };
        let written = match payload {
            Payload::Text(text) => open.writer.write_text(text),
            // The browser takes it later, when Wasm's memory may have moved: it gets a copy.
            Payload::Binary(bytes) => open.writer.write_bytes(&Uint8Array::from(bytes)),
        };
        written.then(&connection.on_written, &connection.on_other);
        connection.unwritten.borrow_mut().push_back(payload.len());
        connection.last_write.replace(Some(written));
        Ok(())
    }

    fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        check_close(code, reason)?;
        if matches!(self.state(), State::Connecting | State::Open) {
            self.connection.history.closed_by_us.set(true);
            self.connection.close(code, reason);
        }
        Ok(())
    }

    fn abandoned(&self, initiator: Initiator) -> CloseEvent {
        let connection = &self.connection;
        connection.set_paused(connection.flags.paused.get());
        connection.history.abandoned(initiator)
    }

    fn state(&self) -> State {
        self.connection.state()
    }

    fn subprotocol(&self) -> String {
        self.connection.open.get().map(|open| open.subprotocol.clone()).unwrap_or_default()
    }

    fn url(&self) -> String {
        self.connection.raw.url()
    }

    fn set_reading(&self, reading: bool) {
        let flags = &self.connection.flags;
        // Once this side closes, the peer's answer comes behind all that it sent before.
        let ends = flags.closing.get() || self.connection.ending.borrow().is_some();
        self.connection.set_paused(!reading && !ends);
        self.connection.read();
    }

    fn is_truncated(&self) -> bool {
        self.connection.flags.truncated.get()
    }
}

impl Drop for StreamSocket {
    fn drop(&mut self) {
        router::remove(self.number);
        let connection = &self.connection;
        connection.flags.dropped.set(true);
        if connection.flags.ended.get() {
            return;
        }
        let Some(open) = connection.open.get() else { return connection.controller.abort() };
        if !connection.flags.closing.get() {
            connection.close(CloseCode::NORMAL, "");
        }
        // A peer that waits for its messages to be read would never come to read the Close frame, nor answer it.
        let _ = open.reader.release_lock();
        open.readable.pipe_to(&Writable::new()).then(&connection.on_other, &connection.on_other);
    }
}

impl Connection {
    /// Takes what a promise was settled with.
    fn settle(&self, settled: Settled, value: JsValue) {
        match settled {
            Settled::Opened => self.opened(&value.unchecked_into()),
            Settled::Closed | Settled::ClosedUncleanly => {
                // What can still be read is one message at most.
                self.set_paused(false);
                let info: Info = value.unchecked_into();
                let code = info.close_code().map_or(CloseCode::ABNORMAL, CloseCode::new);
                let reason = info.reason().unwrap_or_default();
                let ending = self.history.ending(code, reason, settled == Settled::Closed);
                self.ending.replace(Some(ending));
                self.read();
                self.end();
            }
            Settled::Read => self.take(&value.unchecked_into()),
            Settled::ReadFailed => self.read_to_end(),
            Settled::Written => self.written(),
            Settled::Other => {}
        }
    }

    fn state(&self) -> State {
        match self.open.get() {
            _ if self.ending.borrow().is_some() || self.flags.ended.get() => State::Closed,
            _ if self.flags.closing.get() => State::Closing,
            None => State::Connecting,
            Some(open) if open.writer.desired_size().is_none() => State::Closing,
            Some(_) => State::Open,
        }
    }

    fn opened(&self, info: &OpenInfo) {
        let readable = info.readable();
        let (reader, writer) = (readable.get_reader(), info.writable().get_writer());
        // Fulfilled once.
        let _ = self.open.set(Open { subprotocol: info.protocol(), readable, reader, writer });
        self.history.open();
        (self.handler)(Event::Open);
        self.read();
    }

    /// Asks for the next message, where it is wanted and not asked for yet.
    fn read(&self) {
        let (Some(open), flags) = (self.open.get(), &self.flags) else { return };
        if flags.reading.get() || flags.paused.get() || flags.read_to_end.get() || flags.dropped.get() {
            return;
        }
        // With a read under way the browser hands over all that came before the peer's Close frame. Without one, Chromium
        // forgets at that frame what it had received.
        if !flags.closing.get() && open.writer.desired_size().is_none() {
            flags.truncated.set(true);
        }
        flags.reading.set(true);
        open.reader.read().then(&self.on_read, &self.on_read_failed);
    }

    fn take(&self, read: &Read) {
        if read.done() {
            return self.read_to_end();
        }
        self.flags.reading.set(false);
        // As with the browser's other interface, nothing is delivered any more once this side closes.
        if !self.flags.closing.get() {
            self.history.hear();
            (self.handler)(Event::Message(Message::from_js(&read.value())));
        }
        self.read();
    }

    fn read_to_end(&self) {
        self.flags.reading.set(false);
        self.flags.read_to_end.set(true);
        self.end();
    }

    /// Tells the ending, once it is known and all that came before it was told.
    fn end(&self) {
        let never_opened = self.open.get().is_none();
        if !never_opened && !self.flags.read_to_end.get() {
            return;
        }
        let Some(ending) = self.ending.take() else { return };
        self.flags.ended.set(true);
        if never_opened {
            (self.handler)(Event::Error);
        }
        (self.handler)(Event::Close(ending));
    }

    fn written(&self) {
        let mut unwritten = self.unwritten.borrow_mut();
        let Some(bytes) = unwritten.pop_front() else { return };
        if unwritten.is_empty() {
            self.last_write.take();
        }
        drop(unwritten);
        self.outbound.drain(bytes);
    }

    fn close(&self, code: CloseCode, reason: &str) {
        self.flags.closing.set(true);
        self.raw.close(code.number(), reason, self.last_write.borrow().as_ref());
        self.set_paused(false);
        self.read();
    }

    /// Has nothing more read, or goes on. While nothing is, the peer's silence is this side's own doing and does not count.
    fn set_paused(&self, paused: bool) {
        if self.flags.paused.replace(paused) {
            self.history.hear();
        }
    }
}
