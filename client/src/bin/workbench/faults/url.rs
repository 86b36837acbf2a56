//! A URL's parameters, changed one at a time: what is not asked for stays as it was written.

/// A URL in its three parts: what is before the query, the query without its `?`, and the fragment with its `#`.
fn split(url: &str) -> (&str, &str, &str) {
    let (url, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    (base, query, fragment)
}

fn join(base: &str, query: &str, fragment: &str) -> String {
    if query.is_empty() { format!("{base}{fragment}") } else { format!("{base}?{query}{fragment}") }
}

/// The parameters, decoded, in their order.
pub(crate) fn parameters(url: &str) -> Vec<(String, String)> {
    let parts = split(url).1.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

/// The value of a parameter; empty where it is only named.
pub(crate) fn get(url: &str, key: &str) -> Option<String> {
    parameters(url).into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The URL with a parameter set, at its place or at the end, or with `None` taken away.
pub(crate) fn set(url: &str, key: &str, value: Option<&str>) -> String {
    let (base, query, fragment) = split(url);
    let new = value.map(|value| match value {
        "" => encoded(key),
        value => format!("{}={}", encoded(key), encoded(value)),
    });
    let (mut parts, mut new) = (Vec::new(), new);
    for part in query.split('&').filter(|part| !part.is_empty()) {
        if decoded(part.split('=').next().unwrap_or_default()) != key {
            parts.push(part.to_owned());
        } else if let Some(new) = new.take() {
            parts.push(new);
        }
    }
    parts.extend(new);
    join(base, &parts.join("&"), fragment)
}

/// The URL without the parameters whose names `goes` says yes to.
pub(crate) fn without(url: &str, goes: impl Fn(&str) -> bool) -> String {
    let (base, query, fragment) = split(url);
    let stay = query
        .split('&')
        .filter(|part| !part.is_empty() && !goes(&decoded(part.split('=').next().unwrap_or_default())));
    join(base, &stay.collect::<Vec<_>>().join("&"), fragment)
}

/// Only those parameters, as a query.
pub(crate) fn only(url: &str, stays: impl Fn(&str) -> bool) -> String {
    let stay =
        split(url).1.split('&').filter(|part| stays(&decoded(part.split('=').next().unwrap_or_default())));
    stay.collect::<Vec<_>>().join("&")
}

/// Where the server of a WebSocket's URL answers HTTP, and the URL's path and query there.
pub(crate) fn over_http(url: &str) -> Option<(String, &str)> {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://")?;
    let scheme = match &*scheme.to_ascii_lowercase() {
        "ws" | "http" => "http",
        "wss" | "https" => "https",
        _ => return None,
    };
    let rest = &rest[..rest.find('#').unwrap_or(rest.len())];
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    // What is asked of a server is asked without a user's name.
    let plain = !host.is_empty() && !host.contains(['@', '\\']) && !host.contains(char::is_whitespace);
    plain.then(|| (format!("{scheme}://{host}"), path))
}

/// As forms are read: `+` is a space, and a `%` that two digits do not follow is itself.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        match (byte, escape(rest.as_slice())) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest.nth(1);
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As little as must be, so that a person can read it: `drop=2%` stays.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        let must = match letter {
            '&' | '#' | '+' | '"' | '<' | '>' | ' ' | '\'' => true,
            '%' => escape(&text.as_bytes()[at + 1..]).is_some(),
            letter => letter.is_control(),
        };
        if must {
            for byte in letter.to_string().bytes() {
                out.push('%');
                for nibble in [byte >> 4, byte & 15] {
                    out.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
                }
            }
        } else {
            out.push(letter);
        }
    }
    out
}

/// The byte that two hexadecimal digits say.
fn escape(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| digits.get(at).and_then(|digit| char::from(*digit).to_digit(16));
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "ws://127.0.0.1:8080/echo?drop=2%&x=%26%zz&jitter=80ms&reason=bye+bye%21&rst#here";

    #[test]
    fn parameters_are_read_as_the_server_reads_them() {
        let read = parameters(URL);
        let read: Vec<_> = read.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(
            read,
            [("drop", "2%"), ("x", "&%zz"), ("jitter", "80ms"), ("reason", "bye bye!"), ("rst", "")]
        );
        assert_eq!(get(URL, "rst").as_deref(), Some(""));
        assert_eq!(get(URL, "here"), None);
        assert_eq!(parameters("ws://h/"), []);
    }

    #[test]
    fn one_is_set_and_the_others_stay_as_they_were_written() {
        assert_eq!(set(URL, "jitter", Some("5ms")), URL.replace("80ms", "5ms"));
        assert_eq!(set(URL, "jitter", None), URL.replace("&jitter=80ms", ""));
        assert_eq!(set(URL, "seed", Some("7")), URL.replace("#here", "&seed=7#here"));
        assert_eq!(set("ws://h/echo", "rst", Some("")), "ws://h/echo?rst");
        assert_eq!(set("ws://h/echo?rst", "rst", None), "ws://h/echo");
        assert_eq!(set("ws://h/?a=1&a=2", "a", Some("3")), "ws://h/?a=3");
    }

    #[test]
    fn what_was_set_is_read_again() {
        for value in ["2%", "2%25", "a&b=c#d", "é \"'<>+", "%", "%41", "\n", "100%&"] {
            let url = set("ws://h/echo?x=1#f", "reason", Some(value));
            assert_eq!(get(&url, "reason").as_deref(), Some(value), "{url}");
            assert_eq!(get(&url, "x").as_deref(), Some("1"));
        }
        assert_eq!(set("ws://h/", "drop", Some("2%")), "ws://h/?drop=2%");
    }

    #[test]
    fn some_stay_and_some_go() {
        assert_eq!(without("ws://h/?a=1&b&c=2#f", |key| key != "b"), "ws://h/?b#f");
        assert_eq!(only(URL, |key| key == "rst" || key == "drop"), "drop=2%&rst");
    }

    #[test]
    fn a_server_is_asked_where_it_answers_http() {
        let of = |url| over_http(url).map(|(origin, rest)| format!("{origin} {rest}"));
        assert_eq!(of("ws://h:1/echo?drop#x").as_deref(), Some("http://h:1 /echo?drop"));
        assert_eq!(of("wss://h?x").as_deref(), Some("https://h ?x"));
        for none in ["", "h:1/echo", "ws://", "ws://user@h/", "ftp://h/", "ws://a b/"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
