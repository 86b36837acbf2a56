use std::time::{Duration, Instant};

use crate::support::{
    BINARY, CLOSE, CONTINUATION, FIN, Frame, PING, PONG, Peer, TEXT, close_payload, frame, server,
};

/// What comes back of numbered messages, and the end.
async fn echoed(query: &str, count: usize) -> Vec<String> {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), &format!("/echo?{query}")).await;
    for number in 1..=count {
        peer.say(&format!("message {number}")).await;
    }
    peer.send(frame(FIN | CLOSE, close_payload(1000, ""))).await;
    let mut frames = peer.frames().await;
    assert_eq!(frames.pop(), Some(Frame::close(1000, "")), "{query}: the close comes last");
    frames.into_iter().map(|frame| String::from_utf8(frame.payload).unwrap()).collect()
}

fn numbers(messages: &[String]) -> Vec<usize> {
    messages.iter().map(|message| message.strip_prefix("message ").unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn some_are_lost_and_the_same_ones_each_time() {
    assert_eq!(echoed("drop", 5).await, [""; 0]);
    assert_eq!(numbers(&echoed("drop&every=2", 5).await), [1, 3, 5]);
    let one = echoed("drop=20%&seed=42", 100).await;
    assert!((60..97).contains(&one.len()), "{} of 100 are left of 80 %", one.len());
    assert_eq!(echoed("seed=42&drop=0.2", 100).await, one);
    assert_ne!(echoed("seed=43&drop=0.2", 100).await, one);
    assert_ne!(echoed("seed=42&drop=0.2&conn=1", 100).await, one);
}

#[tokio::test]
async fn some_are_doubled_or_change_places() {
    assert_eq!(numbers(&echoed("duplicate&every=2", 4).await), [1, 2, 2, 3, 4, 4]);
    assert_eq!(numbers(&echoed("reorder&every=2", 5).await), [1, 3, 2, 5, 4]);
    assert_eq!(numbers(&echoed("reorder", 3).await), [2, 1, 3]);
}

#[tokio::test]
async fn some_are_changed_or_cut() {
    let corrupt = echoed("corrupt&after=1", 3).await;
    assert_eq!(corrupt[0], "message 1");
    for (number, came) in [(2, &corrupt[1]), (3, &corrupt[2])] {
        let sent = format!("message {number}");
        assert_eq!(came.len(), sent.len());
        assert_eq!(came.bytes().zip(sent.bytes()).filter(|(came, sent)| came != sent).count(), 1, "{came}");
    }
    for (number, came) in (1..).zip(echoed("truncate", 3).await) {
        let sent = format!("message {number}");
        assert!(sent.starts_with(&came) && came.len() < sent.len(), "{came}");
    }
}

#[tokio::test]
async fn they_come_later_and_in_order() {
    let start = Instant::now();
    assert_eq!(numbers(&echoed("delay=300ms", 5).await), [1, 2, 3, 4, 5]);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(numbers(&echoed("jitter=50ms&seed=3", 20).await), (1..=20).collect::<Vec<_>>());
    let start = Instant::now();
    assert_eq!(numbers(&echoed("rate=20", 5).await), [1, 2, 3, 4, 5]);
    assert!(start.elapsed() >= Duration::from_millis(200), "four gaps of 50 ms");
}

#[tokio::test]
async fn a_pong_overtakes_what_is_delayed() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?delay=500ms").await;
    peer.say("late").await;
    peer.send(frame(FIN | PING, "now")).await;
    assert_eq!(peer.frame().await, Frame::new(FIN | PONG, "now"));
    assert_eq!(peer.hear().await, "late");
    peer.part().await;
}

#[tokio::test]
async fn they_come_in_frames() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?fragment=3").await;
    peer.say("fragment").await;
    assert_eq!(peer.frame().await, Frame::new(TEXT, "fra"));
    assert_eq!(peer.frame().await, Frame::new(CONTINUATION, "gme"));
    assert_eq!(peer.frame().await, Frame::new(FIN | CONTINUATION, "nt"));
    peer.part().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?fragment-pings=3").await;
    peer.send(frame(FIN | BINARY, "four")).await;
    assert_eq!(peer.frame().await, Frame::new(BINARY, "fou"));
    assert_eq!(peer.frame().await, Frame::new(FIN | PING, "between"));
    assert_eq!(peer.frame().await, Frame::new(FIN | CONTINUATION, "r"));
    peer.part().await;
}

#[tokio::test]
async fn those_that_the_server_receives_are_struck_as_well() {
    assert_eq!(numbers(&echoed("drop&dir=in&every=2", 5).await), [1, 3, 5]);
    assert_eq!(numbers(&echoed("duplicate&dir=in&duplicate.after=2", 3).await), [1, 2, 3, 3]);
    // Struck on the way in and once more on the way out.
    assert_eq!(numbers(&echoed("duplicate&dir=both", 1).await), [1, 1, 1, 1]);

    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?duplicate&dir=in").await;
    peer.send(frame(TEXT, "one ")).await;
    peer.send(frame(FIN | PING, "")).await;
    peer.send(frame(FIN | CONTINUATION, "message")).await;
    assert_eq!(peer.frame().await, Frame::new(FIN | PONG, ""));
    assert_eq!([peer.hear().await, peer.hear().await], ["one message", "one message"]);
    peer.part().await;
}

#[tokio::test]
async fn a_broken_rule_stays_broken_behind_a_fault_of_what_is_received() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?duplicate&dir=in").await;
    peer.send(frame(FIN | CONTINUATION, "of nothing")).await;
    let frames = peer.frames().await;
    assert_eq!(frames.iter().map(Frame::code).collect::<Vec<_>>(), [Some(1002)]);
}
