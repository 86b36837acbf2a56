//! `ws_stream_wasm`'s socket: connects, echoes one message, closes.
#![cfg(target_arch = "wasm32")]

use futures_util::{SinkExt as _, StreamExt as _};
use wasm_bindgen::{JsError, prelude::wasm_bindgen};
use ws_stream_wasm::{WsMessage, WsMeta};

#[wasm_bindgen]
pub async fn run(url: String, message: String) -> Result<String, JsError> {
    let (meta, mut stream) = WsMeta::connect(url, None).await?;
    stream.send(WsMessage::Text(message)).await?;
    let Some(WsMessage::Text(echo)) = stream.next().await else {
        return Err(JsError::new("no text came back"));
    };
    meta.close().await?;
    Ok(echo)
}
