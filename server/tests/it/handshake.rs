//! The opening handshake, good and bad (RFC 6455 section 4.2).

use std::time::Duration;

use crate::support::{BINARY, FIN, Frame, Peer, TEXT, frame, request, server, server_with};

async fn answer(request: impl AsRef<[u8]>) -> String {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request).await;
    peer.response().await
}

#[tokio::test]
async fn a_good_request_is_answered_as_in_the_rfc() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request("/echo", &[])).await;
    let head = peer.head().await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    // The example of RFC 6455 section 1.3.
    assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(head.contains("upgrade: websocket\r\n"), "{head}");
    assert!(head.contains("connection: Upgrade\r\n"), "{head}");
    assert!(!head.contains("sec-websocket-protocol"), "{head}");
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
    peer.part().await;
}

#[tokio::test]
async fn header_names_and_tokens_are_read_in_any_case_and_in_lists() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    let request = "GET /echo? HTTP/1.1\r\nhOST: localhost\r\nUPGRADE: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nSEC-WEBSOCKET-VERSION: 13\r\n\r\n";
    peer.send(request).await;
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    peer.part().await;
}

#[tokio::test]
async fn frames_that_come_in_one_packet_with_the_request_are_answered() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    let together =
        [request("/echo", &[]).into_bytes(), frame(FIN | TEXT, "early"), frame(FIN | BINARY, [1, 2])];
    peer.send(together.concat()).await;
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, "early"));
    assert_eq!(peer.frame().await, Frame::new(FIN | BINARY, [1, 2]));
    peer.part().await;
}

#[tokio::test]
async fn a_request_that_comes_byte_by_byte_is_a_request() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    for byte in request("/echo", &[]).bytes() {
        peer.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    peer.part().await;
}

#[tokio::test]
async fn the_first_subprotocol_offered_is_selected() {
    let server = server().await;
    for (offered, selected) in [("chat.v2, chat.v1", "chat.v2"), ("one", "one"), (" ,, b ,a", "b")] {
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(request("/echo", &[("Sec-WebSocket-Protocol", offered)])).await;
        let head = peer.head().await;
        assert!(head.contains(&format!("\r\nsec-websocket-protocol: {selected}\r\n")), "{head}");
        peer.part().await;
    }
}

#[tokio::test]
async fn offers_that_are_no_tokens_or_come_twice_are_refused_by_name() {
    for (offered, named) in [("two words", "two words"), ("a, a", "\"a\" is offered twice"), ("a/b", "a/b")] {
        let answer = answer(request("/echo", &[("Sec-WebSocket-Protocol", offered)])).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains(named), "{answer}");
    }
}

#[tokio::test]
async fn a_key_may_have_any_bits_past_its_last_byte() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request("/echo", &[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZR==")])).await;
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    peer.part().await;
}

#[tokio::test]
async fn another_version_is_told_which_one_is_spoken() {
    for version in ["8", "0", "14", "thirteen", ""] {
        let answer = answer(request("/echo", &[("Sec-WebSocket-Version", version)])).await;
        assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{version}: {answer}");
        assert!(answer.contains("\r\nsec-websocket-version: 13\r\n"), "{answer}");
        assert!(answer.contains("\r\nupgrade: websocket\r\nconnection: upgrade, close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_key_that_is_missing_or_malformed_is_refused() {
    for key in [
        "",
        "short",
        "dGhlIHNhbXBsZQ==",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZSB0aGF0IGlzIGxvbmc=",
    ] {
        let answer = answer(request("/echo", &[("Sec-WebSocket-Key", key)])).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{key}: {answer}");
        assert!(answer.contains("Sec-WebSocket-Key"), "{answer}");
    }
}

#[tokio::test]
async fn what_else_a_request_must_have_is_named() {
    let post = request("/echo", &[]).replace("GET", "POST");
    let two_lengths = request("/echo", &[("Content-Length", "0"), ("content-length", "5")]);
    let two_keys = request("/echo", &[("Sec-Websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]);
    for (request, status, named) in [
        (request("/echo", &[("Connection", "keep-alive")]), "400", "Connection: Upgrade"),
        (request("/echo", &[("Host", "")]), "400", "Host"),
        (request("/echo", &[("host", "another")]), "400", "Host"),
        (request("/echo", &[("Content-Length", "5")]), "400", "body"),
        (request("/echo", &[("Transfer-Encoding", "chunked")]), "400", "body"),
        (request("/nowhere", &[]), "404", "/echo"),
        (two_keys, "400", "one Sec-WebSocket-Key"),
        (post, "405", "GET"),
        (two_lengths, "400", "body"),
    ] {
        let answer = answer(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(body.contains(named) || named == "GET", "{request}{answer}");
        assert_eq!(body.lines().count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_plain_get_of_a_websocket_is_told_what_to_do() {
    let answer = answer("GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
    assert!(answer.contains("\r\nupgrade: websocket\r\n"), "{answer}");
    let connection = answer.lines().filter_map(|line| line.strip_prefix("connection: ")).collect::<Vec<_>>();
    assert!(connection.join(", ").split(", ").any(|option| option == "upgrade"), "{answer}");
    assert!(answer.contains("open it with a WebSocket client"), "{answer}");
}

#[tokio::test]
async fn upgrade_means_nothing_in_http_1_0() {
    let answer = answer(request("/echo", &[]).replace("HTTP/1.1", "HTTP/1.0")).await;
    assert!(answer.split_once(' ').unwrap().1.starts_with("426 "), "{answer}");
    assert!(answer.contains("open it with a WebSocket client"), "{answer}");
}

#[tokio::test]
async fn the_answer_to_head_has_no_body() {
    let upgrade = request("/echo", &[]).replace("GET", "HEAD");
    for (request, status) in [(upgrade.as_str(), "405"), ("HEAD / HTTP/1.1\r\nno colon\r\n\r\n", "400")] {
        let answer = answer(request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_head_too_long_or_with_too_many_headers_is_refused() {
    let long = request("/echo", &[("X-Long", &"x".repeat(20_000))]);
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let many =
        request("/echo", &[]).replace("Upgrade: websocket\r\n", &format!("Upgrade: websocket\r\n{many}"));
    for request in [long, many] {
        let answer = answer(request).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}

#[tokio::test]
async fn a_request_that_does_not_parse_is_refused() {
    for request in
        ["GET /echo HTTP/1.1\r\nno colon\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "GET /\u{7f} HTTP/1.1\r\n\r\n"]
    {
        let answer = answer(request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request}{answer}");
    }
    assert!(answer("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.starts_with("HTTP/1.1 505 "));
}

#[tokio::test]
async fn a_request_that_is_not_finished_in_time_gets_408() {
    let server = server_with(|config| config.timeouts.request = Duration::from_millis(200)).await;
    for begun in ["GE", "GET /echo HTTP/1.1\r\nHost: localhost\r\n"] {
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(begun).await;
        let answer = peer.response().await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
}
