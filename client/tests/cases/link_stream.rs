//! Links over `WebSocketStream`.

use std::time::Duration;

use futures_util::StreamExt as _;
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    link::{Delivery, Heartbeat, Link, Phase},
    socket::{InboundLimits, Message},
};

use super::link::part;
use crate::support::{
    echo,
    supervisor::{Server, new_name, peer, report},
    until, within,
};

#[cfg_attr(not(wirescope_stream), ignore = "needs a browser with WebSocketStream")]
#[wasm_bindgen_test]
async fn what_is_sent_drains_and_comes_back_in_order() {
    let mut link = Link::to(echo()).stream().open().expect("the URL is valid");
    let receipts: Vec<_> = (0..100).map(|n| link.send(n.to_string()).expect("there is room")).collect();
    for n in 0..100 {
        assert_eq!(within("the next answer", link.next()).await, Some(Message::from(n.to_string())));
    }
    for receipt in &receipts {
        assert_eq!(within("it is settled", receipt.settled()).await, Delivery::Drained);
    }
    part(&link).await;
}

#[cfg_attr(
    not(all(wirescope_stream, wirescope_supervisor)),
    ignore = "needs a browser with WebSocketStream, and the supervisor: run cargo xtask test"
)]
#[wasm_bindgen_test]
async fn a_reader_that_sleeps_stops_the_peer_and_its_heartbeat_bears_with_it() {
    const MESSAGES: usize = 400;
    let name = new_name();
    // The peer answers no ping, and its feed is reported to be stopped after more than a second.
    let beat = Duration::from_millis(300);
    let heartbeat = Heartbeat::new(beat, beat, || "ping".into(), |message| *message == "pong".into());
    let url = peer(&format!("/feed/{MESSAGES}/60000?report={name}")).await;
    let limits = InboundLimits::default().messages(10);
    let mut link =
        Link::to(url).stream().inbound(limits).heartbeat(heartbeat).open().expect("the URL is valid");
    let stopped: usize = report(&format!("{name}-stalled")).await.parse().expect("a number");
    assert!((10..MESSAGES).contains(&stopped), "the peer was stopped in the middle, not at {stopped}");
    assert_eq!((link.phase(), link.stats().reconnects), (Phase::Open, 0));
    for number in 0..MESSAGES {
        let message = within("the next message", link.next()).await;
        assert!(message == Some(Message::from(format!("{number:0>60000}"))), "number {number}");
    }
    assert_eq!(link.stats().inbound_dropped, 0);
}

#[cfg_attr(
    not(all(wirescope_stream, wirescope_supervisor)),
    ignore = "needs a browser with WebSocketStream, and the supervisor: run cargo xtask test"
)]
#[wasm_bindgen_test]
async fn it_connects_again_over_the_same_transport() {
    let server = Server::start().await;
    let mut link = Link::to(server.echo()).stream_if_available().open().expect("the URL is valid");
    until("the link opens", || link.phase() == Phase::Open).await;
    server.kill().await;
    until("the loss is seen", || link.phase() != Phase::Open).await;
    server.restart().await;
    link.send("again").expect("there is room");
    assert_eq!(within("it comes back", link.next()).await, Some(Message::from("again")));
    assert_eq!(link.stats().reconnects, 1);
    part(&link).await;
    server.kill().await;
}
