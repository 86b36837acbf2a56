//! Every fault as a client meets it: by raw bytes.

mod connection;
mod control;
mod frames;
mod handshake;
mod messages;

use crate::support::{Peer, request, server};

/// What is answered to an opening request that is refused.
async fn refusal(path: &str) -> String {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request(path, &[])).await;
    peer.response().await
}

#[tokio::test]
async fn a_value_that_does_not_parse_is_refused_with_what_is_allowed() {
    for (path, why) in [
        (
            "/echo?drop=lots",
            "parameter drop is \"lots\"; allowed is a probability: 0% to 100%, or 0 to 1, such as 2% or 0.02",
        ),
        ("/echo?delay=50", "parameter delay is \"50\"; allowed is a time"),
        (
            "/echo?dorp=2%",
            "there is no parameter \"dorp\" here; did you mean drop? /faults lists what there is",
        ),
        ("/echo?drop=2%&drop=3%", "parameter \"drop\" is there twice"),
        ("/echo?trace=short", "parameter trace is \"short\"; allowed is 22 to 64 letters"),
    ] {
        let response = refusal(path).await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{path}: {response}");
        assert!(response.contains(why), "{path}: {response}");
    }
}

#[tokio::test]
async fn the_documentation_is_served_as_text_and_as_json() {
    let server = server().await;
    for (headers, part) in [
        ("", "\n  drop=2%                   A message is lost."),
        ("Accept: application/json\r\n", "\"name\":\"drop\""),
    ] {
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(format!("GET /faults HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n"))
            .await;
        let response = peer.response().await;
        assert!(response.contains(part), "{response}");
    }
}
