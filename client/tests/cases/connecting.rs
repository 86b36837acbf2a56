//! Connection attempts that fail or are given up.

use std::{future::IntoFuture as _, task::Poll};

use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::socket::{Error, EventSocket, State, Transport};

use crate::support::{
    NO_OFFERS, has_closed, in_words, is_firefox,
    over::over_both,
    parts, poll_once, recorder, sleep,
    supervisor::{new_name, peer, refusing, report},
    to, until, within,
};

over_both! {
    ; with the supervisor:
    a_refused_connection_fails,
    an_http_answer_other_than_101_fails,
    a_dropped_attempt_leaves_nothing,
    offers_that_all_go_unselected_never_give_a_subprotocol,
}

/// The attempt fails with an error that names the URL and the code.
async fn fails(over: Transport, url: &str) {
    match within(&format!("{url} fails"), to(over, url)).await {
        Err(error @ Error::ConnectFailed { .. }) => {
            let text = error.to_string();
            assert!(text.contains(url) && text.contains("1006"), "{text}");
            let Error::ConnectFailed { url: named, close } = error else { unreachable!() };
            assert_eq!(named, url);
            assert_eq!(parts(&close), (1006, "", false));
        }
        other => panic!("{url} gave {other:?}"),
    }
}

async fn a_refused_connection_fails(over: Transport) {
    fails(over, &refusing().await).await;
}

async fn an_http_answer_other_than_101_fails(over: Transport) {
    for status in [200, 403, 404] {
        fails(over, &peer(&format!("/status/{status}")).await).await;
    }
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn a_failed_connect_is_an_error_and_a_close() -> Result<(), Error> {
    let (events, handler) = recorder();
    let socket = EventSocket::open(&refusing().await, NO_OFFERS, handler)?;
    until("it fails", || has_closed(&events)).await;
    assert_eq!(in_words(&events), ["error", "close 1006"]);
    assert_eq!(socket.state(), State::Closed);
    Ok(())
}

async fn a_dropped_attempt_leaves_nothing(over: Transport) {
    let name = new_name();
    let url = peer(&format!("/hang?report={name}")).await;
    let live = wasm_bindgen::externref_heap_live_count();
    let mut connecting = Box::pin(to(over, url).into_future());
    assert!(matches!(poll_once(connecting.as_mut()).await, Poll::Pending));
    assert_eq!(report(&format!("{name}-begun")).await, "hangs");
    assert!(matches!(poll_once(connecting.as_mut()).await, Poll::Pending));
    drop(connecting);
    // Firefox closes its socket object at once and the TCP connection only after more than a minute.
    if !is_firefox() {
        assert_eq!(report(&name).await, "gone");
    }
    assert_eq!(wasm_bindgen::externref_heap_live_count(), live, "nothing of the browser's is still held");
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn a_dropped_attempt_closes_the_browsers_socket_and_hears_of_no_event() -> Result<(), Error> {
    let (events, handler) = recorder();
    let socket = EventSocket::open(&peer("/hang").await, NO_OFFERS, handler)?;
    assert_eq!(socket.state(), State::Connecting);
    let raw = socket.as_raw().clone();
    drop(socket);
    assert!(matches!(raw.ready_state(), web_sys::WebSocket::CLOSING | web_sys::WebSocket::CLOSED));
    let handlers = [raw.onopen(), raw.onmessage(), raw.onerror(), raw.onclose()];
    assert!(handlers.iter().all(Option::is_none), "the handlers are gone: {handlers:?}");
    sleep(200).await;
    assert_eq!(in_words(&events), [""; 0]);
    Ok(())
}

// Firefox opens such a connection, with no subprotocol.
async fn offers_that_all_go_unselected_never_give_a_subprotocol(over: Transport) {
    let connecting = to(over, peer("/").await).subprotocols(["one", "two"]);
    match within("it ends", connecting).await {
        Ok(socket) => assert_eq!(socket.subprotocol(), ""),
        Err(error) => assert!(matches!(error, Error::ConnectFailed { .. }), "{error}"),
    }
}
