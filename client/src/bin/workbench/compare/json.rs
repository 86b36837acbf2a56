//! The browser's own reading of JSON.

use js_sys::{Array, JSON, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};

/// What a text says, if it is JSON.
pub(crate) fn parse(text: &str) -> Option<JsValue> {
    JSON::parse(text).ok()
}

pub(crate) fn field(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

pub(crate) fn number(of: &JsValue, name: &str) -> Option<f64> {
    field(of, name).as_f64()
}

/// A number that counts something.
pub(crate) fn count(of: &JsValue, name: &str) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    number(of, name).map(|number| number as u64)
}

pub(crate) fn array(of: &JsValue, name: &str) -> Array {
    field(of, name).dyn_into().unwrap_or_default()
}
