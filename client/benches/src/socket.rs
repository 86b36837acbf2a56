//! This library's async socket.

use futures_util::StreamExt as _;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use wirescope::{
    CloseCode,
    socket::{Error, Message, Socket},
};

use crate::work::{self, BYTES, Cell, Next, Progress, TEXT, is_bytes, is_text, thrown};

#[wasm_bindgen]
pub async fn socket(cell: Cell) -> Result<(), JsValue> {
    let mut socket = Socket::connect(cell.url()).await.map_err(thrown)?;
    cell.connected().await?;
    echo(&mut socket, &cell).await.map_err(thrown)?;
    cell.measured().await?;
    socket.close(CloseCode::NORMAL, "").await.map_err(thrown)?;
    Ok(())
}

/// The same over WebSocketStream.
#[wasm_bindgen]
pub async fn socket_stream(cell: Cell) -> Result<(), JsValue> {
    let mut socket = Socket::connect(cell.url()).stream().await.map_err(thrown)?;
    cell.connected().await?;
    echo(&mut socket, &cell).await.map_err(thrown)?;
    cell.measured().await?;
    socket.close(CloseCode::NORMAL, "").await.map_err(thrown)?;
    Ok(())
}

/// The same as the first, run by this library.
#[wasm_bindgen]
pub async fn socket_spawn(cell: Cell) -> Result<(), JsValue> {
    let mut socket = Socket::connect(cell.url()).await.map_err(thrown)?;
    cell.connected().await?;
    let (closed, resolve) = work::promise();
    wirescope::spawn(async move {
        let echoed = echo(&mut socket, &cell).await;
        let _ = cell.measured().await;
        let closed = socket.close(CloseCode::NORMAL, "").await;
        if let Some(error) = echoed.err().or(closed.err()) {
            cell.fail(&error.to_string());
        }
        let _ = resolve.call0(&JsValue::UNDEFINED);
    });
    JsFuture::from(closed).await?;
    Ok(())
}

async fn echo(socket: &mut Socket, cell: &Cell) -> Result<(), Error> {
    let mut progress = Progress::of(cell);
    for _ in 0..progress.in_flight {
        send(socket, progress.binary).await?;
    }
    while let Some(message) = socket.next().await {
        let same = match message? {
            Message::Text(text) => is_text(&text),
            Message::Binary(bytes) => is_bytes(&bytes),
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

async fn send(socket: &Socket, binary: bool) -> Result<(), Error> {
    if binary {
        socket.send(&BYTES).await?
    } else {
        socket.send(TEXT).await?
    };
    Ok(())
}
