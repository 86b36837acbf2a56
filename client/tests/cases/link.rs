//! Links against a server that behaves.

use std::time::Duration;

use futures_util::StreamExt as _;
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    CloseCode,
    link::{Delivery, EndReason, Error, Heartbeat, Link, Phase},
    socket::{self, Message},
};

use crate::support::{echo, server, until, within};

/// A link to the echo, opened.
pub(crate) async fn linked() -> Link {
    let link = Link::to(echo()).open().expect("the URL is valid");
    until("the link opens", || link.phase() == Phase::Open).await;
    link
}

/// Closes the link, and expects that it was open and its connection ended cleanly.
pub(crate) async fn part(link: &Link) {
    match within("the link closes", link.close(CloseCode::NORMAL, "")).await {
        Ok(Some(ending)) => assert!(ending.was_clean, "{ending}"),
        other => panic!("it closes cleanly, and not {other:?}"),
    }
    assert_eq!(link.phase(), Phase::Ended(EndReason::Closed));
}

#[wasm_bindgen_test]
async fn what_is_sent_before_it_is_open_goes_out_in_order() {
    let mut link = Link::to(echo()).open().expect("the URL is valid");
    let receipts: Vec<_> = (0..100).map(|n| link.send(n.to_string()).expect("there is room")).collect();
    assert_eq!(receipts[99].delivery(), Delivery::Queued);
    assert_eq!(link.stats().queued, 100);
    for n in 0..100 {
        assert_eq!(within("the next answer", link.next()).await, Some(Message::from(n.to_string())));
    }
    for receipt in &receipts {
        assert_eq!(within("it is settled", receipt.settled()).await, Delivery::Drained);
    }
    let stats = link.stats();
    assert_eq!((stats.accepted, stats.sent, stats.drained, stats.lost, stats.dropped), (100, 100, 100, 0, 0));
    assert_eq!((stats.attempts, stats.opened, stats.reconnects, stats.received), (1, 1, 0, 100));
    part(&link).await;
}

#[wasm_bindgen_test]
async fn its_phases_are_seen_from_the_first_to_the_last() {
    let link = Link::to(echo()).subprotocols(["one", "two"]).open().expect("the URL is valid");
    let mut phases = link.phases();
    assert_eq!(phases.next().await, Some(Phase::Connecting { attempt: 1 }));
    assert_eq!(within("it opens", phases.next()).await, Some(Phase::Open));
    assert_eq!(link.subprotocol(), "one");
    part(&link).await;
    assert_eq!(phases.next().await, Some(Phase::Ended(EndReason::Closed)));
    drop(link);
    assert_eq!(phases.next().await, None);
}

#[wasm_bindgen_test]
async fn a_closed_link_takes_nothing_and_its_stream_ends() {
    let mut link = linked().await;
    part(&link).await;
    let ended = || Some(Error::Ended(EndReason::Closed));
    assert_eq!(link.send("late").err(), ended());
    assert_eq!(link.try_send("late").err(), ended());
    assert_eq!(within("the stream ends", link.next()).await, None);
    link.retry_now();
    assert_eq!(link.phase(), Phase::Ended(EndReason::Closed));
}

#[wasm_bindgen_test]
async fn what_trying_again_would_not_change_is_an_error_at_once() {
    let opened = Link::to("ws://127.0.0.1/#part").open();
    assert!(matches!(opened, Err(socket::Error::InvalidUrl { .. })), "{opened:?}");
    let opened = Link::to(echo()).subprotocols(["two words"]).open();
    assert!(matches!(opened, Err(socket::Error::InvalidOffer(_))), "{opened:?}");
    let link = linked().await;
    let closed = link.close(CloseCode::GOING_AWAY, "").await;
    assert_eq!(closed, Err(socket::Error::InvalidCloseCode(CloseCode::GOING_AWAY)));
    assert_eq!(link.phase(), Phase::Open, "it goes on");
    part(&link).await;
}

#[wasm_bindgen_test]
async fn a_heartbeat_measures_round_trips_and_keeps_its_answers_to_itself() {
    let heartbeat = Heartbeat::new(
        Duration::from_millis(20),
        Duration::from_secs(5),
        || Message::from("ping"),
        |message| *message == Message::from("ping"),
    );
    let mut link = Link::to(echo()).heartbeat(heartbeat).open().expect("the URL is valid");
    until("some round trips", || link.stats().round_trip_p50.is_some()).await;
    link.send("hello").expect("there is room");
    assert_eq!(within("the answer", link.next()).await, Some(Message::from("hello")));
    let stats = link.stats();
    assert!(stats.round_trip_p99 >= stats.round_trip_p50);
    assert_eq!((stats.received, stats.sent, stats.lost), (1, 1, 0), "pings are not counted");
    part(&link).await;
}

#[wasm_bindgen_test]
async fn a_try_sends_now_or_not_at_all() {
    let link = Link::to(echo()).open().expect("the URL is valid");
    assert_eq!(link.try_send("early").err(), Some(Error::NotReady));
    until("the link opens", || link.phase() == Phase::Open).await;
    let receipt = link.try_send("in time").expect("it is open");
    assert_eq!(within("it is settled", receipt.settled()).await, Delivery::Drained);
    assert_eq!(link.stats().accepted, 1);
    part(&link).await;
}

#[wasm_bindgen_test]
async fn an_endpoint_is_asked_for_before_each_try() {
    let asked = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = std::rc::Rc::clone(&asked);
    let link = Link::provided(move || {
        count.set(count.get() + 1);
        let again = count.get();
        async move { (again > 1).then(|| (format!("ws://{}/echo?seed={again}", server()), vec!["p".to_owned()])) }
    });
    let link = link.open().expect("nothing is checked before it is provided");
    until("the second try opens", || link.phase() == Phase::Open).await;
    assert_eq!((asked.get(), link.subprotocol().as_str(), link.stats().attempts), (2, "p", 2));
    part(&link).await;
}

#[wasm_bindgen_test]
async fn dropping_a_link_leaves_nothing() {
    let cycle = async || {
        let link = linked().await;
        link.send("unread").expect("there is room");
        drop(link);
    };
    cycle().await;
    let live = wasm_bindgen::externref_heap_live_count();
    for _ in 0..20 {
        cycle().await;
    }
    assert_eq!(wasm_bindgen::externref_heap_live_count(), live);
}
