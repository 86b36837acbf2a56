//! The browser's side of this transport, bound by hand: web-sys leaves out `WebSocketStream`, and of the Streams API only
//! these few calls are needed.

use js_sys::{Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

use crate::socket::Offers;

#[wasm_bindgen]
extern "C" {
    pub(super) type WebSocketStream;

    #[wasm_bindgen(constructor, catch)]
    fn new(url: &str, options: &Options) -> Result<WebSocketStream, JsValue>;

    #[wasm_bindgen(method, getter)]
    pub(super) fn url(this: &WebSocketStream) -> String;

    #[wasm_bindgen(method, getter)]
    pub(super) fn opened(this: &WebSocketStream) -> Promised;

    #[wasm_bindgen(method, getter)]
    pub(super) fn closed(this: &WebSocketStream) -> Promised;

    #[wasm_bindgen(method, catch, js_name = close)]
    fn close_now(this: &WebSocketStream, info: &Info) -> Result<(), JsValue>;

    #[wasm_bindgen(method, getter, js_name = close)]
    fn close_function(this: &WebSocketStream) -> Function;

    /// The constructor's second argument.
    type Options;

    #[wasm_bindgen(method, setter)]
    fn set_protocols(this: &Options, protocols: &JsValue);

    #[wasm_bindgen(method, setter)]
    fn set_signal(this: &Options, signal: &JsValue);

    /// What `close` takes, what `closed` is fulfilled with, and what a `WebSocketError` has as well.
    pub(super) type Info;

    #[wasm_bindgen(method, setter, js_name = closeCode)]
    fn set_close_code(this: &Info, code: u16);

    #[wasm_bindgen(method, setter)]
    fn set_reason(this: &Info, reason: &str);

    #[wasm_bindgen(method, getter, js_name = closeCode)]
    pub(super) fn close_code(this: &Info) -> Option<u16>;

    #[wasm_bindgen(method, getter)]
    pub(super) fn reason(this: &Info) -> Option<String>;

    /// What `opened` is fulfilled with.
    pub(super) type OpenInfo;

    #[wasm_bindgen(method, getter)]
    pub(super) fn readable(this: &OpenInfo) -> Readable;

    #[wasm_bindgen(method, getter)]
    pub(super) fn writable(this: &OpenInfo) -> Writable;

    #[wasm_bindgen(method, getter)]
    pub(super) fn protocol(this: &OpenInfo) -> String;

    pub(super) type Readable;

    #[wasm_bindgen(method, js_name = getReader)]
    pub(super) fn get_reader(this: &Readable) -> Reader;

    #[wasm_bindgen(method, js_name = pipeTo)]
    pub(super) fn pipe_to(this: &Readable, sink: &Writable) -> Promised;

    pub(super) type Reader;

    #[wasm_bindgen(method)]
    pub(super) fn read(this: &Reader) -> Promised;

    // Of older browsers, that throw while a read is pending.
    #[wasm_bindgen(method, catch, js_name = releaseLock)]
    pub(super) fn release_lock(this: &Reader) -> Result<(), JsValue>;

    /// What `read` is fulfilled with.
    pub(super) type Read;

    #[wasm_bindgen(method, getter)]
    pub(super) fn done(this: &Read) -> bool;

    #[wasm_bindgen(method, getter)]
    pub(super) fn value(this: &Read) -> JsValue;

    #[wasm_bindgen(js_name = WritableStream)]
    pub(super) type Writable;

    /// A sink that takes all and keeps nothing.
    #[wasm_bindgen(constructor, js_class = WritableStream)]
    pub(super) fn new() -> Writable;

    #[wasm_bindgen(method, js_name = getWriter)]
    pub(super) fn get_writer(this: &Writable) -> Writer;

    pub(super) type Writer;

    #[wasm_bindgen(method, js_name = write)]
    pub(super) fn write_text(this: &Writer, chunk: &str) -> Promised;

    #[wasm_bindgen(method, js_name = write)]
    pub(super) fn write_bytes(this: &Writer, chunk: &Uint8Array) -> Promised;

    /// `None` from the moment at which the stream takes nothing more.
    #[wasm_bindgen(method, getter, js_name = desiredSize)]
    pub(super) fn desired_size(this: &Writer) -> Option<f64>;

    pub(super) type AbortController;

    #[wasm_bindgen(constructor)]
    pub(super) fn new() -> AbortController;

    #[wasm_bindgen(method, getter)]
    fn signal(this: &AbortController) -> JsValue;

    #[wasm_bindgen(method)]
    pub(super) fn abort(this: &AbortController);

    /// A promise whose settling is told to two functions, neither of which is a closure of its own.
    pub(super) type Promised;

    #[wasm_bindgen(method)]
    pub(super) fn then(this: &Promised, fulfilled: &Function, rejected: &Function) -> Promised;

    #[derive(Clone, Debug)]
    pub(super) type Function;

    #[wasm_bindgen(method, js_name = bind)]
    pub(super) fn bind_numbers(this: &Function, context: &JsValue, first: u32, second: u32) -> Function;

    #[wasm_bindgen(method, js_name = bind)]
    fn bind_info(this: &Function, context: &JsValue, info: &Info) -> Function;
}

/// Whether this browser has the interface, in this window or Worker.
pub(in crate::socket) fn is_available() -> bool {
    Reflect::has(&js_sys::global(), &"WebSocketStream".into()).unwrap_or(false)
}

impl WebSocketStream {
    /// Starts to connect.
    pub(super) fn connect(url: &str, offers: &Offers, controller: &AbortController) -> Result<Self, JsValue> {
        let options: Options = Object::new().unchecked_into();
        options.set_protocols(offers.as_js());
        options.set_signal(&controller.signal());
        Self::new(url, &options)
    }

    /// Starts the closing handshake, at once or when the promise is settled: the browser itself would send the Close frame
    /// before what was written and has not left, and then lose that.
    pub(super) fn close(&self, code: u16, reason: &str, after: Option<&Promised>) {
        let info: Info = Object::new().unchecked_into();
        info.set_close_code(code);
        info.set_reason(reason);
        match after {
            Some(written) => {
                let close = self.close_function().bind_info(self.as_ref(), &info);
                written.then(&close, &close);
            }
            // Code and reason were checked, and a second close is none.
            None => drop(self.close_now(&info)),
        }
    }
}
