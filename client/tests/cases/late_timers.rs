//! Links whose timers did not come when they were due: a browser slows those of a hidden page down, and a computer that
//! sleeps has none. What would have been done is done before the next send, by the wall clock.

use std::time::Duration;

use futures_util::StreamExt as _;
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    link::{Delivery, Dropped, Heartbeat, Link, Phase, QueueLimits},
    socket::Message,
};

use super::link::part;
use crate::support::{
    echo,
    supervisor::{peer, refusing},
    until, within,
};

/// Lets time pass in which no timer can fire, since the thread is busy.
fn keep_busy_until(milliseconds_since_1970: f64) {
    while js_sys::Date::now() <= milliseconds_since_1970 {}
}

#[wasm_bindgen_test]
async fn a_ping_that_is_due_goes_out_before_the_message() {
    let interval = Duration::from_millis(300);
    // The server sends pings back like all else, and none is taken for an answer, so the reader sees the order.
    let heartbeat = Heartbeat::new(interval, Duration::from_secs(60), || "ping".into(), |_| false);
    let mut link = Link::to(echo()).heartbeat(heartbeat).open().expect("the URL is valid");
    until("it opens", || link.phase() == Phase::Open).await;
    keep_busy_until(js_sys::Date::now() + 300.0);
    link.send("late").expect("it is open");
    assert_eq!(within("the first answer", link.next()).await, Some(Message::from("ping")));
    assert_eq!(within("the second answer", link.next()).await, Some(Message::from("late")));
    part(&link).await;
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn a_try_that_is_due_begins_with_the_message() {
    let link = Link::to(refusing().await).open().expect("the URL is valid");
    let mut phases = link.phases();
    let waits_until = async {
        loop {
            if let Some(Phase::Waiting { until }) = phases.next().await {
                return until;
            }
        }
    };
    let until = within("a try fails", waits_until).await;
    let attempts = link.stats().attempts;
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
    keep_busy_until(until as f64);
    assert!(matches!(link.phase(), Phase::Waiting { .. }), "{:?}", link.phase());
    link.send("late").expect("there is room");
    assert!(matches!(link.phase(), Phase::Connecting { .. }), "{:?}", link.phase());
    assert_eq!(link.stats().attempts, attempts + 1);
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn what_is_too_old_makes_room_for_the_message() {
    let limits = QueueLimits::default().messages(1).age(Duration::from_millis(50));
    let link = Link::to(peer("/hang").await).queue(limits).open().expect("the URL is valid");
    let old = link.send("old").expect("there is room");
    keep_busy_until(js_sys::Date::now() + 50.0);
    let new = link.send("new").expect("there is room again");
    assert_eq!(old.delivery(), Delivery::Dropped(Dropped::Expired));
    assert_eq!(new.delivery(), Delivery::Queued);
}
