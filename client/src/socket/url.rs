use web_sys::Url;

use super::Error;

/// Checks a URL by the rules of the browser's constructor (WHATWG WebSockets, section 3.1), and gives it in the form
/// that every browser takes: with `ws:` for `http:` and `wss:` for `https:`, which older ones do not know.
pub(crate) fn check(url: &str) -> Result<String, Error> {
    let invalid = |why| Error::InvalidUrl { url: url.to_owned(), why };
    let parsed =
        Url::new(url).map_err(|_| invalid("it is not an absolute URL, such as ws://127.0.0.1:8080/echo"))?;
    if url.contains('#') {
        return Err(invalid("it has a fragment, the part from #, which a WebSocket URL must not have"));
    }
    match parsed.protocol().as_str() {
        "ws:" | "wss:" => {}
        "http:" => parsed.set_protocol("ws:"),
        "https:" => parsed.set_protocol("wss:"),
        _ => return Err(invalid("its scheme is none of ws, wss, http and https")),
    }
    Ok(parsed.href())
}
