//! A reader slower than its peer: the inbound queue is bounded, and does what its rule says.

use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::socket::{Cause, Error, InboundLimits, Initiator, Message, Overflow, Socket, State, diagnose};

use crate::support::{
    parts, read, receive,
    supervisor::{new_name, peer, report},
    until, within,
};

async fn connect(script: &str, limits: InboundLimits) -> Socket {
    let connecting = Socket::connect(peer(script).await).inbound(limits);
    within("it opens", connecting).await.expect("the peer accepts")
}

/// The next messages are those with these numbers.
async fn numbered(socket: &mut Socket, numbers: std::ops::Range<u32>) {
    for number in numbers {
        assert_eq!(receive(socket).await, Message::from(format!("{number:0>10}")));
    }
}

/// Ten messages of ten bytes.
fn ten(overflow: Overflow) -> InboundLimits {
    InboundLimits::default().messages(10).overflow(overflow)
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn fail_closes_the_connection_and_keeps_what_was_queued() {
    let name = new_name();
    let mut socket = connect(&format!("/say/100/10?report={name}"), ten(Overflow::Fail)).await;
    let ending = within("it closes", socket.closed()).await;
    assert_eq!(parts(&ending), (4009, "inbound queue full", true));
    assert_eq!(report(&name).await, "close 4009 inbound queue full", "the peer is told why");
    assert_eq!(ending.initiator, Initiator::Overflow);
    assert_eq!(diagnose(&[ending]).map(|diagnosis| diagnosis.cause), Some(Cause::SlowReader));
    numbered(&mut socket, 0..10).await;
    assert_eq!(read(&mut socket).await, Some(Err(Error::Overflow { messages: 10, bytes: 100 })));
    assert_eq!(read(&mut socket).await, None);
    assert_eq!(socket.dropped(), 0);
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn fail_ends_the_stream_once_though_the_peer_ignores_the_close() {
    let mut socket = connect("/say/100/10/wait/300/cut", ten(Overflow::Fail)).await;
    until("the queue overflows", || socket.state() != State::Open).await;
    numbered(&mut socket, 0..10).await;
    assert_eq!(read(&mut socket).await, Some(Err(Error::Overflow { messages: 10, bytes: 100 })));
    assert_eq!(read(&mut socket).await, None);
    assert_eq!(parts(&within("it closes", socket.closed()).await), (1006, "", false));
    assert_eq!(read(&mut socket).await, None, "an ended stream stays ended");
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn drop_oldest_keeps_the_last_and_counts_the_rest() {
    let mut socket = connect("/say/100/10/close/1000", ten(Overflow::DropOldest)).await;
    within("it closes", socket.closed()).await;
    assert_eq!(socket.dropped(), 90);
    numbered(&mut socket, 90..100).await;
    assert_eq!(read(&mut socket).await, None);
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn drop_newest_keeps_the_first_and_counts_the_rest() {
    let mut socket = connect("/say/100/10/close/1000", ten(Overflow::DropNewest)).await;
    within("it closes", socket.closed()).await;
    assert_eq!(socket.dropped(), 90);
    numbered(&mut socket, 0..10).await;
    assert_eq!(read(&mut socket).await, None);
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn bytes_are_limited_as_messages_are() {
    let limits = InboundLimits::default().bytes(55).overflow(Overflow::DropNewest);
    let mut socket = connect("/say/100/10/close/1000", limits).await;
    within("it closes", socket.closed()).await;
    assert_eq!(socket.dropped(), 95);
    numbered(&mut socket, 0..5).await;
    assert_eq!(read(&mut socket).await, None);
}
