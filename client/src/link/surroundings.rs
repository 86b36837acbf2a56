//! What the browser says of its network and its page, in a window or a Worker.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Event, EventTarget};

/// What changed around a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Online,
    Offline,
    Shown,
    Hidden,
    PageLeft,
    PageBack,
}

/// Listens to the browser until it is dropped.
pub(super) struct Surroundings {
    listener: Closure<dyn Fn(Event)>,
    global: EventTarget,
    /// A Worker has none.
    document: Option<EventTarget>,
}

const OF_GLOBAL: [&str; 4] = ["online", "offline", "pagehide", "pageshow"];
const OF_DOCUMENT: [&str; 1] = ["visibilitychange"];

impl Surroundings {
    pub(super) fn listen(handler: impl Fn(Change) + 'static) -> Self {
        let listener = Closure::<dyn Fn(Event)>::new(move |event: Event| {
            handler(match event.type_().as_str() {
                "online" => Change::Online,
                "offline" => Change::Offline,
                "pagehide" => Change::PageLeft,
                "pageshow" => Change::PageBack,
                _ if is_visible() => Change::Shown,
                _ => Change::Hidden,
            });
        });
        let this = Self { listener, global: js_sys::global().unchecked_into(), document: document() };
        this.each(EventTarget::add_event_listener_with_callback);
        this
    }

    fn each(&self, change: fn(&EventTarget, &str, &js_sys::Function) -> Result<(), JsValue>) {
        let function = self.listener.as_ref().unchecked_ref();
        let targets = [(Some(&self.global), &OF_GLOBAL[..]), (self.document.as_ref(), &OF_DOCUMENT[..])];
        for (target, events) in targets {
            for event in events {
                // Neither call throws for a function and a name.
                let _ = target.map(|target| change(target, event, function));
            }
        }
    }
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        self.each(EventTarget::remove_event_listener_with_callback);
    }
}

/// Whether the browser believes to have a network.
pub(super) fn is_online() -> bool {
    get(&get(&js_sys::global(), "navigator"), "onLine").as_bool().unwrap_or(true)
}

/// Whether the page can be seen; in a Worker, which cannot know, it always can.
pub(super) fn is_visible() -> bool {
    document().is_none_or(|document| get(&document, "visibilityState") != "hidden")
}

fn document() -> Option<EventTarget> {
    get(&js_sys::global(), "document").dyn_into().ok()
}

fn get(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &JsValue::from_str(name)).unwrap_or_default()
}
