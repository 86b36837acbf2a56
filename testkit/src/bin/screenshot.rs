//! Takes the pictures in `docs/`: the real page in a real browser, with a real session. `cargo xtask screenshot` builds
//! what it needs and runs it.

use std::{fs, net::TcpListener, path::Path};

use wirescope_testkit::page::Page;

const USUAL: &str = "127.0.0.1:8080";
const JSON: &str = r#"{
  "type": "subscribe",
  "room": "prices", "offset": 1042
}"#;
const BYTES: &str = "89 50 4e 47 0d 0a 1a 0a 00 00 00 0d 49 48 44 52 00 00 05 00 00 00 03 20";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // The pictures show the address that a reader will see, if nobody else listens there.
    let listen = if TcpListener::bind(USUAL).is_ok() { USUAL } else { "127.0.0.1:0" };
    let page = Page::start_on(listen).await;
    page.home().await;
    page.prefer("light").await;
    page.resize(1280, 900, 1.2).await;
    session(&page).await;
    // The row that the echo of the JSON is, and its frame as the server saw it.
    page.script("[...document.querySelectorAll('#rows > li.received')].pop().click()").await;
    page.click("#detail-tab-frames").await;
    page.until("the frame is drawn", async || {
        page.text("#detail-frames").await.contains("FIN").then_some(())
    })
    .await;
    save(&page, "workbench-light.png").await;
    page.prefer("dark").await;
    page.click("#break > summary").await;
    save(&page, "workbench-dark.png").await;
    page.click("#break > summary").await;
    page.click("#tab-measure").await;
    save(&page, "workbench-measure.png").await;
    page.click("#tab-log").await;
    page.resize(360, 780, 2.0).await;
    page.script("document.getElementById('send-form').scrollIntoView()").await;
    save(&page, "workbench-narrow.png").await;
    page.close().await;
}

async fn session(page: &Page) {
    page.click("#connect").await;
    page.until_state("open").await;
    page.type_into("#message", "Hello, wire! Grüße, Привет ✓").await;
    page.click("#send").await;
    page.until_rows("received text", 1).await;
    page.fill("#code", "4001").await;
    page.type_into("#reason", "back in a moment").await;
    page.click("#disconnect").await;
    page.until_state("closed").await;

    page.type_into("#subprotocols", "prices.v2, prices.v1").await;
    page.click("#connect").await;
    page.until_state("open").await;
    page.fill("#message", JSON).await;
    page.click("#send").await;
    page.until_rows("received text", 2).await;
    page.click("label:has(#as-hex)").await;
    page.type_into("#message", BYTES).await;
    page.click("#send").await;
    page.until_rows("received binary", 1).await;
    page.click("label:has(#as-text)").await;
}

async fn save(page: &Page, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let png = page.screenshot().await;
    let kib = png.len() / 1024;
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join(name), png))
        .expect("docs/ can be written");
    println!("docs/{name}: {kib} KiB");
}
