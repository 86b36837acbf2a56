//! A file to send, picked or dropped.

use std::cell::RefCell;

use js_sys::Uint8Array;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::{DragEvent, Element, File, HtmlInputElement};
use wirescope::socket::Message;

use super::draft::Format;
use crate::{
    app::{self, App},
    dom::{self, elements, on},
    format,
    model::Id,
};

/// What a tab holds a few times over without harm.
const MOST: f64 = (256 << 20) as f64;

elements! {
    Elements {
        form: Element = "send-form",
        place: Element = "file-place",
        file: HtmlInputElement = "file",
        name: Element = "file-name",
        as_text: HtmlInputElement = "file-as-text",
    }
}

pub(super) struct Picked {
    elements: Elements,
    file: RefCell<Option<File>>,
}

impl Picked {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.file, "change", |app, _| {
            let file = app.composer.picked.elements.file.files().and_then(|files| files.get(0));
            app.composer.picked.take(app, file);
        });
        on(&elements.form, "dragover", |_, event| event.prevent_default());
        on(&elements.form, "drop", |app, event| {
            event.prevent_default();
            let drop: &DragEvent = event.unchecked_ref();
            let dropped = drop.data_transfer().and_then(|data| data.files()).and_then(|files| files.get(0));
            if dropped.is_some() {
                app.composer.show(Format::File, "");
                app.composer.picked.take(app, dropped);
            }
        });
        Self { elements, file: RefCell::default() }
    }

    pub(super) fn show(&self, shown: bool) {
        dom::set_flag(&self.elements.place, "hidden", !shown);
    }

    pub(super) fn size(&self) -> Option<u64> {
        self.file.borrow().as_ref().map(size)
    }

    pub(super) fn send(&self, app: &App, id: Id) {
        let Some(file) = self.file.borrow().clone() else {
            return app.composer.not_sent("not sent: choose a file, or drop one here");
        };
        if file.size() > MOST {
            return app.composer.not_sent("not sent: the file is larger than 256 MiB");
        }
        let as_text = self.elements.as_text.checked();
        wirescope::spawn(async move {
            let read = JsFuture::from(file.array_buffer()).await;
            app::with(|app| {
                let Ok(buffer) = read else {
                    return app.composer.not_sent("not sent: the file cannot be read any more");
                };
                let bytes = Uint8Array::new(&buffer).to_vec();
                let message = match as_text.then(|| String::from_utf8(bytes.clone())) {
                    Some(Ok(text)) => Message::Text(text),
                    Some(Err(error)) => {
                        let at = error.utf8_error().valid_up_to();
                        return app
                            .composer
                            .not_sent(&format!("not sent: byte {at} of the file is not UTF-8"));
                    }
                    None => Message::Binary(bytes),
                };
                app.composer.deliver(app, id, message);
            });
        });
    }

    fn take(&self, app: &App, file: Option<File>) {
        let says = match &file {
            Some(file) => format!("{}, {}", file.name(), format::size(size(file))),
            None => String::new(),
        };
        dom::set_text(&self.elements.name, &says);
        self.file.replace(file);
        app.composer.check();
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a file has at most 2^53 bytes")]
fn size(file: &File) -> u64 {
    file.size() as u64
}
