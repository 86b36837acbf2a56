//! Coming from gloo-net: what was there on the left, what it is here on the right, and what changes.
//!
//! | `gloo_net::websocket` | here | what changes |
//! | --- | --- | --- |
//! | `WebSocket::open(url)?` | `Socket::connect(url).await?` | it is open when you get it, or the error says why it is not |
//! | `open_with_protocols(url, &["a"])` | `connect(url).subprotocols(["a"])` | names are checked first |
//! | `Message::Bytes` | `Message::Binary` | never goes through a Blob |
//! | `ws.send(message).await?` | the same, as a `Sink` | an error after a close, where it was `Ok` and lost |
//! | | `socket.send(&str or &[u8]).await?` | waits for room, and gives a receipt |
//! | `Some(Err(ConnectionClose(event)))` | the stream ends; `Err(Lost)` if it was not clean | `socket.ending()` has the event |
//! | `ws.close(Some(1000), Some("bye"))?` | `socket.close(CloseCode::NORMAL, "bye").await?` | also after `split`, and it resolves |

use futures_util::{SinkExt as _, StreamExt as _};
use wirescope::{
    CloseCode,
    socket::{Error, Message, Socket},
};

fn main() {
    wasm_bindgen_futures::spawn_local(async {
        if let Err(error) = talk().await {
            web_sys::console::error_1(&error.to_string().into());
        }
    });
}

async fn talk() -> Result<(), Error> {
    let socket = Socket::connect("ws://127.0.0.1:8080/echo").await?;
    // A clone is another handle of the same connection: it closes what `split` has divided.
    let closer = socket.clone();
    let (mut sink, mut stream) = socket.split();

    sink.send(Message::from("hello")).await?;
    sink.send(Message::from(vec![1, 2, 3])).await?;
    for _ in 0..2 {
        match stream.next().await.transpose()? {
            Some(Message::Text(text)) => assert_eq!(text, "hello"),
            Some(Message::Binary(bytes)) => assert_eq!(bytes, [1, 2, 3]),
            None => return Ok(()),
        }
    }
    let ending = closer.close(CloseCode::NORMAL, "done").await?;
    assert!(ending.was_clean);
    Ok(())
}
