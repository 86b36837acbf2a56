//! The page's elements, all of which are in index.html or client/later.html, and what is done to them.
//!
//! Each part of the page names its own elements with [`elements!`], and finds them once.

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Document, Element, Event, EventTarget, HtmlTemplateElement, Node, Window};

use crate::app::{self, App};

/// A struct of elements by their ids.
macro_rules! elements {
    ($(#[$doc:meta])* $struct:ident { $($(#[$field:meta])* $name:ident: $kind:ty = $id:literal,)+ }) => {
        $(#[$doc])*
        pub(crate) struct $struct {
            $($(#[$field])* pub(crate) $name: $kind,)+
        }

        impl $struct {
            pub(crate) fn find() -> Self {
                Self { $($name: ::wasm_bindgen::JsCast::unchecked_into($crate::dom::find($id)),)+ }
            }
        }
    };
}
pub(crate) use elements;

pub(crate) fn window() -> Window {
    web_sys::window().expect("a page has a window")
}

pub(crate) fn document() -> Document {
    window().document().expect("a window has a document")
}

/// The element with this id.
pub(crate) fn find(id: &str) -> Element {
    document().get_element_by_id(id).unwrap_or_else(|| panic!("the page has no element {id}"))
}

/// Has `handler` called for each such event of `target` and what is in it, for as long as the page lives.
pub(crate) fn on(target: &EventTarget, event: &str, handler: fn(&App, &Event)) {
    let listener = Closure::<dyn Fn(Event)>::new(move |event: Event| app::with(|app| handler(app, &event)));
    // A `toggle` event does not bubble, but every event is seen on its way down.
    let _ = target.add_event_listener_with_callback_and_bool(event, listener.as_ref().unchecked_ref(), true);
    listener.forget();
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
    if element.get_attribute(attribute).as_deref() != Some(value) {
        let _ = element.set_attribute(attribute, value);
    }
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

/// A new element with a class and a text.
pub(crate) fn element(tag: &str, class: &str, text: &str) -> Element {
    let element = document().create_element(tag).expect("a valid name");
    if !class.is_empty() {
        element.set_class_name(class);
    }
    if !text.is_empty() {
        element.set_text_content(Some(text));
    }
    element
}

pub(crate) fn append(parent: &Node, child: &Node) {
    let _ = parent.append_child(child);
}

/// Says on top of the page what of it does not work.
pub(crate) fn fail(text: &str) {
    if let Some(place) = document().get_element_by_id("failure") {
        place.set_text_content(Some(text));
        let _ = place.remove_attribute("hidden");
    }
}

/// Says that no more.
pub(crate) fn mend() {
    set_flag(&find("failure"), "hidden", true);
}

/// The element that an event happened in or to.
pub(crate) fn target(event: &Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}
