use std::time::{Duration, Instant};

use super::refusal;
use crate::support::{CLOSE, FIN, Frame, Peer, close_payload, frame, request, server};

/// The answer's head, to a request with these headers.
async fn answer(path: &str, headers: &[(&str, &str)]) -> String {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request(path, headers)).await;
    peer.head().await.to_ascii_lowercase()
}

#[tokio::test]
async fn it_is_refused_with_a_status_or_sent_elsewhere() {
    let response = refusal("/echo?status=503").await;
    assert!(response.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{response}");
    assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
    let response = refusal("/echo?redirect=/elsewhere").await;
    assert!(response.starts_with("HTTP/1.1 302 Found\r\n"), "{response}");
    assert!(response.contains("\r\nlocation: /elsewhere\r\n"), "{response}");
}

#[tokio::test]
async fn the_accept_is_gone_or_wrong() {
    let right = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=";
    assert!(answer("/echo", &[]).await.contains(right));
    let none = answer("/echo?accept=none", &[]).await;
    assert!(none.starts_with("http/1.1 101 ") && !none.contains("sec-websocket-accept"), "{none}");
    let wrong = answer("/echo?accept=wrong", &[]).await;
    assert!(wrong.contains("sec-websocket-accept: ") && !wrong.contains(right), "{wrong}");
}

#[tokio::test]
async fn a_header_is_missing() {
    let head = answer("/echo?without=upgrade", &[]).await;
    assert!(!head.contains("\r\nupgrade:") && head.contains("\r\nconnection: upgrade"), "{head}");
    let head = answer("/echo?without=connection", &[]).await;
    assert!(head.contains("\r\nupgrade:") && !head.contains("\r\nconnection:"), "{head}");
}

#[tokio::test]
async fn the_subprotocol_or_extension_is_one_that_nobody_asked_for() {
    let head = answer("/echo?subprotocol=unasked", &[]).await;
    assert!(head.contains("\r\nsec-websocket-protocol: unasked\r\n"), "{head}");
    let head = answer("/echo?subprotocol=none", &[("Sec-WebSocket-Protocol", "chat")]).await;
    assert!(!head.contains("sec-websocket-protocol"), "{head}");
    let head = answer("/echo?extension=permessage-deflate", &[]).await;
    assert!(head.contains("\r\nsec-websocket-extensions: permessage-deflate\r\n"), "{head}");
}

#[tokio::test]
async fn garbage_comes_and_the_end() {
    let server = server().await;
    let mut all = Vec::new();
    for _ in 0..2 {
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(request("/echo?garbage&seed=7", &[])).await;
        all.push(peer.rest().await);
    }
    assert_eq!((all[0].len(), &all[0]), (256, &all[1]));
    assert!(!all[0].starts_with(b"HTTP"));
}

#[tokio::test]
async fn the_answer_takes_its_time() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    let asked = Instant::now();
    peer.send(request("/echo?handshake-delay=300ms", &[])).await;
    peer.head().await;
    assert!(asked.elapsed() >= Duration::from_millis(300));
    peer.say("after it").await;
    assert_eq!(peer.hear().await, "after it");

    let mut peer = Peer::connect(server.addr()).await;
    let asked = Instant::now();
    peer.send(request("/echo?handshake-drip=2ms", &[])).await;
    let head = peer.head().await;
    assert!(asked.elapsed() >= Duration::from_millis(2) * u32::try_from(head.len() - 1).unwrap());
    peer.say("after it").await;
    assert_eq!(peer.hear().await, "after it");
}

#[tokio::test]
async fn the_close_frame_comes_with_the_101() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request("/echo?early-close=1001", &[])).await;
    let mut packet = vec![0; 4096];
    let length = tokio::io::AsyncReadExt::read(&mut peer.stream, &mut packet).await.unwrap();
    assert!(packet[..length].ends_with(b"\r\n\r\n\x88\x02\x03\xe9"), "both are in one read");
    peer.send(frame(FIN | CLOSE, close_payload(1001, ""))).await;
    assert_eq!(peer.frames().await, [] as [Frame; 0]);
}

#[tokio::test]
async fn cookies_are_set_with_their_attributes() {
    for cookie in ["id=1", "id=1;Secure", "id=1;HttpOnly"] {
        let head = answer(&format!("/echo?set-cookie={cookie}"), &[]).await;
        assert!(head.contains(&format!("\r\nset-cookie: {}\r\n", cookie.to_ascii_lowercase())), "{head}");
    }
}

#[tokio::test]
async fn credentials_are_asked_for() {
    let path = "/echo?basic-auth=user:secret";
    let response = refusal(path).await;
    assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    assert!(response.contains("www-authenticate: Basic realm="), "{response}");
    let head = answer(path, &[("Authorization", "Basic dXNlcjpzZWNyZXQ=")]).await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
}

#[tokio::test]
async fn a_share_of_the_connections_is_refused_by_their_number() {
    let server = server().await;
    let mut refused = Vec::new();
    for round in 0..2 {
        let mut these = Vec::new();
        for conn in 0..40 {
            let mut peer = Peer::connect(server.addr()).await;
            peer.send(request(&format!("/echo?status=503&status.chance=30%&seed=5&conn={conn}"), &[])).await;
            if peer.head().await.starts_with("HTTP/1.1 503") {
                these.push(conn);
            }
        }
        assert!((3..25).contains(&these.len()), "round {round}: {these:?}");
        refused.push(these);
    }
    assert_eq!(refused[0], refused[1]);
}

#[tokio::test]
async fn on_a_connection_that_had_requests_before_they_are_refused() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await;
    peer.head().await;
    let mut body = [0; 3];
    tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut body).await.unwrap();
    peer.send(request("/echo?garbage", &[])).await;
    assert!(peer.head().await.starts_with("HTTP/1.1 400 "));
}
