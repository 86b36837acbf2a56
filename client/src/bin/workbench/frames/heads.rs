//! The opening handshake, drawn: what each way said, and the key's digest.

use js_sys::Uint8Array;
use wasm_bindgen_futures::JsFuture;
use web_sys::Element;
use wirescope::spawn;
use wirescope_protocol::hex;

use super::{
    Key,
    handshake::{self, GUID, header},
};
use crate::{
    app,
    dom::{self, append, element},
    log,
};

/// One way of the handshake, with what each line is for.
pub(super) fn head(title: &str, class: &str, text: &str) -> Element {
    let section = element("section", class, "");
    append(&section, &element("h3", "", title));
    if text.is_empty() {
        append(&section, &element("p", "hint", "Nothing yet."));
    }
    let list = element("ul", "headers", "");
    for line in handshake::lines(text) {
        let item = element("li", if line.is_bad { "bad" } else { "" }, "");
        let code = element("code", "", "");
        if !line.name.is_empty() {
            append(&code, &element("b", "", &format!("{}: ", line.name)));
        }
        let value = element("span", "peer-text", "");
        log::append_text(&value, &line.value);
        append(&code, &value);
        append(&item, &code);
        if !line.text.is_empty() {
            append(&item, &element("p", "hint", line.text));
        }
        append(&list, &item);
    }
    append(&section, &list);
    section
}

/// The key's digest, step by step.
pub(super) fn digest(sent: &str, answered: &str, digest: Option<&[u8]>) -> Element {
    let section = element("section", "digest", "");
    append(&section, &element("h3", "", "The key's digest, step by step"));
    let steps = element("ol", "", "");
    let step = |name: &str, code: &str| {
        let item = element("li", "", "");
        append(&item, &element("span", "", name));
        append(&item, &element("code", "", code));
        append(&steps, &item);
    };
    step("The browser's key, 16 random bytes in base64", sent);
    step("The same with the text that RFC 6455 fixes behind it", &format!("{sent}{GUID}"));
    let Some(digest) = digest else {
        append(&section, &steps);
        let text = "Its SHA-1 is being worked out. (A browser does that only on pages from https or from this machine.)";
        append(&section, &element("p", "hint", text));
        return section;
    };
    step("The SHA-1 of that, 20 bytes", &hex::write(digest));
    let accept = base64(digest);
    step("In base64: what Sec-WebSocket-Accept must be", &accept);
    append(&section, &steps);
    let (class, text) = match header(answered, "sec-websocket-accept") {
        Some(answer) if answer == accept => ("agrees", "✓ The server answered just that.".to_owned()),
        Some(answer) => ("differs", format!("✗ The server answered {answer}, so there is no WebSocket.")),
        None => ("differs", "✗ The server answered none, so there is no WebSocket.".to_owned()),
    };
    append(&section, &element("p", class, &text));
    section
}

fn base64(bytes: &[u8]) -> String {
    let binary: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    dom::window().btoa(&binary).unwrap_or_default()
}

/// Has the browser work out the digest of a key.
pub(super) fn work_out(key: Key, sent: &str) {
    let text = format!("{sent}{GUID}");
    spawn(async move {
        // There is no `subtle` on a page that came over plain HTTP from elsewhere.
        let subtle =
            dom::window().crypto().ok().map(|crypto| crypto.subtle()).filter(|subtle| subtle.is_object());
        let Some(subtle) = subtle else { return };
        let Ok(working) = subtle.digest_with_str_and_u8_array("SHA-1", &text.into_bytes()) else {
            return;
        };
        let Ok(digest) = JsFuture::from(working).await else { return };
        let digest = Uint8Array::new(&digest).to_vec();
        app::with(|app| {
            app.frames.worked_out(key, digest);
            app.changed();
        });
    });
}
