//! gloo-net's socket.

use futures_util::{SinkExt as _, StreamExt as _};
use gloo_net::websocket::{Message, WebSocketError, futures::WebSocket};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::work::{BYTES, Cell, Next, Progress, TEXT, is_bytes, is_text, thrown};

#[wasm_bindgen]
pub async fn gloo_net(cell: Cell) -> Result<(), JsValue> {
    // Its first send waits for the connection to open, and so does a flush.
    let mut socket = WebSocket::open(&cell.url()).map_err(thrown)?;
    socket.flush().await.map_err(thrown)?;
    std::future::poll_fn(|cx| socket.poll_ready_unpin(cx)).await.map_err(thrown)?;
    cell.connected().await?;
    echo(&mut socket, &cell).await.map_err(thrown)?;
    cell.measured().await?;
    socket.close(Some(1000), None).map_err(thrown)?;
    Ok(())
}

async fn echo(socket: &mut WebSocket, cell: &Cell) -> Result<(), WebSocketError> {
    let mut progress = Progress::of(cell);
    for _ in 0..progress.in_flight {
        send(socket, progress.binary).await?;
    }
    while let Some(message) = socket.next().await {
        let same = match message? {
            Message::Text(text) => is_text(&text),
            Message::Bytes(bytes) => is_bytes(&bytes),
        };
        if !same {
            cell.fail("the echo differs");
        }
        match progress.count() {
            Next::Send => send(socket, progress.binary).await?,
            Next::Wait => {}
            Next::Finish => {
                cell.finish();
                return Ok(());
            }
        }
    }
    cell.fail("the stream ended");
    Ok(())
}

async fn send(socket: &mut WebSocket, binary: bool) -> Result<(), WebSocketError> {
    let message = if binary { Message::Bytes(BYTES.to_vec()) } else { Message::Text(TEXT.to_owned()) };
    socket.send(message).await
}
