//! How connections end: cleanly, by a broken rule, and at shutdown (RFC 6455 section 7).

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;

use crate::support::{
    BINARY, CLOSE, CONTINUATION, FIN, Frame, PING, Peer, TEXT, close_payload, frame, request, server,
    server_with, soon,
};

const MASKED: u8 = 0x80;

#[tokio::test]
async fn a_close_gets_its_code_and_reason_back_and_the_end() {
    let server = server().await;
    let longest = "r".repeat(123);
    for (code, reason) in [(1000, ""), (1001, "bye"), (1011, "é"), (3000, ""), (4999, &longest)] {
        let mut peer = Peer::open(&server).await;
        peer.send(frame(FIN | CLOSE, close_payload(code, reason))).await;
        assert_eq!(peer.frames().await, [Frame::close(code, reason)]);
    }
}

#[tokio::test]
async fn a_close_without_a_code_gets_one_without_a_code() {
    let server = server().await;
    let mut peer = Peer::open(&server).await;
    peer.send(frame(FIN | CLOSE, "")).await;
    assert_eq!(peer.frames().await, [Frame::new(FIN | CLOSE, "")]);
}

#[tokio::test]
async fn messages_before_the_close_are_answered_before_it() {
    let server = server().await;
    let mut peer = Peer::open(&server).await;
    let messages: Vec<u8> = (0..300).flat_map(|n: u32| frame(FIN | TEXT, n.to_string())).collect();
    peer.send([messages, frame(FIN | CLOSE, close_payload(1000, ""))].concat()).await;
    let mut expected: Vec<_> = (0..300).map(|n: u32| Frame::new(FIN | TEXT, n.to_string())).collect();
    expected.push(Frame::close(1000, ""));
    assert_eq!(peer.frames().await, expected);
}

#[tokio::test]
async fn messages_before_the_end_of_the_peers_side_are_answered_although_no_close_comes() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    let messages = [frame(FIN | TEXT, "one"), frame(FIN | BINARY, "two")].concat();
    peer.send([request("/echo", &[]).as_bytes(), &messages].concat()).await;
    peer.stream.shutdown().await.unwrap();
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(peer.frames().await, [Frame::new(FIN | TEXT, "one"), Frame::new(FIN | BINARY, "two")]);
}

#[tokio::test]
async fn what_follows_a_close_is_ignored() {
    let server = server().await;
    let mut peer = Peer::open(&server).await;
    peer.send(
        [frame(FIN | CLOSE, close_payload(1000, "")), frame(FIN | TEXT, "late"), frame(FIN | PING, "")]
            .concat(),
    )
    .await;
    assert_eq!(peer.frames().await, [Frame::close(1000, "")]);
}

#[tokio::test]
async fn codes_that_may_not_be_sent_are_a_protocol_error() {
    let server = server().await;
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        let mut peer = Peer::open(&server).await;
        peer.send(frame(FIN | CLOSE, close_payload(code, ""))).await;
        let frames = peer.frames().await;
        assert_eq!(frames.iter().map(Frame::code).collect::<Vec<_>>(), [Some(1002)], "{code}");
    }
}

/// Sends a message and then what breaks a rule; expects the echo, the code, and an end that is no reset.
async fn breaks(name: &str, code: u16, bytes: Vec<u8>) {
    let server = server_with(|config| config.max_message = 1000).await;
    let mut peer = Peer::open(&server).await;
    peer.send([frame(FIN | TEXT, "before"), bytes].concat()).await;
    let frames = peer.frames().await;
    assert_eq!(frames.first(), Some(&Frame::new(FIN | TEXT, "before")), "{name}");
    assert_eq!(frames.iter().skip(1).map(Frame::code).collect::<Vec<_>>(), [Some(code)], "{name}");
    let reason = &frames[1].payload[2..];
    assert!(!reason.is_empty() && std::str::from_utf8(reason).is_ok(), "{name}: the reason says what broke");
}

#[tokio::test]
async fn a_broken_frame_gets_1002() {
    let mut unmasked = frame(FIN | TEXT, "hi");
    unmasked[1] &= !MASKED;
    unmasked.drain(2..6);
    for (name, bytes) in [
        ("a reserved bit", frame(FIN | 0x40 | TEXT, "x")),
        ("an unknown data opcode", frame(FIN | 0x3, "x")),
        ("an unknown control opcode", frame(FIN | 0xb, "x")),
        ("a frame that is not masked", unmasked),
        ("a continuation of nothing", frame(FIN | CONTINUATION, "x")),
        ("a message within a message", [frame(TEXT, "x"), frame(FIN | TEXT, "y")].concat()),
        ("a control frame in fragments", frame(PING, "x")),
        ("a control frame of 126 bytes", frame(FIN | PING, [b'x'; 126])),
        ("a Close of one byte", frame(FIN | CLOSE, [3])),
    ] {
        breaks(name, 1002, bytes).await;
    }
}

#[tokio::test]
async fn text_that_is_not_utf_8_gets_1007() {
    for (name, bytes) in [
        ("a lone byte", frame(FIN | TEXT, [0xff])),
        ("a surrogate", frame(FIN | TEXT, [0xed, 0xa0, 0x80])),
        ("an overlong form", frame(FIN | TEXT, [0xc0, 0xaf])),
        ("past the last code point", frame(FIN | TEXT, [0xf4, 0x90, 0x80, 0x80])),
        ("a character cut off at the end", frame(FIN | TEXT, &"🦀".as_bytes()[..3])),
        ("in a later fragment", [frame(TEXT, "good"), frame(FIN | CONTINUATION, [0xfe])].concat()),
        ("in a close reason", frame(FIN | CLOSE, close_payload(1000, [0xff]))),
    ] {
        breaks(name, 1007, bytes).await;
    }
}

#[tokio::test]
async fn a_message_past_the_limit_gets_1009() {
    let announced = [&[FIN | BINARY, MASKED | 127][..], &u64::to_be_bytes(1 << 40), &[0; 4]].concat();
    for (name, bytes) in [
        ("one frame", frame(FIN | BINARY, [0; 1001])),
        ("fragments", [frame(BINARY, [0; 600]), frame(FIN | CONTINUATION, [0; 401])].concat()),
        ("announced and never sent", announced),
    ] {
        breaks(name, 1009, bytes).await;
    }
}

#[tokio::test]
async fn the_close_is_not_overtaken_by_a_reset_while_the_peer_goes_on_sending() {
    let server = server_with(|config| config.max_message = 1000).await;
    let mut peer = Peer::open(&server).await;
    peer.send(frame(FIN | BINARY, vec![0; 500_000])).await;
    // Half a mebibyte more is on its way when the server has already said Close.
    tokio::time::sleep(Duration::from_millis(100)).await;
    peer.send(vec![0; 400_000]).await;
    let frames = peer.frames().await;
    assert_eq!(frames.iter().map(Frame::code).collect::<Vec<_>>(), [Some(1009)]);
}

#[tokio::test]
async fn a_peer_that_never_ends_its_side_is_left_in_time() {
    let server = server_with(|config| config.timeouts.drain = Duration::from_millis(200)).await;
    let mut peer = Peer::open(&server).await;
    peer.send(frame(FIN | CLOSE, close_payload(1000, ""))).await;
    assert_eq!(peer.frames().await, [Frame::close(1000, "")]);
    // The server has ended its side and then left, so what is written now is refused sooner or later.
    let refused = async {
        while peer.stream.write_all(b"still here").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(refused).await;
}

#[tokio::test]
async fn a_peer_that_vanishes_harms_nobody() {
    let server = server().await;
    for part in [&frame(FIN | TEXT, "x")[..3], &frame(TEXT, "half a message")[..], &[]] {
        let mut peer = Peer::open(&server).await;
        peer.send(part).await;
        drop(peer);
    }
    let peer = Peer::open(&server).await;
    peer.part().await;
}

#[tokio::test]
async fn shutdown_says_1001_to_every_client_and_waits_for_them() {
    let server = server().await;
    let addr = server.addr();
    let mut peers = Vec::new();
    for _ in 0..20 {
        peers.push(Peer::open(&server).await);
    }
    let stopping = tokio::spawn(server.shutdown());
    for mut peer in peers {
        let close = peer.frame().await;
        assert_eq!(close.code(), Some(1001));
        peer.send(frame(FIN | CLOSE, &close.payload)).await;
        assert!(peer.rest().await.is_empty());
    }
    soon(stopping).await.unwrap();
    assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "the port is closed");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever_for_a_peer_that_does_not_answer() {
    let server = server_with(|config| {
        config.timeouts.close = Duration::from_secs(60);
        config.timeouts.shutdown = Duration::from_millis(300);
    })
    .await;
    let mut silent = Peer::open(&server).await;
    let mut clogged = Peer::open(&server).await;
    let message = frame(FIN | BINARY, vec![0; 256 * 1024]);
    let flood = async { while clogged.stream.write_all(&message).await.is_ok() {} };
    let _ = tokio::time::timeout(Duration::from_millis(500), flood).await;
    let begun = Instant::now();
    soon(server.shutdown()).await;
    assert!(begun.elapsed() >= Duration::from_millis(300), "it waited for them first");
    assert_eq!(silent.frame().await.code(), Some(1001));
}

#[tokio::test]
async fn shutdown_reaches_a_peer_that_never_stops_sending() {
    let server = server().await;
    let peer = Peer::open(&server).await;
    let (mut reader, mut writer) = peer.stream.into_split();
    let flood = tokio::spawn(async move {
        let burst: Vec<u8> = (0..200).flat_map(|_| frame(FIN | TEXT, "flood")).collect();
        while writer.write_all(&burst).await.is_ok() {}
    });
    let reading = tokio::spawn(async move {
        let mut all = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut all).await;
        all
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    soon(server.shutdown()).await;
    soon(flood).await.unwrap();
    let all = soon(reading).await.unwrap();
    let close = [&[FIN | CLOSE, 2 + 23][..], &close_payload(1001, "server is shutting down")].concat();
    assert!(all.ends_with(&close), "the last thing is the Close frame");
}

#[tokio::test]
async fn dropping_the_server_frees_its_port_at_once_and_cuts_its_connections() {
    let server = server().await;
    let addr = server.addr();
    let mut peer = Peer::open(&server).await;
    drop(server);
    let server = server_with(|config| config.listen = addr).await;
    let mut rest = Vec::new();
    // Cut: ended or reset, but over.
    let _ = soon(tokio::io::AsyncReadExt::read_to_end(&mut peer.stream, &mut rest)).await;
    Peer::open(&server).await.part().await;
}

#[cfg(feature = "cli")]
#[tokio::test(flavor = "multi_thread")]
async fn the_port_is_free_at_once_while_the_server_runs_on_another_thread() {
    for _ in 0..100 {
        let server = server().await;
        let addr = server.addr();
        drop(server);
        server_with(|config| config.listen = addr).await;
    }
}
