//! Links at their edges: callbacks that use them, providers that never answer, readers and streams that outlive them.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _, future::join};
use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    CloseCode,
    link::{EndReason, Heartbeat, Link, Options, Phase, RetryPolicy},
    socket::{Cause, InboundLimits, Initiator, Message, diagnose},
};

use super::link::{linked, part};
use crate::support::{echo, sleep, supervisor::peer, until, within};

/// A place for a link that its own callbacks use.
#[derive(Clone, Default)]
struct Own(Rc<RefCell<Option<Link>>>);

impl Own {
    fn open(&self, options: Options) -> Link {
        let link = options.open().expect("the URL is valid");
        *self.0.borrow_mut() = Some(link.clone());
        link
    }

    fn link(&self) -> Option<Link> {
        self.0.borrow().clone()
    }

    /// Breaks the cycle that such a callback makes.
    fn clear(&self) {
        self.0.borrow_mut().take();
    }
}

fn once() -> RetryPolicy {
    RetryPolicy::default().max_tries(1)
}

#[wasm_bindgen_test]
async fn a_heartbeat_may_use_its_link() {
    let own = Own::default();
    let (asker, answerer) = (own.clone(), own.clone());
    let heartbeat = Heartbeat::new(
        Duration::from_millis(20),
        Duration::from_secs(5),
        move || {
            let _ = asker.link().map(|link| link.stats());
            Message::from("ping")
        },
        move |message| {
            let known = answerer.link().map(|link| link.try_send("answer").is_ok());
            *message == Message::from("ping") && known.is_some()
        },
    );
    let mut link = own.open(Link::to(echo()).heartbeat(heartbeat));
    assert_eq!(within("what the callback sent", link.next()).await, Some(Message::from("answer")));
    until("a round trip", || link.stats().round_trip_p50.is_some()).await;
    own.clear();
    part(&link).await;
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn a_predicate_may_close_its_link() {
    let own = Own::default();
    let closing = own.clone();
    let policy = RetryPolicy::default().terminal(move |_| {
        let _ = closing.link().map(|link| link.close(CloseCode::NORMAL, "").now_or_never());
        true
    });
    let link = own.open(Link::to(peer("/close/1011/x").await).retry(policy));
    let (reason, ending) = within("it ends", link.ended()).await;
    assert_eq!((reason, ending.map(|ending| ending.code.number())), (EndReason::Closed, Some(1011)));
    own.clear();
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn a_close_that_nobody_awaits_has_its_deadline_too() {
    let link = Link::to(peer("/mute").await).open().expect("the URL is valid");
    until("it is open", || link.phase() == Phase::Open).await;
    assert!(link.close(CloseCode::NORMAL, "").now_or_never().is_none(), "the peer does not answer");
    let (reason, ending) = within("it ends", link.ended()).await;
    assert_eq!((reason, ending.map(|ending| ending.was_clean)), (EndReason::Closed, Some(false)));
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn a_predicate_may_use_its_link() {
    let own = Own::default();
    let asked = own.clone();
    let policy = RetryPolicy::default()
        .terminal(move |_| asked.link().is_some_and(|link| link.phase() == Phase::Open));
    let link = own.open(Link::to(peer("/close/1011/x").await).retry(policy));
    let (reason, _) = within("it ends", link.ended()).await;
    assert!(matches!(reason, EndReason::Terminal(_)), "{reason:?}");
    own.clear();
}

/// Counts how many of it there are.
struct Alive(Rc<Cell<usize>>);

impl Alive {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[wasm_bindgen_test]
async fn a_provider_that_never_answers_goes_with_its_try() {
    let alive = Rc::new(Cell::new(0));
    let count = Rc::clone(&alive);
    let policy =
        RetryPolicy::default().base(Duration::from_millis(1)).connect_timeout(Duration::from_millis(30));
    let provided = Link::provided(move || {
        let alive = Alive::new(&count);
        async move {
            std::future::pending::<()>().await;
            drop(alive);
            None
        }
    });
    let link = provided.retry(policy).open().expect("nothing is checked before it is provided");
    until("several tries", || link.stats().attempts > 3).await;
    assert!(alive.get() <= 1, "{} of {} are alive", alive.get(), link.stats().attempts);
    drop(link);
    assert_eq!(alive.get(), 0);
}

/// Uses its link when it is dropped.
struct Retries(Own);

impl Drop for Retries {
    fn drop(&mut self) {
        if let Some(link) = self.0.link() {
            link.retry_now();
        }
    }
}

#[wasm_bindgen_test]
async fn what_is_provided_may_use_its_link_when_it_is_dropped() {
    let (own, asked) = (Own::default(), Rc::new(Cell::new(0)));
    let (held, count) = (own.clone(), Rc::clone(&asked));
    let provided = Link::provided(move || {
        count.set(count.get() + 1);
        let never_answers = (count.get() == 1).then(|| Retries(held.clone()));
        async move {
            if let Some(retries) = never_answers {
                std::future::pending::<()>().await;
                drop(retries);
            }
            Some((echo(), Vec::new()))
        }
    });
    let link = own.open(provided);
    assert_eq!(asked.get(), 1);
    let global: web_sys::EventTarget = js_sys::global().unchecked_into();
    // It gives up the try, and with it what was provided, which begins the next.
    global.dispatch_event(&web_sys::Event::new("offline").expect("a name")).expect("dispatched");
    assert_eq!(asked.get(), 2);
    until("it is open", || link.phase() == Phase::Open).await;
    assert_eq!(link.stats().attempts, 2);
    own.clear();
    part(&link).await;
}

#[wasm_bindgen_test]
async fn its_phases_end_when_it_is_dropped_while_they_wait() {
    let link = linked().await;
    let mut phases = link.phases();
    assert_eq!(phases.next().await, Some(Phase::Open));
    let (last, ()) = within("the stream ends", join(phases.next(), async { drop(link) })).await;
    assert_eq!(last, None);
}

#[wasm_bindgen_test]
async fn every_reader_hears_the_end() {
    let mut one = linked().await;
    let mut two = one.clone();
    let closer = one.clone();
    let all = join(join(one.next(), two.next()), async {
        sleep(20).await;
        closer.close(CloseCode::NORMAL, "").await
    });
    let (ends, _) = within("both end", all).await;
    assert_eq!(ends, (None, None));
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn a_full_inbound_queue_costs_the_connection_and_not_the_link() {
    // The peer does not answer the Close frame in one case, and answers as if all were well in the other.
    for script in ["/say/100/10/mute", "/say/100/10/wait/100/close/1000"] {
        let policy = RetryPolicy::default().base(Duration::from_millis(1));
        let limits = InboundLimits::default().messages(10);
        let link =
            Link::to(peer(script).await).inbound(limits).retry(policy).open().expect("the URL is valid");
        until("it was open again", || link.stats().opened > 1).await;
        assert!(!matches!(link.phase(), Phase::Ended(_)), "{script}: {:?}", link.phase());
        let first = link.endings().into_iter().next();
        assert_eq!(first.as_ref().map(|ending| ending.initiator), Some(Initiator::Overflow), "{script}");
        assert_eq!(diagnose(first.as_slice()).map(|diagnosis| diagnosis.cause), Some(Cause::SlowReader));
    }
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn a_peer_that_does_not_answer_is_not_taken_for_our_own_doing() {
    let told = async |link: Link| {
        let (reason, ending) = within("it gives up", link.ended()).await;
        assert_eq!(reason, EndReason::GaveUp { tries: 1 });
        assert_eq!(ending.map(|ending| ending.initiator), Some(Initiator::Timeout));
        let diagnosis = diagnose(&link.endings());
        assert_eq!(diagnosis.map(|diagnosis| diagnosis.cause), Some(Cause::PeerSilent));
    };
    let mut policy = once();
    policy.min_uptime = Duration::from_secs(60);
    let heartbeat =
        Heartbeat::new(Duration::from_millis(20), Duration::from_millis(100), || "ping".into(), |_| false);
    told(Link::to(peer("/mute").await).heartbeat(heartbeat).retry(policy).open().expect("the URL is valid"))
        .await;
    // After the other: Firefox opens no second connection to an address while it still tries a first.
    let mut policy = once();
    policy.connect_timeout = Duration::from_millis(100);
    told(Link::to(peer("/hang").await).retry(policy).open().expect("the URL is valid")).await;
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn a_slow_uplink_is_no_dead_peer() {
    let heartbeat =
        Heartbeat::new(Duration::from_millis(100), Duration::from_secs(1), || "ping".into(), |_| false);
    let options = Link::to(peer("/sip/200000").await).heartbeat(heartbeat).retry(once());
    let link = options.open().expect("the URL is valid");
    until("it opens", || link.phase() == Phase::Open).await;
    // More than the kernels on the way take, so that some of it leaves the page's process all the time.
    let sent = js_sys::Date::now();
    while js_sys::Date::now() - sent < 4_000.0 {
        let _ = link.try_send(vec![0; 512 * 1024]);
        sleep(20).await;
    }
    assert_eq!(link.phase(), Phase::Open, "{:?}", link.endings());
}
