//! The URLs that were connected to, kept for the next visit without anything secret in them.

use web_sys::{Element, HtmlInputElement};

use crate::{
    dom::{self, elements, on},
    keep, shell,
};

const KEY: &str = "urls";

/// As many as are worth a look.
const MOST: usize = 50;

elements! {
    Elements {
        url: HtmlInputElement = "url",
        known: Element = "known-urls",
        list: Element = "url-history",
        none: Element = "url-history-none",
    }
}

pub(super) struct Urls {
    elements: Elements,
}

impl Urls {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.list, "click", |app, event| {
            let Some(target) = dom::target(event) else { return };
            let urls = &app.connect.form.urls;
            if let Some(url) = target.get_attribute("data-url") {
                urls.elements.url.set_value(&url);
                app.connect.form.keep_setup(app);
                let _ = urls.elements.url.focus();
            } else if let Some(url) = target.get_attribute("data-forget") {
                keep::set(KEY, &forget(&kept(), &url));
                urls.show();
            }
        });
        Self { elements }
    }

    /// Keeps a URL as the newest.
    pub(super) fn add(&self, url: &str) {
        let url = shell::without_secrets(url);
        keep::set(KEY, &add(&kept(), &url));
        self.show();
    }

    pub(super) fn show(&self) {
        let elements = &self.elements;
        elements.known.set_text_content(None);
        elements.list.set_text_content(None);
        let kept = kept();
        dom::set_flag(&elements.none, "hidden", !kept.is_empty());
        for url in kept.lines() {
            let option = dom::element("option", "", "");
            dom::set_attribute(&option, "value", url);
            dom::append(&elements.known, &option);
            let item = dom::element("li", "", "");
            let take = dom::element("button", "quiet data", url);
            let forget = dom::element("button", "quiet", "×");
            for (button, action) in [(&take, "data-url"), (&forget, "data-forget")] {
                dom::set_attribute(button, "type", "button");
                dom::set_attribute(button, action, url);
                dom::append(&item, button);
            }
            dom::set_attribute(&forget, "aria-label", &format!("Forget {url}"));
            dom::append(&elements.list, &item);
        }
    }
}

fn kept() -> String {
    keep::get(KEY).unwrap_or_default()
}

/// These URLs, a line each, with one more at the beginning and nowhere else.
fn add(kept: &str, url: &str) -> String {
    if url.is_empty() || url.contains(['\n', '\r']) {
        return kept.to_owned();
    }
    let others = kept.lines().filter(|other| *other != url && !other.is_empty());
    let all: Vec<&str> = std::iter::once(url).chain(others).take(MOST).collect();
    all.join("\n")
}

fn forget(kept: &str, url: &str) -> String {
    let all: Vec<&str> = kept.lines().filter(|other| *other != url).collect();
    all.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_first_and_none_is_there_twice() {
        let kept = ["a", "b", "a", ""].iter().fold(String::new(), |kept, url| add(&kept, url));
        assert_eq!(kept, "a\nb");
        assert_eq!(forget(&kept, "a"), "b");
        assert_eq!(add(&kept, "c\nd"), kept);
        let many = (0..60).fold(String::new(), |kept, n| add(&kept, &n.to_string()));
        assert_eq!((many.lines().count(), many.lines().next()), (MOST, Some("59")));
    }
}
