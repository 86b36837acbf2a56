//! The page's files, and the policy a browser holds it to.

use axum::response::{IntoResponse as _, Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use rust_embed::{Embed, EmbeddedFile};
use sha2::{Digest as _, Sha256};

use crate::opening;

/// The page that `trunk build` made: inside the binary in a release build, read from its folder in a debug build.
#[derive(Embed)]
#[folder = "../dist"]
#[allow_missing = true]
struct Dist;

const INDEX: &str = "index.html";

const NOT_BUILT: &str = "This server was built before its page. Build both: cargo xtask build (or run both: cargo xtask \
    serve). WebSockets are served all the same: /echo";

/// A file of the page, or 404.
pub(crate) async fn asset(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let mut response = opening::text(StatusCode::METHOD_NOT_ALLOWED, "files are read with GET");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response.into_response();
    }
    let name = match uri.path().trim_start_matches('/') {
        "" => INDEX,
        name => name,
    };
    match Dist::get(name) {
        Some(file) => serve(name, file, &headers),
        None if name == INDEX => opening::text(StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT).into_response(),
        None => opening::text(StatusCode::NOT_FOUND, format!("nothing is served on {}", uri.path()))
            .into_response(),
    }
}

fn serve(name: &str, file: EmbeddedFile, request: &HeaderMap) -> Response {
    // Weak, since the same file is sent with gzip and without.
    let tag = format!("W/\"{}\"", STANDARD.encode(file.metadata.sha256_hash()));
    let policy = (name == INDEX).then(|| policy(&String::from_utf8_lossy(&file.data)));
    let mut response = if is_known(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, content_type(&file))], file.data).into_response()
    };
    let headers = response.headers_mut();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::ETAG, &tag);
    // Ask each time whether the file is still this one: a server that was rebuilt is seen at the next reload.
    set(header::CACHE_CONTROL, "no-cache");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    if let Some(policy) = policy {
        set(header::CONTENT_SECURITY_POLICY, &policy);
    }
    response
}

/// Whether the request's `If-None-Match` has this tag, compared weakly (RFC 9110 section 13.1.2). No tag of this server has
/// a comma.
fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag| str::strip_prefix(tag, "W/").unwrap_or(tag);
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || opaque(known) == opaque(tag))
}

fn content_type(file: &EmbeddedFile) -> String {
    // A program's source is for reading; some browsers would save what they have no name for.
    let kind = match file.metadata.mimetype() {
        kind if kind.starts_with("text/x-") => "text/plain",
        kind => kind,
    };
    if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() }
}

/// Nothing runs but the page's own files, its Wasm, and the starter that trunk writes into it; it may connect to any
/// server, which is what it is for.
fn policy(index: &str) -> String {
    let digests =
        inline_scripts(index).map(|script| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script))));
    let starters = digests.collect::<Vec<_>>().join(" ");
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' {starters}; style-src 'self'; \
         img-src 'self' data:; connect-src * ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The contents of the script elements without a source, in the page that this project builds.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script").skip(1).filter_map(|element| {
        let (attributes, rest) = element.split_once('>')?;
        let (script, _) = rest.split_once("</script")?;
        (!attributes.contains(" src")).then_some(script)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        for (known, is) in [
            (r#""a""#, true),
            (r#"W/"a""#, true),
            (r#""b", W/"a""#, true),
            ("*", true),
            (r#""b""#, false),
            ("a", false),
        ] {
            let request = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(known))]);
            assert_eq!(is_known(&request, r#"W/"a""#), is, "{known}");
        }
    }

    #[test]
    fn only_inline_scripts_are_named_by_their_digest() {
        let html = r#"<script src="a.js"></script><script type="module">alert(1)</script>"#;
        assert_eq!(inline_scripts(html).collect::<Vec<_>>(), ["alert(1)"]);
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        let digest = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='";
        assert!(
            policy(html).contains(&format!("script-src 'self' 'wasm-unsafe-eval' {digest};")),
            "{}",
            policy(html)
        );
    }
}
