//! What is sent comes back the same.

use futures_util::{SinkExt as _, StreamExt as _, stream};
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::socket::{Error, Message, Transport};

use crate::support::{close, connect, echo, over::over_both, receive, until, within};

over_both! {
    text_comes_back_as_text,
    binary_comes_back_as_binary,
    empty_messages_come_back_as_what_they_were,
    characters_of_every_utf8_length_come_back,
    every_byte_value_comes_back,
    a_mebibyte_of_text_comes_back,
    a_mebibyte_of_binary_comes_back,
    a_thousand_messages_of_both_kinds_keep_their_order,
    what_is_buffered_drains,
    a_sink_can_be_fed_from_a_stream,
    the_halves_of_a_split_socket_send_receive_and_close,
}

/// Sends the message, and expects it back.
async fn comes_back(over: Transport, message: Message) {
    let mut socket = connect(over, &echo()).await;
    assert_eq!(socket.try_send(&message).map(drop), Ok(()));
    let answer = receive(&mut socket).await;
    // The values of a failed `assert_eq` would fill the screen with a mebibyte.
    assert!(answer == message, "{} bytes came back changed", message.len());
    close(&socket, 1000, "").await;
}

async fn text_comes_back_as_text(over: Transport) {
    comes_back(over, "hello".into()).await;
}

async fn binary_comes_back_as_binary(over: Transport) {
    comes_back(over, b"hello".as_slice().into()).await;
}

async fn empty_messages_come_back_as_what_they_were(over: Transport) {
    comes_back(over, "".into()).await;
    comes_back(over, Vec::new().into()).await;
}

async fn characters_of_every_utf8_length_come_back(over: Transport) {
    comes_back(over, "\0 a é ß 日本 \u{feff} \u{ffff} 🦀 \u{10ffff}".into()).await;
}

async fn every_byte_value_comes_back(over: Transport) {
    comes_back(over, (0..=u8::MAX).collect::<Vec<u8>>().into()).await;
}

async fn a_mebibyte_of_text_comes_back(over: Transport) {
    comes_back(over, "0123456789abcdé".repeat(64 * 1024).into()).await;
}

async fn a_mebibyte_of_binary_comes_back(over: Transport) {
    comes_back(over, (0..=u8::MAX).cycle().take(1024 * 1024).collect::<Vec<u8>>().into()).await;
}

async fn a_thousand_messages_of_both_kinds_keep_their_order(over: Transport) {
    let numbered = |number: u32| match number % 2 {
        0 => Message::from(number.to_string()),
        _ => Message::from(number.to_be_bytes().as_slice()),
    };
    let mut socket = connect(over, &echo()).await;
    for number in 0..1000 {
        assert_eq!(socket.try_send(numbered(number)).map(drop), Ok(()));
    }
    for number in 0..1000 {
        assert_eq!(receive(&mut socket).await, numbered(number));
    }
    close(&socket, 1000, "").await;
}

// Wrappers are known to switch the socket to Blobs when they send binary, and what they then receive comes late.
#[wasm_bindgen_test]
async fn sending_binary_leaves_the_socket_at_array_buffers() {
    let mut socket = connect(Transport::Events, &echo()).await;
    for payload in [b"one", b"two"] {
        assert_eq!(socket.try_send(payload).map(drop), Ok(()));
        let binary_type = socket.as_raw().map(web_sys::WebSocket::binary_type);
        assert_eq!(binary_type, Some(web_sys::BinaryType::Arraybuffer));
        assert_eq!(receive(&mut socket).await, Message::from(payload.as_slice()));
    }
    close(&socket, 1000, "").await;
}

async fn what_is_buffered_drains(over: Transport) {
    let mut socket = connect(over, &echo()).await;
    assert_eq!(socket.buffered_amount(), 0);
    assert_eq!(socket.try_send(vec![0; 100_000]).map(drop), Ok(()));
    assert!(socket.buffered_amount() >= 100_000, "the browser sends once the page's own turn is over");
    receive(&mut socket).await;
    until("the buffer drains", || socket.buffered_amount() == 0).await;
    close(&socket, 1000, "").await;
}

async fn a_sink_can_be_fed_from_a_stream(over: Transport) -> Result<(), Error> {
    let mut socket = connect(over, &echo()).await;
    let mut messages = stream::iter(["one", "two"].map(|text| Ok(Message::from(text))));
    within("both are sent", socket.send_all(&mut messages)).await?;
    assert_eq!(receive(&mut socket).await, Message::from("one"));
    assert_eq!(receive(&mut socket).await, Message::from("two"));
    Ok(())
}

async fn the_halves_of_a_split_socket_send_receive_and_close(over: Transport) -> Result<(), Error> {
    let (mut sink, mut stream) = connect(over, &echo()).await.split();
    within("the sink takes a message", sink.send("hello".into())).await?;
    assert_eq!(within("it comes back", stream.next()).await, Some(Ok("hello".into())));
    within("the sink closes the connection", sink.close()).await?;
    assert_eq!(within("the stream ends", stream.next()).await, None);
    Ok(())
}
