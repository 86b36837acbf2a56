use web_sys::Url;

use super::Error;

/// Checks of a URL what not every browser's constructor checks (WHATWG WebSockets, section 3.1), and gives it in the form
/// that every browser takes: with `ws:` for `http:` and `wss:` for `https:`, which older ones do not know. The rest is up to
/// the constructor, and to [`refused`].
pub(super) fn check(url: &str) -> Result<String, Error> {
    let invalid = |why| Err(Error::InvalidUrl { url: url.to_owned(), why });
    let trimmed = url.trim_start_matches(|character| character <= ' ');
    let (scheme, rest) = trimmed.split_at(trimmed.find(':').unwrap_or_default());
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    {
        return invalid(NOT_ABSOLUTE);
    }
    if rest.contains('#') {
        return invalid("it has a fragment, the part from #, which a WebSocket URL must not have");
    }
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    let scheme = if is("ws") || is("http") {
        "ws"
    } else if is("wss") || is("https") {
        "wss"
    } else {
        return invalid("its scheme is none of ws, wss, http and https");
    };
    Ok([scheme, rest].concat())
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

const NOT_ABSOLUTE: &str = "it is not an absolute URL, such as ws://127.0.0.1:8080/echo";
