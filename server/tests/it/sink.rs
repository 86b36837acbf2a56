//! `/sink`: what was read, each second and at the end.

use serde_json::{Value, json};

use crate::support::{BINARY, CLOSE, FIN, Frame, PING, PONG, Peer, TEXT, close_payload, frame, server, soon};

/// What the sink says from the Close frame on: the last report, and the reason of its answer.
async fn end(peer: &mut Peer) -> (Value, Value) {
    peer.send(frame(FIN | CLOSE, close_payload(1000, "done"))).await;
    let report = loop {
        let report = peer.json().await;
        if report["last"] == true {
            break report;
        }
    };
    let close = peer.frame().await;
    assert_eq!(close.code(), Some(1000));
    assert!(peer.rest().await.is_empty());
    (report, serde_json::from_slice(&close.payload[2..]).unwrap())
}

#[tokio::test]
async fn it_reports_each_second() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/sink").await;
    peer.send([frame(FIN | TEXT, "four"), frame(FIN | BINARY, [1, 2])].concat()).await;
    // The first may be from before they came.
    while peer.json().await["messages"] != 2 {}
    for _ in 0..2 {
        let report = peer.json().await;
        assert_eq!((&report["messages"], &report["bytes"]), (&2.into(), &6.into()), "{report}");
        assert_eq!((&report["last"], &report["unnumbered"]), (&false.into(), &2.into()), "{report}");
    }
    peer.send(frame(FIN | TEXT, "another")).await;
    let (report, reason) = end(&mut peer).await;
    assert_eq!((&report["messages"], &report["bytes"]), (&3.into(), &13.into()), "{report}");
    assert_eq!(
        reason,
        json!({"messages": 3, "bytes": 13, "missing": 0, "repeated": 0, "late": 0, "corrupt": 0})
    );
}

#[tokio::test]
async fn each_message_is_acknowledged_with_its_size() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/sink?ack").await;
    let messages = [frame(FIN | BINARY, vec![7; 70_000]), frame(FIN | TEXT, "é"), frame(FIN | TEXT, "")];
    // With the Close frame right behind: nothing is lost of what is owed before its answer.
    peer.send([messages.concat(), frame(FIN | CLOSE, [])].concat()).await;
    for size in ["70000", "2", "0"] {
        assert_eq!(peer.text().await, size);
    }
    assert_eq!(peer.json().await["messages"], 3);
    assert_eq!(peer.frames().await, [Frame::new(FIN | CLOSE, [])]);
}

#[tokio::test]
async fn what_became_of_numbered_messages_is_told() {
    let server = server().await;
    let mut source = Peer::open_path(server.addr(), "/source?count=9&size=20").await;
    let mut sent = Vec::new();
    for _ in 0..9 {
        sent.push(source.frame().await);
    }
    let mut peer = Peer::open_path(server.addr(), "/sink").await;
    // 2 comes late, 3 comes again, 6 comes changed, 7 and 8 never.
    for at in [1, 3, 2, 3, 4, 5, 6, 9] {
        let mut payload = sent[at - 1].payload.clone();
        payload[19] ^= u8::from(at == 6);
        peer.send(frame(sent[at - 1].first, payload)).await;
    }
    let (report, reason) = end(&mut peer).await;
    for (key, count) in
        [("messages", 8), ("numbered", 7), ("missing", 3), ("repeated", 1), ("late", 1), ("corrupt", 1)]
    {
        assert_eq!(report[key], count, "{key} in {report}");
    }
    assert_eq!((&reason["missing"], &reason["late"]), (&3.into(), &1.into()));
}

#[tokio::test]
async fn all_that_a_source_sends_arrives_in_either_kind() {
    let server = server().await;
    for kind in ["text", "binary"] {
        let path = format!("/source?count=500&size=3000&kind={kind}");
        let mut source = Peer::open_path(server.addr(), &path).await;
        let mut peer = Peer::open_path(server.addr(), "/sink").await;
        for _ in 0..500 {
            let message = source.frame().await;
            peer.send(frame(message.first, message.payload)).await;
        }
        let (report, _) = end(&mut peer).await;
        assert_eq!((&report["numbered"], &report["missing"]), (&500.into(), &0.into()), "{report}");
        assert_eq!((&report["corrupt"], &report["unnumbered"]), (&0.into(), &0.into()), "{report}");
    }
}

#[tokio::test]
async fn it_reads_no_faster_than_its_rate() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/sink?rate=5").await;
    peer.send((0..1000).flat_map(|n: u32| frame(FIN | TEXT, n.to_string())).collect::<Vec<u8>>()).await;
    // Its own clock says how long it took; one may be early.
    loop {
        let report = peer.json().await;
        let (messages, elapsed) =
            (report["messages"].as_f64().unwrap(), report["elapsed_ms"].as_f64().unwrap());
        assert!(messages <= 2.0 + elapsed / 200.0, "{report}");
        if messages > 2.0 {
            break;
        }
    }
    drop(peer);
    soon(server.shutdown()).await;
}

#[tokio::test]
async fn a_ping_is_answered_between_messages() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/sink?rate=100").await;
    peer.send([frame(FIN | TEXT, "one"), frame(FIN | PING, "you?")].concat()).await;
    assert_eq!(peer.frame().await, Frame::new(FIN | PONG, "you?"));
    let (report, _) = end(&mut peer).await;
    assert_eq!(report["messages"], 1);
}
