//! What a page that is not the server's own meets in a real browser, and TLS in one.

use serde_json::{Value, json};
use wirescope_testkit::page::{self, Page};

/// Leads every name below `.example` to this machine, as a foreign page's own name server might.
const RESOLVE: &str = "--host-resolver-rules=MAP *.example 127.0.0.1";

/// How a WebSocket fares: its subprotocol and what came back, or the code with which it closed.
async fn websocket(page: &Page, url: &str, subprotocols: &[&str]) -> Value {
    let subprotocols = json!(subprotocols);
    page.script(&format!(
        "return new Promise(resolve => {{
            const socket = new WebSocket('{url}', {subprotocols});
            socket.onopen = () => socket.send('hello');
            socket.onmessage = message => resolve([socket.protocol, message.data]);
            socket.onclose = close => resolve(close.code);
        }})"
    ))
    .await
}

/// How a request fares: its status and how its body begins, or nothing when the browser withholds the answer.
async fn fetch(page: &Page, url: &str, headers: &Value) -> Value {
    page.script(&format!(
        "return fetch('{url}', {{ headers: {headers} }})
            .then(async answer => [answer.status, (await answer.text()).slice(0, 2)], () => null)"
    ))
    .await
}

#[test]
fn a_foreign_page_gets_nothing() {
    page::run_with("a_foreign_page_gets_nothing", &[], &[RESOLVE], async |page| {
        page.errors_expected = true;
        let foreign = Page::another_server("127.0.0.1:0", &["--allow-host", "foreign.example"]).await;
        let (_, port) = foreign.address().rsplit_once(':').expect("a port");
        page.goto(&format!("http://foreign.example:{port}/")).await;
        assert_eq!(
            page.script("return location.origin").await,
            json!(format!("http://foreign.example:{port}"))
        );
        let address = page.server.address();
        assert_eq!(websocket(page, &format!("ws://{address}/echo"), &[]).await, json!(1006));
        for path in ["/healthz", "/metrics", "/"] {
            assert_eq!(
                fetch(page, &format!("http://{address}{path}"), &json!({})).await,
                Value::Null,
                "{path}"
            );
        }
        // Without CORS a browser asks without an origin, and gives the page nothing; the server answers nothing either.
        page.script(&format!(
            "return fetch('http://{address}/metrics', {{ mode: 'no-cors' }}).then(() => 0)"
        ))
        .await;
        page.until("the server has refused all five", async || {
            (page.server.log().matches("status=403").count() == 5).then_some(())
        })
        .await;
        assert!(page.server.log().contains("--allow-origin"), "{}", page.server.log());
    });
}

#[test]
fn a_page_of_a_listed_origin_gets_in_with_the_token() {
    let folder = std::env::temp_dir().join(format!("wirescope-access-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("token");
    std::fs::write(&file, "a-token-in-a-browser").expect("a file");
    page::run_with("a_page_of_a_listed_origin_gets_in", &[], &[RESOLVE], async |page| {
        page.errors_expected = true;
        let foreign = Page::another_server("127.0.0.1:0", &["--allow-host", "foreign.example"]).await;
        let (_, port) = foreign.address().rsplit_once(':').expect("a port");
        let origin = format!("http://foreign.example:{port}");
        let flags = ["--allow-origin", &origin, "--token-file", file.to_str().expect("a path")];
        let server = Page::another_server("127.0.0.1:0", &flags).await;
        page.goto(&format!("{origin}/")).await;

        let url = format!("ws://{}/echo", server.address());
        // The token in base64url.
        let offers = ["wirescope.v1", "wirescope.token.YS10b2tlbi1pbi1hLWJyb3dzZXI"];
        assert_eq!(websocket(page, &url, &offers).await, json!(["wirescope.v1", "hello"]));
        assert_eq!(websocket(page, &url, &["wirescope.v1"]).await, json!(1006));

        let url = format!("{}/metrics", server.url());
        // The header makes the browser ask beforehand whether it may be sent.
        let bearer = json!({ "authorization": "Bearer a-token-in-a-browser" });
        assert_eq!(fetch(page, &url, &bearer).await, json!([200, "# "]));
        assert_eq!(fetch(page, &url, &json!({})).await, json!([401, "th"]));
        assert_eq!(fetch(page, &format!("{}/healthz", server.url()), &json!({})).await, json!([200, "ok"]));
    });
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn a_name_that_was_rebound_gets_nothing() {
    page::run_with("a_name_that_was_rebound_gets_nothing", &[], &[RESOLVE], async |page| {
        page.errors_expected = true;
        let (_, port) = page.server.address().rsplit_once(':').expect("a port");
        // To the browser all of this is one origin, so only the server can tell.
        page.goto(&format!("http://rebound.example:{port}/")).await;
        assert!(page.text("body").await.contains("--allow-host"));
        for path in ["/healthz", "/metrics"] {
            assert_eq!(fetch(page, path, &json!({})).await, json!([403, "th"]), "{path}");
        }
        let url = format!("ws://rebound.example:{port}/echo");
        assert_eq!(websocket(page, &url, &[]).await, json!(1006));
        page.until("the server has refused the WebSocket", async || {
            page.server.log().contains("opening handshake refused").then_some(())
        })
        .await;
    });
}

#[test]
fn the_page_comes_over_https_and_connects_over_wss() {
    let flags = ["--tls-self-signed"];
    let trust = ["--ignore-certificate-errors"];
    page::run_with("the_page_comes_over_https_and_connects_over_wss", &flags, &trust, async |page| {
        page.home().await;
        assert!(page.server.url().starts_with("https://"));
        assert_eq!(page.property("#url", "value").await, format!("wss://{}/echo", page.server.address()));
        page.connect().await;
        page.send("over TLS").await;
        assert_eq!(page.until_row("received text").await.content, "over TLS");
    });
}
