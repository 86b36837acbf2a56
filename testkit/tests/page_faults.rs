//! Break: faults chosen on the page, written into the URL, and struck by the real server.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wirescope_testkit::page::{self, Page};

async fn open_break(page: &Page) {
    page.click("#break > summary").await;
    page.until("the server's table is there", async || {
        (page.script("return document.querySelectorAll('.fault').length").await.as_u64()? > 30).then_some(())
    })
    .await;
}

fn of(fault: &str, part: &str) -> String {
    format!("[data-fault='{fault}'] {part}")
}

async fn until_url(page: &Page, query: &str) {
    let url = format!("ws://{}/echo{query}", page.server.address());
    page.until(&format!("the URL is {url}"), async || {
        (page.property("#url", "value").await == url).then_some(())
    })
    .await;
}

async fn received(page: &Page) -> Vec<String> {
    let rows = page.rows().await.into_iter();
    rows.filter(|row| row.event == "received text").map(|row| row.content).collect()
}

#[test]
fn faults_are_chosen_composed_and_strike() {
    page::run("faults_are_chosen_composed_and_strike", async |page| {
        open_break(page).await;
        assert_eq!(page.text("#break-chips").await, "nothing is broken on purpose");
        assert_eq!(page.text(&of("drop", ".fault-text")).await, "A message is lost.");
        page.click(&of("drop", "input[type=checkbox]")).await;
        until_url(page, "?drop=2%").await;
        page.fill(&of("drop", "[data-part=value]"), "100%").await;
        page.fill(&of("drop", "[data-key='drop.every']"), "2").await;
        until_url(page, "?drop=100%&drop.every=2").await;
        page.until_text("#break-url", &page.property("#url", "value").await).await;
        // A field of another kind switches its fault on by itself.
        page.fill(&of("delay", "[data-part=value]"), "20").await;
        until_url(page, "?drop=100%&drop.every=2&delay=20ms").await;
        page.click("#break > summary").await;
        assert_eq!(page.text("#break-chips").await, "drop=100%\ndelay=20ms");

        page.connect().await;
        for text in ["one", "two", "three"] {
            page.send(text).await;
        }
        page.until("the third came", async || {
            received(page).await.contains(&"three".to_owned()).then_some(())
        })
        .await;
        assert_eq!(received(page).await, ["one", "three"]);
    });
}

#[test]
fn the_url_and_the_controls_say_the_same() {
    page::run("the_url_and_the_controls_say_the_same", async |page| {
        open_break(page).await;
        let base = format!("ws://{}/echo", page.server.address());
        page.fill("#url", &format!("{base}?delay=1.5s&x=1&preset=lossy&seed=7")).await;
        page.until("the controls follow", async || {
            (page.property(&of("delay", "[data-part=value]"), "value").await == "1.5").then_some(())
        })
        .await;
        assert_eq!(page.property(&of("delay", "[data-part=unit]"), "value").await, "s");
        assert_eq!(page.property("#seed", "value").await, "7");
        assert_eq!(page.attribute("[data-preset=lossy]", "aria-pressed").await.as_deref(), Some("true"));
        // What the table does not know is left for the server to judge, in its words.
        page.until("the server says what it thinks", async || {
            page.text("#break-problem").await.starts_with("there is no parameter \"x\" here").then_some(())
        })
        .await;
        page.click("[data-preset=lossy]").await;
        until_url(page, "?delay=1.5s&x=1&seed=7").await;
        page.click("#new-seed").await;
        page.until("there is a new seed", async || {
            let seed = page.property("#seed", "value").await;
            (seed != "7" && !seed.is_empty()).then_some(())
        })
        .await;
        page.click("#reset-faults").await;
        until_url(page, "?x=1").await;
    });
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    page::run("a_refusal_is_told_in_the_servers_words", async |page| {
        const WORDS: &str = "parameter drop is \"lots\"; allowed is a probability";
        page.fill("#url", &format!("ws://{}/echo?drop=lots", page.server.address())).await;
        page.until_says("#break-problem", WORDS).await;
        page.click("#connect").await;
        page.until_state("failed").await;
        assert!(page.until_row("error").await.content.contains(WORDS));
    });
}

#[test]
fn other_faults_begin_with_a_reconnect() {
    page::run("other_faults_begin_with_a_reconnect", async |page| {
        page.connect().await;
        open_break(page).await;
        assert_eq!(page.text("#break-apply").await, "");
        page.click(&of("duplicate", "input[type=checkbox]")).await;
        page.fill(&of("duplicate", "[data-part=value]"), "100%").await;
        page.click("#reconnect").await;
        page.until_rows("open", 2).await;
        page.until_state("open").await;
        assert_eq!(page.text("#break-apply").await, "");
        page.send("twice").await;
        page.until_rows("received text", 2).await;
    });
}

#[test]
fn a_connection_is_changed_while_it_lives() {
    page::run_with("a_connection_is_changed_while_it_lives", &["--control"], &[], async |page| {
        page.home().await;
        page.connect().await;
        open_break(page).await;
        page.until("it can be reached", async || {
            (page.text("#live-said").await == "Strikes at once:").then_some(())
        })
        .await;
        page.click("[data-live=drop]").await;
        page.until_text("#live-said", "It has these now: drop").await;
        page.until_text("#break-chips", "now drop").await;
        page.send("lost").await;
        page.click("#live-mend").await;
        page.until_text("#live-said", "It has no faults any more.").await;
        page.until_text("#break-chips", "nothing is broken on purpose").await;
        page.send("kept").await;
        page.until_row("received text").await;
        assert_eq!(received(page).await, ["kept"]);
        page.fill("#live-code", "1013").await;
        page.click("[data-live='close=CODE']").await;
        page.until_state("closed").await;
        assert!(page.until_row("closed").await.content.starts_with("1013"));
        page.until_text("#live-said", "Once connected, its faults can be changed from here while it lives.")
            .await;
    });
}

#[test]
fn a_server_without_control_says_by_which_flag_it_is() {
    page::run("a_server_without_control_says_by_which_flag_it_is", async |page| {
        page.connect().await;
        open_break(page).await;
        page.until("it says so", async || {
            page.text("#live-said").await.starts_with("Started with --control").then_some(())
        })
        .await;
        assert_eq!(page.text("#live-buttons").await, "");
    });
}

/// A server of somebody else: it opens WebSockets, and answers 404 to everything else. What it was asked is kept.
async fn another_server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let (mut head, mut bytes) = (String::new(), [0; 4096]);
                while !head.contains("\r\n\r\n") {
                    let Ok(count @ 1..) = stream.read(&mut bytes).await else { return };
                    head.push_str(&String::from_utf8_lossy(&bytes[..count]));
                }
                kept.lock()
                    .expect("nobody panics with it")
                    .push(head.lines().next().unwrap_or_default().to_owned());
                let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
                let answer = match key {
                    Some(key) => format!(
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Accept: {}\r\n\r\n",
                        derive_accept_key(key.trim().as_bytes())
                    ),
                    None => {
                        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
                    }
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                // What is said to it is read and not answered, until the browser goes.
                while key.is_some() && stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
            });
        }
    });
    (address, asked)
}

#[test]
fn another_server_is_neither_broken_nor_traced() {
    page::run("another_server_is_neither_broken_nor_traced", async |page| {
        assert_eq!(page.script("return document.getElementById('trace').checked").await, Value::Bool(true));
        let (address, asked) = another_server().await;
        page.fill("#url", &format!("ws://{address}/some?drop=2%")).await;
        page.click("#break > summary").await;
        page.until_says("#break-said", "does not answer as wirescope-server").await;
        assert_eq!(page.text("#break-body").await, "");
        assert_eq!(page.text("#break-chips").await, "");
        assert_eq!(page.script("return document.getElementById('trace').checked").await, Value::Bool(false));
        page.connect().await;
        let asked = asked.lock().expect("nobody panics with it").clone();
        assert!(asked.contains(&"GET /some?drop=2% HTTP/1.1".to_owned()), "{asked:?}");
        assert!(asked.iter().all(|line| !line.contains("trace")), "{asked:?}");
        // The page's own server is still there.
        page.fill("#url", &format!("ws://{}/echo", page.server.address())).await;
        page.until_text("#break-chips", "nothing is broken on purpose").await;
    });
}

#[test]
fn a_host_elsewhere_is_not_asked_before_it_is_connected_to() {
    page::run("a_host_elsewhere_is_not_asked_before_it_is_connected_to", async |page| {
        page.click("#break > summary").await;
        page.fill("#url", "ws://nobody.invalid/echo").await;
        page.script("document.getElementById('url').dispatchEvent(new Event('change', { bubbles: true }))")
            .await;
        page.until_text("#break-said", "nobody.invalid is asked what it can break once you connect to it.")
            .await;
        let asked =
            "return performance.getEntriesByType('resource').filter(it => it.name.includes('nobody')).length";
        assert_eq!(page.script(asked).await, 0);
    });
}
