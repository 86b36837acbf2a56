//! `/chat`: plain text among all on a path.

use wirescope_server::Server;

use crate::support::{BINARY, CLOSE, FIN, Frame, Peer, TEXT, close_payload, frame, request, server, soon};

const GREETING: &str = "Welcome to the chat server!";

async fn enter(server: &Server, path: &str) -> Peer {
    let mut peer = Peer::open_path(server.addr(), path).await;
    assert_eq!(peer.text().await, GREETING);
    peer
}

async fn say(peer: &mut Peer, text: &str) {
    peer.send(frame(FIN | TEXT, text)).await;
}

#[tokio::test]
async fn lines_go_to_all_others_and_who_comes_and_goes_is_told() {
    let server = server().await;
    let mut first = enter(&server, "/chat").await;
    let mut second = enter(&server, "/chat").await;
    assert_eq!(first.text().await, "guest 2 joined");
    let mut third = enter(&server, "/chat/?name=Ada").await;
    assert_eq!(first.text().await, "Ada joined");
    assert_eq!(second.text().await, "Ada joined");

    say(&mut first, "hello, all 🦀").await;
    assert_eq!(second.text().await, "hello, all 🦀");
    assert_eq!(third.text().await, "hello, all 🦀");
    say(&mut third, "hello!").await;
    assert_eq!(first.text().await, "Ada: hello!");
    assert_eq!(second.text().await, "Ada: hello!");

    third.part().await;
    assert_eq!(first.text().await, "Ada left");
    assert_eq!(second.text().await, "Ada left");
    // Who goes without a word is gone as well.
    drop(second);
    assert_eq!(first.text().await, "guest 2 left");
    first.part().await;
}

#[tokio::test]
async fn each_path_is_a_room_of_its_own() {
    let server = server().await;
    let mut lobby = enter(&server, "/chat").await;
    let mut room = enter(&server, "/chat/room").await;
    let mut other = enter(&server, "/chat/room").await;
    assert_eq!(room.text().await, "guest 2 joined");
    say(&mut lobby, "to nobody").await;
    say(&mut other, "to the room").await;
    assert_eq!(room.text().await, "to the room");
    lobby.part().await;
    room.part().await;
    assert_eq!(other.text().await, "guest 1 left");
    other.part().await;
}

#[tokio::test]
async fn the_order_of_lines_is_the_same_for_all() {
    let server = server().await;
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(enter(&server, "/chat/order?name=L").await);
    }
    let mut speakers = [enter(&server, "/chat/order").await, enter(&server, "/chat/order").await];
    for n in 0..50 {
        for (at, speaker) in speakers.iter_mut().enumerate() {
            say(speaker, &format!("{at} {n}")).await;
        }
    }
    let mut heard = Vec::new();
    for listener in &mut listeners {
        let mut lines = Vec::new();
        while lines.len() < 100 {
            let line = listener.text().await;
            if line.starts_with(['0', '1']) {
                lines.push(line);
            }
        }
        heard.push(lines);
    }
    assert!(heard.iter().all(|lines| *lines == heard[0]));
    for at in ["0", "1"] {
        let own: Vec<_> = heard[0].iter().filter_map(|line| line.strip_prefix(at)).collect();
        assert_eq!(own, (0..50).map(|n| format!(" {n}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn who_does_not_read_holds_nobody_up_and_is_told_what_was_missed() {
    let server = server().await;
    let mut slow = enter(&server, "/chat/slow").await;
    let mut quick = enter(&server, "/chat/slow").await;
    let mut speaker = enter(&server, "/chat/slow").await;
    assert_eq!(quick.text().await, "guest 3 joined");
    // Much more than the sockets' buffers and the room hold.
    let line = "x".repeat(16 * 1024);
    for n in 0..1500 {
        let line = format!("{n:04}{}", &line[4..]);
        say(&mut speaker, &line).await;
        assert_eq!(quick.text().await, line);
    }
    let mut numbers = Vec::new();
    let mut missed = 0;
    assert_eq!(slow.text().await, "guest 2 joined");
    assert_eq!(slow.text().await, "guest 3 joined");
    while numbers.last() != Some(&1499) {
        let text = slow.text().await;
        match text.split_once(" lines were missed here") {
            Some((count, _)) => missed += count.parse::<usize>().unwrap(),
            None => numbers.push(text[..4].parse::<usize>().unwrap()),
        }
    }
    assert!(missed > 0 && numbers.len() + missed == 1500, "{missed} missed, {} read", numbers.len());
    assert!(numbers.is_sorted());
    slow.part().await;
}

#[tokio::test]
async fn what_is_no_line_ends_the_connection_and_no_one_elses() {
    let server = server().await;
    let mut other = enter(&server, "/chat").await;
    for (message, code) in
        [(frame(FIN | BINARY, "binary"), 1003), (frame(FIN | TEXT, "x".repeat(16 * 1024 + 1)), 1009)]
    {
        let mut peer = enter(&server, "/chat").await;
        peer.send(message).await;
        assert_eq!(peer.frame().await.code(), Some(code));
        assert!(other.text().await.ends_with("joined"));
        assert!(other.text().await.ends_with("left"));
    }
    other.part().await;
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    let server = server().await;
    for name in ["", "guest+1", "a%3Ab", "a%0Ab", &"x".repeat(33)] {
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(request(&format!("/chat?name={name}"), &[])).await;
        let answer = peer.response().await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("parameter name is"), "{answer}");
    }
}

#[tokio::test]
async fn over_http_each_room_says_what_it_is() {
    let server = server().await;
    for path in ["/chat", "/chat/", "/chat/a/b"] {
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
        let answer = peer.response().await;
        assert!(answer.starts_with("HTTP/1.1 426 ") && answer.contains(path), "{answer}");
    }
}

#[tokio::test]
async fn shutdown_closes_all_who_are_in() {
    let server = server().await;
    let mut peers = [enter(&server, "/chat").await, enter(&server, "/chat").await];
    let shutdown = tokio::spawn(server.shutdown());
    for peer in &mut peers {
        let close = loop {
            let frame = peer.frame().await;
            if frame.first == FIN | CLOSE {
                break frame;
            }
        };
        assert_eq!(close, Frame::close(1001, "server is shutting down"));
        peer.send(frame(FIN | CLOSE, close_payload(1001, ""))).await;
    }
    soon(shutdown).await.unwrap();
}
