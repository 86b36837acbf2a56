//! The library in a page that a WebDriver test drives, for what a test page cannot do to itself: be left and come back
//! to, be hidden, lose its network, be served with a policy, have its heap measured. `testkit/tests/library.rs` drives it.
#![expect(clippy::missing_panics_doc, reason = "a test fails by panicking, and this is half of one")]

use std::{cell::RefCell, future::IntoFuture as _, pin::pin, rc::Rc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _};
use wasm_bindgen::{JsCast as _, closure::Closure, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use wirescope::{
    CloseCode,
    link::{Link, Phase, RetryPolicy},
    socket::{Error, Message, Socket},
};

/// Waits of a few milliseconds, so that a link which tries does so many times while a test looks on.
const QUICK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(20));

/// A link, and what it said.
#[wasm_bindgen]
pub struct Driven {
    link: Link,
    phases: Rc<RefCell<Vec<&'static str>>>,
    answers: Rc<RefCell<Vec<String>>>,
}

#[wasm_bindgen]
impl Driven {
    /// Begins a link to this URL.
    #[wasm_bindgen(constructor)]
    pub fn new(url: &str, wait_while_hidden: bool) -> Self {
        let (base, cap) = QUICK;
        let policy = RetryPolicy::default().base(base).cap(cap).wait_while_hidden(wait_while_hidden);
        let mut link = Link::to(url).retry(policy).open().expect("the URL is valid");
        let driven = Self { link: link.clone(), phases: Rc::default(), answers: Rc::default() };
        let (mut changes, phases) = (link.phases(), Rc::clone(&driven.phases));
        spawn_local(async move {
            while let Some(phase) = changes.next().await {
                phases.borrow_mut().push(word(&phase));
            }
        });
        let answers = Rc::clone(&driven.answers);
        spawn_local(async move {
            while let Some(message) = link.next().await {
                answers.borrow_mut().push(text(&message));
            }
        });
        driven
    }

    /// Where the link stands, in a word.
    #[wasm_bindgen(getter)]
    pub fn phase(&self) -> String {
        word(&self.link.phase()).to_owned()
    }

    /// Where it stood so far, without the changes that followed each other at once.
    #[wasm_bindgen(getter)]
    pub fn phases(&self) -> Vec<String> {
        self.phases.borrow().iter().map(ToString::to_string).collect()
    }

    /// What came back.
    #[wasm_bindgen(getter)]
    pub fn answers(&self) -> Vec<String> {
        self.answers.borrow().clone()
    }

    /// How many connections were tried.
    #[wasm_bindgen(getter)]
    pub fn attempts(&self) -> f64 {
        f64::from(u32::try_from(self.link.stats().attempts).unwrap_or(u32::MAX))
    }

    /// Sends a text, as soon as there is a connection.
    pub fn send(&self, text: &str) {
        self.link.send(text).expect("there is room");
    }
}

/// Has a panic's words where the driver finds them: all that it would see otherwise is a promise that is never settled.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|panic| {
        let _ = js_sys::Reflect::set(&js_sys::global(), &"panicked".into(), &panic.to_string().into());
    }));
}

/// Opens a socket, and says how that went: `open`, or the error's name and text.
#[wasm_bindgen]
pub async fn try_socket(url: String) -> String {
    match Socket::connect(url).await {
        Ok(_) => "open".to_owned(),
        Err(error) => {
            let name = match error {
                Error::Blocked { .. } => "Blocked",
                Error::ConnectFailed { .. } => "ConnectFailed",
                _ => "another error",
            };
            format!("{name}: {error}")
        }
    }
}

/// Opens a link that may try once, and says why it ended.
#[wasm_bindgen]
pub async fn try_link(url: String) -> String {
    let link = Link::to(url).retry(RetryPolicy::default().max_tries(1)).open().expect("the URL is valid");
    format!("{:?}", link.ended().await.0)
}

/// Connects, has a message come back, and closes, so many times.
#[wasm_bindgen]
pub async fn connect_echo_close(url: String, cycles: u32) {
    let sent = Message::from("a text message of forty characters, ASCII");
    for _ in 0..cycles {
        let mut socket = open(&url).await;
        socket.send(&sent).await.expect("it is open");
        assert_eq!(socket.next().await, Some(Ok(sent.clone())));
        let ending = socket.close(CloseCode::NORMAL, "").await.expect("the code is valid");
        assert!(ending.was_clean, "{ending}");
    }
}

/// Begins to connect and drops that, so many times. A connection that succeeds follows each, since browsers delay
/// connects when many failed and few succeeded.
#[wasm_bindgen]
pub async fn connect_and_drop(url: String, cycles: u32) {
    for _ in 0..cycles {
        {
            let connecting = pin!(Socket::connect(url.as_str()).into_future());
            assert!(connecting.now_or_never().is_none());
        }
        let socket = open(&url).await;
        socket.close(CloseCode::NORMAL, "").await.expect("the code is valid");
    }
}

/// What other wrappers do: the closure is never freed, and so neither is its socket.
#[wasm_bindgen]
pub async fn connect_and_forget(url: String, cycles: u32) {
    for _ in 0..cycles {
        let socket = web_sys::WebSocket::new(&url).expect("the URL is valid");
        let closed = js_sys::Promise::new(&mut |resolve, _| {
            let raw = socket.clone();
            let on_open = Closure::<dyn Fn()>::new(move || raw.close().expect("it needs no code"));
            socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
            on_open.forget();
            socket.set_onclose(Some(&resolve));
        });
        JsFuture::from(closed).await.expect("it is never rejected");
    }
}

/// The pages of Wasm's memory, which never shrinks, and how many of the browser's objects are held.
#[wasm_bindgen]
pub fn held() -> Vec<u32> {
    #[cfg(target_arch = "wasm32")]
    let pages = u32::try_from(core::arch::wasm32::memory_size::<0>()).unwrap_or(u32::MAX);
    // This is also compiled, and never run, for the machine that builds it.
    #[cfg(not(target_arch = "wasm32"))]
    let pages = 0;
    vec![pages, wasm_bindgen::externref_heap_live_count()]
}

async fn open(url: &str) -> Socket {
    match Socket::connect(url).await {
        Ok(socket) => socket,
        Err(error) => panic!("{error}"),
    }
}

fn word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Connecting { .. } => "connecting",
        Phase::Open => "open",
        Phase::Waiting { .. } => "waiting",
        Phase::Offline => "offline",
        Phase::Hidden => "hidden",
        Phase::Suspended => "suspended",
        Phase::Ended(_) => "ended",
        _ => "another phase",
    }
}

fn text(message: &Message) -> String {
    match message {
        Message::Text(text) => text.clone(),
        Message::Binary(bytes) => format!("{} bytes", bytes.len()),
    }
}
