//! The client library in a page of its own, in a real browser that does to it what a test page cannot do to itself: it
//! goes elsewhere and comes back, hides it, takes its network away, serves it with a policy, and weighs its heap.
//!
//! The page is `client/tests/driven/`. Between it and the server is a [`Tap`], so that what happened is told by the other
//! side too.
#![expect(clippy::missing_panics_doc, reason = "everything here is for tests, and a test fails by panicking")]

mod site;

use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    time::{Duration, Instant},
};

use fantoccini::{Client, wd::TimeoutConfiguration};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::{runtime, time};

use crate::{
    page::{
        BROWSERS, Server,
        browser::{Browser, Command},
        required,
    },
    tap::{Connection, Tap},
};

/// How long a condition is waited for. Browsers delay connects that follow failed ones by up to five seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a script in the page may run.
const SCRIPT_LIMIT: Duration = Duration::from_secs(30 * 60);

/// The library's page, in a browser of its own, with a server of its own.
#[derive(Debug)]
pub struct Library {
    /// The server that the tap is in front of.
    pub server: Server,
    tap: Tap,
    site: String,
    kind: Kind,
    browser: Browser,
}

/// What the page's heap holds after a collection, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Heap {
    /// JavaScript's own objects.
    pub script: f64,
    /// The browser's objects that belong to the page, such as its sockets.
    pub browser: f64,
}

/// A browser that a test may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Chromium, by ChromeDriver.
    Chromium,
    /// Firefox, by geckodriver.
    Firefox,
}

/// Runs a test on a page of its own, in Chromium.
pub fn run(test: impl AsyncFnOnce(&mut Library)) {
    run_in(Kind::Chromium, test);
}

/// Runs a test on a page of its own.
pub fn run_in(kind: Kind, test: impl AsyncFnOnce(&mut Library)) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let outcome = runtime.block_on(async {
        let _turn = BROWSERS.acquire().await.expect("it is never closed");
        let mut library = Library::start(kind).await;
        let outcome = AssertUnwindSafe(test(&mut library)).catch_unwind().await;
        if outcome.is_err() {
            eprintln!("what the tap heard: {:?}", library.tap.connections());
            eprintln!("the server's log:\n{}", library.server.log());
        }
        library.browser.close().await;
        outcome
    });
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

impl Library {
    async fn start(kind: Kind) -> Self {
        let server = Server::start(&required("WIRESCOPE_SERVER_BIN"), "127.0.0.1:0").await;
        let tap = Tap::start(server.address().parse().expect("an address")).await.expect("a free port");
        let site = site::serve(required("WIRESCOPE_DRIVEN")).await;
        let browser = match kind {
            Kind::Chromium => Browser::start(&[]).await,
            Kind::Firefox => Browser::start_firefox().await,
        };
        let timeouts = TimeoutConfiguration::new(Some(SCRIPT_LIMIT), None, None);
        browser.client().update_timeouts(timeouts).await.expect("a script may take its time");
        Self { server, tap, site, kind, browser }
    }

    /// The server's echo, by way of the tap.
    pub fn echo(&self) -> String {
        format!("ws://{}/echo", self.tap.address())
    }

    /// The server's echo itself.
    pub fn untapped_echo(&self) -> String {
        format!("ws://{}/echo", self.server.address())
    }

    /// What each connection's client said, as the tap heard it.
    pub fn heard(&self) -> Vec<Connection> {
        self.tap.connections().unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// Cuts the connections that go through the tap.
    pub fn cut(&self) {
        self.tap.cut();
    }

    /// Starts the server again where it was.
    pub async fn restart_server(&mut self) {
        let address = self.server.address().to_owned();
        self.server = Server::start(&required("WIRESCOPE_SERVER_BIN"), &address).await;
    }

    /// Opens the page, and waits until the library is loaded.
    pub async fn open(&self) {
        self.open_with_policy("").await;
    }

    /// The same with a `Content-Security-Policy`.
    pub async fn open_with_policy(&self, policy: &str) {
        let mut url = url::Url::parse(&format!("{}/index.html", self.site)).expect("a URL");
        if !policy.is_empty() {
            url.query_pairs_mut().append_pair("policy", policy);
        }
        self.client().goto(url.as_str()).await.expect("the page opens");
        self.until("the library is loaded", "!!globalThis.library").await;
    }

    /// Leaves the page for another one.
    pub async fn go_elsewhere(&self) {
        let url = format!("{}/elsewhere.html", self.site);
        self.client().goto(&url).await.expect("the other page opens");
    }

    /// Goes back in the history, as the button does.
    pub async fn go_back(&self) {
        self.client().back().await.expect("there is a page before");
    }

    /// Minimises the window, which hides its page.
    pub async fn hide(&self) {
        self.client().minimize_window().await.expect("a window can be minimised");
        self.until("the page is hidden", "document.hidden").await;
    }

    /// Shows the window again.
    pub async fn show(&self) {
        self.client().set_window_size(800, 600).await.expect("a window has a size");
        self.until("the page is seen", "!document.hidden").await;
    }

    /// Takes the page's network away, or gives it back. Firefox does so for all pages, as by its menu.
    pub async fn set_offline(&self, offline: bool) {
        if self.kind == Kind::Firefox {
            let client = self.client();
            client.issue_cmd(Command::context(true)).await.expect("it lets in who is allowed to");
            let done = client.execute("Services.io.offline = arguments[0]", vec![offline.into()]).await;
            client.issue_cmd(Command::context(false)).await.expect("there is a page");
            return drop(done.expect("Firefox has that switch"));
        }
        self.browser.devtools("Network.enable", json!({})).await;
        let conditions =
            json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.browser.devtools("Network.emulateNetworkConditions", conditions).await;
    }

    /// What an expression in the page comes to, once it is resolved. It may await.
    pub async fn evaluate(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[0];
             const fail = error => done({{ error: `${{error?.stack ?? error}} ${{globalThis.panicked ?? ''}}` }});
             // What panics in a task of the library's own rejects no promise.
             const failed = event => fail(event.error);
             window.addEventListener('error', failed);
             (async () => {expression})().then(value => done({{ value }}), fail)
                 .finally(() => window.removeEventListener('error', failed))"
        );
        let answer = self.client().execute_async(&script, Vec::new()).await;
        let mut answer = answer.unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert!(answer["error"].is_null(), "{expression} throws {}", answer["error"]);
        answer["value"].take()
    }

    /// Waits until an expression in the page is true.
    pub async fn until(&self, what: &str, expression: &str) {
        self.until_it(what, async || self.evaluate(expression).await == true).await;
    }

    /// Waits until something is so.
    pub async fn until_it(&self, what: &str, mut look: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !look().await {
            assert!(Instant::now() < deadline, "it never came that {what}");
            time::sleep(Duration::from_millis(15)).await;
        }
    }

    /// The page's heap after everything was collected that nothing holds.
    pub async fn heap(&self) -> Heap {
        // What is kept for a console that nobody reads is none of the page's.
        self.browser.devtools("Runtime.discardConsoleEntries", json!({})).await;
        // Once for what the first one's finalizers let go of.
        for _ in 0..2 {
            self.browser.devtools("HeapProfiler.collectGarbage", json!({})).await;
        }
        let usage = self.browser.devtools("Runtime.getHeapUsage", json!({})).await;
        let bytes = |name: &str| usage[name].as_f64().unwrap_or_else(|| panic!("no {name} in {usage}"));
        Heap { script: bytes("usedSize"), browser: bytes("embedderHeapUsedSize") }
    }

    fn client(&self) -> &Client {
        self.browser.client()
    }
}
