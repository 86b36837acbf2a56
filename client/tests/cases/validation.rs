//! What the browser would refuse with a bare exception is refused before it, by name.

use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    CloseCode,
    socket::{Error, EventSocket, Socket, State, Transport},
};

use crate::support::{NO_OFFERS, close, connect, echo, over::over_both, parts, server, to, within};

over_both! {
    a_port_that_browsers_block_fails_to_connect,
    an_http_url_means_the_websocket_of_the_same_place,
    a_scheme_may_be_in_capitals_and_have_spaces_before_it,
    offers_that_are_no_tokens_or_repeated_are_refused_by_name,
    close_codes_that_browsers_cannot_send_are_refused_and_the_socket_stays_open,
    close_codes_that_browsers_can_send_come_back,
    a_reason_may_have_123_bytes,
    a_longer_reason_is_refused_and_the_socket_stays_open,
}

#[wasm_bindgen_test]
async fn urls_that_no_websocket_opens_are_refused_by_name() {
    for url in [
        "",
        " ",
        "echo",
        "/echo",
        "//127.0.0.1/echo",
        "127.0.0.1:8080/echo",
        "not a url",
        "\u{0}",
        "ws://",
        "ws:///",
        "ws://127.0.0.1:65536/",
        "ws://[::1/",
        "ftp://127.0.0.1/echo",
        "file:///echo",
        "javascript:alert(1)",
        "data:text/plain,echo",
        "wsx://127.0.0.1/echo",
        "ws://127.0.0.1/echo#",
        "ws://127.0.0.1/echo#part",
    ] {
        match within(url, Socket::connect(url)).await {
            Err(error @ Error::InvalidUrl { .. }) => {
                assert!(error.to_string().contains(&format!("{url:?}")), "{error}");
            }
            other => panic!("{url:?} gave {other:?}"),
        }
        assert!(matches!(
            EventSocket::open(url, NO_OFFERS, |_| panic!("no event was due")),
            Err(Error::InvalidUrl { .. })
        ));
    }
}

// Browsers let no page reach the ports of certain services, and say so no better than of a refused connection.
async fn a_port_that_browsers_block_fails_to_connect(over: Transport) {
    let url = "ws://127.0.0.1:1/";
    match within("it fails", to(over, url)).await {
        Err(Error::ConnectFailed { url: named, close }) => {
            assert_eq!((named.as_str(), parts(&close)), (url, (1006, "", false)));
        }
        other => panic!("{url} gave {other:?}"),
    }
}

async fn an_http_url_means_the_websocket_of_the_same_place(over: Transport) {
    let socket = connect(over, &format!("http://{}/echo", server())).await;
    assert_eq!(socket.url(), echo());
}

async fn a_scheme_may_be_in_capitals_and_have_spaces_before_it(over: Transport) {
    for scheme in ["WS", " \n ws", "hTTp"] {
        let socket = connect(over, &format!("{scheme}://{}/echo", server())).await;
        assert_eq!(socket.url(), echo());
    }
}

async fn offers_that_are_no_tokens_or_repeated_are_refused_by_name(over: Transport) {
    for (offers, named) in [
        (vec![""], "\"\""),
        (vec!["good", "two words"], "\"two words\""),
        (vec!["a,b"], "\"a,b\""),
        (vec!["é"], "\"é\""),
        (vec!["one", "two", "one"], "\"one\""),
    ] {
        match within("it is refused", to(over, echo()).subprotocols(offers)).await {
            Err(error @ Error::InvalidOffer(_)) => assert!(error.to_string().contains(named), "{error}"),
            other => panic!("an offer of {named} gave {other:?}"),
        }
    }
}

async fn close_codes_that_browsers_cannot_send_are_refused_and_the_socket_stays_open(over: Transport) {
    let socket = connect(over, &echo()).await;
    for code in [0, 999, 1001, 1005, 1006, 1015, 2999, 5000, u16::MAX].map(CloseCode::new) {
        assert_eq!(within("it is refused", socket.close(code, "")).await, Err(Error::InvalidCloseCode(code)));
        assert_eq!(socket.state(), State::Open);
    }
}

async fn close_codes_that_browsers_can_send_come_back(over: Transport) {
    for code in [1000, 3000, 4999] {
        let socket = connect(over, &echo()).await;
        assert_eq!(parts(&close(&socket, code, "").await), (code, "", true));
    }
}

async fn a_reason_may_have_123_bytes(over: Transport) {
    for reason in ["r".repeat(123), "日".repeat(41)] {
        let socket = connect(over, &echo()).await;
        assert_eq!(parts(&close(&socket, 4000, &reason).await), (4000, reason.as_str(), true));
    }
}

async fn a_longer_reason_is_refused_and_the_socket_stays_open(over: Transport) {
    let socket = connect(over, &echo()).await;
    for reason in ["r".repeat(124), "é".repeat(62)] {
        match within("it is refused", socket.close(CloseCode::NORMAL, &reason)).await {
            Err(Error::InvalidCloseReason(reason)) => assert_eq!(reason.bytes, 124),
            other => panic!("a reason of 124 bytes gave {other:?}"),
        }
        assert_eq!(socket.state(), State::Open);
    }
}
