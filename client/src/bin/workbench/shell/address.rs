//! The page's address: what is after its `#` is the setup of all connections and the view, so that a link shares them.
//!
//! `#url=ws://host/echo&offer=chat&link&base=100&url=…&view=measure`: each `url` begins a connection, and settings follow
//! that are not as they usually are. Secrets never get there.

use std::cell::RefCell;

use wasm_bindgen::JsValue;

use super::settings;
use crate::{app::App, model::Setup};

/// Parameters of a URL that are somebody's secret, as far as their names tell.
const SECRETS: [&str; 12] = [
    "token",
    "access_token",
    "auth",
    "authorization",
    "key",
    "api_key",
    "apikey",
    "password",
    "secret",
    "sig",
    "signature",
    "jwt",
];

#[derive(Default)]
pub(super) struct Address {
    written: RefCell<Written>,
}

/// What was written last, and what it was made from: most frames change neither.
#[derive(Default)]
struct Written {
    setups: Vec<Setup>,
    view: String,
    hash: String,
}

impl Address {
    /// Does what the address says; `true` if it says anything.
    pub(super) fn follow(&self, app: &App) -> bool {
        let hash = app.window.location().hash().unwrap_or_default();
        let hash = hash.trim_start_matches('#');
        if hash.is_empty() || self.written.borrow().hash == hash {
            return false;
        }
        let (setups, view) = read(hash, decode);
        if !setups.is_empty() {
            app.connect.set_up(app, setups);
        }
        app.shell.show(app, view.as_deref().filter(|view| is_view(view)).unwrap_or(super::FIRST_VIEW));
        true
    }

    /// Brings the address up to date, in the place of what it was: the way back leads out of the page.
    pub(super) fn write(&self, app: &App, view: &str) {
        let model = app.model.borrow();
        let setups = model.connections().iter().map(|connection| &connection.setup);
        let mut written = self.written.borrow_mut();
        if written.view == view && setups.clone().eq(&written.setups) {
            return;
        }
        let hash = compose(setups.clone(), view, encode);
        *written = Written { setups: setups.cloned().collect(), view: view.to_owned(), hash };
        if let Ok(history) = app.window.history() {
            // A browser refuses more than some hundred changes in half a minute; the next one is taken again.
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&format!("#{}", written.hash)));
        }
    }
}

fn is_view(view: &str) -> bool {
    matches!(view, "log" | "measure" | "compare" | "examples")
}

/// The setups and the view that a fragment says. What it does not know it passes over.
fn read(fragment: &str, decode: impl Fn(&str) -> Option<String>) -> (Vec<Setup>, Option<String>) {
    let (mut setups, mut view) = (Vec::<Setup>::new(), None);
    for pair in fragment.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(value) = decode(value) else { continue };
        match (key, setups.last_mut()) {
            ("url", _) => setups.push(Setup { url: value, ..Setup::default() }),
            ("offer", Some(setup)) => setup.offers.push(value),
            ("view", _) => view = Some(value),
            (name, Some(setup)) => settings::take(setup, name, value),
            _ => {}
        }
    }
    // Nobody has so many by hand.
    setups.truncate(16);
    (setups, view)
}

fn compose<'a>(
    setups: impl Iterator<Item = &'a Setup>,
    view: &str,
    encode: impl Fn(&str) -> String,
) -> String {
    let mut fragment = String::new();
    for setup in setups {
        fragment.push_str("url=");
        fragment.push_str(&encode(&without_secrets(&setup.url)));
        for offer in setup.offers.iter().filter(|offer| !is_secret_offer(offer)) {
            fragment.push_str("&offer=");
            fragment.push_str(&encode(offer));
        }
        settings::add(&mut fragment, setup, &encode);
        fragment.push('&');
    }
    fragment.push_str("view=");
    fragment.push_str(view);
    fragment
}

/// A URL without its user and password, and without the values of parameters that are secrets.
pub(crate) fn without_secrets(url: &str) -> String {
    let (before, query) = url.split_once('?').unwrap_or((url, ""));
    let before = match before.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => before.to_owned(),
    };
    if query.is_empty() {
        return before;
    }
    let kept: Vec<&str> =
        query.split('&').filter(|pair| !is_secret(pair.split('=').next().unwrap_or_default())).collect();
    if kept.is_empty() { before } else { format!("{before}?{}", kept.join("&")) }
}

/// Takes what is secret out of a setup that is shown to others.
pub(crate) fn hide_secrets(setup: &mut Setup) {
    setup.url = without_secrets(&setup.url);
    for offer in setup.offers.iter_mut().filter(|offer| is_secret_offer(offer)) {
        "(a token)".clone_into(offer);
    }
}

/// Whether a parameter of this name is a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRETS.iter().any(|secret| name == *secret || name.ends_with(&format!("_{secret}")))
}

/// Tokens are also sent as subprotocols, for want of headers; this server's begin so.
fn is_secret_offer(offer: &str) -> bool {
    offer.to_ascii_lowercase().starts_with("bearer") || offer.contains("token")
}

/// Whether a text may have a secret in it, as a message that logs in does.
pub(super) fn says_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    SECRETS.iter().any(|secret| text.contains(secret))
}

fn encode(text: &str) -> String {
    // What need not be encoded here is easier to read.
    String::from(js_sys::encode_uri_component(text))
        .replace("%3A", ":")
        .replace("%2F", "/")
        .replace("%2C", ",")
}

fn decode(text: &str) -> Option<String> {
    js_sys::decode_uri_component(text).ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as decoding may fail")]
    fn same(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_is_composed_is_read() {
        let setups = [
            Setup {
                url: "ws://a/echo".to_owned(),
                offers: vec!["x".to_owned(), "y".to_owned()],
                lasts: true,
                ..Setup::default()
            },
            Setup { url: "ws://b/".to_owned(), ..Setup::default() },
        ];
        let fragment = compose(setups.iter(), "measure", str::to_owned);
        assert_eq!(fragment, "url=ws://a/echo&offer=x&offer=y&link&url=ws://b/&view=measure");
        let (read, view) = read(&fragment, same);
        assert_eq!(read, setups);
        assert_eq!(view.as_deref(), Some("measure"));
    }

    #[test]
    fn what_it_does_not_know_it_passes_over() {
        let (setups, view) = read("offer=x&&=&link&url&future=1", same);
        assert_eq!(setups, [Setup::default()]);
        assert_eq!(view, None);
        assert_eq!(read(&"url=a&".repeat(1000), same).0.len(), 16);
    }

    #[test]
    fn secrets_stay_out() {
        for (url, without) in [
            ("ws://h/echo", "ws://h/echo"),
            ("ws://user:pw@h/echo", "ws://h/echo"),
            ("ws://h/a@b", "ws://h/a@b"),
            ("ws://h/?token=1&drop=2%25", "ws://h/?drop=2%25"),
            ("ws://h/?Access-Token=1", "ws://h/"),
            ("ws://h/?x_api_key=1&trace=2", "ws://h/?trace=2"),
            ("h?monkey=1", "h?monkey=1"),
        ] {
            assert_eq!(without_secrets(url), without, "{url}");
        }
        let setup = Setup { offers: vec!["bearer.abc".to_owned(), "chat".to_owned()], ..Setup::default() };
        let mut shown = Setup { url: "ws://me:pw@h/?token=1".to_owned(), ..setup.clone() };
        hide_secrets(&mut shown);
        assert_eq!((&*shown.url, shown.offers), ("ws://h/", vec!["(a token)".to_owned(), "chat".to_owned()]));
        assert_eq!(compose([&setup].into_iter(), "log", str::to_owned), "url=&offer=chat&view=log");
    }
}
