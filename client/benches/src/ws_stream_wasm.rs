//! `ws_stream_wasm`'s socket.

use futures_util::{SinkExt as _, StreamExt as _};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use ws_stream_wasm::{WsErr, WsMessage, WsMeta, WsStream};

use crate::work::{BYTES, Cell, Next, Progress, TEXT, is_bytes, is_text, thrown};

#[wasm_bindgen]
pub async fn ws_stream_wasm(cell: Cell) -> Result<(), JsValue> {
    let (meta, mut stream) = WsMeta::connect(cell.url(), None).await.map_err(thrown)?;
    cell.connected().await?;
    echo(&mut stream, &cell).await.map_err(thrown)?;
    cell.measured().await?;
    meta.close().await.map_err(thrown)?;
    Ok(())
}

async fn echo(socket: &mut WsStream, cell: &Cell) -> Result<(), WsErr> {
    let mut progress = Progress::of(cell);
    for _ in 0..progress.in_flight {
        send(socket, progress.binary).await?;
    }
    while let Some(message) = socket.next().await {
        let same = match message {
            WsMessage::Text(text) => is_text(&text),
            WsMessage::Binary(bytes) => is_bytes(&bytes),
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

async fn send(socket: &mut WsStream, binary: bool) -> Result<(), WsErr> {
    let message = if binary { WsMessage::Binary(BYTES.to_vec()) } else { WsMessage::Text(TEXT.to_owned()) };
    socket.send(message).await
}
