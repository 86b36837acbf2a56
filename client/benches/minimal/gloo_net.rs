//! gloo-net's socket: connects, echoes one message, closes.
#![cfg(target_arch = "wasm32")]

use futures_util::{SinkExt as _, StreamExt as _};
use gloo_net::websocket::{Message, futures::WebSocket};
use wasm_bindgen::{JsError, prelude::wasm_bindgen};

#[wasm_bindgen]
pub async fn run(url: String, message: String) -> Result<String, JsError> {
    let mut socket = WebSocket::open(&url)?;
    socket.send(Message::Text(message)).await?;
    let echo = match socket.next().await {
        Some(Ok(Message::Text(text))) => text,
        Some(Err(error)) => return Err(error.into()),
        _ => return Err(JsError::new("no text came back")),
    };
    socket.close(Some(1000), None)?;
    Ok(echo)
}
