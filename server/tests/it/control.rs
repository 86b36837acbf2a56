//! Reaching into live connections from outside.

use serde_json::Value;

use crate::support::{CLOSE, FIN, Frame, Peer, close_payload, frame, server, server_with, soon};

/// A request's answer: its status and its body.
async fn ask(server: &wirescope_server::Server, method: &str, path: &str) -> (String, String) {
    let mut peer = Peer::connect(server.addr()).await;
    let head = "Host: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close";
    peer.send(format!("{method} {path} HTTP/1.1\r\n{head}\r\n\r\n")).await;
    let response = peer.response().await;
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head[9..12].to_owned(), body.trim_end().to_owned())
}

#[tokio::test]
async fn it_is_off_unless_it_is_asked_for() {
    let server = server().await;
    let (status, why) = ask(&server, "GET", "/control/connections").await;
    assert_eq!((&*status, &*why), ("403", "this server is not controlled: start it with --control"));
}

#[tokio::test]
async fn connections_are_listed_given_faults_mended_and_cut() {
    let server = server_with(|config| config.control = true).await;
    let mut one = Peer::open(&server).await;
    let mut other = Peer::open_path(server.addr(), "/echo?drop").await;
    one.say("hello").await;
    assert_eq!(one.hear().await, "hello");
    let (_, list) = ask(&server, "GET", "/control/connections").await;
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list.as_array().map(Vec::len), Some(2), "{list}");
    assert_eq!((&list[0]["path"], &list[0]["received"]["messages"]), (&"/echo".into(), &1.into()));
    assert_eq!((&list[1]["plan"], &list[1]["connection"]), (&"drop".into(), &2.into()));

    let (status, _) = ask(&server, "POST", "/control/connections/1/faults?duplicate&after=1").await;
    assert_eq!(status, "200");
    one.say("1").await;
    one.say("2").await;
    assert_eq!([one.hear().await, one.hear().await, one.hear().await], ["1", "2", "2"]);

    let (_, mended) = ask(&server, "POST", "/control/connections/all/faults").await;
    assert_eq!(mended, "{\"changed\":2,\"plan\":\"\"}");
    other.say("now it comes").await;
    assert_eq!(other.hear().await, "now it comes");

    ask(&server, "POST", "/control/connections/2/faults?close=1012&reason=moved").await;
    assert_eq!(other.frame().await, Frame::close(1012, "moved"));
    other.send(frame(FIN | CLOSE, close_payload(1000, ""))).await;
    assert_eq!(other.frames().await, [] as [Frame; 0]);
    ask(&server, "POST", "/control/connections/all/faults?fin").await;
    assert_eq!(one.frames().await, [] as [Frame; 0]);
}

#[tokio::test]
async fn a_connection_is_reached_by_its_trace() {
    const ID: &str = "0123456789abcdef0123456789abcdef";
    let server = server_with(|config| config.control = true).await;
    let mut one = Peer::open_path(server.addr(), &format!("/echo?trace={ID}")).await;
    let mut other = Peer::open(&server).await;
    let (_, cut) = ask(&server, "POST", &format!("/control/connections/{ID}/faults?fin")).await;
    assert_eq!(cut, "{\"changed\":1,\"plan\":\"fin\"}");
    assert_eq!(one.frames().await, [] as [Frame; 0]);
    other.say("still there").await;
    assert_eq!(other.hear().await, "still there");
    let (_, list) = ask(&server, "GET", "/control/connections").await;
    assert!(!list.contains(ID), "it is a secret: {list}");
    let (status, _) =
        ask(&server, "POST", &format!("/control/connections/{}/faults?fin", "x".repeat(22))).await;
    assert_eq!(status, "404");
}

#[tokio::test]
async fn the_listening_socket_is_closed_for_a_while_and_connections_stay() {
    let server = server_with(|config| config.control = true).await;
    let mut peer = Peer::open(&server).await;
    let restarting = ask(&server, "POST", "/control/restart?down=300ms");
    let refused = async {
        loop {
            if tokio::net::TcpStream::connect(server.addr()).await.is_err() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        peer.say("still open").await;
        assert_eq!(peer.hear().await, "still open");
    };
    let ((status, text), ()) = tokio::join!(restarting, soon(refused));
    assert_eq!((&*status, &*text), ("200", "{\"restarted\":true}"));
    let mut later = Peer::open(&server).await;
    later.say("open again").await;
    assert_eq!(later.hear().await, "open again");
    let (status, _) = ask(&server, "POST", "/control/restart?down=1h").await;
    assert_eq!(status, "400");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let server = server_with(|config| config.control = true).await;
    for (path, status, why) in [
        ("/control/connections/9/faults?rst", "404", "there is no connection 9"),
        (
            "/control/connections/none/faults?rst",
            "400",
            "a connection is its number in the list, the ID of its trace, or all",
        ),
        ("/control/connections/all/faults?rest", "400", "there is no parameter \"rest\" here"),
        ("/control/connections/all/faults?status=503", "400", "comes too late for a live connection"),
    ] {
        let (got, text) = ask(&server, "POST", path).await;
        assert_eq!(got, status, "{path}");
        assert!(text.contains(why), "{path}: {text}");
    }
}
