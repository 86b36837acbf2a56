//! What the server says of its own wire.

use serde_json::Value;

use crate::support::{FIN, PING, Peer, frame, request, server, server_with, soon};

const ID: &str = "0123456789abcdef0123456789abcdef";

/// The events of a trace, up to the verdict of so many connections.
async fn events(watcher: &mut Peer, verdicts: usize) -> Vec<Value> {
    let (mut events, mut seen) = (Vec::new(), 0);
    while seen < verdicts {
        let event: Value = serde_json::from_str(&watcher.hear().await).unwrap();
        seen += usize::from(event["event"] == "verdict");
        events.push(event);
    }
    events
}

/// Without what differs from run to run.
fn timeless(mut events: Vec<Value>) -> Vec<Value> {
    for event in &mut events {
        let event = event.as_object_mut().unwrap();
        event.remove("ms");
        event.remove("blocked_ms");
        event.remove("conn");
    }
    events
}

#[tokio::test]
async fn it_shows_the_handshake_the_frames_and_the_verdict() {
    let server = server().await;
    let mut watcher = Peer::open_path(server.addr(), &format!("/trace/{ID}")).await;
    let mut peer = Peer::connect(server.addr()).await;
    let path = format!("/echo?trace={ID}");
    peer.send(request(&path, &[("Cookie", "secret=1"), ("Authorization", "Bearer secret")])).await;
    peer.head().await;
    peer.say("hello").await;
    assert_eq!(peer.hear().await, "hello");
    peer.send(frame(FIN | PING, "x")).await;
    peer.frame().await;
    peer.part().await;

    let events = events(&mut watcher, 1).await;
    let kinds: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let expected =
        ["handshake", "handshake", "frame", "frame", "frame", "frame", "frame", "frame", "verdict"];
    assert_eq!(kinds, expected, "{events:#?}");
    let asked = events[0]["text"].as_str().unwrap();
    assert!(asked.starts_with(&format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n")), "{asked}");
    assert!(!asked.contains("secret"), "{asked}");
    assert!(events[1]["text"].as_str().unwrap().starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    let text = &events[2];
    assert_eq!((&text["dir"], &text["fin"], &text["opcode"]), (&"in".into(), &true.into(), &1.into()));
    assert_eq!((&text["mask"], &text["length"]), (&"37fa213d".into(), &5.into()));
    assert_eq!((&text["head"], &text["payload"]), (&"818537fa213d".into(), &"68656c6c6f".into()));
    assert_eq!((&events[3]["dir"], &events[3]["mask"]), (&"out".into(), &Value::Null));
    let verdict = &events[8];
    assert_eq!(verdict["sent"], serde_json::json!({ "frames": 3, "messages": 1, "bytes": 5 }));
    assert_eq!(verdict["received"], verdict["sent"]);
    assert_eq!((&verdict["close_sent"], &verdict["over"]), (&1000.into(), &"ended".into()));
}

#[tokio::test]
async fn a_watcher_may_have_several_events_a_message() {
    const MESSAGES: usize = 3000;
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request(&format!("/source?kind=text&size=64&count={MESSAGES}&trace={ID}"), &[])).await;
    peer.head().await;
    for _ in 0..=MESSAGES {
        peer.hear().await;
    }
    drop(peer);
    // All is there when the watcher comes.
    let mut watcher = Peer::open_path(server.addr(), &format!("/trace/{ID}?batch")).await;
    let (mut events, mut messages) = (Vec::<Value>::new(), 0);
    while events.last().is_none_or(|event| event["event"] != "verdict") {
        messages += 1;
        events.extend(watcher.hear().await.lines().map(|line| serde_json::from_str(line).unwrap()));
    }
    let frames: Vec<_> = events.iter().filter_map(|event| event["message"].as_u64()).collect();
    let expected: Vec<_> = (1..=MESSAGES as u64 + 1).collect();
    assert_eq!(frames, expected, "each once, in order");
    assert!(messages < 100, "{} events in {messages} messages", events.len());
}

#[tokio::test]
async fn it_shows_a_handshake_that_opens_nothing() {
    let server = server().await;
    for (query, code) in [("status=503", Value::Null), ("early-close=1001", 1001.into())] {
        let id = format!("{ID}{}", &query[..5]);
        let mut watcher = Peer::open_path(server.addr(), &format!("/trace/{id}")).await;
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(request(&format!("/echo?{query}&trace={id}"), &[])).await;
        let events = events(&mut watcher, 1).await;
        let struck = events.iter().find(|event| event["event"] == "fault").expect("a fault");
        assert!(query.starts_with(struck["fault"].as_str().unwrap()), "{struck}");
        let verdict = events.last().unwrap();
        assert_eq!((&verdict["over"], &verdict["close_sent"]), (&"not opened".into(), &code));
    }
}

#[tokio::test]
async fn a_seeded_run_repeated_gives_the_same_trace() {
    const QUERY: &str = "drop=10%&duplicate=10%&reorder=10%&corrupt=10%&truncate=10%&fragment=3&inject=rsv1\
                         &inject.chance=5%&seed=42";
    let server = server().await;
    let mut watcher = Peer::open_path(server.addr(), &format!("/trace/{ID}")).await;
    let mut traces = Vec::new();
    for run in 0..2 {
        let mut peer = Peer::open_path(server.addr(), &format!("/echo?{QUERY}&trace={ID}")).await;
        for number in 0..100 {
            let message = frame(FIN | 1, format!("message {number}"));
            // TCP may cut the same bytes anywhere.
            for piece in message.chunks(if run == 0 { 100 } else { 3 }) {
                peer.send(piece).await;
            }
        }
        peer.send(frame(FIN | 8, 1000_u16.to_be_bytes())).await;
        soon(peer.frames()).await;
        let mut events = timeless(events(&mut watcher, 1).await);
        // How the two directions mix is a matter of time; each has its order.
        let inward: Vec<_> = events.extract_if(.., |event| event["dir"] == "in").collect();
        traces.push((inward, events));
    }
    assert!(traces[0].1.iter().any(|event| event["fault"] == "drop"));
    assert_eq!(traces[0].0.len(), traces[1].0.len());
    assert_eq!(traces[0].1, traces[1].1);
}

#[tokio::test]
async fn it_says_what_each_fault_did_and_to_which_message() {
    let server = server_with(|config| config.control = true).await;
    let mut watcher = Peer::open_path(server.addr(), &format!("/trace/{ID}")).await;
    let path = format!(
        "/echo?drop&drop.every=2&delay=20ms&delay.every=3&truncate.dir=in&truncate.after=3&truncate&trace={ID}"
    );
    let mut peer = Peer::open_path(server.addr(), &path).await;
    for text in ["one", "two", "three", "four!"] {
        peer.say(text).await;
    }
    assert_eq!([peer.hear().await, peer.hear().await], ["one", "three"]);
    peer.part().await;
    let events = events(&mut watcher, 1).await;
    let faults: Vec<_> = events.iter().filter(|event| event["event"] == "fault").collect();
    let of = |name: &str| faults.iter().find(|fault| fault["fault"] == name).expect("it struck");
    let drop = of("drop");
    let was = serde_json::json!({ "opcode": 1, "length": 3, "payload": "74776f" });
    assert_eq!((&drop["message"], &drop["was"]), (&2.into(), &was));
    assert_eq!((&of("delay")["message"], &of("delay")["later_ms"]), (&3.into(), &20.0.into()));
    assert_eq!((&of("truncate")["dir"], &of("truncate")["was"]["length"]), (&"in".into(), &5.into()));
    let numbers = |dir: &str| -> Vec<_> {
        let of_messages = events.iter().filter(|event| event["event"] == "frame" && event["opcode"] == 1);
        of_messages.filter(|event| event["dir"] == dir).map(|event| event["message"].clone()).collect()
    };
    assert_eq!(numbers("out"), [1, 3]);
    assert_eq!(numbers("in"), [1, 2, 3, 4]);
}

#[tokio::test]
async fn it_can_be_had_whole() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), &format!("/echo?trace={ID}")).await;
    peer.say("hello").await;
    peer.hear().await;
    peer.part().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(format!("GET /trace/{ID}.ndjson HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
        .await;
    let response = peer.response().await;
    let body = response.split_once("\r\n\r\n").unwrap().1;
    assert!(response.contains("application/x-ndjson"), "{response}");
    assert!(body.lines().filter(|line| line.starts_with('{')).count() >= 6, "{response}");
}

#[tokio::test]
async fn one_that_nobody_used_is_not_found() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(format!("GET /trace/{ID}.ndjson HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
        .await;
    assert!(peer.response().await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn an_id_that_can_be_guessed_is_refused() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request("/trace/1", &[])).await;
    assert!(peer.response().await.starts_with("HTTP/1.1 400 "));
}
