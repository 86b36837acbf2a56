//! What a peer can have too much of, and what happens then.

use std::time::Duration;

use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use wirescope_server::{Limit, Server};

use crate::support::{
    BINARY, CLOSE, FIN, Frame, PING, PONG, Peer, TEXT, close_payload, frame, request, server_with, soon,
};

/// Waits until the server's count of something is this, as its text form says.
pub(crate) async fn until_counted(server: &Server, line: &str) {
    let counted = async {
        while !server.metrics().lines().any(|found| found == line) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), counted).await;
    assert!(waited.is_ok(), "{line} never came:\n{}", server.metrics());
}

fn hits(limit: &str, count: u64) -> String {
    format!("wirescope_limit_hits_total{{limit=\"{limit}\"}} {count}")
}

#[tokio::test]
async fn one_connection_too_many_gets_503_and_those_before_it_go_on() {
    let server = server_with(|config| config.limits.connections = Some(3)).await;
    let mut peers = Vec::new();
    for _ in 0..3 {
        peers.push(Peer::open(&server).await);
    }
    let mut refused = Peer::connect(server.addr()).await;
    refused.send(request("/echo", &[])).await;
    let answer = refused.response().await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("as many connections"), "{answer}");
    for peer in &mut peers {
        peer.send(frame(FIN | TEXT, "still")).await;
        assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, "still"));
    }
    until_counted(&server, &hits("connections", 1)).await;
    peers.pop().unwrap().part().await;
    until_counted(&server, "wirescope_open_connections 2").await;
    Peer::open(&server).await.part().await;
}

#[tokio::test]
async fn one_connection_too_many_of_an_address_gets_429() {
    let server = server_with(|config| config.limits.per_address = Limit::At(2)).await;
    let _peers = [Peer::open(&server).await, Peer::open(&server).await];
    let mut refused = Peer::connect(server.addr()).await;
    refused.send(request("/echo", &[])).await;
    let answer = refused.response().await;
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("your address"), "{answer}");
    until_counted(&server, &hits("per_address", 1)).await;
}

#[tokio::test]
async fn a_head_past_its_limit_is_refused_on_a_new_and_on_a_used_connection() {
    let server = server_with(|config| config.limits.request_head = 8 * 1024).await;
    let long = request("/echo", &[("X-Long", &"x".repeat(20_000))]);
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(&long).await;
    assert!(peer.response().await.starts_with("HTTP/1.1 431 "));
    until_counted(&server, &hits("request_head", 1)).await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n{long}")).await;
    assert!(peer.head().await.starts_with("HTTP/1.1 200 "));
    assert!(peer.response().await.contains("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_frame_past_its_limit_gets_1009_where_its_message_would_be_taken() {
    let server = server_with(|config| config.limits.frame = 1_000).await;
    let mut peer = Peer::open(&server).await;
    let halves = [frame(BINARY, [1; 1_000]), frame(FIN, [1; 1_000])].concat();
    peer.send(halves).await;
    assert_eq!(peer.frame().await.payload.len(), 2_000);
    peer.send(frame(FIN | BINARY, [1; 1_001])).await;
    assert_eq!(peer.frames().await.iter().map(Frame::code).collect::<Vec<_>>(), [Some(1009)]);
    until_counted(&server, &hits("message", 1)).await;
}

#[tokio::test]
async fn too_many_messages_in_a_second_get_1008() {
    let server = server_with(|config| config.limits.messages_per_second = Limit::At(50)).await;
    for kind in [TEXT, PING] {
        let mut peer = Peer::open(&server).await;
        let burst: Vec<u8> = (0..500).flat_map(|_| frame(FIN | kind, "x")).collect();
        peer.send(burst).await;
        let frames = peer.frames().await;
        let (close, answers) = frames.split_last().unwrap();
        assert_eq!(close.code(), Some(1008));
        assert_eq!(&close.payload[2..], b"more than 50 messages in a second");
        // Twice as many when a second ends within the burst.
        assert!((50..=100).contains(&answers.len()), "{}", answers.len());
    }
    until_counted(&server, &hits("messages_per_second", 2)).await;
}

#[tokio::test]
async fn a_peer_that_reads_nothing_is_closed_with_1013() {
    let server = server_with(|config| config.timeouts.blocked = Duration::from_millis(500)).await;
    let mut peer = Peer::open(&server).await;
    let message = frame(FIN | BINARY, vec![7; 256 * 1024]);
    let flood = async { while peer.stream.write_all(&message).await.is_ok() {} };
    // The server stops reading, so the flood only ends when the connection does.
    soon(flood).await;
    until_counted(&server, &hits("outbound_queue", 1)).await;
    until_counted(&server, "wirescope_closes_total{code=\"1013\",by=\"server\"} 1").await;
    until_counted(&server, "wirescope_queued_bytes 0").await;
}

#[tokio::test]
async fn a_peer_that_reads_slowly_is_served() {
    let server = server_with(|config| config.timeouts.blocked = Duration::from_secs(2)).await;
    let mut peer = Peer::open(&server).await;
    let message = frame(FIN | BINARY, vec![7; 16 << 20]);
    let (reader, mut writer) = peer.stream.split();
    let mut reader = tokio::io::BufReader::with_capacity(64 * 1024, reader);
    let write = async { writer.write_all(&message).await.unwrap() };
    let read = async {
        // In 64 pieces, 50 ms apart: in all longer than a peer may read nothing.
        let mut piece = vec![0; (16 << 20) / 64];
        for _ in 0..64 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            tokio::io::AsyncReadExt::read_exact(&mut reader, &mut piece).await.unwrap();
        }
    };
    soon(async { tokio::join!(write, read) }).await;
    assert!(server.metrics().contains(&hits("outbound_queue", 0)));
}

#[tokio::test]
async fn an_idle_peer_is_pinged_and_stays_while_it_answers() {
    let server = server_with(|config| {
        config.timeouts.idle = Duration::from_millis(100);
        config.timeouts.pong = Duration::from_secs(20);
    })
    .await;
    let mut peer = Peer::open(&server).await;
    for _ in 0..5 {
        assert_eq!(peer.frame().await, Frame::new(FIN | PING, ""));
        peer.send(frame(FIN | PONG, "")).await;
    }
    peer.send(frame(FIN | CLOSE, close_payload(1000, ""))).await;
    let frames = peer.frames().await;
    let (close, pings) = frames.split_last().unwrap();
    assert_eq!(*close, Frame::close(1000, ""));
    assert!(pings.iter().all(|ping| ping.first == FIN | PING));
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_closed_with_1011() {
    let server = server_with(|config| {
        config.timeouts.idle = Duration::from_millis(100);
        config.timeouts.pong = Duration::from_millis(200);
    })
    .await;
    let mut peer = Peer::open(&server).await;
    let frames = peer.frames().await;
    assert_eq!(frames[0], Frame::new(FIN | PING, ""));
    assert_eq!(frames[1..].iter().map(Frame::code).collect::<Vec<_>>(), [Some(1011)]);
    until_counted(&server, &hits("pong", 1)).await;
}

#[tokio::test]
async fn a_peer_that_talks_is_not_pinged() {
    let server = server_with(|config| config.timeouts.idle = Duration::from_secs(2)).await;
    let mut peer = Peer::open(&server).await;
    // Many times as long as it may be silent, if it were.
    for number in 0..40 {
        peer.send(frame(FIN | TEXT, number.to_string())).await;
        assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, number.to_string()));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    peer.part().await;
}

#[tokio::test]
async fn a_websocket_that_has_lived_its_time_is_closed_with_1001() {
    let server = server_with(|config| config.limits.lifetime = Limit::At(Duration::from_millis(200))).await;
    let mut peer = Peer::open(&server).await;
    let close = peer.frame().await;
    assert_eq!(close.code(), Some(1001));
    peer.send(frame(FIN | CLOSE, &close.payload)).await;
    assert_eq!(peer.rest().await, b"");
    until_counted(&server, &hits("lifetime", 1)).await;
}

/// Slow loris: a thousand that send a byte a second hold nobody up and are gone in time.
#[tokio::test]
async fn a_thousand_slow_handshakes_are_cut_while_honest_clients_are_served() {
    const SLOW: usize = 1_000;
    const HONEST: usize = 100;
    const ROUNDS: usize = 30;
    wirescope_server::raise_descriptor_limit().unwrap();
    let server = server_with(|config| {
        config.timeouts.request = Duration::from_secs(3);
        config.limits.connections = Some(2 * SLOW);
    })
    .await;
    let addr = server.addr();
    let honest_round_trips = || async move {
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..HONEST {
            clients.spawn(async move {
                let mut peer = Peer::open_at(addr).await;
                let mut took = Vec::new();
                for number in 0..ROUNDS {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    let sent = std::time::Instant::now();
                    peer.send(frame(FIN | TEXT, number.to_string())).await;
                    assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, number.to_string()));
                    took.push(sent.elapsed());
                }
                peer.part().await;
                took
            });
        }
        let mut all: Vec<Duration> = clients.join_all().await.concat();
        all.sort();
        all
    };
    let before = honest_round_trips().await;

    let mut slow = tokio::task::JoinSet::new();
    for _ in 0..SLOW {
        let mut stream = soon(TcpStream::connect(addr)).await.unwrap();
        slow.spawn(async move {
            let request = request("/echo", &[]);
            for byte in request.as_bytes() {
                if stream.write_all(&[*byte]).await.is_err() {
                    return Vec::new();
                }
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    _ = stream.readable() => break,
                }
            }
            let mut answer = Vec::new();
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await;
            answer
        });
    }
    let (during, answers) = soon(async { tokio::join!(honest_round_trips(), slow.join_all()) }).await;
    assert_eq!(during.len(), HONEST * ROUNDS);
    let told = answers.iter().filter(|answer| answer.starts_with(b"HTTP/1.1 408 ")).count();
    assert_eq!(told, SLOW, "each was told that it took too long");
    until_counted(&server, &hits("request_time", SLOW as u64)).await;
    until_counted(&server, "wirescope_open_connections 0").await;
    let p99 = |all: &[Duration]| all[all.len() * 99 / 100];
    println!(
        "p99 of {} honest round trips: {:?} before, {:?} during",
        during.len(),
        p99(&before),
        p99(&during)
    );
}
