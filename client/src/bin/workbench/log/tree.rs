//! JSON as a tree that folds, built where it is unfolded.

use js_sys::{Array, JSON, Object, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::Element;

use super::row::append_text;
use crate::{
    dom::{self, append},
    format,
};

/// How long a text may be to be shown as a tree: the browser parses it in one go.
pub(super) const LONGEST: usize = 2 * 1024 * 1024;
/// How many members of an object or array are shown at once.
const BATCH: u32 = 100;
/// How much of a string, in UTF-16 units.
const STRING: u32 = 4000;

// Where an element keeps what it stands for.
const VALUE: &str = "wirescopeValue";
const FROM: &str = "wirescopeFrom";

/// A JSON text's value, or what the browser says is wrong with it.
pub(super) fn parse(text: &str) -> Result<JsValue, String> {
    JSON::parse(text).map_err(|error| {
        let message = Reflect::get(&error, &"message".into()).ok().and_then(|message| message.as_string());
        message.unwrap_or_else(|| "it is no JSON".to_owned())
    })
}

/// Appends a value as a tree whose root is unfolded.
pub(super) fn append_tree(parent: &Element, value: &JsValue) {
    let root = node(None, value);
    if root.tag_name() == "DETAILS" {
        dom::set_flag(&root, "open", true);
        unfold(&root);
    }
    append(parent, &root);
}

/// Builds what is in a node that was unfolded.
pub(super) fn unfold(node: &Element) {
    let value = kept(node, VALUE);
    if let Some(children) = node.last_element_child()
        && children.child_element_count() == 0
        && value.is_object()
    {
        add(&children, &value, 0);
    }
}

/// Adds the members that a button stands for, in its place.
pub(super) fn more(button: &Element) {
    let value = kept(button, VALUE);
    let from = kept(button, FROM).as_f64().unwrap_or(0.0);
    if let Some(parent) = button.parent_element()
        && value.is_object()
    {
        button.remove();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a u32")]
        add(&parent, &value, from as u32);
    }
}

fn add(parent: &Element, value: &JsValue, from: u32) {
    let keys =
        if Array::is_array(value) { None } else { Some(Object::keys::<JsValue>(value.unchecked_ref())) };
    let length = keys.as_ref().map_or_else(|| value.unchecked_ref::<Array>().length(), Array::length);
    let end = length.min(from.saturating_add(BATCH));
    for index in from..end {
        let (key, child) = match &keys {
            Some(keys) => {
                let key = keys.get(index);
                let child = Reflect::get(value, &key).unwrap_or_default();
                (quoted(&key), child)
            }
            None => (index.to_string(), value.unchecked_ref::<Array>().get(index)),
        };
        append(parent, &node(Some(&key), &child));
    }
    if end < length {
        let left = format!("{} more", format::count(u64::from(length - end)));
        let button = dom::element("button", "quiet more", &left);
        dom::set_attribute(&button, "type", "button");
        keep(&button, VALUE, value);
        keep(&button, FROM, &end.into());
        append(parent, &button);
    }
}

fn node(key: Option<&str>, value: &JsValue) -> Element {
    let length = members(value);
    let (element, line) = if length > 0 {
        let element = dom::element("details", "node", "");
        let line = dom::element("summary", "", "");
        append(&element, &line);
        append(&element, &dom::element("div", "members", ""));
        keep(&element, VALUE, value);
        (element, line)
    } else {
        let element = dom::element("div", "leaf", "");
        (element.clone(), element)
    };
    if let Some(key) = key {
        let place = dom::element("span", "key", "");
        append_text(&place, key);
        append(&line, &place);
        append(&line, &dom::document().create_text_node(": "));
    }
    let (class, text) = said(value, length);
    let place = dom::element("span", class, "");
    append_text(&place, &text);
    append(&line, &place);
    element
}

/// How many members an object or array has.
fn members(value: &JsValue) -> u32 {
    if Array::is_array(value) {
        value.unchecked_ref::<Array>().length()
    } else if value.is_object() {
        Object::keys::<JsValue>(value.unchecked_ref()).length()
    } else {
        0
    }
}

fn said(value: &JsValue, length: u32) -> (&'static str, String) {
    let count = format::count(u64::from(length));
    if Array::is_array(value) {
        ("brackets", if length == 0 { "[]".to_owned() } else { format!("[{count}]") })
    } else if value.is_object() {
        ("brackets", if length == 0 { "{}".to_owned() } else { format!("{{{count}}}") })
    } else if value.is_string() {
        ("string", quoted(value))
    } else {
        // As the browser writes it: a number, true, false or null.
        ("scalar", JSON::stringify(value).ok().and_then(|text| text.as_string()).unwrap_or_default())
    }
}

/// A string as JSON has it, so that its end, its line breaks and what is no character are seen; not all of a long one.
fn quoted(value: &JsValue) -> String {
    let string: &js_sys::JsString = value.unchecked_ref();
    let cut = string.length() > STRING;
    let shown = if cut { string.slice(0, STRING) } else { string.clone() };
    let mut text = JSON::stringify(&shown).ok().and_then(|text| text.as_string()).unwrap_or_default();
    if cut {
        text.push_str(" … all of it is in Text");
    }
    text
}

fn keep(element: &Element, name: &str, value: &JsValue) {
    let _ = Reflect::set(element, &name.into(), value);
}

fn kept(element: &Element, name: &str) -> JsValue {
    Reflect::get(element, &name.into()).unwrap_or_default()
}
