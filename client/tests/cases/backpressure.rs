//! A reader slower than its peer, over `WebSocketStream`: the peer is slowed, and nothing is lost.

use std::time::Duration;

use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::socket::{Error, InboundLimits, Message, Overflow, Socket, State, Transport};

use crate::support::{
    close, connect, echo, parts, read, receive,
    supervisor::{new_name, peer, report},
    to, until, within,
};

/// Bytes of one message, and how many of them: more than the browser and the system buffer.
const SIZE: usize = 60_000;
const MESSAGES: usize = 400;

async fn bounded(script: &str, limits: InboundLimits) -> Socket {
    let connecting = to(Transport::Stream, peer(script).await).inbound(limits);
    within("it opens", connecting).await.expect("the peer accepts")
}

/// The next messages are those with these numbers.
async fn numbered(socket: &mut Socket, numbers: std::ops::Range<usize>, size: usize) {
    for number in numbers {
        assert!(receive(socket).await == Message::from(format!("{number:0>size$}")), "number {number}");
    }
}

/// How many messages the peer's system had taken when a write of the peer's first waited for a whole second.
async fn stalled(name: &str) -> usize {
    report(&format!("{name}-stalled")).await.parse().expect("a number")
}

#[cfg_attr(
    not(all(wirescope_stream, wirescope_supervisor)),
    ignore = "needs a browser with WebSocketStream, and the supervisor: run cargo xtask test"
)]
#[wasm_bindgen_test]
async fn a_reader_that_sleeps_stops_the_peer_and_loses_nothing() {
    let name = new_name();
    let script = format!("/feed/{MESSAGES}/{SIZE}?report={name}");
    // A rule that would lose messages, to see that it is not used.
    let limits = InboundLimits::default().messages(10).overflow(Overflow::DropNewest);
    let mut socket = bounded(&script, limits).await;
    let stopped = stalled(&name).await;
    assert!((10..MESSAGES).contains(&stopped), "the peer was stopped in the middle, not at {stopped}");
    assert_eq!(socket.state(), State::Open);
    numbered(&mut socket, 0..MESSAGES, SIZE).await;
    assert_eq!(socket.dropped(), 0);
    assert_eq!(parts(&close(&socket, 1000, "").await), (1000, "", true));
    assert_eq!(report(&name).await, "close 1000");
}

#[cfg_attr(
    not(all(wirescope_stream, wirescope_supervisor)),
    ignore = "needs a browser with WebSocketStream, and the supervisor: run cargo xtask test"
)]
#[wasm_bindgen_test]
async fn a_limit_in_bytes_stops_the_peer_too() {
    let name = new_name();
    let limits = InboundLimits::default().bytes(SIZE + 1);
    let mut socket = bounded(&format!("/feed/{MESSAGES}/{SIZE}?report={name}"), limits).await;
    let stopped = stalled(&name).await;
    assert!((2..MESSAGES).contains(&stopped), "the peer was stopped in the middle, not at {stopped}");
    numbered(&mut socket, 0..MESSAGES, SIZE).await;
    close(&socket, 1000, "").await;
}

#[cfg_attr(
    not(all(wirescope_stream, wirescope_supervisor)),
    ignore = "needs a browser with WebSocketStream, and the supervisor: run cargo xtask test"
)]
#[wasm_bindgen_test]
async fn closing_with_much_unread_is_answered() {
    let name = new_name();
    let limits = InboundLimits::default().messages(10);
    let mut socket = bounded(&format!("/feed/{MESSAGES}/{SIZE}?report={name}"), limits).await;
    stalled(&name).await;
    assert_eq!(parts(&close(&socket, 4001, "enough").await), (4001, "enough", true));
    assert_eq!(report(&name).await, "close 4001 enough");
    // The one that passed the limit is there too.
    numbered(&mut socket, 0..11, SIZE).await;
    assert_eq!(read(&mut socket).await, None, "what comes once closing has begun is not delivered");
}

#[cfg_attr(
    not(all(wirescope_stream, wirescope_supervisor)),
    ignore = "needs a browser with WebSocketStream, and the supervisor: run cargo xtask test"
)]
#[wasm_bindgen_test]
async fn dropping_with_much_unread_lets_the_peer_come_to_its_end() {
    let name = new_name();
    let limits = InboundLimits::default().messages(10);
    let socket = bounded(&format!("/feed/{MESSAGES}/{SIZE}?report={name}"), limits).await;
    stalled(&name).await;
    drop(socket);
    assert_eq!(report(&name).await, "close 1000");
}

#[cfg_attr(
    not(all(wirescope_stream, wirescope_supervisor)),
    ignore = "needs a browser with WebSocketStream, and the supervisor: run cargo xtask test"
)]
#[wasm_bindgen_test]
async fn a_peer_that_closes_before_all_was_read_is_told_as_such() {
    let limits = InboundLimits::default().messages(10);
    let mut socket = bounded("/say/100/10/close/1000", limits).await;
    let ending = within("it ends", socket.closed()).await;
    assert_eq!(parts(&ending), (1000, "", true));
    let mut number = 0;
    let told = loop {
        match read(&mut socket).await {
            Some(Ok(message)) => {
                assert_eq!(
                    message,
                    Message::from(format!("{number:0>10}")),
                    "there is no gap before the end"
                );
                number += 1;
            }
            other => break other,
        }
    };
    assert!(number >= 11, "what was queued is given");
    // Chromium forgets the rest. One that does not gives all of it, and then a clean end is the truth.
    match told {
        Some(Err(Error::Unread(unread))) => assert_eq!(unread, ending),
        other => assert_eq!((other, number), (None, 100)),
    }
    assert_eq!(read(&mut socket).await, None);
}

#[cfg_attr(
    not(all(wirescope_stream, wirescope_supervisor)),
    ignore = "needs a browser with WebSocketStream, and the supervisor: run cargo xtask test"
)]
#[wasm_bindgen_test]
async fn a_peer_that_closes_when_all_was_read_but_held_back_ends_clean() {
    // The tenth fills the queue, and none comes after it.
    let limits = InboundLimits::default().messages(10);
    let mut socket = bounded("/say/10/10/wait/100/close/1000", limits).await;
    assert_eq!(parts(&within("it ends", socket.closed()).await), (1000, "", true));
    numbered(&mut socket, 0..10, 10).await;
    assert_eq!(read(&mut socket).await, None);
}

#[cfg_attr(
    not(all(wirescope_stream, wirescope_supervisor)),
    ignore = "needs a browser with WebSocketStream, and the supervisor: run cargo xtask test"
)]
#[wasm_bindgen_test]
async fn what_the_reader_leaves_is_no_silence_of_the_peers() {
    let name = new_name();
    let limits = InboundLimits::default().messages(1);
    let mut socket = bounded(&format!("/say/3/10/wait/500/cut?report={name}"), limits).await;
    // Nothing is read until the peer is gone, half a second after its last message.
    report(&name).await;
    let resumed = js_sys::Date::now();
    numbered(&mut socket, 0..2, 10).await;
    let ending = within("it ends", socket.closed()).await;
    let since = Duration::from_secs_f64((js_sys::Date::now() - resumed) / 1_000.0);
    assert!(ending.silence <= since, "{:?}, and it reads since {since:?}", ending.silence);
    assert!(ending.lived >= Duration::from_millis(500), "{:?}", ending.lived);
}

#[wasm_bindgen_test]
async fn if_available_takes_what_there_is() {
    let connecting = Socket::connect(echo()).stream_if_available();
    let socket = within("it opens", connecting).await.expect("there is always one");
    let expected = if Transport::Stream.is_available() { Transport::Stream } else { Transport::Events };
    assert_eq!(socket.transport(), expected);
    assert_eq!(connect(Transport::Events, &echo()).await.transport(), Transport::Events);
}

#[wasm_bindgen_test]
async fn where_there_is_none_asking_for_it_is_an_error_that_says_so() {
    let name = "WebSocketStream".into();
    let global = js_sys::global();
    let kept = js_sys::Reflect::get(&global, &name).expect("a global is an object");
    // In Firefox this takes nothing away.
    js_sys::Reflect::delete_property(&global, &name).expect("it is configurable");
    let connected = within("it answers", Socket::connect(echo()).stream()).await;
    let other = within("it opens", Socket::connect(echo()).stream_if_available()).await;
    if !kept.is_undefined() {
        js_sys::Reflect::set(&global, &name, &kept).expect("it is put back");
    }
    assert!(matches!(connected, Err(Error::Unsupported)), "{connected:?}");
    assert_eq!(other.map(|socket| socket.transport()), Ok(Transport::Events));
    until("the browser is as it was", || Transport::Stream.is_available() != kept.is_undefined()).await;
}
