use std::{cell::Cell, fmt, rc::Rc, time::Duration};

use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::{MessageEvent, WebSocket};
use wirescope_protocol::{CloseCode, check_reason};

use super::{AsPayload, CloseEvent, Error, Initiator, Message, Offers, Payload, url};
use crate::timer;

#[wasm_bindgen]
extern "C" {
    // An exception's name and message, and whatever else was thrown as JavaScript writes it.
    #[wasm_bindgen(js_name = String)]
    pub(super) fn text_of(value: &JsValue) -> String;

    // What web-sys has six functions for. Each function that is imported is some 60 bytes in the smallest app.
    #[wasm_bindgen(js_name = WebSocket, extends = WebSocket)]
    type Raw;

    #[wasm_bindgen(catch, constructor, js_class = "WebSocket")]
    fn new(url: &str, subprotocols: &JsValue) -> Result<Raw, JsValue>;

    #[wasm_bindgen(method, indexing_setter)]
    fn set(this: &Raw, property: &str, value: &JsValue);
}

/// What happens to an [`EventSocket`], in the browser's order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The opening handshake is done.
    Open,
    /// A message arrived.
    Message(Message),
    /// Something failed; the browser says no more than that, and [`Event::Close`] follows.
    Error,
    /// The connection ended, or never opened. The last event.
    Close(CloseEvent),
}

/// Where a connection stands: the browser's `readyState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The opening handshake is under way.
    Connecting,
    /// Messages can be sent.
    Open,
    /// The closing handshake is under way.
    Closing,
    /// The connection ended, or never opened.
    Closed,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One browser WebSocket whose events go to a handler: the layer beneath [`Socket`](super::Socket), for code that
/// is driven by events anyway, such as a user interface.
///
/// Dropping it removes the handlers, frees the closures, and closes a connection that is still connecting or open with
/// code 1000. The handler is not called again; it may itself drop the socket.
#[must_use = "dropping this closes the connection"]
pub struct EventSocket {
    raw: Raw,
    history: Rc<History>,
    // The browser calls into these for as long as they are registered; `drop` unregisters them first.
    _listeners: [Closure<dyn Fn(JsValue)>; 4],
}

/// The browser's event handlers, by the names of their properties; one function serves all.
#[derive(Clone, Copy)]
enum Kind {
    Message,
    Open,
    Error,
    Close,
}

const KINDS: [Kind; 4] = [Kind::Message, Kind::Open, Kind::Error, Kind::Close];

impl Kind {
    fn property(self) -> &'static str {
        match self {
            Self::Message => "onmessage",
            Self::Open => "onopen",
            Self::Error => "onerror",
            Self::Close => "onclose",
        }
    }
}

/// What this side knows of a connection that its close event does not say.
#[derive(Debug, Default)]
pub(super) struct History {
    /// When it opened, or 0.
    opened: Cell<u64>,
    /// When it opened or was last heard, or 0.
    heard: Cell<u64>,
    /// Whether this side closed it while it was connecting or open.
    pub(super) closed_by_us: Cell<bool>,
}

impl History {
    /// Enters that it opened.
    pub(super) fn open(&self) {
        let now = timer::now();
        self.opened.set(now);
        self.heard.set(now);
    }

    /// Enters that a message came, or that none was asked for until now.
    pub(super) fn hear(&self) {
        self.heard.set(timer::now());
    }

    /// The ending that the browser tells.
    pub(super) fn ending(&self, code: CloseCode, reason: String, was_clean: bool) -> CloseEvent {
        let now = timer::now();
        let initiator = match code {
            _ if self.closed_by_us.get() => Initiator::Us,
            CloseCode::ABNORMAL => Initiator::Nobody,
            _ => Initiator::Peer,
        };
        let unanswered = initiator == Initiator::Us && code == CloseCode::ABNORMAL;
        let (lived, silence) = (self.lived(now), self.silence(now));
        CloseEvent { code, reason, was_clean, initiator, lived, silence, unanswered }
    }

    /// The ending if it is given up now, without the peer's word.
    pub(super) fn abandoned(&self, initiator: Initiator) -> CloseEvent {
        let now = timer::now();
        let unanswered = initiator == Initiator::Us && self.closed_by_us.get();
        CloseEvent { unanswered, ..CloseEvent::abandoned(initiator, self.lived(now), self.silence(now)) }
    }

    fn lived(&self, now: u64) -> Duration {
        match self.opened.get() {
            0 => Duration::ZERO,
            // At least a millisecond, so that zero means never.
            opened => Duration::from_millis(now.saturating_sub(opened).max(1)),
        }
    }

    fn silence(&self, now: u64) -> Duration {
        match self.heard.get() {
            0 => Duration::ZERO,
            heard => Duration::from_millis(now.saturating_sub(heard)),
        }
    }

    fn enter(&self, kind: Kind, event: JsValue) -> Event {
        match kind {
            Kind::Message => {
                self.hear();
                Event::Message(Message::from_js(&event.unchecked_into::<MessageEvent>().data()))
            }
            Kind::Open => {
                self.open();
                Event::Open
            }
            Kind::Error => Event::Error,
            Kind::Close => {
                let event: web_sys::CloseEvent = event.unchecked_into();
                Event::Close(self.ending(CloseCode::new(event.code()), event.reason(), event.was_clean()))
            }
        }
    }
}

impl EventSocket {
    /// Starts to connect, and returns before the connection is open; the handler then gets [`Event::Open`], or
    /// [`Event::Error`] and [`Event::Close`].
    ///
    /// Takes an absolute `ws:`, `wss:`, `http:` or `https:` URL and the subprotocols to offer, best first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`], [`Error::InvalidOffer`], or [`Error::Blocked`] when the browser refuses at once.
    pub fn open<S: AsRef<str>>(
        url: &str,
        subprotocols: &[S],
        handler: impl Fn(Event) + 'static,
    ) -> Result<Self, Error> {
        Self::start(url, &Offers::check(subprotocols)?, handler)
    }

    /// The same with offers that were checked.
    pub(crate) fn start(
        url: &str,
        offers: &Offers,
        handler: impl Fn(Event) + 'static,
    ) -> Result<Self, Error> {
        let raw = Raw::new(&url::check(url)?, offers.as_js())
            .map_err(|thrown| url::refused(url, text_of(&thrown)))?;
        // Chromium does not throw for what a Content-Security-Policy forbids: the socket is closed from the start, and no
        // close event ever follows.
        if raw.ready_state() == WebSocket::CLOSED {
            let detail = "the page's Content-Security-Policy forbids it".to_owned();
            return Err(Error::Blocked { url: url.to_owned(), detail });
        }
        raw.set("binaryType", &JsValue::from_str("arraybuffer"));

        let (handler, history) = (Rc::new(handler), Rc::new(History::default()));
        let listeners = KINDS.map(|kind| {
            let (handler, history) = (Rc::clone(&handler), Rc::clone(&history));
            let listener = Closure::<dyn Fn(JsValue)>::new(move |event| handler(history.enter(kind, event)));
            raw.set(kind.property(), listener.as_ref());
            listener
        });
        Ok(Self { raw, history, _listeners: listeners })
    }

    /// Hands a message to the browser, which copies it.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] when the socket is connecting, closing or closed: the browser itself would throw in the first
    /// case and lose the message silently in the others. [`Error::SendFailed`] when the browser throws.
    pub fn send(&self, payload: impl AsPayload) -> Result<(), Error> {
        let state = self.state();
        if state != State::Open {
            return Err(Error::NotOpen { state });
        }
        self.hand_over(payload.as_payload())
    }

    /// The same where the state was looked at.
    pub(super) fn hand_over(&self, payload: Payload<'_>) -> Result<(), Error> {
        match payload {
            Payload::Text(text) => self.raw.send_with_str(text),
            // A view of shared memory is refused by browsers, so with threads the bytes are copied out first.
            #[cfg(target_feature = "atomics")]
            Payload::Binary(bytes) => self.raw.send_with_js_u8_array(&js_sys::Uint8Array::from(bytes)),
            #[cfg(not(target_feature = "atomics"))]
            Payload::Binary(bytes) => self.raw.send_with_u8_array(bytes),
        }
        .map_err(|thrown| Error::SendFailed { detail: text_of(&thrown) })
    }

    /// Starts the closing handshake; [`Event::Close`] follows when it is done. On a socket that is connecting this
    /// gives up the attempt; on one that is closing or closed it does nothing.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCloseCode`] unless the code is 1000 or 3000 to 4999, and [`Error::InvalidCloseReason`] unless
    /// the reason fits in 123 bytes of UTF-8. The socket then stays as it was.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        check_close(code, reason)?;
        if matches!(self.state(), State::Connecting | State::Open) {
            self.history.closed_by_us.set(true);
        }
        // Both causes for which the browser could throw were just ruled out.
        let _ = self.raw.close_with_code_and_reason(code.number(), reason);
        Ok(())
    }

    /// The ending of this connection if it is given up now, without the peer's word.
    pub(super) fn abandoned(&self, initiator: Initiator) -> CloseEvent {
        self.history.abandoned(initiator)
    }

    /// Where the connection stands.
    pub fn state(&self) -> State {
        match self.raw.ready_state() {
            WebSocket::CONNECTING => State::Connecting,
            WebSocket::OPEN => State::Open,
            WebSocket::CLOSING => State::Closing,
            _ => State::Closed,
        }
    }

    /// The subprotocol that the server selected; empty when it selected none, or has not yet.
    pub fn subprotocol(&self) -> String {
        self.raw.protocol()
    }

    /// The URL as the browser resolved it.
    pub fn url(&self) -> String {
        self.raw.url()
    }

    /// How many bytes of payload were handed to the browser and have not left the page's process.
    pub fn buffered_amount(&self) -> u32 {
        self.raw.buffered_amount()
    }

    /// The browser's own object, for what this crate does not wrap. Leave its `on…` handlers and its `binaryType`
    /// alone: a Blob would be read as an empty message.
    pub fn as_raw(&self) -> &WebSocket {
        &self.raw
    }
}

impl Drop for EventSocket {
    fn drop(&mut self) {
        for kind in KINDS {
            self.raw.set(kind.property(), &JsValue::NULL);
        }
        if matches!(self.state(), State::Connecting | State::Open) {
            let _ = self.raw.close_with_code_and_reason(CloseCode::NORMAL.number(), "");
        }
    }
}

impl fmt::Debug for EventSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSocket")
            .field("url", &self.url())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// Checks what a browser's `close` takes.
pub(crate) fn check_close(code: CloseCode, reason: &str) -> Result<(), Error> {
    if !code.is_sendable_by_browser() {
        return Err(Error::InvalidCloseCode(code));
    }
    Ok(check_reason(reason)?)
}
