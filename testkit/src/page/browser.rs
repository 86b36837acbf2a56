use std::{env, ffi::OsStr, process::Stdio, time::Duration};

use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Child,
    time,
};
use url::{ParseError, Url};

const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
];

/// A headless browser with a fresh profile, and the driver that was started for it.
#[derive(Debug)]
pub(crate) struct Browser {
    driver: Child,
    client: Option<Client>,
}

impl Browser {
    /// Chromium, with flags beside the usual ones.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let driver = env::var_os("WIRESCOPE_CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let flags = [&FLAGS, flags].concat();
        let mut chromium = json!({ "args": flags });
        if let Some(chrome) = env::var_os("WIRESCOPE_CHROME") {
            chromium["binary"] = json!(chrome.to_string_lossy());
        }
        let capabilities = json!({
            "goog:chromeOptions": chromium,
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        Self::with(&driver, &["--port=0"], "started successfully on port ", capabilities).await
    }

    /// Firefox, which has no log of the console for its driver, and none of Chromium's debugging protocol. What it has is
    /// [`Command::context`].
    pub(crate) async fn start_firefox() -> Self {
        let driver = env::var_os("WIRESCOPE_GECKODRIVER").unwrap_or_else(|| "geckodriver".into());
        let mut options = json!({ "args": ["-headless"] });
        if let Some(firefox) = env::var_os("WIRESCOPE_FIREFOX") {
            options["binary"] = json!(firefox.to_string_lossy());
        }
        let arguments = ["--port=0", "--allow-system-access"];
        let capabilities = json!({ "moz:firefoxOptions": options });
        Self::with(&driver, &arguments, "Listening on 127.0.0.1:", capabilities).await
    }

    /// A driver that says where it listens after these words, and a browser of it.
    async fn with(driver: &OsStr, arguments: &[&str], words: &'static str, capabilities: Value) -> Self {
        let name = driver.display();
        let mut driver = tokio::process::Command::new(driver)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let port = time::timeout(Duration::from_secs(20), port(&mut driver, words)).await;
        let port = port.unwrap_or_else(|_| panic!("{name} does not listen within 20 s"));
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let connected = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        let client = connected.unwrap_or_else(|error| panic!("{name} starts no browser: {error}"));
        Self { driver, client: Some(client) }
    }

    pub(crate) fn client(&self) -> &Client {
        self.client.as_ref().expect("the browser is closed last")
    }

    /// What Chromium's own debugging protocol answers.
    pub(crate) async fn devtools(&self, method: &str, parameters: Value) -> Value {
        let command = Command::devtools(method, &parameters);
        self.client().issue_cmd(command).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// What an expression in Chromium's page comes to, once it is resolved.
    pub(crate) async fn evaluate(&self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.devtools("Runtime.evaluate", parameters).await;
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression} throws {}", thrown["exception"]["description"]);
        answer["result"]["value"].take()
    }

    /// One of Chromium's own measurements, once they are enabled by `Performance.enable`.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let answer = self.devtools("Performance.getMetrics", json!({})).await;
        let metrics = answer["metrics"].as_array().expect("metrics");
        let metric = metrics.iter().find(|metric| metric["name"] == name);
        metric
            .and_then(|metric| metric["value"].as_f64())
            .unwrap_or_else(|| panic!("no metric is called {name}"))
    }

    /// Ends the session, and with it the browser, before the driver: a driver that is killed leaves its browser behind.
    pub(crate) async fn close(&mut self) {
        if let Some(client) = self.client.take()
            && !matches!(time::timeout(Duration::from_secs(10), client.close()).await, Ok(Ok(())))
        {
            eprintln!("the browser did not close");
        }
        let _ = self.driver.kill().await;
    }
}

/// The port that the driver says it listens on.
async fn port(driver: &mut Child, words: &str) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines();
    while let Some(line) = lines.next_line().await.expect("its output is text") {
        let Some((_, port)) = line.split_once(words) else { continue };
        let port = port.trim_end_matches('.').parse().unwrap_or_else(|_| panic!("no port in {line:?}"));
        // Whatever it says later is read, so that it never waits for a reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        return port;
    }
    panic!("the driver ended before it listened")
}

/// A command of a driver's own.
#[derive(Debug)]
pub(crate) struct Command {
    path: &'static str,
    body: Value,
}

impl Command {
    fn devtools(method: &str, parameters: &Value) -> Self {
        Self { path: "goog/cdp/execute", body: json!({ "cmd": method, "params": parameters }) }
    }

    /// Has Firefox run scripts in its own parts, or in the page again.
    pub(crate) fn context(own: bool) -> Self {
        Self { path: "moz/context", body: json!({ "context": if own { "chrome" } else { "content" } }) }
    }

    /// What the console said since it was asked last.
    pub(crate) fn console() -> Self {
        Self { path: "se/log", body: json!({ "type": "browser" }) }
    }
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
