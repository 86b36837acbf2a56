//! Scripts, as a test suite uses them.

use std::time::Duration;

use wirescope_server::{CloseCode, Server};

use crate::support::{BINARY, CLOSE, FIN, Frame, Peer, close_payload, frame, request, server};

async fn peer(server: &Server) -> Peer {
    Peer::open_path(server.addr(), "/orders").await
}

#[tokio::test]
async fn a_client_that_keeps_to_it_passes() {
    let server = server().await;
    let script = server
        .script("/orders")
        .expect_text("subscribe")
        .send_text("order 1")
        .send_binary(&b"\x01\x02"[..])
        .expect("a number", |text| text.parse::<u32>().is_ok())
        .expect_binary(&b"\xff"[..])
        .expect_close(CloseCode::NORMAL)
        .mount();
    let mut peer = peer(&server).await;
    peer.say("subscribe").await;
    assert_eq!(peer.hear().await, "order 1");
    assert_eq!(peer.frame().await, Frame::new(FIN | BINARY, [1, 2]));
    peer.say("42").await;
    peer.send(frame(FIN | BINARY, [0xff])).await;
    peer.part().await;
    script.verify().await;
}

#[tokio::test]
async fn a_connection_is_cut_and_the_next_one_served() {
    let server = server().await;
    let first = server.script("/orders").send_text("1").cut().mount();
    let second = server.script("/orders").send_text("2").close(CloseCode::GOING_AWAY, "done").mount();
    assert_eq!(peer(&server).await.frames().await, [Frame::new(0x81, "1")]);
    let mut peer = peer(&server).await;
    assert_eq!(peer.hear().await, "2");
    assert_eq!(peer.frame().await, Frame::close(1001, "done"));
    peer.send(frame(FIN | CLOSE, close_payload(1001, ""))).await;
    first.verify().await;
    second.verify().await;
    let mut third = Peer::connect(server.addr()).await;
    third.send(request("/orders", &[])).await;
    assert!(third.response().await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn a_difference_is_told_with_the_transcript() {
    let server = server().await;
    let script = server.script("/orders").send_text("hello").expect_text("subscribe").cut().mount();
    let mut peer = peer(&server).await;
    assert_eq!(peer.hear().await, "hello");
    peer.say("unsubscribe").await;
    assert_eq!(peer.frame().await, Frame::close(1008, "this is not in the script"));
    peer.send(frame(FIN | CLOSE, close_payload(1008, ""))).await;
    let told = script.outcome().await.unwrap_err();
    for part in [
        "script on /orders: the client's text \"subscribe\" was expected, and what came was text \"unsubscribe\"",
        "  done the server's text \"hello\"\n    -> the client's text \"subscribe\"\n       the end without a Close frame",
        "   client: text \"unsubscribe\"\n",
        "   the server closed with 1008 policy violation",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
}

#[tokio::test]
async fn ending_early_saying_more_and_never_coming_are_differences() {
    let server = server().await;
    let script = server.script("/orders").expect_text("subscribe").mount();
    peer(&server).await.part().await;
    let told = script.outcome().await.unwrap_err();
    assert!(told.contains("was expected, and the connection ended: the client closed with 1000"), "{told}");

    let script = server.script("/orders").send_text("1").expect_end().mount();
    let mut talker = peer(&server).await;
    talker.hear().await;
    talker.say("more").await;
    let told = script.outcome().await.unwrap_err();
    assert!(told.contains("the client's end was expected, and what came was text \"more\""), "{told}");

    let script = server.script("/orders").expect_close(CloseCode::GOING_AWAY).mount();
    peer(&server).await.part().await;
    let told = script.outcome().await.unwrap_err();
    assert!(
        told.contains("close with 1001 going away was expected, and the client closed with 1000"),
        "{told}"
    );

    let script = server.script("/orders").expect_text("x").mount().within(Duration::from_millis(50));
    let told = script.outcome().await.unwrap_err();
    assert!(told.contains("no connection came within 50ms"), "{told}");
    let _waits = peer(&server).await;
    let told = script.outcome().await.unwrap_err();
    assert!(told.contains("the client's text \"x\" did not happen within 50ms"), "{told}");
}

#[tokio::test]
async fn faults_bend_a_script_too() {
    let server = server().await;
    let script = server.script("/orders").send_text("1").send_text("2").send_text("3").mount();
    let mut peer = Peer::open_path(server.addr(), "/orders?drop&every=2").await;
    assert_eq!([peer.hear().await, peer.hear().await], ["1", "3"]);
    peer.part().await;
    script.verify().await;
}

#[tokio::test]
#[should_panic(expected = "script on /orders: no connection came within 10ms")]
async fn verifying_panics() {
    let server = server().await;
    server.script("/orders").mount().within(Duration::from_millis(10)).verify().await;
}
