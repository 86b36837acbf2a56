//! Has the browser keep the page, so that it opens without a network and without its server.

use crate::dom;

/// Asks for the service worker beside the page. Where there can be none, as on plain HTTP of another machine, the page works
/// all the same.
pub(super) fn begin() {
    let navigator = dom::window().navigator();
    // Asked by name, since a page that is not secure has no such property.
    let container = js_sys::Reflect::get(&navigator, &"serviceWorker".into()).unwrap_or_default();
    if container.is_object() {
        let _ = navigator.service_worker().register("./sw.js");
    }
}
