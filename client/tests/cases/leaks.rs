//! Connections that come and go leave nothing behind, neither in Wasm's memory nor in the browser's objects that it
//! holds.

use std::{cell::Cell, future::IntoFuture as _, rc::Rc, task::Poll};

use wasm_bindgen::{JsCast as _, closure::Closure};
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::socket::{Error, EventSocket, Message, Transport};

use crate::support::{
    FULL, NO_OFFERS, close, connect, echo, is_firefox, is_worker, over::over_both, poll_once, receive, to,
    until, within_seconds,
};

over_both! {
    sockets_that_are_closed_or_dropped_leave_nothing,
    attempts_that_are_dropped_leave_nothing,
}

/// Large enough that the memory grows within few cycles if each leaves one behind.
const BALLAST: usize = 64 * 1024;

/// Runs the cycles, and expects to hold after the last what was held after the first tenth of them.
async fn holds_level(short: u32, cycle: impl AsyncFn(u32)) {
    let [before, after] = levels(cycles(short), cycle).await;
    assert_eq!(before, after, "pages of memory and the browser's objects, after a tenth and at the end");
}

/// How many cycles: few in the short form, and in the long one as many as a browser does in some minutes.
fn cycles(short: u32) -> u32 {
    match (FULL, is_firefox() || is_worker()) {
        (false, _) => short,
        (true, true) => 1_000,
        (true, false) => 10_000,
    }
}

/// What is held after a tenth of the cycles and after all.
async fn levels(cycles: u32, cycle: impl AsyncFn(u32)) -> [(usize, u32); 2] {
    let mut levels = Vec::new();
    // Generous: it is there for what hangs, and a busy machine takes minutes.
    within_seconds(if FULL { 1_500 } else { 120 }, "the cycles end", async {
        for number in 1..=cycles {
            cycle(number).await;
            if number == cycles / 10 || number == cycles {
                levels.push(held());
            }
        }
    })
    .await;
    [levels[0], levels[1]]
}

/// The pages of Wasm's memory, which never shrinks, and how many of the browser's objects are held.
fn held() -> (usize, u32) {
    (core::arch::wasm32::memory_size::<0>(), wasm_bindgen::externref_heap_live_count())
}

async fn sockets_that_are_closed_or_dropped_leave_nothing(over: Transport) {
    let message = Message::from(vec![7; BALLAST]);
    holds_level(300, async |number| {
        let mut socket = connect(over, &echo()).await;
        // Two, so that one is likely to be in the queue, unread, at the end.
        assert_eq!(socket.try_send(&message).map(drop), Ok(()));
        assert_eq!(socket.try_send(&message).map(drop), Ok(()));
        assert!(receive(&mut socket).await == message);
        if number % 3 > 0 {
            close(&socket, 1000, "").await;
        }
    })
    .await;
}

async fn attempts_that_are_dropped_leave_nothing(over: Transport) {
    holds_level(100, async |_| {
        let mut connecting = Box::pin(to(over, echo()).into_future());
        assert!(matches!(poll_once(connecting.as_mut()).await, Poll::Pending));
        drop(connecting);
        // Browsers delay connects when many failed and few succeeded.
        close(&connect(over, &echo()).await, 1000, "").await;
    })
    .await;
}

#[wasm_bindgen_test]
async fn handlers_of_dropped_sockets_are_freed() -> Result<(), Error> {
    holds_level(100, async |_| {
        let ballast = vec![7_u8; BALLAST];
        let events = Rc::new(Cell::new(0));
        let handler = {
            let events = Rc::clone(&events);
            move |_| events.set(events.get() + usize::from(ballast[0] == 7))
        };
        let socket = EventSocket::open(&echo(), NO_OFFERS, handler).expect("the URL is valid");
        until("it opens", || events.get() == 1).await;
        drop(socket);
        assert_eq!(Rc::strong_count(&events), 1, "the handler was freed");
    })
    .await;
    Ok(())
}

/// The measure itself: what other wrappers do is noticed.
#[wasm_bindgen_test]
async fn a_closure_that_is_forgotten_is_noticed() {
    let [before, after] = levels(100, async |_| {
        let socket = web_sys::WebSocket::new(&echo()).expect("the URL is valid");
        let opened = Rc::new(Cell::new(false));
        // More than what other tests left free in Wasm's memory, over all the cycles.
        let ballast = vec![7_u8; 8 * BALLAST];
        let handler = {
            let opened = Rc::clone(&opened);
            Closure::<dyn Fn()>::new(move || opened.set(ballast[0] == 7))
        };
        socket.set_onopen(Some(handler.as_ref().unchecked_ref()));
        handler.forget();
        until("it opens", || opened.get()).await;
        socket.close().expect("it needs no code");
    })
    .await;
    assert!(after.0 > before.0 && after.1 >= before.1 + 90, "{before:?} and {after:?}");
}
