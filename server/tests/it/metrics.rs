//! `/metrics`: what happened is counted, each server by itself.

use crate::{
    limits::until_counted,
    support::{BINARY, CLOSE, FIN, Frame, Peer, TEXT, close_payload, frame, server},
};

#[tokio::test]
async fn what_happened_is_counted() {
    let (counted, other) = (server().await, server().await);
    let mut peer = Peer::open(&counted).await;
    until_counted(&counted, "wirescope_open_websockets 1").await;
    for (kind, payload) in [(TEXT, "hello"), (BINARY, "four"), (TEXT, "")] {
        peer.send(frame(FIN | kind, payload)).await;
        assert_eq!(peer.frame().await, Frame::new(FIN | kind, payload));
    }
    // While it is open.
    until_counted(&counted, "wirescope_messages_total{direction=\"sent\"} 3").await;
    peer.send(frame(FIN | CLOSE, close_payload(4001, ""))).await;
    peer.frames().await;
    let mut raw = Peer::connect(counted.addr()).await;
    raw.send("hello\n").await;
    raw.part_raw().await;
    let mut refused = Peer::connect(counted.addr()).await;
    refused.send(crate::support::request("/echo", &[("Origin", "https://evil.example")])).await;
    refused.response().await;
    for line in [
        "wirescope_connections_total{kind=\"websocket\"} 1",
        "wirescope_connections_total{kind=\"raw\"} 1",
        "wirescope_connections_total{kind=\"refused\"} 1",
        "wirescope_denied_total{wrong=\"origin\"} 1",
        "wirescope_messages_total{direction=\"received\"} 3",
        "wirescope_message_bytes_total{direction=\"received\"} 9",
        "wirescope_message_bytes_total{direction=\"sent\"} 9",
        "wirescope_closes_total{code=\"4001\",by=\"peer\"} 1",
        "wirescope_handshake_seconds_count 1",
        "wirescope_open_websockets 0",
        "wirescope_open_connections 0",
    ] {
        until_counted(&counted, line).await;
    }
    // At least the first of three answers is timed.
    assert!(!counted.metrics().contains("wirescope_echo_seconds_count 0"), "{}", counted.metrics());
    assert!(other.metrics().contains("wirescope_connections_total{kind=\"websocket\"} 0"));

    let mut peer = Peer::connect(counted.addr()).await;
    peer.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let answer = peer.response().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0"), "{answer}");
    assert!(answer.contains("\nwirescope_connections_total{kind=\"http\"} 1\n"), "{answer}");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
}
