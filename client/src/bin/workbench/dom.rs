//! The page's elements, all of which are in index.html.

use wasm_bindgen::JsCast;
use web_sys::{Document, Element, HtmlInputElement, HtmlTemplateElement, HtmlTextAreaElement, Window};

macro_rules! elements {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $id:literal,)+) => {
        pub(crate) struct Dom {
            pub(crate) window: Window,
            pub(crate) document: Document,
            $($(#[$doc])* pub(crate) $name: $kind,)+
        }

        impl Dom {
            pub(crate) fn find() -> Self {
                let window = web_sys::window().expect("a page has a window");
                let document = window.document().expect("a window has a document");
                Self { $($name: find(&document, $id).unchecked_into(),)+ window, document }
            }
        }
    };
}

elements! {
    state: Element = "state",
    state_word: Element = "state-word",
    state_detail: Element = "state-detail",
    connect_form: Element = "connect-form",
    url: HtmlInputElement = "url",
    url_error: Element = "url-error",
    subprotocols: HtmlInputElement = "subprotocols",
    subprotocols_error: Element = "subprotocols-error",
    connect: Element = "connect",
    send_form: Element = "send-form",
    as_hex: HtmlInputElement = "as-hex",
    message_label: Element = "message-label",
    message: HtmlTextAreaElement = "message",
    message_problem: Element = "message-problem",
    message_problem_text: Element = "message-problem-text",
    message_excerpt: Element = "message-excerpt",
    excerpt_before: Element = "excerpt-before",
    excerpt_bad: Element = "excerpt-bad",
    excerpt_after: Element = "excerpt-after",
    message_hint: Element = "message-hint",
    message_size: Element = "message-size",
    send: Element = "send",
    send_hint: Element = "send-hint",
    close_form: Element = "close-form",
    code: HtmlInputElement = "code",
    code_error: Element = "code-error",
    reason: HtmlInputElement = "reason",
    reason_size: Element = "reason-size",
    reason_error: Element = "reason-error",
    disconnect: Element = "disconnect",
    sent_count: Element = "sent-count",
    sent_bytes: Element = "sent-bytes",
    received_count: Element = "received-count",
    received_bytes: Element = "received-bytes",
    follow: HtmlInputElement = "follow",
    unseen: Element = "unseen",
    clear: Element = "clear",
    /// The heading of the log's last column, which is not displayed where rows are narrow.
    content_column: Element = "content-column",
    screen: Element = "screen",
    empty: Element = "empty",
    evicted: Element = "evicted",
    rows: Element = "rows",
    announcer: Element = "announcer",
    row_template: HtmlTemplateElement = "row-template",
    dump_template: HtmlTemplateElement = "dump-template",
    more_template: HtmlTemplateElement = "more-template",
}

fn find(document: &Document, id: &str) -> Element {
    document.get_element_by_id(id).unwrap_or_else(|| panic!("index.html has no element {id}"))
}

/// Sets an element's text unless it is that already, so that a live region speaks only of changes.
pub(crate) fn set_text(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// Adds or removes an attribute that has no value.
pub(crate) fn set_flag(element: &Element, attribute: &str, on: bool) {
    // Only a name with characters that no attribute has is refused.
    let _ = element.toggle_attribute_with_force(attribute, on);
}

pub(crate) fn set_attribute(element: &Element, attribute: &str, value: &str) {
    let _ = element.set_attribute(attribute, value);
}

/// Says beside a field what is wrong with it, or that nothing is.
pub(crate) fn set_problem(field: &Element, place: &Element, problem: Option<&str>) {
    set_text(place, problem.unwrap_or_default());
    set_flag(place, "hidden", problem.is_none());
    if problem.is_some() {
        set_attribute(field, "aria-invalid", "true");
    } else {
        let _ = field.remove_attribute("aria-invalid");
    }
}

/// A new copy of what a template holds.
pub(crate) fn copy(template: &HtmlTemplateElement) -> Element {
    let first = template.content().first_element_child().expect("a template holds one element");
    first.clone_node_with_deep(true).expect("an element can be copied").unchecked_into()
}
