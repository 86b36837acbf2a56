//! Asking a server over HTTP.

use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestCredentials, RequestInit, RequestMode, Response};

use crate::dom;

/// What a server answers: its status and its text; `None` where it does not, or not to this page.
pub(crate) async fn ask(method: &str, url: &str) -> Option<(u16, String)> {
    answer(method, url).await.ok()
}

/// Whether anything answers a plain request there, whatever it says.
pub(crate) async fn answers(url: &str) -> bool {
    let how = RequestInit::new();
    // Of such an answer a page learns nothing but that it came.
    how.set_mode(RequestMode::NoCors);
    how.set_credentials(RequestCredentials::Omit);
    JsFuture::from(dom::window().fetch_with_str_and_init(url, &how)).await.is_ok()
}

async fn answer(method: &str, url: &str) -> Result<(u16, String), JsValue> {
    let how = RequestInit::new();
    how.set_method(method);
    let response: Response =
        JsFuture::from(dom::window().fetch_with_str_and_init(url, &how)).await?.unchecked_into();
    let text = JsFuture::from(response.text()?).await?;
    Ok((response.status(), text.as_string().unwrap_or_default()))
}
