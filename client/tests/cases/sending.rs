//! A socket that is not open takes nothing, where the browser would lose the message and say nothing.

use std::{pin::pin, task::Poll};

use futures_util::SinkExt;
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    CloseCode,
    socket::{Error, EventSocket, Message, State, Transport},
};

use crate::support::{
    NO_OFFERS, close, connect, echo, has_closed, in_words, over::over_both, poll_once, recorder, until,
    within,
};

over_both! {
    nothing_is_sent_while_closing,
    nothing_is_sent_through_the_sink_while_closing,
    nothing_is_sent_once_closed,
}

fn not_open(state: State) -> Result<(), Error> {
    Err(Error::NotOpen { state })
}

#[wasm_bindgen_test]
async fn nothing_is_sent_while_connecting() -> Result<(), Error> {
    let (events, handler) = recorder();
    let socket = EventSocket::open(&echo(), NO_OFFERS, handler)?;
    assert_eq!(socket.state(), State::Connecting);
    assert_eq!(socket.send("early"), not_open(State::Connecting));
    until("it opens", || socket.state() == State::Open).await;
    assert_eq!(socket.send("in time"), Ok(()));
    until("the answer comes", || in_words(&events) == ["open", "text in time"]).await;
    Ok(())
}

async fn nothing_is_sent_while_closing(over: Transport) {
    let socket = connect(over, &echo()).await;
    let mut closing = pin!(socket.close(CloseCode::NORMAL, ""));
    assert_eq!(poll_once(closing.as_mut()).await, Poll::Pending);
    assert_eq!(socket.try_send("late").map(drop), not_open(State::Closing));
    assert_eq!(socket.try_send(b"late").map(drop), not_open(State::Closing));
    assert_eq!(socket.buffered_amount(), 0);
    assert!(within("it closes", closing).await.is_ok_and(|ending| ending.was_clean));
}

async fn nothing_is_sent_through_the_sink_while_closing(over: Transport) {
    let mut socket = connect(over, &echo()).await;
    assert_eq!(poll_once(pin!(SinkExt::close(&mut socket))).await, Poll::Pending);
    let sent = SinkExt::send(&mut socket, Message::from("late"));
    assert_eq!(within("the sink answers", sent).await, not_open(State::Closing));
}

async fn nothing_is_sent_once_closed(over: Transport) {
    let mut socket = connect(over, &echo()).await;
    close(&socket, 1000, "").await;
    assert_eq!(socket.try_send("late").map(drop), not_open(State::Closed));
    let sent = SinkExt::send(&mut socket, Message::from(b"late".as_slice()));
    assert_eq!(within("the sink answers", sent).await, not_open(State::Closed));
    assert_eq!(socket.buffered_amount(), 0, "the browser was handed nothing");
}

#[wasm_bindgen_test]
async fn nothing_is_sent_once_closed_beneath_the_stream() -> Result<(), Error> {
    let (events, handler) = recorder();
    let socket = EventSocket::open(&echo(), NO_OFFERS, handler)?;
    until("it opens", || socket.state() == State::Open).await;
    socket.close(CloseCode::NORMAL, "")?;
    assert_eq!(socket.send("late"), not_open(State::Closing));
    until("it closes", || has_closed(&events)).await;
    assert_eq!(socket.send("late"), not_open(State::Closed));
    Ok(())
}
