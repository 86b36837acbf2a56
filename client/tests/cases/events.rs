//! The event interface beneath the stream.

use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    CloseCode,
    socket::{Error, EventSocket, State},
};

use crate::support::{NO_OFFERS, echo, has_closed, in_words, recorder, until};

#[wasm_bindgen_test]
async fn they_come_in_the_connections_order() -> Result<(), Error> {
    let (events, handler) = recorder();
    let socket = EventSocket::open(&echo(), NO_OFFERS, handler)?;
    assert!(events.borrow().is_empty(), "no event comes before `open` returns");
    until("it opens", || socket.state() == State::Open).await;
    socket.send("one")?;
    socket.send(b"2")?;
    until("both come back", || events.borrow().len() == 3).await;
    socket.close(CloseCode::new(4000), "bye")?;
    until("it closes", || has_closed(&events)).await;
    assert_eq!(in_words(&events), ["open", "text one", "binary [50]", "close 4000"]);
    assert_eq!(socket.state(), State::Closed);
    Ok(())
}

#[wasm_bindgen_test]
async fn giving_up_while_connecting_is_an_error_and_a_close() -> Result<(), Error> {
    let (events, handler) = recorder();
    let socket = EventSocket::open(&echo(), NO_OFFERS, handler)?;
    socket.close(CloseCode::new(4000), "never mind")?;
    until("it closes", || has_closed(&events)).await;
    assert_eq!(in_words(&events), ["error", "close 1006"]);
    Ok(())
}
