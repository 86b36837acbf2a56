//! The faults' controls: a card each, by the kind of its value.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement, HtmlTemplateElement};

use super::{
    table::{self, Fault, Table, UNITS},
    url,
};
use crate::dom::{self, append, element};

/// A card of a fault, from its template.
pub(super) fn card(template: &HtmlTemplateElement, fault: &Fault) -> Element {
    let card = dom::copy(template);
    dom::set_attribute(&card, "data-fault", &fault.name);
    let part = |selector: &str| card.query_selector(selector).ok().flatten();
    if let Some(name) = part(".fault-name") {
        name.set_text_content(Some(&fault.name));
    }
    if let Some(text) = part(".fault-text") {
        text.set_text_content(Some(&fault.text));
        let id = format!("fault-{}", fault.name);
        text.set_id(&id);
        if let Some(on) = part("input") {
            dom::set_attribute(&on, "aria-describedby", &id);
        }
    }
    if let Some(place) = part(".fault-value") {
        value(&place, fault);
    }
    if let Some(place) = part(".fault-when") {
        when(&place, fault);
    }
    card
}

/// The control of a value, by its kind. Every field has `data-part`.
fn value(place: &Element, fault: &Fault) {
    let label = format!("{}: {}", fault.name, fault.allowed);
    let kind = &*fault.kind;
    if kind == "flag" {
        return;
    }
    if kind == "probability" {
        let slider = input("range", "share", &format!("{} in percent", fault.name));
        for (name, value) in [("min", "0"), ("max", "100"), ("step", "1")] {
            dom::set_attribute(&slider, name, value);
        }
        append(place, &slider);
    }
    let (words, is_all) = table::words(&fault.allowed);
    if kind == "choice" && is_all {
        return append(place, &select("value", &label, &words));
    }
    let field = input("text", "value", &label);
    dom::set_attribute(&field, "placeholder", &fault.example);
    dom::set_attribute(&field, "title", &fault.allowed);
    dom::set_attribute(&field, "data-kind", kind);
    if kind == "choice" {
        let id = format!("words-{}", fault.name);
        let list = element("datalist", "", "");
        list.set_id(&id);
        for word in words {
            let option = element("option", "", "");
            dom::set_attribute(&option, "value", word);
            append(&list, &option);
        }
        dom::set_attribute(&field, "list", &id);
        append(place, &list);
    }
    append(place, &field);
    if let Some((_, units)) = UNITS.iter().find(|(name, _)| *name == kind) {
        dom::set_attribute(&field, "inputmode", "decimal");
        append(place, &select("unit", &format!("{}: unit", fault.name), units));
    }
}

/// When it strikes, as far as that means something for it.
fn when(place: &Element, fault: &Fault) {
    let triggers: &[&str] = match &*fault.triggers {
        "all" => &["after", "every", "chance", "dir"],
        "chance" => &["chance"],
        _ => &[],
    };
    for trigger in triggers {
        append(place, &trigger_field(trigger, &format!("{}.{trigger}", fault.name)));
    }
}

/// A trigger's field with its label; `key` is its parameter.
pub(super) fn trigger_field(trigger: &str, key: &str) -> Element {
    let label = element("label", "when", "");
    append(&label, &element("span", "", trigger));
    let field = if trigger == "dir" {
        select("", key, &["", "out", "in", "both"])
    } else {
        let field = input("text", "", key);
        let example = match trigger {
            "after" => "3 or 5s",
            "every" => "2",
            _ => "10%",
        };
        dom::set_attribute(&field, "placeholder", example);
        field
    };
    dom::set_attribute(&field, "data-key", key);
    append(&label, &field);
    label
}

fn input(kind: &str, part: &str, label: &str) -> Element {
    let input = element("input", if kind == "text" { "data" } else { "" }, "");
    dom::set_attribute(&input, "type", kind);
    dom::set_attribute(&input, "aria-label", label);
    for (name, value) in [("spellcheck", "false"), ("autocapitalize", "off"), ("autocomplete", "off")] {
        dom::set_attribute(&input, name, value);
    }
    if !part.is_empty() {
        dom::set_attribute(&input, "data-part", part);
    }
    input
}

fn select(part: &str, label: &str, words: &[&str]) -> Element {
    let select = element("select", "data", "");
    dom::set_attribute(&select, "aria-label", label);
    if !part.is_empty() {
        dom::set_attribute(&select, "data-part", part);
    }
    for word in words {
        let option = element("option", "", word);
        dom::set_attribute(&option, "value", word);
        append(&select, &option);
    }
    select
}

/// Has a card show what a URL says.
pub(super) fn show(card: &Element, fault: &Fault, url: &str) {
    let said = url::get(url, &fault.name);
    if let Some(on) = field(card, "input[type=checkbox]") {
        on.set_checked(said.is_some());
    }
    dom::set_flag(card, "data-on", said.is_some());
    if let Some(said) = said {
        let (number, unit) = match UNITS.iter().find(|(kind, _)| *kind == fault.kind) {
            Some((_, units)) => table::unit(&said, units),
            // Without a share, it strikes always.
            None if said.is_empty() && fault.kind == "probability" => ("100%", ""),
            None => (&*said, ""),
        };
        put(card, "[data-part=value]", number);
        put(card, "[data-part=unit]", unit);
        put(card, "[data-part=share]", &table::percent(&said));
    } else {
        // The example is what switching it on begins with.
        let (number, unit) = match UNITS.iter().find(|(kind, _)| *kind == fault.kind) {
            Some((_, units)) => table::unit(&fault.example, units),
            None => (&*fault.example, ""),
        };
        put(card, "[data-part=value]", number);
        put(card, "[data-part=unit]", unit);
        put(card, "[data-part=share]", &table::percent(&fault.example));
    }
    triggers(card, url);
}

/// Has the fields of triggers within an element show what a URL says.
pub(super) fn triggers(place: &Element, url: &str) {
    let Ok(fields) = place.query_selector_all("[data-key]") else { return };
    for index in 0..fields.length() {
        if let Some(field) = fields.item(index) {
            let field: Element = field.unchecked_into();
            let key = field.get_attribute("data-key").unwrap_or_default();
            set_value(&field, &url::get(url, &key).unwrap_or_default());
        }
    }
}

/// The URL that a changed control of a card makes of another.
pub(super) fn change(card: &Element, changed: &Element, table: &Table, url: &str) -> Option<String> {
    let name = card.get_attribute("data-fault")?;
    let fault = table.faults.iter().find(|fault| fault.name == name)?;
    let text = |selector: &str| field(card, selector).map(|field| field.value()).unwrap_or_default();
    if changed.get_attribute("type").as_deref() == Some("checkbox") {
        if !field(card, "input[type=checkbox]")?.checked() {
            // Its triggers mean nothing without it, and would be refused.
            let own = format!("{name}.");
            let url = url::without(url, |key| key == name || key.starts_with(&own));
            return Some(if name == "close" { url::set(&url, "reason", None) } else { url });
        }
    } else if changed.get_attribute("data-part").as_deref() == Some("share") {
        return Some(url::set(url, &name, Some(&format!("{}%", text("[data-part=share]")))));
    }
    // A field that was written into switches its fault on.
    let mut value = text("[data-part=value]").trim().to_owned();
    if value.ends_with(|last: char| last.is_ascii_digit()) {
        let unit = text("[data-part=unit]");
        if unit != "B" {
            value.push_str(&unit);
        }
    }
    if fault.kind == "flag" {
        value.clear();
    }
    Some(url::set(url, &name, Some(&value)))
}

fn field(card: &Element, selector: &str) -> Option<HtmlInputElement> {
    card.query_selector(selector).ok()?.map(JsCast::unchecked_into)
}

fn put(card: &Element, selector: &str, value: &str) {
    if let Ok(Some(field)) = card.query_selector(selector) {
        set_value(&field, value);
    }
}

/// Sets a field's value unless somebody is writing in it: fields and selects alike.
pub(super) fn set_value(field: &Element, value: &str) {
    let field: &HtmlInputElement = field.unchecked_ref();
    let is_focused =
        dom::document().active_element().is_some_and(|focused| focused.is_same_node(Some(field)));
    let is_written = is_focused && field.get_attribute("type").as_deref() == Some("text");
    if !is_written && field.value() != value {
        field.set_value(value);
    }
}
