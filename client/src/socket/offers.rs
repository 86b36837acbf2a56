use js_sys::Array;
use wasm_bindgen::JsValue;
use wirescope_protocol::subprotocol::check_offers;

use super::Error;

/// Subprotocols that a browser takes. They are checked when they are named, so that who names none loads no check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offers(JsValue);

impl Offers {
    pub(crate) fn check<S: AsRef<str>>(subprotocols: &[S]) -> Result<Self, Error> {
        check_offers(subprotocols)?;
        // An array even for one name: a string with a comma is an error where the list is meant (WHATWG WebSockets).
        Ok(Self(subprotocols.iter().map(|name| JsValue::from_str(name.as_ref())).collect::<Array>().into()))
    }

    /// A list, or nothing where nothing is offered.
    pub(super) fn as_js(&self) -> &JsValue {
        &self.0
    }
}
