//! The page in a real browser, driven as a person drives it: by clicking, typing and reading.
//!
//! ```no_run
//! wirescope_testkit::page::run("connects", async |page| {
//!     page.click("#connect").await;
//!     page.until_state("open").await;
//! });
//! ```
//!
//! Each test has its own server process and browser session. A condition is waited for with a deadline. When a test
//! fails, what the browser showed is saved as `NAME.png`, and the server's log is printed.
#![expect(clippy::missing_panics_doc, reason = "everything here is for tests, and a test fails by panicking")]

pub mod bench;
pub(crate) mod browser;
mod server;

use std::{
    env,
    ffi::OsString,
    fs,
    panic::{AssertUnwindSafe, resume_unwind},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use fantoccini::{Client, Locator, elements::Element};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::{runtime, sync::Semaphore, time};

use self::browser::{Browser, Command};
pub use self::server::Server;

/// How long a condition is waited for. What is waited for takes milliseconds; machines under load take longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long is waited for what takes seconds, such as many thousand messages.
const MUCH_PATIENCE: Duration = Duration::from_secs(45);
/// How long a test may take, with the start of its browser.
const TEST_LIMIT: Duration = Duration::from_secs(60);
/// How many browsers run at once, however many tests do.
pub(crate) static BROWSERS: Semaphore = Semaphore::const_new(2);

/// The workbench, open in a browser, and the server that it came from.
#[derive(Debug)]
pub struct Page {
    /// The server that serves the page, and that it connects to unless it is told otherwise.
    pub server: Server,
    /// Whether the test is to pass although the page's console says of errors.
    pub errors_expected: bool,
    browser: Browser,
}

/// A row of the log, as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What happened: `sent text`, `closed`, …
    pub event: String,
    /// The size column.
    pub size: String,
    /// The content column.
    pub content: String,
}

/// Runs a test on a page of its own.
pub fn run(name: &str, test: impl AsyncFnOnce(&mut Page)) {
    run_with(name, &[], &[], async |page| {
        page.home().await;
        test(page).await;
    });
}

/// Runs a test with a server and a browser that have these flags; the browser shows nothing yet.
pub fn run_with(
    name: &str,
    server_flags: &[&str],
    browser_flags: &[&str],
    test: impl AsyncFnOnce(&mut Page),
) {
    drive(name, Page::start_with("127.0.0.1:0", server_flags, browser_flags), test);
}

/// As [`run`], on a page so high that the log shows every row of a test: those out of sight are not there to be counted.
pub fn run_high(name: &str, test: impl AsyncFnOnce(&mut Page)) {
    run(name, async |page| {
        page.resize(1280, 1800, 1.0).await;
        test(page).await;
    });
}

/// Runs a test on a page of its own in Firefox, whose console is not read.
pub fn run_in_firefox(name: &str, test: impl AsyncFnOnce(&mut Page)) {
    let start = async {
        let server = Page::another_server("127.0.0.1:0", &[]).await;
        let browser = Browser::start_firefox().await;
        Page { server, browser, errors_expected: true }
    };
    drive(name, start, async |page: &mut Page| {
        page.home().await;
        test(page).await;
    });
}

fn drive(name: &str, start: impl Future<Output = Page>, test: impl AsyncFnOnce(&mut Page)) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let outcome = runtime.block_on(async {
        let _turn = BROWSERS.acquire().await.expect("it is never closed");
        let mut page = start.await;
        let test = async {
            test(&mut page).await;
            if !page.errors_expected {
                assert_eq!(page.console_errors().await, [""; 0], "the console says of errors");
            }
        };
        let test = async { time::timeout(TEST_LIMIT, test).await.expect("the test takes too long") };
        let outcome = AssertUnwindSafe(test).catch_unwind().await;
        if outcome.is_err() {
            page.keep_evidence(name).await;
        }
        page.browser.close().await;
        outcome
    });
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

impl Page {
    /// Starts a server and a browser, which shows nothing yet.
    pub async fn start() -> Self {
        Self::start_on("127.0.0.1:0").await
    }

    /// Starts a server that listens there, and a browser, which shows nothing yet.
    pub async fn start_on(listen: &str) -> Self {
        Self::start_with(listen, &[], &[]).await
    }

    async fn start_with(listen: &str, server_flags: &[&str], browser_flags: &[&str]) -> Self {
        let server = Self::another_server(listen, server_flags).await;
        let browser = Browser::start(browser_flags).await;
        Self { server, browser, errors_expected: false }
    }

    /// Starts one more server, of the same program.
    pub async fn another_server(listen: &str, flags: &[&str]) -> Server {
        Server::start_with(&required("WIRESCOPE_SERVER_BIN"), listen, flags).await
    }

    /// Opens any URL.
    pub async fn goto(&self, url: &str) {
        self.client().goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Opens the page that the server serves, and waits until it is ready. Its address says of a view, as that of a shared
    /// link does, so it is not welcomed as a first visit is, and loads both parts of its program.
    pub async fn home(&self) {
        self.goto(&format!("{}/#view=log", self.server.url())).await;
        self.until_whole().await;
    }

    /// Waits until both parts of the page's program are there, which takes seconds where many browsers start at once.
    pub async fn until_whole(&self) {
        self.until_patiently("the page is ready", async || {
            let place = self.script("return document.getElementById('view-measure')?.id").await;
            place.is_string().then_some(())
        })
        .await;
    }

    /// Loads the page anew.
    pub async fn reload(&self) {
        self.script("window.old = true; location.reload()").await;
        self.until("the page is new", async || {
            let word =
                self.script("return !window.old && document.getElementById('state-word')?.textContent").await;
            (word == "idle").then_some(())
        })
        .await;
    }

    /// Ends the browser.
    pub async fn close(mut self) {
        self.browser.close().await;
    }

    /// Connects to the URL in the form, and waits until the connection is open.
    pub async fn connect(&self) {
        self.click("#connect").await;
        self.until_state("open").await;
    }

    /// Connects to a path of the server, with its query.
    pub async fn connect_to(&self, path: &str) {
        self.fill("#url", &format!("ws://{}{path}", self.server.address())).await;
        self.connect().await;
    }

    /// Sends a message in the format that is chosen.
    pub async fn send(&self, message: &str) {
        self.fill("#message", message).await;
        self.click("#send").await;
    }

    /// Clicks on what a CSS selector finds.
    pub async fn click(&self, selector: &str) {
        self.element(selector)
            .await
            .click()
            .await
            .unwrap_or_else(|error| panic!("click {selector}: {error}"));
    }

    /// Types at the end of a field.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let typed = self.element(selector).await.send_keys(text).await;
        typed.unwrap_or_else(|error| panic!("type into {selector}: {error}"));
    }

    /// Replaces a field's content, as selecting all of it and typing do.
    pub async fn fill(&self, selector: &str, text: &str) {
        // The drivers do not agree on how long a Ctrl in the keys lasts.
        self.script(&format!(
            "const field = document.querySelector({selector:?}); field.focus(); field.select?.()"
        ))
        .await;
        self.type_into(selector, &format!("{}{text}", key::DELETE)).await;
    }

    /// Types into whatever has the focus.
    pub async fn press(&self, keys: &str) {
        let focused = self.client().active_element().await.expect("something has the focus");
        focused.send_keys(keys).await.expect("keys are typed");
    }

    /// The text that a reader sees of an element.
    pub async fn text(&self, selector: &str) -> String {
        self.element(selector).await.text().await.unwrap_or_else(|error| panic!("read {selector}: {error}"))
    }

    /// A property of an element, such as a field's value.
    pub async fn property(&self, selector: &str, name: &str) -> String {
        let value = self.element(selector).await.prop(name).await;
        value.unwrap_or_else(|error| panic!("{name} of {selector}: {error}")).unwrap_or_default()
    }

    /// Whether an element has the attribute `hidden`.
    pub async fn is_hidden(&self, selector: &str) -> bool {
        self.attribute(selector, "hidden").await.is_some()
    }

    /// An attribute of an element.
    pub async fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let value = self.element(selector).await.attr(name).await;
        value.unwrap_or_else(|error| panic!("{name} of {selector}: {error}"))
    }

    /// What a script in the page returns.
    pub async fn script(&self, script: &str) -> Value {
        let value = self.client().execute(script, Vec::new()).await;
        value.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The rows of the log that are drawn: those in sight, and a few around.
    pub async fn rows(&self) -> Vec<Row> {
        const SCRIPT: &str = "return [...document.querySelectorAll('#rows > li')].map(row =>
            ['.what', '.size', '.body'].map(cell => row.querySelector(cell).innerText))";
        let rows = self.script(SCRIPT).await;
        let cell = |row: &Value, index: usize| row[index].as_str().unwrap_or_default().to_owned();
        let rows = rows.as_array().expect("rows").iter();
        rows.map(|row| Row { event: cell(row, 0), size: cell(row, 1), content: cell(row, 2) }).collect()
    }

    /// Waits for the newest row of a kind, and gives it.
    pub async fn until_row(&self, event: &str) -> Row {
        self.until(&format!("a row says {event:?}"), async || {
            self.rows().await.into_iter().rfind(|row| row.event == event)
        })
        .await
    }

    /// Waits until so many rows of a kind are drawn, which is for few.
    pub async fn until_rows(&self, event: &str, count: usize) {
        self.until(&format!("{count} rows say {event:?}"), async || {
            (self.rows().await.iter().filter(|row| row.event == event).count() == count).then_some(())
        })
        .await;
    }

    /// Waits until the header shows this state, which may take the loading of the page.
    pub async fn until_state(&self, state: &str) {
        self.until_patiently(&format!("the state is {state:?}"), async || {
            (self.text("#state-word").await == state).then_some(())
        })
        .await;
    }

    /// Waits until an element's text is this.
    pub async fn until_text(&self, selector: &str, text: &str) {
        self.until(&format!("{selector} says {text:?}"), async || {
            (self.text(selector).await == text).then_some(())
        })
        .await;
    }

    /// Waits until an element's text has this in it.
    pub async fn until_says(&self, selector: &str, part: &str) {
        self.until(&format!("{selector} says {part:?}"), async || {
            self.text(selector).await.contains(part).then_some(())
        })
        .await;
    }

    /// Waits until an element is not there for the reader.
    pub async fn until_hidden(&self, selector: &str) {
        self.until(&format!("{selector} is hidden"), async || {
            self.attribute(selector, "hidden").await.map(|_| ())
        })
        .await;
    }

    /// Waits until something is there, and gives it.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
        Self::wait(PATIENCE, what, look).await
    }

    /// As [`until`](Self::until), for what takes seconds.
    pub async fn until_patiently<T>(&self, what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
        Self::wait(MUCH_PATIENCE, what, look).await
    }

    async fn wait<T>(patience: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(Instant::now() < deadline, "it never came that {what}");
            time::sleep(Duration::from_millis(15)).await;
        }
    }

    /// Has the browser save what is downloaded in a folder of its own.
    pub async fn downloads(&self) -> Folder {
        let folder = Folder::new();
        let path = folder.path().to_string_lossy();
        self.devtools("Browser.setDownloadBehavior", json!({ "behavior": "allow", "downloadPath": path }))
            .await;
        folder
    }

    /// Chooses a file in a field for files.
    pub async fn upload(&self, selector: &str, file: &Path) {
        self.type_into(selector, &file.to_string_lossy()).await;
    }

    /// Gives the page a size in CSS pixels, as a phone or as a desktop has it.
    pub async fn resize(&self, width: u32, height: u32, device_scale: f64) {
        let mobile = width < 600;
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": device_scale, "mobile": mobile }),
        )
        .await;
    }

    /// Sees that nothing is wider than the window, but for what scrolls by itself, and what only readers aloud meet.
    pub async fn assert_fits(&self, when: &str) {
        const SCRIPT: &str = "const wide = [...document.querySelectorAll('body *')].filter(element => {
                const box = element.getBoundingClientRect();
                return box.width > 1 && box.right > innerWidth + 0.5
                    && !element.closest('.dump, .row > .body, .scroller, .ticks, svg, .visually-hidden');
            });
            return [document.documentElement.scrollWidth <= innerWidth, wide.map(element => element.id || element.className)]";
        assert_eq!(self.script(SCRIPT).await, json!([true, []]), "{when}");
    }

    /// Has requests for this, and none for anything else, fail: a URL in which `*` is for any text. An empty one lets all go.
    pub async fn block(&self, url: &str) {
        let urls: Vec<_> = Some(url).filter(|url| !url.is_empty()).into_iter().collect();
        self.browser.devtools("Network.enable", json!({})).await;
        self.browser.devtools("Network.setBypassServiceWorker", json!({ "bypass": true })).await;
        self.browser.devtools("Network.setBlockedURLs", json!({ "urls": urls })).await;
    }

    /// Makes the browser prefer `light` or `dark`.
    pub async fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// What the console says of errors since it was asked last, such as violations of the Content-Security-Policy; not what
    /// browsers report there themselves, and no page can keep from them: that a WebSocket failed, that a server told nothing
    /// of its faults, or that one which is away did not say why it refuses.
    pub async fn console_errors(&self) -> Vec<String> {
        let log = self.client().issue_cmd(Command::console()).await.expect("the browser's log");
        let entries = log.as_array().expect("entries").iter();
        entries
            .filter(|entry| entry["level"] != "INFO" && entry["level"] != "DEBUG")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .filter(|message| {
                let reported =
                    ["WebSocket connection to", "/faults.json", "Failed to load resource: net::ERR_"];
                !reported.iter().any(|own| message.contains(own))
            })
            .collect()
    }

    /// What the browser shows, as a PNG.
    pub async fn screenshot(&self) -> Vec<u8> {
        self.client().screenshot().await.expect("a screenshot")
    }

    async fn devtools(&self, method: &str, parameters: Value) -> Value {
        self.browser.devtools(method, parameters).await
    }

    async fn element(&self, selector: &str) -> Element {
        let found = self.client().find(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("find {selector}: {error}"))
    }

    fn client(&self) -> &Client {
        self.browser.client()
    }

    async fn keep_evidence(&self, name: &str) {
        let folder = PathBuf::from(env::var_os("WIRESCOPE_SCREENSHOTS").unwrap_or_else(|| "target".into()));
        let picture = folder.join(format!("{name}.png"));
        // The browser may be what failed, so none of this may hang or panic.
        match time::timeout(PATIENCE, self.client().screenshot()).await {
            Ok(Ok(png)) => match fs::create_dir_all(&folder).and_then(|()| fs::write(&picture, png)) {
                Ok(()) => eprintln!("{name}: what the browser showed is in {}", picture.display()),
                Err(error) => eprintln!("{name}: {} cannot be written: {error}", picture.display()),
            },
            Ok(Err(error)) => eprintln!("{name}: no screenshot: {error}"),
            Err(_) => eprintln!("{name}: no screenshot: the browser does not answer"),
        }
        eprintln!("{name}: the server's log:\n{}", self.server.log());
    }
}

/// A folder that goes when it is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("wirescope-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Keys as WebDriver writes them.
pub mod key {
    /// Holds Ctrl down until [`RELEASE`].
    pub const CONTROL: char = '\u{e009}';
    /// Holds Cmd down until [`RELEASE`].
    pub const META: char = '\u{e03d}';
    /// Holds Shift down until [`RELEASE`].
    pub const SHIFT: char = '\u{e008}';
    /// Releases what is held down.
    pub const RELEASE: char = '\u{e000}';
    /// Enter.
    pub const ENTER: char = '\u{e007}';
    /// Tab.
    pub const TAB: char = '\u{e004}';
    /// Delete.
    pub const DELETE: char = '\u{e017}';
    /// Escape.
    pub const ESCAPE: char = '\u{e00c}';
    /// The arrow up.
    pub const UP: char = '\u{e013}';
    /// The arrow down.
    pub const DOWN: char = '\u{e015}';
    /// Home.
    pub const HOME: char = '\u{e011}';
}

/// A path that `cargo xtask` sets.
pub(crate) fn required(variable: &str) -> PathBuf {
    let value: Option<OsString> = env::var_os(variable).filter(|value| !value.is_empty());
    let path = PathBuf::from(value.unwrap_or_else(|| {
        panic!(
            "{variable} is not set: run the page's tests with `cargo xtask test`, which builds what they need"
        )
    }));
    assert!(Path::exists(&path), "{variable} names {}, which is not there", path.display());
    path
}
