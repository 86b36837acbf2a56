//! An async function that uses no socket: what any async app pays.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen::{JsError, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, js_sys::Promise};

#[wasm_bindgen]
pub async fn run(message: String) -> Result<String, JsError> {
    let echo = JsFuture::from(Promise::resolve(&JsValue::from(message))).await;
    echo.ok().and_then(|echo| echo.as_string()).ok_or_else(|| JsError::new("no text came back"))
}
