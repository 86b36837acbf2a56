use web_sys::Url;

use super::Error;

/// Checks of a URL what not every browser's constructor checks (WHATWG WebSockets, section 3.1), and gives it in the form
/// that every browser takes: with `ws:` for `http:` and `wss:` for `https:`, which older ones do not know. The rest is up to
/// the constructor, and to [`refused`].
pub(super) fn check(url: &str) -> Result<String, Error> {
    let invalid = |why| Err(Error::InvalidUrl { url: url.to_owned(), why });
    // Browsers pass over spaces before a URL.
    let url = url.trim_ascii_start();
    let known = [("ws:", "ws:"), ("wss:", "wss:"), ("http:", "ws:"), ("https:", "wss:")];
    let named = known.iter().find_map(|(name, scheme)| {
        let (start, rest) = url.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then_some((scheme, rest))
    });
    let Some((scheme, rest)) = named else {
        return invalid(NOT_ABSOLUTE);
    };
    if rest.bytes().any(|byte| byte == b'#') {
        return invalid("it has a fragment, the part from #, which a WebSocket URL must not have");
    }
    Ok((*scheme).to_owned() + rest)
}

/// What it means that the constructor threw: a `SyntaxError` is about the URL, since the subprotocols were checked before.
pub(super) fn refused(url: &str, thrown: String) -> Error {
    let url = url.to_owned();
    if thrown.starts_with("SyntaxError") {
        Error::InvalidUrl { url, why: NOT_ABSOLUTE }
    } else {
        Error::Blocked { url, detail: thrown }
    }
}

/// Checks all of it, without opening anything.
pub(crate) fn check_all(url: &str) -> Result<(), Error> {
    let checked = check(url)?;
    Url::new(&checked).map_err(|_| Error::InvalidUrl { url: url.to_owned(), why: NOT_ABSOLUTE })?;
    Ok(())
}

const NOT_ABSOLUTE: &str =
    "it is no absolute URL of ws, wss, http or https, such as ws://127.0.0.1:8080/echo";
