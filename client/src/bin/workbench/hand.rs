//! The second part of the program: all that a hand needs, made when one comes near.

use js_sys::{Array, Reflect};
use wasm_bindgen::{JsCast as _, prelude::wasm_bindgen};
use web_sys::HtmlTemplateElement;
use wirescope::socket::{Connect, Error};

use crate::{
    app::App,
    compare, composer, connect, dom, examples, faults, frames,
    late::Hooks,
    log::Entry,
    measure,
    model::{Connection, Id, Setup},
    script,
    session::{self, Happening, Session},
    shell,
};

/// The elements of the second part, and how they look.
const HTML: &str = include_str!("../../../later.html");
const STYLES: [&str; 3] = [
    include_str!("../../../style-hand.css"),
    include_str!("../../../style-frames.css"),
    include_str!("../../../style-measure.css"),
];

pub(crate) struct Hand;

impl Hand {
    /// Puts all parts into their places, each of which listens to its elements from now on.
    pub(crate) fn settle_in(app: &App) {
        furnish();
        app.connect.form.set(connect::Form::new(app));
        app.composer.set(composer::Panel::new());
        app.script.set(script::Panel::new());
        app.log.begin();
        app.faults.set(faults::Panel::new());
        app.frames.set(frames::Panel::new());
        app.measure.set(measure::Panel::new());
        app.compare.set(compare::Panel::new());
        app.examples.set(examples::Panel::new());
        app.shell.set(shell::Panel::new());
    }

    /// Begins what begins by itself, once the first part knows of the second: what the address says is told to both.
    pub(crate) fn begin(app: &App) {
        app.connect.form.begin(app);
        app.composer.begin();
        app.shell.begin(app);
    }
}

impl Hooks for Hand {
    fn render(&self, app: &App) {
        app.shell.render(app);
        app.connect.form.render(app);
        app.composer.render(app);
        app.script.render();
        app.faults.render(app);
        app.frames.render(app);
        app.measure.render(app);
        app.compare.render(app);
        app.examples.render(app);
    }

    fn render_log(&self, app: &App) {
        // First, since rows are marked by it.
        app.frames.read(app);
        app.log.render_around(app);
    }

    fn takes(&self, app: &App, id: Id, happening: &Happening) -> bool {
        matches!(happening, Happening::Received(message) if app.measure.takes(app, id, message))
    }

    fn happened(&self, app: &App, id: Id, happening: &Happening) {
        app.measure.saw(id, happening);
        app.script.happened(id, happening);
    }

    fn settled(&self, app: &App) {
        app.script.drive(app);
    }

    fn opening(&self, app: &App, url: &str) {
        app.connect.form.connected(url);
    }

    fn hide_secrets(&self, setup: &mut Setup) {
        shell::hide_secrets(setup);
    }

    fn failed(&self, app: &App, connection: &Connection) {
        faults::explain(app, connection);
    }

    fn abandoned(&self, app: &App, id: Id) {
        app.script.over(app, id, None);
    }

    fn link(&self, id: Id, setup: &Setup, is_traced: bool) -> Result<Session, Error> {
        session::link::begin(id, setup, is_traced)
    }

    fn stream(&self, connect: Connect) -> Connect {
        connect.stream_if_available()
    }

    fn mark(&self, app: &App, entry: &Entry<'_>) -> Option<String> {
        app.frames.mark(entry)
    }

    fn show_setup(&self, app: &App) {
        app.connect.form.show_setup(app);
    }
}

/// Puts the elements of the second part into the page. Its style is no element, which the page's policy would not let in.
fn furnish() {
    let all: HtmlTemplateElement = dom::element("template", "", "").unchecked_into();
    all.set_inner_html(HTML);
    let parts = all.content().children();
    for index in 0..parts.length() {
        let Some(part) = parts.item(index) else { continue };
        let place = part.get_attribute("data-into").unwrap_or_default();
        dom::append(&dom::find(&place), &part.unchecked_into::<HtmlTemplateElement>().content());
    }
    let sheets = Reflect::get(&dom::document(), &"adoptedStyleSheets".into()).map(Array::unchecked_from_js);
    for style in STYLES {
        let sheet = StyleSheet::new();
        sheet.replace(style);
        if let Ok(sheets) = &sheets {
            sheets.push(&sheet);
        }
    }
}

#[wasm_bindgen]
extern "C" {
    /// A style sheet that belongs to no element (CSSOM, "constructed").
    #[wasm_bindgen(js_name = CSSStyleSheet)]
    type StyleSheet;

    #[wasm_bindgen(constructor, js_class = "CSSStyleSheet")]
    fn new() -> StyleSheet;

    #[wasm_bindgen(method, js_class = "CSSStyleSheet", js_name = replaceSync)]
    fn replace(this: &StyleSheet, text: &str);
}
