//! What is plain HTTP, and WebSockets that are opened on a connection that was used for it.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::support::{FIN, Frame, Peer, TEXT, frame, request, server, server_with, soon};

const CLOSE_AFTER: &str = "Host: localhost\r\nConnection: close\r\n\r\n";

async fn get(path: &str) -> String {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(format!("GET {path} HTTP/1.1\r\n{CLOSE_AFTER}")).await;
    String::from_utf8_lossy(&peer.rest().await).into_owned()
}

#[tokio::test]
async fn healthz_says_ok() {
    let answer = get("/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
}

#[tokio::test]
async fn it_says_whether_a_websocket_would_be_refused() {
    for (path, expected) in [
        ("/check/echo?drop=2%&seed=42", "{\"refused\":null}"),
        ("/check/echo?drop=lots", "parameter drop is \\\"lots\\\"; allowed is a probability"),
        ("/check/feed/prices?rest", "there is no parameter \\\"rest\\\" here"),
        ("/check/nothing", "no WebSocket is served on /nothing; there is: /echo"),
    ] {
        let answer = get(path).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(expected), "{path}: {answer}");
    }
}

#[tokio::test]
async fn the_page_is_served_or_said_to_be_missing() {
    let answer = get("/").await;
    // Which of the two depends on whether the page was built, so each is held to what it must say.
    if answer.starts_with("HTTP/1.1 200 ") {
        assert!(answer.contains("content-type: text/html; charset=utf-8\r\n"), "{answer}");
        let policy = answer.lines().find(|line| line.starts_with("content-security-policy: ")).unwrap();
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval' 'sha256-"), "{policy}");
        assert!(policy.contains("connect-src * ws: wss:"), "{policy}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
    } else {
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("cargo xtask build"), "{answer}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_and_stays_within_the_page() {
    for path in ["/nothing", "/../Cargo.toml", "/..%2fCargo.toml", "//etc/passwd"] {
        let answer = get(path).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
}

#[tokio::test]
async fn files_are_read_with_get() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(format!("POST / HTTP/1.1\r\nContent-Length: 2\r\n{CLOSE_AFTER}hi")).await;
    let answer = peer.response().await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET, HEAD\r\n"), "{answer}");
}

#[tokio::test]
async fn http_1_1_has_one_host_and_http_1_0_may_have_none() {
    let server = server().await;
    for (rest, status) in [
        ("HTTP/1.1\r\nConnection: close\r\n", "400"),
        ("HTTP/1.1\r\nHost: localhost\r\nHost: 127.0.0.1\r\nConnection: close\r\n", "400"),
        ("HTTP/1.0\r\nHost: localhost\r\nHost: 127.0.0.1\r\n", "400"),
        ("HTTP/1.0\r\n", "200"),
    ] {
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(format!("GET /healthz {rest}\r\n")).await;
        let answer = peer.response().await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{rest}{answer}");
    }
}

/// Asks without end on a new connection and reads nothing, until the server gives it up.
async fn ask_and_never_read(peer: &mut Peer) {
    // The answer names the path, so it is as long: there is always one under way.
    let requests = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(12_000)).repeat(10);
    while peer.stream.write_all(requests.as_bytes()).await.is_ok() {}
}

#[tokio::test]
async fn a_peer_that_never_reads_its_responses_is_let_go() {
    let server = server_with(|config| config.timeouts.request = Duration::from_millis(300)).await;
    let mut peer = Peer::connect(server.addr()).await;
    soon(ask_and_never_read(&mut peer)).await;
}

#[tokio::test]
async fn shutdown_waits_for_a_response_no_longer_than_for_a_closing_handshake() {
    let server = server_with(|config| {
        config.timeouts.request = Duration::from_secs(60);
        config.timeouts.close = Duration::from_millis(200);
        config.timeouts.shutdown = Duration::from_secs(60);
    })
    .await;
    let mut peer = Peer::connect(server.addr()).await;
    let clogged = tokio::time::timeout(Duration::from_millis(500), ask_and_never_read(&mut peer)).await;
    assert!(clogged.is_err(), "the server gave it up before");
    soon(server.shutdown()).await;
}

#[tokio::test]
async fn a_websocket_can_be_opened_on_a_kept_alive_connection() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    for _ in 0..2 {
        peer.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(peer.head().await.starts_with("HTTP/1.1 200 "));
        let mut body = [0; 3];
        tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut body).await.unwrap();
    }
    // With the first frame in the same packet: what hyper read beyond the request must not get lost.
    let early = frame(FIN | TEXT, "early");
    peer.send([request("/echo", &[("Sec-WebSocket-Protocol", "a, b")]).into_bytes(), early].concat()).await;
    let head = peer.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(head.contains("sec-websocket-protocol: a\r\n"), "{head}");
    assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, "early"));
    peer.part().await;
}

#[tokio::test]
async fn a_bad_handshake_on_a_kept_alive_connection_is_refused_alike() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(peer.head().await.starts_with("HTTP/1.1 426 "));
    let server = crate::support::server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(format!(
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n{}",
        request("/echo", &[("Sec-WebSocket-Key", "x")])
    ))
    .await;
    assert!(peer.head().await.starts_with("HTTP/1.1 200 "));
    assert!(peer.head().await.contains("HTTP/1.1 400 "));
}
