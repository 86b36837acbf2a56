//! `/reply`: a fixed answer.

use crate::support::{BINARY, FIN, Frame, Peer, TEXT, frame, request, server};

#[tokio::test]
async fn every_message_gets_the_same_answer() {
    let server = server().await;
    for (path, answer) in [
        ("/reply", "Message received"),
        ("/reply?text=Message%20received", "Message received"),
        ("/reply?text=got+it%21", "got it!"),
        ("/reply?text=", ""),
        ("/reply?text=za%C5%BC%C3%B3%C5%82%C4%87", "zażółć"),
    ] {
        let mut peer = Peer::open_path(server.addr(), path).await;
        let messages = [frame(FIN | TEXT, "hello"), frame(FIN | BINARY, [0, 255]), frame(FIN | TEXT, "")];
        peer.send(messages.concat()).await;
        for _ in messages {
            assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, answer), "{path}");
        }
        peer.part().await;
    }
}

#[tokio::test]
async fn what_is_no_parameter_is_refused() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request("/reply?txet=hello", &[])).await;
    let answer = peer.response().await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("there is no parameter \"txet\" here; did you mean text?"), "{answer}");
}
