//! `/source`: numbered messages, bounds, and a report.

use crate::support::{
    BINARY, CLOSE, FIN, Frame, PING, PONG, Peer, TEXT, close_payload, frame, request, server, soon,
};

/// CRC-32 as in the standard, bit by bit: a receiver's own.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

/// The number of a message, by the documented format.
fn number(message: &Frame) -> u64 {
    let payload = &message.payload;
    if message.first == FIN | BINARY {
        let sum = u32::from_be_bytes(payload[8..12].try_into().unwrap());
        assert_eq!(crc32(&[&payload[12..], &payload[..8]].concat()), sum);
        u64::from_be_bytes(payload[..8].try_into().unwrap())
    } else {
        let text = message.text();
        assert_eq!(
            format!("{:08x}", crc32(format!("{}{}", &text[25..], &text[..16]).as_bytes())),
            text[17..25]
        );
        u64::from_str_radix(&text[..16], 16).unwrap()
    }
}

#[tokio::test]
async fn so_many_numbered_messages_of_just_the_size_come_and_a_report() {
    let server = server().await;
    for (query, first, size) in [
        ("count=5", FIN | BINARY, 1024),
        ("count=5&size=12", FIN | BINARY, 12),
        ("count=5&size=64KiB&kind=binary", FIN | BINARY, 65_536),
        ("count=5&size=25&kind=text", FIN | TEXT, 25),
        ("count=5&kind=text&rate=1000", FIN | TEXT, 1024),
    ] {
        let mut peer = Peer::open_path(server.addr(), &format!("/source?{query}")).await;
        for expected in 1..=5 {
            let message = peer.frame().await;
            assert_eq!((message.first, message.payload.len()), (first, size), "{query}");
            assert_eq!(number(&message), expected, "{query}");
        }
        let report = peer.json().await;
        assert_eq!((&report["messages"], &report["bytes"]), (&5.into(), &(5 * size).into()), "{report}");
        assert!(report["elapsed_ms"].is_f64() && report["blocked_ms"].is_f64(), "{report}");
        assert_eq!(peer.frame().await, Frame::close(1000, "5 messages"));
        peer.send(frame(FIN | CLOSE, close_payload(1000, ""))).await;
        assert!(peer.rest().await.is_empty());
    }
}

#[tokio::test]
async fn an_empty_message_can_be_had_and_none_at_all() {
    let server = server().await;
    for (query, first) in [("count=1&size=0", BINARY), ("count=1&size=0&kind=text", TEXT)] {
        let mut peer = Peer::open_path(server.addr(), &format!("/source?{query}")).await;
        assert_eq!(peer.frame().await, Frame::new(FIN | first, []));
        assert_eq!(peer.json().await["bytes"], 0);
        assert_eq!(peer.frame().await.code(), Some(1000));
    }
    let mut peer = Peer::open_path(server.addr(), "/source?count=0").await;
    assert_eq!(peer.json().await["messages"], 0);
    assert_eq!(peer.frame().await.code(), Some(1000));
}

#[tokio::test]
async fn at_full_speed_a_ping_and_a_close_are_heard() {
    let server = server().await;
    for query in ["", "?size=1MiB", "?size=12", "?rate=100000"] {
        let mut peer = Peer::open_path(server.addr(), &format!("/source{query}")).await;
        peer.frame().await;
        peer.send([frame(FIN | TEXT, "whatever"), frame(FIN | PING, "you?")].concat()).await;
        while peer.frame().await != Frame::new(FIN | PONG, "you?") {}
        peer.send(frame(FIN | CLOSE, close_payload(4001, "enough"))).await;
        while peer.frame().await != Frame::close(4001, "enough") {}
        assert!(peer.rest().await.is_empty());
    }
}

#[tokio::test]
async fn it_goes_on_and_leaves_room_for_others_and_for_the_shutdown() {
    let server = server().await;
    // They read nothing, so these sources wait; and this one never has to.
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(Peer::open_path(server.addr(), "/source?size=1MiB").await);
    }
    let mut reading = Peer::open_path(server.addr(), "/source").await;
    let reading = tokio::spawn(async move { reading.frames().await.pop().unwrap() });
    let mut other = Peer::open(&server).await;
    for n in 0..100 {
        other.send(frame(FIN | TEXT, n.to_string())).await;
        assert_eq!(other.text().await, n.to_string());
    }
    other.part().await;
    drop(waiting);
    let shutdown = tokio::spawn(server.shutdown());
    let last = soon(reading).await.unwrap();
    assert_eq!(last, Frame::close(1001, "server is shutting down"));
    soon(shutdown).await.unwrap();
}

#[tokio::test]
async fn how_long_the_peer_did_not_read_is_reported() {
    let server = server().await;
    // More than the sockets' buffers hold.
    let mut peer = Peer::open_path(server.addr(), "/source?count=32&size=1MiB").await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    for expected in 1..=32 {
        assert_eq!(u64::from_be_bytes(peer.frame().await.payload[..8].try_into().unwrap()), expected);
    }
    let report = peer.json().await;
    let (blocked, elapsed) = (report["blocked_ms"].as_f64().unwrap(), report["elapsed_ms"].as_f64().unwrap());
    assert!(blocked > 0.0 && blocked <= elapsed, "{report}");
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_heard_all_the_same() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/source?size=1MiB").await;
    // Long enough for the source to fill the buffers; sooner, this tests less.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    peer.send(frame(FIN | CLOSE, close_payload(1000, ""))).await;
    let frames = peer.frames().await;
    assert_eq!(frames.last(), Some(&Frame::close(1000, "")));
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused() {
    let server = server().await;
    for (query, key) in [
        ("size=11", "size"),
        ("size=2MiB", "size"),
        ("kind=text&size=24", "size"),
        ("rate=0", "rate"),
        ("rate=1000000", "rate"),
        ("kind=json", "kind"),
        ("count=many", "count"),
    ] {
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(request(&format!("/source?{query}"), &[])).await;
        let answer = peer.response().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains(&format!("parameter {key} is")), "{answer}");
    }
}
