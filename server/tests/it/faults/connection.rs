use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;

use crate::support::{BINARY, FIN, Frame, Peer, frame, server, soon};

#[tokio::test]
async fn it_ends_without_a_close_frame() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?fin&after=1").await;
    peer.say("1").await;
    peer.say("2").await;
    assert_eq!(peer.frames().await, [Frame::new(0x81, "1")]);
}

#[tokio::test]
async fn it_is_reset() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?rst&after=2").await;
    peer.say("1").await;
    assert_eq!(peer.hear().await, "1");
    peer.say("2").await;
    let mut rest = Vec::new();
    let ended = soon(peer.stream.read_to_end(&mut rest)).await;
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn it_stays_up_and_says_nothing() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?half-open&after=1").await;
    peer.say("1").await;
    assert_eq!(peer.hear().await, "1");
    peer.say("2").await;
    let more = tokio::time::timeout(Duration::from_millis(300), peer.frame()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test]
async fn a_half_open_connection_is_known_cut_and_given_up() {
    let server = crate::support::server_with(|config| config.control = true).await;
    let mut left = Peer::open_path(server.addr(), "/echo?half-open").await;
    let mut cut = Peer::open_path(server.addr(), "/echo?half-open").await;
    for peer in [&mut left, &mut cut] {
        peer.say("nobody reads this").await;
    }
    let listed = async || {
        let mut peer = Peer::connect(server.addr()).await;
        peer.send("GET /control/connections HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
        peer.response().await.matches("\"path\":\"/echo\"").count()
    };
    assert_eq!(listed().await, 2);
    // Seen although what it said before was not read.
    drop(left);
    soon(async {
        while listed().await > 1 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let mut peer = Peer::connect(server.addr()).await;
    let path = "/control/connections/all/faults?rst";
    peer.send(format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ))
    .await;
    assert!(peer.response().await.contains("\"changed\":1"));
    let mut rest = Vec::new();
    let ended = soon(cut.stream.read_to_end(&mut rest)).await;
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn what_was_read_before_a_stall_goes_on() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?stall=500ms&after=1").await;
    peer.say("1").await;
    assert_eq!(peer.hear().await, "1");
    let report = peer.hear().await;
    assert!(report.contains("stalled_ms"), "{report}");
    peer.part().await;
}

#[tokio::test]
async fn the_server_does_not_read_and_tells_what_that_did() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?stall=400ms").await;
    let asked = Instant::now();
    peer.send(frame(FIN | BINARY, vec![7; 100_000])).await;
    let report = peer.hear().await;
    assert!(asked.elapsed() >= Duration::from_millis(300), "{report}");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert!(report["stalled_ms"].as_u64() >= Some(400), "{report}");
    assert_eq!(report["waiting_bytes"], 100_000 + 14, "{report}");
    assert!(report["blocked_ms"].as_u64() <= report["stalled_ms"].as_u64(), "{report}");
    assert_eq!(peer.frame().await.payload.len(), 100_000);
    peer.part().await;
}

#[tokio::test]
async fn bytes_leave_in_pieces() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?chunk=1").await;
    peer.say("slowly").await;
    let (mut reads, mut all) = (0, Vec::new());
    while all.len() < 8 {
        let mut some = [0; 100];
        let count = soon(peer.stream.read(&mut some)).await.unwrap();
        all.extend_from_slice(&some[..count]);
        reads += 1;
    }
    assert_eq!(all, b"\x81\x06slowly");
    // How the system joins them on the way is its own affair.
    assert!(reads > 1, "{reads} reads");
    peer.part().await;
}

#[tokio::test]
async fn bytes_leave_at_a_pace() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?bandwidth=100KiB").await;
    let asked = Instant::now();
    peer.send(frame(FIN | BINARY, vec![7; 30 * 1024])).await;
    assert_eq!(peer.frame().await.payload.len(), 30 * 1024);
    assert!(asked.elapsed() >= Duration::from_millis(290), "{:?}", asked.elapsed());
    peer.part().await;
}

#[tokio::test]
async fn it_is_cut_when_nothing_happens() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?idle-cutoff=400ms").await;
    let opened = Instant::now();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        peer.say("busy").await;
        assert_eq!(peer.hear().await, "busy");
    }
    assert_eq!(peer.frames().await, [] as [Frame; 0]);
    assert!(opened.elapsed() >= Duration::from_millis(850), "{:?}", opened.elapsed());
}
