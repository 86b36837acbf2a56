//! What is copied for other programs.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::dom;

/// Asks the browser to copy a text; whether it did.
pub(crate) async fn copy(text: &str) -> bool {
    match write(text) {
        Some(writing) => JsFuture::from(writing).await.is_ok(),
        None => false,
    }
}

/// There is no clipboard for a page that came over plain HTTP from elsewhere, so it is asked for by name.
fn write(text: &str) -> Option<Promise> {
    let clipboard = Reflect::get(&dom::window().navigator(), &"clipboard".into()).ok()?;
    let write: Function = Reflect::get(&clipboard, &"writeText".into()).ok()?.dyn_into().ok()?;
    write.call1(&clipboard, &JsValue::from_str(text)).ok()?.dyn_into().ok()
}
