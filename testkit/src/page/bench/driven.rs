use std::time::Instant;

use serde_json::{Value, json};
use tokio::time;

use super::PATIENCE;
use crate::page::Page;

/// The page, watched: its long tasks, its memory and its main thread's clock.
pub(super) struct Driven {
    pub(super) page: Page,
}

/// How a filter went, in milliseconds since its last letter was typed.
pub(super) struct Filtered {
    pub(super) first_hits: f64,
    pub(super) all: f64,
    pub(super) hits: String,
}

/// Put into each page before its own scripts: what its long tasks were, and where its Wasm is.
const WATCH: &str = "
    globalThis.tasks = [];
    new PerformanceObserver(list => { for (const task of list.getEntries()) tasks.push(task.duration) })
        .observe({ type: 'longtask', buffered: true });
    addEventListener('TrunkApplicationStarted', event => { globalThis.wasm = event.detail.wasm });";

impl Driven {
    pub(super) async fn start() -> Self {
        let page = Page::start_with("127.0.0.1:0", &["--log", "off"], &[]).await;
        let driven = Self { page };
        driven.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH })).await;
        driven.devtools("Performance.enable", json!({})).await;
        driven
    }

    pub(super) async fn close(self) {
        self.page.close().await;
    }

    pub(super) async fn open(&self, url: &str) {
        self.page.goto(url).await;
    }

    /// The workbench, as for one who has been here before.
    /// Opens the page as who comes for the first time does, and waits until it moves.
    pub(super) async fn open_first(&self) {
        self.page.goto(&format!("{}/", self.page.server.url())).await;
        self.page.until_state("open").await;
    }

    pub(super) async fn open_home(&self) {
        self.page.home().await;
    }

    pub(super) async fn connect(&self, url: &str) {
        self.page.fill("#url", url).await;
        self.page.click("#connect").await;
    }

    /// Connects to a source, waits for its end, and gives how many messages the page counted.
    pub(super) async fn flood(&self, url: &str, expected: u64) -> u64 {
        self.connect(url).await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let state = self.text("#state-word").await;
            let count = self.text("#received-count").await.replace(',', "").parse().unwrap_or_default();
            if state == "closed" && count >= expected {
                return count;
            }
            // What is missing when it has ended does not come any more.
            let has_failed = matches!(&*state, "failed" | "lost");
            assert!(!has_failed && Instant::now() < deadline, "{state} after {count} messages of {expected}");
            time::sleep(time::Duration::from_millis(200)).await;
        }
    }

    /// Types a regular expression into the filter.
    pub(super) async fn filter(&self, expression: &str) -> Filtered {
        let expression = serde_json::to_string(expression).expect("a string");
        let found = self
            .evaluate(&format!(
                "(async () => {{
                    const field = document.getElementById('filter-text');
                    const frame = () => new Promise(requestAnimationFrame);
                    const regex = document.getElementById('filter-regex');
                    if (!regex.checked) regex.click();
                    const since = performance.now();
                    field.value = {expression};
                    field.dispatchEvent(new Event('input', {{ bubbles: true }}));
                    let first = 0;
                    const matched = document.getElementById('filter-matches');
                    for (;;) {{
                        await frame();
                        const count = Number((matched.textContent.match(/[\\d,]+/) || ['0'])[0].replaceAll(',', ''));
                        if (!first && count > 0) first = performance.now() - since;
                        if (performance.now() - since > 50 && matched.textContent && !/%/.test(matched.textContent)) break;
                        if (performance.now() - since > 120000) break;
                    }}
                    return {{ first, all: performance.now() - since, hits: matched.textContent }};
                }})()"
            ))
            .await;
        Filtered {
            first_hits: found["first"].as_f64().unwrap_or(f64::NAN),
            all: found["all"].as_f64().unwrap_or(f64::NAN),
            hits: found["hits"].as_str().unwrap_or_default().to_owned(),
        }
    }

    pub(super) async fn text(&self, selector: &str) -> String {
        let expression = format!("document.querySelector({selector:?})?.textContent ?? ''");
        self.evaluate(&expression).await.as_str().unwrap_or_default().to_owned()
    }

    /// How many tasks took more than 50 ms, which is what the browser calls long.
    pub(super) async fn long_tasks(&self) -> u64 {
        self.evaluate("tasks.length").await.as_u64().unwrap_or_default()
    }

    /// In milliseconds; 0 where none was long.
    pub(super) async fn longest_task(&self) -> f64 {
        self.evaluate("Math.max(0, ...tasks)").await.as_f64().unwrap_or_default()
    }

    pub(super) async fn forget_tasks(&self) {
        self.evaluate("tasks.length = 0").await;
    }

    /// The page's heap after a collection, in MiB.
    pub(super) async fn heap(&self) -> f64 {
        self.devtools("HeapProfiler.collectGarbage", json!({})).await;
        self.metric("JSHeapUsedSize").await / f64::from(1024 * 1024)
    }

    /// The Wasm memory, in MiB; it never shrinks.
    pub(super) async fn wasm(&self) -> f64 {
        let bytes = self.evaluate("globalThis.wasm?.memory.buffer.byteLength ?? 0").await;
        bytes.as_f64().unwrap_or_default() / f64::from(1024 * 1024)
    }

    /// How long the main thread has run, in seconds of its own.
    pub(super) async fn thread_time(&self) -> f64 {
        self.metric("ThreadTime").await
    }

    pub(super) async fn evaluate(&self, expression: &str) -> Value {
        self.page.browser.evaluate(expression).await
    }

    /// How long the main thread's tasks have taken, in seconds: longer than it has run where others run meanwhile.
    pub(super) async fn task_time(&self) -> f64 {
        self.metric("TaskDuration").await
    }

    async fn metric(&self, name: &str) -> f64 {
        self.page.browser.metric(name).await
    }

    async fn devtools(&self, method: &str, parameters: Value) -> Value {
        self.page.browser.devtools(method, parameters).await
    }
}
