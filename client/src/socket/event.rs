use std::{cell::Cell, fmt, rc::Rc, time::Duration};

use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use web_sys::{BinaryType, MessageEvent, WebSocket};
use wirescope_protocol::{CloseCode, check_reason, subprotocol::check_offers};

use super::{CloseEvent, Error, Initiator, Message, Payload, url};
use crate::timer;

#[wasm_bindgen]
extern "C" {
    // An exception's name and message, and whatever else was thrown as JavaScript writes it.
    #[wasm_bindgen(js_name = String)]
    fn text_of(value: &JsValue) -> String;
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

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
        })
    }
}

/// One browser WebSocket whose events go to a handler: the layer beneath [`Socket`](super::Socket), for code that
/// is driven by events anyway, such as a user interface.
///
/// Dropping it removes the handlers, frees the closures, and closes a connection that is still connecting or open with
/// code 1000. The handler is not called again; it may itself drop the socket.
pub struct EventSocket {
    raw: WebSocket,
    history: Rc<History>,
    // The browser calls into these for as long as they are registered; `drop` unregisters them first.
    _on_message: Closure<dyn Fn(MessageEvent)>,
    _on_change: Closure<dyn Fn(web_sys::Event)>,
}

/// What this side knows of a connection that its close event does not say.
#[derive(Debug, Default)]
struct History {
    /// When it opened, or 0.
    opened: Cell<u64>,
    /// When it opened or the last message came, or 0.
    heard: Cell<u64>,
    /// Whether this side closed it while it was open.
    closed_by_us: Cell<bool>,
}

impl History {
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

    fn close_event(&self, event: &web_sys::CloseEvent) -> CloseEvent {
        let (now, code) = (timer::now(), CloseCode::new(event.code()));
        let initiator = match code {
            _ if self.closed_by_us.get() => Initiator::Us,
            CloseCode::ABNORMAL => Initiator::Nobody,
            _ => Initiator::Peer,
        };
        CloseEvent {
            code,
            reason: event.reason(),
            was_clean: event.was_clean(),
            initiator,
            lived: self.lived(now),
            silence: self.silence(now),
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
        let checked = url::check(url)?;
        check_offers(subprotocols)?;
        // An array even for one name: a string with a comma is an error where the list is meant (WHATWG WebSockets).
        let offers: js_sys::Array =
            subprotocols.iter().map(|name| JsValue::from_str(name.as_ref())).collect();
        let raw = WebSocket::new_with_str_sequence(&checked, &offers)
            .map_err(|thrown| Error::Blocked { url: url.to_owned(), detail: text_of(&thrown) })?;
        // Chromium does not throw for what a Content-Security-Policy forbids: the socket is closed from the start, and no
        // close event ever follows.
        if raw.ready_state() == WebSocket::CLOSED {
            let detail = "the page's Content-Security-Policy forbids it".to_owned();
            return Err(Error::Blocked { url: url.to_owned(), detail });
        }
        raw.set_binary_type(BinaryType::Arraybuffer);

        let (handler, history) = (Rc::new(handler), Rc::new(History::default()));
        let on_message = {
            let (handler, history) = (Rc::clone(&handler), Rc::clone(&history));
            Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
                history.heard.set(timer::now());
                handler(Event::Message(Message::from_js(&event.data())));
            })
        };
        let on_change = {
            let history = Rc::clone(&history);
            Closure::<dyn Fn(web_sys::Event)>::new(move |event: web_sys::Event| {
                handler(match event.dyn_ref::<web_sys::CloseEvent>() {
                    Some(close) => Event::Close(history.close_event(close)),
                    None if event.type_() == "open" => {
                        let now = timer::now();
                        history.opened.set(now);
                        history.heard.set(now);
                        Event::Open
                    }
                    None => Event::Error,
                });
            })
        };
        raw.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        let function = on_change.as_ref().unchecked_ref();
        raw.set_onopen(Some(function));
        raw.set_onerror(Some(function));
        raw.set_onclose(Some(function));
        Ok(Self { raw, history, _on_message: on_message, _on_change: on_change })
    }

    /// Hands a message to the browser, which copies it.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] when the socket is connecting, closing or closed: the browser itself would throw in the first
    /// case and lose the message silently in the others. [`Error::SendFailed`] when the browser throws.
    pub fn send<'a>(&self, payload: impl Into<Payload<'a>>) -> Result<(), Error> {
        let state = self.state();
        if state != State::Open {
            return Err(Error::NotOpen { state });
        }
        match payload.into() {
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
        let now = timer::now();
        CloseEvent::abandoned(initiator, self.history.lived(now), self.history.silence(now))
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

    /// The browser's own object, for what this crate does not wrap. Leave its `on…` handlers alone.
    pub fn as_raw(&self) -> &WebSocket {
        &self.raw
    }
}

impl Drop for EventSocket {
    fn drop(&mut self) {
        self.raw.set_onmessage(None);
        self.raw.set_onopen(None);
        self.raw.set_onerror(None);
        self.raw.set_onclose(None);
        if matches!(self.state(), State::Connecting | State::Open) {
            let _ = self.raw.close_with_code(CloseCode::NORMAL.number());
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
