//! Connections that the peer ends, or that end by themselves.

use std::task::Poll;

use futures_util::SinkExt;
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    CloseCode,
    socket::{Cause, CloseEvent, Error, EventSocket, Initiator, Message, Socket, State, Transport, diagnose},
};

use crate::support::{
    NO_OFFERS, close, connect, has_closed, in_words,
    over::over_both,
    parts, poll_once, read, receive, recorder, sleep,
    supervisor::{Server, peer},
    until, within,
};

over_both! {
    ; with the supervisor:
    a_cut_is_told_once_after_what_came_before_it,
    a_reset_is_told_once,
    the_peers_code_and_reason_are_told,
    a_code_that_no_frame_may_carry_loses_the_connection,
    messages_from_before_the_close_can_still_be_read,
    what_the_peer_closed_takes_no_message,
    closing_what_the_peer_closed_resolves_with_the_peers_ending,
    closing_resolves_when_the_peer_ignores_it_and_leaves,
    closing_waits_for_a_peer_that_never_answers_and_can_be_given_up,
    a_killed_server_is_a_lost_connection_and_a_restarted_one_can_be_reached,
    a_server_that_is_stopped_says_that_it_goes_away,
}

/// The stream ends with the news that the connection was lost, told once.
async fn ends_as_lost(socket: &mut Socket) {
    match read(socket).await {
        Some(Err(Error::Lost(ending))) => assert_eq!(parts(&ending), (1006, "", false)),
        other => panic!("the loss was not told, but {other:?}"),
    }
    assert_eq!(read(socket).await, None);
    assert_eq!(read(socket).await, None);
}

async fn ended(socket: &Socket) -> CloseEvent {
    within("the connection ends", socket.closed()).await
}

async fn a_cut_is_told_once_after_what_came_before_it(over: Transport) {
    // After a while: Firefox fails a connection that is cut together with its opening.
    let mut socket = connect(over, &peer("/say/3/1/wait/200/cut").await).await;
    assert_eq!(parts(&ended(&socket).await), (1006, "", false));
    for number in ["0", "1", "2"] {
        assert_eq!(receive(&mut socket).await, Message::from(number));
    }
    ends_as_lost(&mut socket).await;
}

async fn a_reset_is_told_once(over: Transport) {
    let mut socket = connect(over, &peer("/wait/100/reset").await).await;
    ends_as_lost(&mut socket).await;
    assert_eq!(socket.state(), State::Closed);
    let ending = ended(&socket).await;
    assert_eq!(ending.initiator, Initiator::Nobody);
    assert_eq!(diagnose(&[ending]).map(|diagnosis| diagnosis.cause), Some(Cause::ConnectionLost));
}

async fn the_peers_code_and_reason_are_told(over: Transport) {
    for (script, expected) in [
        ("/close/1000/", (1000, "", true)),
        ("/close/1001/leaving", (1001, "leaving", true)),
        ("/close/1011/broken", (1011, "broken", true)),
        ("/close/3000/library", (3000, "library", true)),
        ("/close/4999/own", (4999, "own", true)),
        ("/close", (1005, "", true)),
    ] {
        let mut socket = connect(over, &peer(script).await).await;
        assert_eq!(parts(&ended(&socket).await), expected, "{script}");
        assert_eq!(read(&mut socket).await, None, "{script}");
    }
}

async fn a_code_that_no_frame_may_carry_loses_the_connection(over: Transport) {
    for code in [1005, 1006, 1015] {
        let mut socket = connect(over, &peer(&format!("/wait/50/close/{code}/x")).await).await;
        match read(&mut socket).await {
            Some(Err(Error::Lost(ending))) => assert!(!ending.was_clean, "{code}: {ending}"),
            // Firefox takes such a frame for a good one, and passes its code on.
            None => assert_eq!(ended(&socket).await.code.number(), code),
            other => panic!("{code} gave {other:?}"),
        }
        assert_eq!(read(&mut socket).await, None);
    }
}

async fn messages_from_before_the_close_can_still_be_read(over: Transport) {
    let mut socket = connect(over, &peer("/say/3/1/close/4001/bye").await).await;
    assert_eq!(parts(&ended(&socket).await), (4001, "bye", true));
    for number in ["0", "1", "2"] {
        assert_eq!(receive(&mut socket).await, Message::from(number));
    }
    assert_eq!(read(&mut socket).await, None);
    assert_eq!(read(&mut socket).await, None);
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn what_the_peer_said_comes_before_its_close() -> Result<(), Error> {
    let (events, handler) = recorder();
    let _socket = EventSocket::open(&peer("/say/3/1/close/4001/bye").await, NO_OFFERS, handler)?;
    until("it closes", || has_closed(&events)).await;
    assert_eq!(in_words(&events), ["open", "text 0", "text 1", "text 2", "close 4001"]);
    Ok(())
}

async fn what_the_peer_closed_takes_no_message(over: Transport) {
    let mut socket = connect(over, &peer("/close/1000/").await).await;
    ended(&socket).await;
    let not_open = Err(Error::NotOpen { state: State::Closed });
    assert_eq!(socket.try_send("late").map(drop), not_open);
    let sent = SinkExt::send(&mut socket, Message::from("late"));
    assert_eq!(within("the sink answers", sent).await, not_open);
    assert_eq!(socket.buffered_amount(), 0);
}

async fn closing_what_the_peer_closed_resolves_with_the_peers_ending(over: Transport) {
    let socket = connect(over, &peer("/close/4001/bye").await).await;
    ended(&socket).await;
    assert_eq!(parts(&close(&socket, 1000, "mine").await), (4001, "bye", true));
}

async fn closing_resolves_when_the_peer_ignores_it_and_leaves(over: Transport) {
    let mut socket = connect(over, &peer("/wait/200/cut").await).await;
    assert_eq!(parts(&close(&socket, 1000, "").await), (1006, "", false));
    ends_as_lost(&mut socket).await;
}

// Chromium waits a minute for the answer, too long to be waited for here.
async fn closing_waits_for_a_peer_that_never_answers_and_can_be_given_up(over: Transport) {
    let live = wasm_bindgen::externref_heap_live_count();
    let socket = connect(over, &peer("/mute").await).await;
    let mut closing = Box::pin(socket.close(CloseCode::NORMAL, ""));
    for _ in 0..10 {
        assert_eq!(poll_once(closing.as_mut()).await, Poll::Pending);
        sleep(20).await;
    }
    drop(closing);
    assert_eq!(socket.try_send("late").map(drop), Err(Error::NotOpen { state: State::Closing }));
    drop(socket);
    assert_eq!(wasm_bindgen::externref_heap_live_count(), live, "nothing of the browser's is still held");
}

async fn a_killed_server_is_a_lost_connection_and_a_restarted_one_can_be_reached(over: Transport) {
    let server = Server::start().await;
    let mut socket = connect(over, &server.echo()).await;
    assert_eq!(server.kill().await, "signal 9");
    ends_as_lost(&mut socket).await;
    assert_eq!(socket.try_send("late").map(drop), Err(Error::NotOpen { state: State::Closed }));

    server.restart().await;
    let mut socket = connect(over, &server.echo()).await;
    assert_eq!(socket.try_send("again").map(drop), Ok(()));
    assert_eq!(receive(&mut socket).await, Message::from("again"));
    close(&socket, 1000, "").await;
    server.kill().await;
}

async fn a_server_that_is_stopped_says_that_it_goes_away(over: Transport) {
    let server = Server::start().await;
    let mut socket = connect(over, &server.echo()).await;
    assert_eq!(server.stop().await, "exit 0");
    let ending = ended(&socket).await;
    assert_eq!((ending.code.number(), ending.was_clean), (1001, true));
    assert_eq!(read(&mut socket).await, None);
}
