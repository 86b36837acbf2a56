//! What a peer, a user or a file says is data: none of it runs, none of it breaks the page, none of it is lost.

use std::{fmt::Write as _, fs};

use serde_json::{Value, json};
use wirescope_testkit::page::{self, Page, key};

/// A hundred payloads that pages have failed at.
fn payloads() -> Vec<String> {
    let markup = [
        "<script>document.title='owned'</script>",
        "<img src=x onerror=\"document.title='owned'\">",
        "<svg onload=\"document.title='owned'\">",
        "<iframe srcdoc=\"<script>parent.document.title='owned'</script>\"></iframe>",
        "<a href=\"javascript:document.title='owned'\">click</a>",
        "<b>bold</b><style>*{display:none}</style>",
        "<link rel=stylesheet href=//127.0.0.1:1/x>",
        "<meta http-equiv=refresh content=\"0;url=about:blank\">",
        "<base href=//127.0.0.1:1/>",
        "<form action=//127.0.0.1:1><button>send</button>",
        "<template><script>1</script></template>",
        "<object data=x></object><embed src=x>",
        "<details open ontoggle=\"document.title='owned'\">",
        "<input autofocus onfocus=\"document.title='owned'\">",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "</li></ol></section>",
        "</script><script>1",
        "<",
        "&lt;b&gt;&amp;&#0;&#x202e;",
        "javascript:document.title='owned'",
        "data:text/html,<script>1</script>",
        "vbscript:x",
        "{{constructor.constructor('1')()}}",
        "${1+1}",
        "#{1+1}",
        "%s%n%x",
        "'\"`;--",
        "=cmd|' /C calc'!A0",
        "../../../../etc/passwd",
        "\\\\?\\C:\\x",
    ];
    let text = [
        "{\"__proto__\":{\"polluted\":1},\"constructor\":{},\"toString\":null,\"\":0}",
        "{\"a\":1,\"a\":2}",
        "[1e400,-0,1e-400]",
        "{\"lone\":\"\\ud800\",\"pair\":\"\\ud83d\\ude00\"}",
        "\"\\u0000\"",
        "nul",
        "NaN",
        "[,]",
        "{\"a\":",
        "\u{feff}{}",
        "\u{1b}[31mred\u{1b}[0m\u{1b}]0;owned\u{7}",
        "\u{202e}gpj.exe",
        "\u{2066}\u{2067}\u{2068}\u{2069}",
        "\u{200e}\u{200f}\u{61c}",
        "\u{202a}\u{202b}\u{202c}\u{202d}",
        "שלום العربية abc",
        "\u{200b}\u{200c}\u{200d}\u{2060}",
        "\u{2028}\u{2029}",
        "\u{fff9}\u{fffa}\u{fffb}",
        "\u{e0001}\u{e0041}\u{e007f}",
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "\u{10ffff}\u{fdd0}\u{fffe}",
        "ﷺ",
        "Z\u{351}\u{36b}\u{343}\u{36a}\u{302}\u{36b}\u{33d}\u{34f}",
        "\t\t\t",
        "\r",
        "\r\n\r\n",
        "\n\n\n",
        "   ",
        "\u{a0}\u{3000}",
        "\u{0}",
    ];
    let mut all: Vec<String> = markup.iter().chain(&text).map(|&text| text.to_owned()).collect();
    all.push("unbroken".repeat(5000));
    all.push("\u{202e}".repeat(3000));
    all.push("a\u{0}".repeat(3000));
    all.push("e\u{301}".repeat(3000) + &"\u{301}".repeat(3000));
    all.push("\n".repeat(3000));
    all.push("[".repeat(20_000));
    all.push("{\"a\":".repeat(20_000));
    all.push(format!("[{}0]", "0,".repeat(20_000)));
    all.extend((1..=31_u8).map(|control| format!("{}control", char::from(control))));
    all
}

async fn watch(page: &Page) {
    page.script(
        "window.violations = 0;
         document.addEventListener('securitypolicyviolation', () => { window.violations += 1 });
         window.foreign = () => document.querySelectorAll(
            'img, script, b, iframe, object, embed, base, form, style, link, meta, template, a').length;
         window.were = window.foreign()",
    )
    .await;
}

/// Nothing ran, nothing was made of what was said, and the page is no wider than its window.
async fn unharmed(page: &Page, when: &str) {
    let harm = page
        .script(
            "return [document.title, window.violations, window.foreign() - window.were, typeof ({}).polluted,
                document.documentElement.scrollWidth <= innerWidth, document.documentElement.dir]",
        )
        .await;
    assert_eq!(harm, json!(["Wirescope", 0, 0, "undefined", true, ""]), "{when}");
}

#[test]
fn a_hundred_payloads_are_shown_sent_and_saved() {
    page::run("a_hundred_payloads_are_shown_sent_and_saved", async |page| {
        let payloads = payloads();
        assert!(payloads.len() >= 100, "{}", payloads.len());
        let every_byte: Vec<u8> = (0..=255).chain([0xed, 0xa0, 0x80, 0xc0, 0x80, 0xff]).collect();
        let folder = page.downloads().await;
        let mut file = String::new();
        for text in &payloads {
            for content in [json!({ "text": text }), json!({ "base64": base64(text.as_bytes()) })] {
                let mut line = json!({ "time": text, "us": 1, "kind": "sent", "delivery": text });
                line.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
                writeln!(file, "{line}").unwrap();
            }
            let note = json!({ "kind": "closed", "head": text, "quoted": text, "tail": text, "why": text });
            writeln!(file, "{note}").unwrap();
        }
        writeln!(file, "{}", json!({ "kind": "sent", "base64": base64(&every_byte) })).unwrap();
        let hostile = folder.path().join("<img src=x>.ndjson");
        fs::write(&hostile, file).unwrap();
        watch(page).await;
        page.upload("#import-file", &hostile).await;
        let rows = payloads.len() * 3 + 1;
        page.until_text("#log-job-text", &format!("<img src=x>.ndjson: {rows} rows")).await;
        unharmed(page, "opened").await;

        // Each is looked at as JSON and as text, wide and narrow.
        page.click("#screen").await;
        for (width, pane) in [(1280, "json"), (390, "text")] {
            page.resize(width, 800, 1.0).await;
            page.press(&key::HOME.to_string()).await;
            page.script("document.getElementById('screen').focus()").await;
            page.press(&format!("{}{}", key::DOWN, key::ENTER)).await;
            page.click(&format!("#detail-tab-{pane}")).await;
            page.script("document.getElementById('screen').focus()").await;
            for _ in 0..rows / 50 {
                page.press(&key::DOWN.to_string().repeat(50)).await;
                unharmed(page, pane).await;
            }
            page.press(&format!("{0}{0}", key::ESCAPE)).await;
        }
        page.resize(1280, 800, 1.0).await;

        // Sent, and back.
        page.connect().await;
        page.script("document.getElementById('replay-speed').value = '0'").await;
        page.click("#log-menu-name").await;
        page.click("#replay").await;
        let messages = payloads.len() * 2 + 1;
        page.until_text("#log-job-text", &format!("replayed {messages} messages")).await;
        page.until_text("#received-count", &messages.to_string()).await;
        unharmed(page, "replayed").await;
        page.click("#log-menu-name").await;
        page.click("#export-ndjson").await;
        page.until("it is saved", async || {
            page.text("#log-job-text").await.starts_with("saved").then_some(())
        })
        .await;
        let saved = folder.path().join("wirescope.ndjson");
        let saved = page.until("it is on the disk", async || fs::read_to_string(&saved).ok()).await;
        let mut back = Vec::new();
        for line in saved.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if line["kind"] == "received" {
                back.push((
                    line["text"].as_str().map(str::to_owned),
                    line["base64"].as_str().map(str::to_owned),
                ));
            }
        }
        let mut wanted = Vec::new();
        for text in &payloads {
            wanted.push((Some(text.clone()), None));
            wanted.push((None, Some(base64(text.as_bytes()))));
        }
        wanted.push((None, Some(base64(&every_byte))));
        assert!(back == wanted, "what came back is what was sent");
    });
}

#[test]
fn urls_subprotocols_and_reasons_are_text() {
    page::run("urls_subprotocols_and_reasons_are_text", async |page| {
        watch(page).await;
        let echo = format!("ws://{}/echo", page.server.address());
        for text in
            ["<img src=x onerror=alert(1)>", "javascript:alert(1)", "\u{202e}ws://x", "ws://\u{202e}/<b>"]
        {
            page.fill("#url", text).await;
            page.click("#connect").await;
            page.until("it is refused", async || {
                let failed = page.text("#state-word").await;
                (!page.text("#url-error").await.is_empty() || ["failed", "lost"].contains(&&*failed))
                    .then_some(())
            })
            .await;
            page.fill("#url", &echo).await;
            page.fill("#subprotocols", text).await;
            page.click("#connect").await;
            page.until("the offer is refused", async || {
                (!page.text("#subprotocols-error").await.is_empty()).then_some(())
            })
            .await;
            page.fill("#subprotocols", "").await;
            page.connect().await;
            page.fill("#reason", text).await;
            page.click("#disconnect").await;
            page.until_state("closed").await;
            // The name of a hidden character is shown in its place.
            let shown = text.replace('\u{202e}', "‹U+202E›");
            page.until("the reason is in the row", async || {
                page.until_row("closed").await.content.contains(&shown).then_some(())
            })
            .await;
            page.type_into("#filter-text", text).await;
            page.click("#filter-clear").await;
            unharmed(page, text).await;
        }
    });
}

#[test]
fn sixteen_mebibytes_in_a_line_are_a_row() {
    page::run("sixteen_mebibytes_in_a_line_are_a_row", async |page| {
        let folder = page.downloads().await;
        let file = folder.path().join("long.ndjson");
        let text = "x".repeat(16 * 1024 * 1024 - 6) + "needle";
        fs::write(&file, format!("{}\n", json!({ "kind": "received", "text": text }))).unwrap();
        watch(page).await;
        page.upload("#import-file", &file).await;
        page.until_patiently("it is opened", async || {
            (page.text("#log-job-text").await == "long.ndjson: 1 rows").then_some(())
        })
        .await;
        let row = page.until_row("received text").await;
        assert_eq!(row.size, "16.0 MiB");
        assert!(row.content.len() < 1000);
        page.click("#filter-regex").await;
        page.type_into("#filter-text", "need.e$").await;
        page.until_patiently("it is found", async || {
            (page.text("#filter-matches").await == "1 of 1 rows").then_some(())
        })
        .await;
        page.until_row("received text").await;
        page.click(".row.received").await;
        page.until("its beginning is shown", async || {
            page.text("#detail-text .more").await.ends_with("32.0 KiB of 16.0 MiB are shown").then_some(())
        })
        .await;
        page.click("#detail-tab-json").await;
        page.until_says("#detail-json", "Too long").await;
        unharmed(page, "16 MiB").await;
    });
}

fn base64(bytes: &[u8]) -> String {
    wirescope_protocol::base64::write(bytes)
}
