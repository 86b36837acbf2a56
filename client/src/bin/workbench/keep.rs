//! What the browser keeps for the next visit, where it may.

use crate::dom;

/// What was kept under this key; `None` also where the browser keeps nothing.
pub(crate) fn get(key: &str) -> Option<String> {
    dom::window().local_storage().ok()??.get_item(&name(key)).ok()?
}

/// Keeps a value; whether the browser did.
pub(crate) fn set(key: &str, value: &str) -> bool {
    match dom::window().local_storage() {
        Ok(Some(storage)) => storage.set_item(&name(key), value).is_ok(),
        _ => false,
    }
}

/// Other pages may be served from the same address.
fn name(key: &str) -> String {
    format!("wirescope.{key}")
}
