//! What the tests share: addresses, deadlines, and short forms of what nearly every test does.

pub(crate) mod over;
pub(crate) mod supervisor;

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
};

use futures_util::{
    StreamExt as _,
    future::{Either, select},
};
use gloo_timers::future::TimeoutFuture;
use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wirescope::{
    CloseCode,
    socket::{CloseEvent, Connect, Error, Event, Message, Socket, Transport},
};

/// The longest that a test waits for anything, unless it says otherwise. Browsers delay connects that follow failed
/// ones by up to five seconds.
const DEADLINE_SECONDS: u32 = 15;

/// No subprotocols to offer.
pub(crate) const NO_OFFERS: &[&str] = &[];

/// The `host:port` of the server, fixed when the tests are compiled since Wasm has no environment.
pub(crate) fn server() -> &'static str {
    option_env!("WIRESCOPE_TEST_SERVER").unwrap_or("127.0.0.1:8080")
}

/// The URL of the server's echo.
pub(crate) fn echo() -> String {
    format!("ws://{}/echo", server())
}

/// The future's output, or a failed test that says what did not happen.
pub(crate) async fn within<T>(what: &str, future: impl IntoFuture<Output = T>) -> T {
    within_seconds(DEADLINE_SECONDS, what, future).await
}

pub(crate) async fn within_seconds<T>(seconds: u32, what: &str, future: impl IntoFuture<Output = T>) -> T {
    // The deadline comes first: a future that is ready only when the timer polls it was never woken.
    match select(TimeoutFuture::new(seconds * 1000), pin!(future.into_future())).await {
        Either::Left(_) => panic!("{what}: not within {seconds} s"),
        Either::Right((output, _)) => output,
    }
}

/// Waits until the condition holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    within(what, async {
        while !condition() {
            sleep(5).await;
        }
    })
    .await;
}

pub(crate) async fn sleep(milliseconds: u32) {
    TimeoutFuture::new(milliseconds).await;
}

/// Polls a future once, which starts it.
pub(crate) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// A connection attempt over this transport.
pub(crate) fn to(over: Transport, url: impl Into<String>) -> Connect {
    let connect = Socket::connect(url);
    if over == Transport::Stream { connect.stream() } else { connect }
}

/// An open socket over this transport.
pub(crate) async fn connect(over: Transport, url: &str) -> Socket {
    match within(&format!("{url} opens"), to(over, url)).await {
        Ok(socket) => {
            assert_eq!(socket.transport(), over);
            socket
        }
        Err(error) => panic!("{error}"),
    }
}

/// The next item of the socket's stream.
pub(crate) async fn read(socket: &mut Socket) -> Option<Result<Message, Error>> {
    within("the stream's next item", socket.next()).await
}

/// The next message; anything else fails the test.
pub(crate) async fn receive(socket: &mut Socket) -> Message {
    match read(socket).await {
        Some(Ok(message)) => message,
        other => panic!("a message was expected, not {other:?}"),
    }
}

/// Closes the socket and gives the close event.
pub(crate) async fn close(socket: &Socket, code: u16, reason: &str) -> CloseEvent {
    match within("the socket closes", socket.close(CloseCode::new(code), reason)).await {
        Ok(ending) => ending,
        Err(error) => panic!("{error}"),
    }
}

/// A close event as code, reason and cleanness.
pub(crate) fn parts(ending: &CloseEvent) -> (u16, &str, bool) {
    (ending.code.number(), &ending.reason, ending.was_clean)
}

/// The events that a handler was called with.
pub(crate) type Events = Rc<RefCell<Vec<Event>>>;

/// A handler that keeps every event, and what it keeps.
pub(crate) fn recorder() -> (Events, impl Fn(Event) + 'static) {
    let events = Events::default();
    let kept = Rc::clone(&events);
    (events, move |event| kept.borrow_mut().push(event))
}

/// Whether the tests that have a long form run it: fixed when they are compiled, by `cargo xtask test --full`.
pub(crate) const FULL: bool = option_env!("WIRESCOPE_FULL").is_some();

/// Whether this is a Worker and not a window.
pub(crate) fn is_worker() -> bool {
    Reflect::get(&js_sys::global(), &"document".into()).is_ok_and(|document| document.is_undefined())
}

/// Whether this is Firefox, which a few tests must know to ask for no more than it does.
pub(crate) fn is_firefox() -> bool {
    let get = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).unwrap_or_default();
    let agent = get(&get(&js_sys::global(), "navigator"), "userAgent");
    agent.as_string().is_some_and(|agent| agent.contains("Firefox"))
}

/// Each event in a word or two, which shows their order at a glance.
pub(crate) fn in_words(events: &Events) -> Vec<String> {
    let word = |event: &Event| match event {
        Event::Open => "open".to_owned(),
        Event::Message(Message::Text(text)) => format!("text {text}"),
        Event::Message(Message::Binary(bytes)) => format!("binary {bytes:?}"),
        Event::Error => "error".to_owned(),
        Event::Close(ending) => format!("close {}", ending.code.number()),
        other => format!("{other:?}"),
    };
    events.borrow().iter().map(word).collect()
}

/// Whether the last event came.
pub(crate) fn has_closed(events: &Events) -> bool {
    matches!(events.borrow().last(), Some(Event::Close(_)))
}
