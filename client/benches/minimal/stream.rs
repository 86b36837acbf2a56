//! This library's async socket over WebSocketStream: connects, echoes one message, closes.
#![cfg(target_arch = "wasm32")]

use futures_util::StreamExt as _;
use wasm_bindgen::{JsError, prelude::wasm_bindgen};
use wirescope::{
    CloseCode,
    socket::{Message, Socket},
};

#[wasm_bindgen]
pub async fn run(url: String, message: String) -> Result<String, JsError> {
    let mut socket = Socket::connect(url).stream().await?;
    socket.send(&message).await?;
    let echo = match socket.next().await {
        Some(Ok(Message::Text(text))) => text,
        Some(Err(error)) => return Err(error.into()),
        _ => return Err(JsError::new("no text came back")),
    };
    socket.close(CloseCode::NORMAL, "").await?;
    Ok(echo)
}
