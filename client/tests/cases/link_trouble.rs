//! Links whose connections break.

use std::time::Duration;

use futures_util::StreamExt as _;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    CloseCode,
    link::{Delivery, Dropped, EndReason, Error, Heartbeat, Link, Phase, QueueLimits, RetryPolicy},
    socket::Message,
};

use super::link::part;
use crate::support::{
    supervisor::{Server, peer, refusing},
    until, within,
};

/// Waits of a few milliseconds.
fn quick() -> RetryPolicy {
    RetryPolicy::default().base(Duration::from_millis(5)).cap(Duration::from_millis(50))
}

async fn opens(link: &Link) {
    until("the link opens", || link.phase() == Phase::Open).await;
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn what_is_sent_while_the_server_is_away_goes_out_once_it_is_back() {
    let server = Server::start().await;
    let mut link = Link::to(server.echo()).retry(quick()).open().expect("the URL is valid");
    opens(&link).await;
    assert_eq!(server.kill().await, "signal 9");
    until("the loss is noticed", || link.phase() != Phase::Open).await;
    let receipts: Vec<_> = (0..10).map(|n| link.send(n.to_string()).expect("there is room")).collect();
    server.restart().await;
    for n in 0..10 {
        assert_eq!(within("the next answer", link.next()).await, Some(Message::from(n.to_string())));
    }
    for receipt in &receipts {
        assert_eq!(within("it is settled", receipt.settled()).await, Delivery::Drained);
    }
    let stats = link.stats();
    assert!(stats.attempts > 1 && stats.reconnects == 1, "{stats:?}");
    assert_eq!((stats.accepted, stats.drained, stats.lost, stats.dropped), (10, 10, 0, 0));
    part(&link).await;
    server.kill().await;
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn a_shutdown_is_gone_back_to_and_a_terminal_code_is_not() {
    let server = Server::start().await;
    let link = Link::to(server.echo()).retry(quick()).open().expect("the URL is valid");
    opens(&link).await;
    assert_eq!(server.stop().await, "exit 0");
    until("the loss is noticed", || link.phase() != Phase::Open).await;
    server.restart().await;
    opens(&link).await;
    part(&link).await;
    server.kill().await;

    let link = Link::to(peer("/close/4401/token").await).retry(quick()).open().expect("the URL is valid");
    let (reason, ending) = within("it ends", link.ended()).await;
    assert!(
        matches!(&reason, EndReason::Terminal(close) if close.code == CloseCode::new(4401)),
        "{reason:?}"
    );
    assert_eq!(ending.map(|ending| ending.reason), Some("token".to_owned()));
    assert_eq!(link.stats().attempts, 1);
    assert_eq!(link.send("late").err(), Some(Error::Ended(reason)));
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn it_gives_up_after_its_last_try_and_drops_what_waits() {
    let mut policy = quick();
    policy.max_tries = Some(2);
    let link = Link::to(refusing().await).retry(policy).open().expect("the URL is valid");
    let receipt = link.send("never").expect("there is room");
    assert_eq!(within("it is settled", receipt.settled()).await, Delivery::Dropped(Dropped::Ended));
    assert_eq!(link.phase(), Phase::Ended(EndReason::GaveUp { tries: 2 }));
    let stats = link.stats();
    assert_eq!((stats.attempts, stats.opened, stats.dropped, stats.sent), (2, 0, 1, 0));
    link.retry_now();
    assert_eq!(link.phase(), Phase::Connecting { attempt: 1 });
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn a_peer_that_went_silent_is_found_dead() {
    let heartbeat =
        Heartbeat::new(Duration::from_millis(50), Duration::from_millis(100), || "ping".into(), |_| false);
    let mut policy = quick();
    policy.min_uptime = Duration::ZERO;
    let link =
        Link::to(peer("/mute").await).heartbeat(heartbeat).retry(policy).open().expect("the URL is valid");
    until("it was open twice", || link.stats().opened == 2).await;
    assert_eq!(link.stats().received, 0);
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn the_queue_is_bounded_and_what_grows_too_old_is_dropped() {
    let limits = QueueLimits::default().messages(2).age(Duration::from_millis(100));
    let link = Link::to(peer("/hang").await).queue(limits).open().expect("the URL is valid");
    let first = link.send("one").expect("there is room");
    let second = link.send("two").expect("there is room");
    assert_eq!(link.send("three").err(), Some(Error::QueueFull { messages: 2, bytes: 6 }));
    for receipt in [first, second] {
        assert_eq!(within("it grows old", receipt.settled()).await, Delivery::Dropped(Dropped::Expired));
    }
    assert_eq!((link.stats().dropped, link.stats().queued), (2, 0));
    link.send("again").expect("there is room again");
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn without_a_network_it_waits_and_with_one_it_tries_at_once() {
    let link = Link::to(peer("/hang").await).open().expect("the URL is valid");
    let mut phases = link.phases();
    assert_eq!(phases.next().await, Some(Phase::Connecting { attempt: 1 }));
    let global: web_sys::EventTarget = js_sys::global().unchecked_into();
    let fire = |name| global.dispatch_event(&web_sys::Event::new(name).expect("a name")).expect("dispatched");
    fire("offline");
    assert_eq!(phases.next().await, Some(Phase::Offline));
    fire("online");
    assert_eq!(phases.next().await, Some(Phase::Connecting { attempt: 1 }));
    assert_eq!(link.stats().attempts, 2);
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn a_reason_can_widen_the_wait() {
    let url = peer("/close/1012/%7B%22retry_after_ms%22:590000%7D").await;
    // The wait is random from nothing up to ten minutes, so a short one says nothing and another link is asked.
    let widened = async {
        loop {
            let link = Link::to(url.as_str()).open().expect("the URL is valid");
            let mut phases = link.phases();
            while let Some(phase) = phases.next().await {
                let Phase::Waiting { until } = phase else { continue };
                #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
                let wait = until as f64 - js_sys::Date::now();
                assert!(wait < 590_000.0);
                if wait > 1_000.0 {
                    return;
                }
                break;
            }
        }
    };
    within("a wait beyond the window of a first failure", widened).await;
}
