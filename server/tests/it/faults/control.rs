use std::time::{Duration, Instant};

use crate::support::{CLOSE, FIN, Frame, PING, PONG, Peer, close_payload, frame, server, soon};

#[tokio::test]
async fn pings_are_not_answered_or_late() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?no-pong").await;
    peer.send(frame(FIN | PING, "anybody?")).await;
    peer.say("still here").await;
    assert_eq!(peer.hear().await, "still here");
    peer.part().await;

    let mut peer = Peer::open_path(server.addr(), "/echo?pong-delay=300ms").await;
    let asked = Instant::now();
    peer.send(frame(FIN | PING, "anybody?")).await;
    peer.say("first").await;
    assert_eq!(peer.hear().await, "first");
    assert_eq!(peer.frame().await, Frame::new(FIN | PONG, "anybody?"));
    assert!(asked.elapsed() >= Duration::from_millis(300));
    peer.part().await;
}

#[tokio::test]
async fn triggers_choose_the_pings_that_are_not_answered() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?no-pong&after=1&every=2").await;
    peer.send(frame(FIN | PING, "before")).await;
    assert_eq!(peer.frame().await, Frame::new(FIN | PONG, "before"));
    peer.say("1").await;
    assert_eq!(peer.hear().await, "1");
    for ping in ["a", "b", "c"] {
        peer.send(frame(FIN | PING, ping)).await;
    }
    peer.say("2").await;
    // The second and fourth of all, counted from the first.
    assert_eq!(peer.frame().await, Frame::new(FIN | PONG, "b"));
    assert_eq!(peer.hear().await, "2");
    peer.part().await;
}

#[tokio::test]
async fn late_pongs_are_bounded() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?pong-delay=1h").await;
    let pings = frame(FIN | PING, [b'p'; 125]).repeat(1000);
    // What is taken is kept, so at some point nothing more is taken.
    let all = async {
        for _ in 0..500 {
            tokio::io::AsyncWriteExt::write_all(&mut peer.stream, &pings).await.unwrap();
        }
    };
    let taken = tokio::time::timeout(Duration::from_secs(3), all).await;
    assert!(taken.is_err(), "half a million pings are too many to keep");
}

#[tokio::test]
async fn pongs_and_pings_come_unasked() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?unsolicited-pong=10ms").await;
    for _ in 0..3 {
        assert_eq!(peer.frame().await.first, FIN | PONG);
    }
    let mut peer = Peer::open_path(server.addr(), "/echo?ping-flood=1000").await;
    for _ in 0..50 {
        assert_eq!(peer.frame().await, Frame::new(FIN | PING, "flood"));
    }
}

#[tokio::test]
async fn a_close_frame_has_any_code_and_comes_when_it_is_told_to() {
    let server = server().await;
    for (query, code, reason) in [
        ("close=1011", 1011, ""),
        ("close=1012&reason=back%20soon", 1012, "back soon"),
        // Never in a frame of a correct server (RFC 6455 section 7.4.1).
        ("close=1006", 1006, ""),
        ("close=0&reason=x", 0, "x"),
    ] {
        let mut peer = Peer::open_path(server.addr(), &format!("/echo?{query}")).await;
        assert_eq!(peer.frame().await, Frame::close(code, reason), "{query}");
        peer.send(frame(FIN | CLOSE, close_payload(1000, ""))).await;
        assert_eq!(peer.frames().await, [] as [Frame; 0], "{query}: the handshake is over");
    }
    let mut peer = Peer::open_path(server.addr(), "/echo?close=1001&after=2").await;
    for text in ["1", "2", "3"] {
        peer.say(text).await;
    }
    assert_eq!([peer.hear().await, peer.hear().await], ["1", "2"]);
    assert_eq!(peer.frame().await, Frame::close(1001, ""), "nothing comes between");

    let mut peer = Peer::open_path(server.addr(), "/echo?close=1001&after=3&dir=in&drop&drop.dir=out").await;
    for text in ["1", "2", "3"] {
        peer.say(text).await;
    }
    assert_eq!(peer.frame().await, Frame::close(1001, ""));

    let mut peer = Peer::open_path(server.addr(), "/echo?close=1001&after=200ms").await;
    assert_eq!(peer.frame().await, Frame::close(1001, ""));
}

#[tokio::test]
async fn a_peer_that_does_not_answer_a_close_is_left() {
    let server =
        crate::support::server_with(|config| config.timeouts.close = Duration::from_millis(100)).await;
    let mut peer = Peer::open_path(server.addr(), "/echo?close=1000").await;
    assert_eq!(peer.frames().await, [Frame::close(1000, "")]);
}

#[tokio::test]
async fn the_clients_close_is_answered_late() {
    let server = server().await;
    let peer = Peer::open_path(server.addr(), "/echo?close-delay=300ms").await;
    let asked = Instant::now();
    peer.part().await;
    assert!(asked.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn the_clients_close_is_not_answered() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?no-close-reply").await;
    peer.say("before").await;
    peer.send(frame(FIN | CLOSE, close_payload(1000, ""))).await;
    assert_eq!(peer.hear().await, "before");
    let more = tokio::time::timeout(Duration::from_millis(500), peer.frame()).await;
    assert!(more.is_err(), "neither an answer nor the end comes: {more:?}");
    // It goes when the server does.
    let stopped = tokio::spawn(server.shutdown());
    assert_eq!(soon(peer.frames()).await, [] as [Frame; 0]);
    soon(stopped).await.unwrap();
}
