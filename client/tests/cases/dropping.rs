//! Dropping a socket ends its connection and frees what it registered, whenever it is dropped.

use std::{cell::RefCell, rc::Rc};

use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::socket::{Error, Event, EventSocket, Transport, Watermarks};

use crate::support::{
    Events, NO_OFFERS, connect, echo, in_words,
    over::over_both,
    recorder, sleep,
    supervisor::{new_name, peer, refusing, report},
    to, until, within,
};

over_both! {
    ; with the supervisor:
    an_open_socket_closes_with_1000,
    what_was_sent_goes_before_the_close,
}

async fn an_open_socket_closes_with_1000(over: Transport) {
    drop(connect(over, &echo()).await);
    let name = new_name();
    let url = peer(&format!("/?report={name}")).await;
    let live = wasm_bindgen::externref_heap_live_count();
    drop(connect(over, &url).await);
    assert_eq!(wasm_bindgen::externref_heap_live_count(), live, "nothing of the browser's is still held");
    assert_eq!(report(&name).await, "close 1000");
}

/// The Close frame comes behind eight mebibytes that the peer begins to read only after the socket was dropped.
async fn what_was_sent_goes_before_the_close(over: Transport) -> Result<(), Error> {
    let name = new_name();
    let connecting = to(over, peer(&format!("/wait/300?report={name}")).await);
    let socket =
        within("it opens", connecting.watermarks(Watermarks::default().high(u64::MAX).low(0))).await?;
    for _ in 0..8 {
        socket.try_send(vec![0; 1024 * 1024])?;
    }
    drop(socket);
    assert_eq!(report(&name).await, "close 1000");
    Ok(())
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn an_open_socket_closes_with_1000_and_lets_go_of_its_handlers() {
    let name = new_name();
    let socket = connect(Transport::Events, &peer(&format!("/?report={name}")).await).await;
    let raw = socket.as_raw().expect("it is over events").clone();
    drop(socket);
    assert!(matches!(raw.ready_state(), web_sys::WebSocket::CLOSING | web_sys::WebSocket::CLOSED));
    let handlers = [raw.onopen(), raw.onmessage(), raw.onerror(), raw.onclose()];
    assert!(handlers.iter().all(Option::is_none), "the handlers are gone: {handlers:?}");
    assert_eq!(report(&name).await, "close 1000");
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn no_event_comes_afterwards() -> Result<(), Error> {
    let (events, handler) = recorder();
    let url = peer("/say/1/1/wait/100/say/5/1/close/1000").await;
    let socket = EventSocket::open(&url, NO_OFFERS, handler)?;
    until("the first message comes", || events.borrow().len() == 2).await;
    drop(socket);
    sleep(300).await;
    assert_eq!(in_words(&events), ["open", "text 0"]);
    Ok(())
}

/// The events of a socket that is dropped by its own handler, at the first event for which `last` holds.
async fn dropped_by_its_handler(url: &str, last: fn(&Event) -> bool) -> Vec<String> {
    let events = Events::default();
    let socket = Rc::new(RefCell::new(None));
    let handler = {
        let (events, socket) = (Rc::clone(&events), Rc::clone(&socket));
        move |event: Event| {
            if last(&event) {
                drop(socket.take());
            }
            // What the handler captured is still there after the drop.
            events.borrow_mut().push(event);
        }
    };
    let opened = EventSocket::open(url, NO_OFFERS, handler).expect("the URL is valid");
    socket.replace(Some(opened));
    until("the handler drops the socket", || socket.borrow().is_none()).await;
    sleep(200).await;
    assert_eq!(Rc::strong_count(&socket), 1, "the handler was freed");
    in_words(&events)
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn its_own_handler_may_drop_it_at_any_event() {
    let url = peer("/say/3/1/close/4001/bye").await;
    let at_open = dropped_by_its_handler(&url, |event| *event == Event::Open).await;
    assert_eq!(at_open, ["open"]);
    let at_message = dropped_by_its_handler(&url, |event| matches!(event, Event::Message(_))).await;
    assert_eq!(at_message, ["open", "text 0"]);
    let at_close = dropped_by_its_handler(&url, |event| matches!(event, Event::Close(_))).await;
    assert_eq!(at_close, ["open", "text 0", "text 1", "text 2", "close 4001"]);
    let at_error = dropped_by_its_handler(&refusing().await, |event| *event == Event::Error).await;
    assert_eq!(at_error, ["error"]);
}
