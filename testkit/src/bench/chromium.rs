use serde_json::{Value, json};

use crate::page::browser::Browser;

/// The browser with the benchmark's page.
#[derive(Debug)]
pub(super) struct Chromium {
    browser: Browser,
}

/// How the clock that is read passed while the main thread idled and while it worked, as shares of the wall clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) idle: f64,
    pub(super) busy: f64,
}

impl Chromium {
    pub(super) async fn start() -> Self {
        Self { browser: Browser::start(&[]).await }
    }

    pub(super) async fn close(mut self) {
        self.browser.close().await;
    }

    /// Opens the page, and returns when its script has run.
    pub(super) async fn open(&self, url: &str) {
        self.browser.client().goto(url).await.expect("the page opens");
        self.browser.evaluate(
            "new Promise(resolve => { (function look() { globalThis.bench ? resolve() : setTimeout(look, 10) })() })",
        )
        .await;
        self.browser.devtools("Performance.enable", json!({})).await;
    }

    pub(super) async fn version(&self) -> String {
        self.browser.devtools("Browser.getVersion", json!({})).await["product"]
            .as_str()
            .unwrap_or("?")
            .to_owned()
    }

    /// Calls one of the page's functions, and waits for what it returns or resolves with.
    pub(super) async fn call(&self, function: &str, arguments: &[Value]) -> Value {
        let arguments: Vec<String> = arguments.iter().map(Value::to_string).collect();
        self.browser.evaluate(&format!("bench.{function}({})", arguments.join(", "))).await
    }

    /// How long the page's main thread has run, in seconds: `ThreadTime` is the operating system's clock of that thread
    /// (Blink's `base::ThreadTicks`), which stands still while the thread waits or another has its core. The `…Duration`s
    /// beside it are sums over tasks of one kind, in wall time, and leave out what runs between tasks.
    pub(super) async fn thread_time(&self) -> f64 {
        self.browser.metric("ThreadTime").await
    }

    /// Sees that the clock counts work and not time.
    pub(super) async fn check_clock(&self) -> Clock {
        let share = async |function: &str| {
            let (thread, wall) = (self.thread_time().await, self.browser.metric("Timestamp").await);
            self.call(function, &[json!(300)]).await;
            let (thread, wall) =
                (self.thread_time().await - thread, self.browser.metric("Timestamp").await - wall);
            thread / wall
        };
        let clock = Clock { idle: share("idle").await, busy: share("spin").await };
        assert!(clock.idle < 0.1, "ThreadTime goes on while the main thread idles: {clock:?}");
        assert!(clock.busy > 2.0 * clock.idle, "ThreadTime does not count work: {clock:?}");
        clock
    }
}
