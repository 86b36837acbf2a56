//! `/feed/prices`: one source of quotes, read in four ways.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::support::{FIN, Frame, Peer, TEXT, frame, request, server, soon};

async fn get(addr: SocketAddr, target: &str) -> String {
    let mut peer = Peer::connect(addr).await;
    peer.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
    peer.response().await
}

async fn get_json(addr: SocketAddr, target: &str) -> Value {
    let answer = get(addr, target).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn number(update: &Value) -> u64 {
    assert!(update["time"].as_u64().unwrap() > 1_700_000_000_000, "{update}");
    assert!(update["quotes"].as_object().unwrap().values().all(Value::is_f64), "{update}");
    update["number"].as_u64().unwrap()
}

/// A reader of server-sent events.
struct Events {
    lines: BufReader<tokio::net::TcpStream>,
}

impl Events {
    async fn open(addr: SocketAddr, target: &str, headers: &str) -> Self {
        let mut peer = Peer::connect(addr).await;
        peer.send(format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{headers}\r\n"
        ))
        .await;
        let head = peer.head().await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
        assert!(head.contains("cache-control: no-store\r\n"), "{head}");
        Self { lines: BufReader::new(peer.stream) }
    }

    /// The fields of the next event; what HTTP puts between its chunks is passed over.
    async fn next(&mut self) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(soon(self.lines.read_line(&mut line)).await.unwrap(), 0, "the stream ended");
            match line.trim_end().split_once(": ") {
                Some((name, value)) => fields.push((name.to_owned(), value.to_owned())),
                None if line == "\n" && !fields.is_empty() => return fields,
                None => {}
            }
        }
    }

    /// The next update, whose id is its number.
    async fn update(&mut self) -> Value {
        loop {
            let fields = self.next().await;
            if let [(id, number_of), (data, update)] = &fields[..]
                && (id.as_str(), data.as_str()) == ("id", "data")
            {
                let update: Value = serde_json::from_str(update).unwrap();
                assert_eq!(number(&update).to_string(), *number_of);
                return update;
            }
        }
    }
}

#[tokio::test]
async fn quotes_come_one_by_one_with_number_and_time() {
    let server = server().await;
    let mut peer =
        Peer::open_path(server.addr(), "/feed/prices?seed=7&rate=100&symbols=ACME,B.2&after=0").await;
    for expected in 1..10 {
        let update = peer.json().await;
        assert_eq!(number(&update), expected);
        let symbols: Vec<_> = update["quotes"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(symbols, ["ACME", "B.2"]);
    }
    // What is said to it means nothing.
    peer.send(frame(FIN | TEXT, "more!")).await;
    assert_eq!(number(&peer.json().await), 10);
    drop(peer);
    soon(server.shutdown()).await;
}

#[tokio::test]
async fn the_same_seed_gives_the_same_quotes_in_every_run() {
    let mut runs = Vec::new();
    for path in ["seed=7&rate=200", "seed=7&rate=300", "seed=8&rate=200"] {
        let server = server().await;
        let mut peer = Peer::open_path(server.addr(), &format!("/feed/prices?{path}&after=0")).await;
        let mut quotes = Vec::new();
        for _ in 0..5 {
            quotes.push(peer.json().await["quotes"].take());
        }
        runs.push(quotes);
    }
    assert_eq!(runs[0], runs[1], "the rate does not matter");
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn all_four_ways_read_the_same_feed() {
    let server = server().await;
    let addr = server.addr();
    let path = "/feed/prices?rate=20&after=0";
    let mut socket = Peer::open_path(addr, path).await;
    let mut events = Events::open(addr, path, "").await;
    let (mut by_socket, mut by_events) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        by_socket.push(socket.json().await);
        by_events.push(events.update().await);
    }
    assert_eq!(by_socket, by_events);
    // All of them are there by now.
    let polled = get_json(addr, path).await;
    let long_polled = get_json(addr, "/feed/prices?rate=20&after=7&wait=30s").await;
    assert_eq!(polled["recovered"], true);
    assert_eq!(polled["updates"].as_array().unwrap()[..8], by_socket[..]);
    assert_eq!(long_polled["updates"][0], by_socket[7]);
    // The order of the parameters does not make it another feed.
    let polled = get_json(addr, "/feed/prices?after=3&seed=0&symbols=ACME,GLOBEX,INITECH&rate=20").await;
    assert_eq!(polled["updates"][0], by_socket[3]);
}

#[tokio::test]
async fn a_long_poll_waits_for_an_update_or_for_its_time() {
    let server = server().await;
    let addr = server.addr();
    let first = get_json(addr, "/feed/prices?rate=4&after=0&wait=30s").await;
    assert_eq!(number(&first["updates"][0]), 1);
    let second = get_json(addr, "/feed/prices?rate=4&after=1&wait=30s").await;
    assert_eq!(number(&second["updates"][0]), 2);
    // The next is due in 100 s.
    get_json(addr, "/feed/prices?rate=0.01&after=0&wait=30s").await;
    let none = get_json(addr, "/feed/prices?rate=0.01&after=1&wait=50ms").await;
    assert_eq!(none.to_string(), r#"{"latest":1,"recovered":true,"updates":[]}"#);
}

#[tokio::test]
async fn who_comes_back_goes_on_where_it_was() {
    let server = server().await;
    let addr = server.addr();
    let mut events = Events::open(addr, "/feed/prices?rate=20&after=0", "").await;
    for expected in 1..=5 {
        assert_eq!(number(&events.update().await), expected);
    }
    drop(events);
    // The header goes before the parameter, which is still as in the first request.
    let mut events = Events::open(addr, "/feed/prices?rate=20&after=0", "Last-Event-ID: 5\r\n").await;
    for expected in 6..=9 {
        assert_eq!(number(&events.update().await), expected);
    }
    let mut socket = Peer::open_path(addr, "/feed/prices?rate=20&after=9").await;
    assert_eq!(number(&socket.json().await), 10);
}

#[tokio::test]
async fn who_asks_for_what_is_not_there_is_told() {
    let server = server().await;
    let addr = server.addr();
    let mut socket = Peer::open_path(addr, "/feed/prices?rate=100&after=1000000").await;
    let lost = socket.json().await;
    assert_eq!((&lost["recovered"], &lost["after"]), (&false.into(), &1_000_000.into()), "{lost}");
    let next = number(&socket.json().await);
    assert_eq!(number(&socket.json().await), next + 1);

    let mut events = Events::open(addr, "/feed/prices?rate=100", "Last-Event-ID: 1000000\r\n").await;
    assert_eq!(events.next().await, [("retry".to_owned(), "1000".to_owned())]);
    assert_eq!(events.next().await[0], ("event".to_owned(), "lost".to_owned()));
    events.update().await;

    let polled = get_json(addr, "/feed/prices?rate=100&after=1000000").await;
    assert_eq!(polled["recovered"], false);
    assert_eq!(polled["updates"].as_array().unwrap().len(), 1, "the latest");
}

#[tokio::test]
async fn every_way_has_its_costs_counted() {
    let server = server().await;
    let addr = server.addr();
    let before = get_json(addr, "/feed/prices/cost").await;
    for way in ["websocket", "events", "long_polling", "polling"] {
        assert_eq!((&before[way]["requests"], &before[way]["bytes_out"]), (&0.into(), &0.into()), "{before}");
    }
    let path = "/feed/prices?rate=20&after=0";
    let mut socket = Peer::open_path(addr, path).await;
    let mut received = 0;
    for _ in 0..5 {
        received += 2 + socket.frame().await.payload.len() as u64;
    }
    let mut events = Events::open(addr, path, "").await;
    events.update().await;
    let long_polled = get_json(addr, "/feed/prices?rate=20&after=0&wait=1s").await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").len();
    let response = get(addr, path).await.len();
    drop((socket, events));
    let cost = get_json(addr, "/feed/prices/cost").await;

    let polling = &cost["polling"];
    assert_eq!(polling["requests"], 1, "{cost}");
    // To the byte, as the peer saw it.
    assert_eq!((&polling["bytes_in"], &polling["bytes_out"]), (&request.into(), &response.into()), "{cost}");
    assert_eq!(cost["long_polling"]["requests"], 1, "{cost}");
    let updates = long_polled["updates"].as_array().unwrap().len();
    assert_eq!(cost["long_polling"]["updates"], updates, "{cost}");
    let websocket = &cost["websocket"];
    assert_eq!(websocket["bytes_in"], crate::support::request(path, &[]).len(), "{cost}");
    assert!(websocket["bytes_out"].as_u64().unwrap() >= received + 129, "{cost}");
    for way in ["websocket", "events", "long_polling", "polling", "making"] {
        assert!(cost[way]["updates"].as_u64().unwrap() >= 1, "{way} in {cost}");
        #[cfg(unix)]
        assert!(cost[way]["cpu_us"].as_f64().unwrap() > 0.0, "{way} in {cost}");
    }
}

/// The answer to an opening handshake, which the costs take to be so long.
#[tokio::test]
async fn the_answer_to_an_opening_handshake_is_as_long_as_it_is_counted() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request("/feed/prices", &[])).await;
    assert_eq!(peer.head().await.len(), 129);
}

#[tokio::test]
async fn bad_parameters_are_refused_in_every_way() {
    let server = server().await;
    for (query, why) in [
        ("rate=0", "parameter rate is"),
        ("symbols=a", "parameter symbols is"),
        ("after=x", "parameter after is"),
        ("whatever=1", "there is no parameter \"whatever\" here"),
    ] {
        let target = format!("/feed/prices?{query}");
        let answer = get(server.addr(), &target).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(why), "{answer}");
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(request(&target, &[])).await;
        let answer = peer.response().await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(why), "{answer}");
    }
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request("/feed/prices?wait=1s", &[])).await;
    assert!(peer.response().await.contains("parameter wait is for polling"));
}

#[tokio::test]
async fn shutdown_ends_what_waits() {
    let server = server().await;
    let addr = server.addr();
    let mut socket = Peer::open_path(addr, "/feed/prices?rate=0.01&after=0").await;
    socket.json().await;
    let mut events = Events::open(addr, "/feed/prices?rate=0.01&after=0", "").await;
    events.update().await;
    let mut waiting = Peer::connect(addr).await;
    waiting.send("GET /feed/prices?rate=0.01&after=1&wait=60s HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    // Wait until the server has the request: it is counted when it begins.
    while get_json(addr, "/feed/prices/cost").await["long_polling"]["requests"] != 1 {}
    let shutdown = tokio::spawn(server.shutdown());
    assert_eq!(socket.frame().await, Frame::close(1001, "server is shutting down"));
    let mut rest = String::new();
    soon(events.lines.read_to_string(&mut rest)).await.unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "the stream ends as HTTP ends it: {rest:?}");
    assert!(waiting.response().await.contains(r#""updates":[]"#));
    drop(socket);
    soon(shutdown).await.unwrap();
}
