//! `/echo`: every message comes back as it was, however it was sent (RFC 6455 section 5).

use std::time::Duration;

use crate::support::{
    BINARY, CONTINUATION, FIN, Frame, PING, PONG, Peer, TEXT, frame, server, server_with, soon,
};

#[tokio::test]
async fn text_comes_back_as_text_and_binary_as_binary() {
    let server = server().await;
    let mut peer = Peer::open(&server).await;
    let every_byte: Vec<u8> = (0..=255).collect();
    for (kind, payload) in [
        (TEXT, "hello".as_bytes()),
        (TEXT, "".as_bytes()),
        (TEXT, "zażółć gęślą jaźń 🦀\u{0}\u{feff}".as_bytes()),
        (BINARY, every_byte.as_slice()),
        (BINARY, &[]),
    ] {
        peer.send(frame(FIN | kind, payload)).await;
        assert_eq!(peer.frame().await, Frame::new(FIN | kind, payload));
    }
    peer.part().await;
}

#[tokio::test]
async fn every_form_of_the_length_comes_back_whole() {
    let server = server().await;
    let mut peer = Peer::open(&server).await;
    for length in [125, 126, 127, 4095, 4096, 4097, 65_535, 65_536, 1_048_576] {
        let payload: Vec<u8> = (0..=250).cycle().take(length).collect();
        // Sent and read at once: neither end holds a mebibyte in its socket buffers.
        let (mut reader, mut writer) = peer.stream.split();
        let sent = frame(FIN | BINARY, &payload);
        let write = async { tokio::io::AsyncWriteExt::write_all(&mut writer, &sent).await.unwrap() };
        let header = match length {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        let mut answer = vec![0; header + length];
        let read = async { tokio::io::AsyncReadExt::read_exact(&mut reader, &mut answer).await.unwrap() };
        soon(async { tokio::join!(write, read) }).await;
        assert_eq!(answer[0], FIN | BINARY);
        assert!(answer[header..] == payload, "{length} bytes differ");
    }
    peer.part().await;
}

#[tokio::test]
async fn a_fragmented_message_comes_back_whole_with_pings_answered_between() {
    let server = server().await;
    let mut peer = Peer::open(&server).await;
    // The crab is cut within its four bytes, which is allowed: only the whole must be UTF-8.
    let text = "one 🦀 two".as_bytes();
    peer.send(frame(TEXT, &text[..6])).await;
    peer.send(frame(FIN | PING, "between")).await;
    assert_eq!(peer.frame().await, Frame::new(FIN | PONG, "between"));
    peer.send(frame(CONTINUATION, "")).await;
    peer.send(frame(CONTINUATION, &text[6..8])).await;
    peer.send(frame(FIN | PONG, "unasked")).await;
    peer.send(frame(FIN | CONTINUATION, &text[8..])).await;
    assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, text));
    peer.part().await;
}

#[tokio::test]
async fn frames_that_come_byte_by_byte_are_frames() {
    let server = server().await;
    let mut peer = Peer::open(&server).await;
    for byte in [frame(BINARY, [0, 255]), frame(FIN | CONTINUATION, "!")].concat() {
        peer.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.frame().await, Frame::new(FIN | BINARY, [0, 255, b'!']));
    peer.part().await;
}

#[tokio::test]
async fn each_ping_gets_a_pong_with_its_payload() {
    let server = server().await;
    let mut peer = Peer::open(&server).await;
    let long = "x".repeat(125);
    let pings: Vec<u8> =
        ["", "a", &long, "last"].iter().flat_map(|payload| frame(FIN | PING, payload)).collect();
    peer.send(pings).await;
    for payload in ["", "a", &long, "last"] {
        assert_eq!(peer.frame().await, Frame::new(FIN | PONG, payload));
    }
    peer.part().await;
}

#[tokio::test]
async fn a_burst_comes_back_in_order_and_whole() {
    let server = server().await;
    let mut peer = Peer::open(&server).await;
    let burst: Vec<u8> = (0..1_000).flat_map(|n: u32| frame(FIN | TEXT, n.to_string())).collect();
    peer.send(burst).await;
    for n in 0..1_000 {
        assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, n.to_string()));
    }
    peer.part().await;
}

#[tokio::test]
async fn a_peer_that_sends_and_does_not_read_is_not_read_either() {
    let server = server().await;
    let mut peer = Peer::open(&server).await;
    let message = frame(FIN | BINARY, vec![7; 256 * 1024]);
    // The server's queue is bounded and it stops reading, so at some point the sender cannot write any more.
    let flood = async {
        loop {
            tokio::io::AsyncWriteExt::write_all(&mut peer.stream, &message).await.unwrap();
        }
    };
    let blocked = tokio::time::timeout(Duration::from_secs(2), flood).await;
    assert!(blocked.is_err(), "an endless loop ended");
    // The rest of the server does not mind.
    let mut other = Peer::open(&server).await;
    other.send(frame(FIN | TEXT, "still there?")).await;
    assert_eq!(other.frame().await, Frame::new(FIN | TEXT, "still there?"));
    other.part().await;
}

#[tokio::test]
async fn limits_may_be_as_large_as_they_come() {
    let server = server_with(|config| {
        config.max_message = usize::MAX;
        let timeouts = &mut config.timeouts;
        timeouts.first_byte = Duration::MAX;
        timeouts.request = Duration::MAX;
        timeouts.close = Duration::MAX;
        timeouts.drain = Duration::MAX;
        timeouts.shutdown = Duration::MAX;
    })
    .await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(peer.head().await.starts_with("HTTP/1.1 200 "));
    drop(peer);
    let mut peer = Peer::open(&server).await;
    let payload = vec![b'x'; 300_000];
    peer.send(frame(FIN | BINARY, &payload)).await;
    assert_eq!(peer.frame().await, Frame::new(FIN | BINARY, &payload));
    peer.part().await;
    // Memory for this one is not there to be had.
    let mut peer = Peer::open(&server).await;
    peer.send([&[FIN | BINARY, 0xff][..], &u64::to_be_bytes(1 << 62), &[0; 4]].concat()).await;
    assert_eq!(peer.frame().await.code(), Some(1009));
    drop(peer);
    soon(server.shutdown()).await;
}

#[tokio::test]
async fn a_message_of_just_the_limit_is_taken() {
    let server = server_with(|config| config.max_message = 1000).await;
    let mut peer = Peer::open(&server).await;
    let payload = [b'x'; 1000];
    peer.send(frame(FIN | TEXT, payload)).await;
    assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, payload));
    peer.send([frame(TEXT, &payload[..600]), frame(FIN | CONTINUATION, &payload[600..])].concat()).await;
    assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, payload));
    peer.part().await;
}
