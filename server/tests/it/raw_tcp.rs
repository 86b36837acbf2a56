//! A connection whose first line is not HTTP: bytes come back.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Peer, server, server_with, soon};

async fn expect(peer: &mut Peer, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    soon(peer.stream.read_exact(&mut read)).await.unwrap();
    assert_eq!(read, bytes);
}

#[tokio::test]
async fn a_line_comes_back_and_then_anything() {
    let server = server().await;
    for first in ["hello\r\n", "\r\n", "GET the door\r\n", "no line end", "\u{0}\u{1}binary"] {
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(first).await;
        expect(&mut peer, first.as_bytes()).await;
        peer.send("GET / HTTP/1.1\r\n\r\n").await;
        expect(&mut peer, b"GET / HTTP/1.1\r\n\r\n").await;
        peer.stream.shutdown().await.unwrap();
        assert_eq!(peer.rest().await, b"");
    }
}

#[tokio::test]
async fn a_line_that_is_typed_slowly_may_look_like_http_for_a_while() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    for part in ["GE", "T ", "well ", "soon\n"] {
        peer.send(part).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    expect(&mut peer, b"GET well soon\n").await;
}

#[tokio::test]
async fn what_ends_before_its_line_does_comes_back() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send("GET").await;
    peer.stream.shutdown().await.unwrap();
    assert_eq!(peer.rest().await, b"GET");
}

#[tokio::test]
async fn a_mebibyte_comes_back_to_the_byte() {
    let server = server().await;
    let peer = Peer::connect(server.addr()).await;
    let (mut reader, mut writer) = peer.stream.into_split();
    let sent: Vec<u8> = (0..=250).cycle().skip(1).take(1 << 20).collect();
    let all = sent.clone();
    let writing = tokio::spawn(async move {
        writer.write_all(&all).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut read = Vec::new();
    soon(reader.read_to_end(&mut read)).await.unwrap();
    writing.await.unwrap();
    assert!(read == sent);
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_let_go() {
    let server = server_with(|config| config.timeouts.first_byte = Duration::from_millis(100)).await;
    let mut peer = Peer::connect(server.addr()).await;
    assert_eq!(peer.rest().await, b"");
}

#[tokio::test]
async fn tls_is_told_that_it_is_not_spoken() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]).await;
    let answer = peer.response().await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("does not speak TLS"), "{answer}");
}
