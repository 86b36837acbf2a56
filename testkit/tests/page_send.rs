//! Connecting, sending and scripts, as a person does them.

use std::net::TcpListener;

use serde_json::json;
use wirescope_testkit::page::{self, Page, key};

/// A page so high that the log shows every row of a test: those out of sight are not there to be counted.
fn run(name: &str, test: impl AsyncFnOnce(&mut Page)) {
    page::run(name, async |page| {
        page.resize(1280, 1800, 1.0).await;
        test(page).await;
    });
}

async fn format(page: &Page, name: &str) {
    page.click(&format!("label:has(#as-{name})")).await;
}

async fn url(page: &Page, path: &str) {
    page.fill("#url", &format!("ws://{}{path}", page.server.address())).await;
}

/// Loads the page anew.
async fn reload(page: &Page) {
    page.script("window.old = true; location.reload()").await;
    page.until("the page is new", async || {
        let word =
            page.script("return !window.old && document.getElementById('state-word')?.textContent").await;
        (word == "idle").then_some(())
    })
    .await;
}

async fn is_hidden(page: &Page, selector: &str) -> bool {
    page.attribute(selector, "hidden").await.is_some()
}

#[test]
fn json_is_checked_as_it_is_written_and_rewritten() {
    run("json_is_checked_as_it_is_written_and_rewritten", async |page| {
        page.connect().await;
        format(page, "json").await;
        page.type_into("#message", "{\"id\": 12345678901234567890,").await;
        // What is yet to be written is no mistake.
        assert_eq!(page.attribute("#message", "aria-invalid").await, None);
        assert_eq!(page.text("#message-size").await, "not JSON");
        page.type_into("#message", &format!("{}\"a\" 1}}", key::ENTER)).await;
        assert_eq!(page.text("#message-problem-text").await, "line 2, column 5: “1” where a colon belongs");
        assert_eq!(page.text("#excerpt-bad").await, "1");
        page.click("#send").await;
        let selected =
            page.script("const m = document.activeElement; return [m.id, m.selectionStart, m.selectionEnd]");
        assert_eq!(selected.await, json!(["message", 33, 34]));

        page.fill("#message", "{\"id\":12345678901234567890,\"a\":[1]}").await;
        page.click("#json-format").await;
        let wide = "{\n  \"id\": 12345678901234567890,\n  \"a\": [\n    1\n  ]\n}";
        assert_eq!(page.property("#message", "value").await, wide);
        page.click("#send").await;
        assert_eq!(page.until_row("received text").await.content, wide.replace('\n', "↵"));
        page.click("#json-minify").await;
        assert_eq!(page.property("#message", "value").await, "{\"id\":12345678901234567890,\"a\":[1]}");
    });
}

#[test]
fn base64_is_sent_as_bytes_and_the_frame_is_told() {
    run("base64_is_sent_as_bytes_and_the_frame_is_told", async |page| {
        page.connect().await;
        format(page, "base64").await;
        page.type_into("#message", "SGVsbG8gAP8=").await;
        assert_eq!(page.text("#message-size").await, "8 B");
        assert_eq!(page.text("#frame-size").await, "1 frame, +6 B header");
        page.click("#send").await;
        page.until_row("received binary").await;
        assert_eq!(page.text(".row.received .hex").await, "48 65 6c 6c 6f 20 00 ff");
        page.type_into("#message", "?").await;
        assert!(page.text("#message-problem-text").await.contains("“?” is not a base64 character"));
        format(page, "text").await;
        page.fill("#message", &"x".repeat(126)).await;
        assert_eq!(page.text("#frame-size").await, "1 frame, +8 B header");
    });
}

#[test]
fn a_file_is_sent_as_bytes_or_as_text() {
    run("a_file_is_sent_as_bytes_or_as_text", async |page| {
        let folder = std::env::temp_dir().join(format!("wirescope-page-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (text, binary) = (folder.join("text.txt"), folder.join("binary.bin"));
        std::fs::write(&text, "grüße!").unwrap();
        std::fs::write(&binary, [0, 1, 0xff, 0xfe]).unwrap();

        page.connect().await;
        format(page, "file").await;
        page.click("#send").await;
        page.until_text("#message-problem-text", "not sent: choose a file, or drop one here").await;
        page.type_into("#file", text.to_str().unwrap()).await;
        page.until_text("#file-name", "text.txt, 8 B").await;
        assert_eq!(page.text("#message-size").await, "8 B");
        page.click("#send").await;
        assert_eq!(page.until_row("received binary").await.size, "8 B");
        page.click("#file-as-text").await;
        page.click("#send").await;
        assert_eq!(page.until_row("received text").await.content, "grüße!");

        page.type_into("#file", binary.to_str().unwrap()).await;
        page.until_text("#file-name", "binary.bin, 4 B").await;
        page.click("#send").await;
        page.until_text("#message-problem-text", "not sent: byte 2 of the file is not UTF-8").await;
        // Dropped on the panel, from whatever format it is written in.
        format(page, "text").await;
        page.script(
            "const data = new DataTransfer();
             data.items.add(new File(['dropped'], 'there.txt'));
             document.getElementById('message').dispatchEvent(
                 new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))",
        )
        .await;
        page.until_text("#file-name", "there.txt, 7 B").await;
        page.click("#send").await;
        page.until_rows("received text", 2).await;
        assert_eq!(page.until_row("received text").await.content, "dropped");
        std::fs::remove_dir_all(&folder).unwrap();
    });
}

#[test]
fn what_was_sent_comes_back_by_the_arrow_keys() {
    run("what_was_sent_comes_back_by_the_arrow_keys", async |page| {
        const UP: char = '\u{e013}';
        const DOWN: char = '\u{e015}';
        let value = async || page.property("#message", "value").await;
        page.connect().await;
        page.send("first").await;
        format(page, "hex").await;
        page.send("0102").await;
        page.until_row("received binary").await;
        format(page, "text").await;
        page.fill("#message", "draft").await;
        // At the field's edge only: within a text the arrows are the browser's.
        page.type_into("#message", &format!("{}{UP}", key::HOME)).await;
        assert_eq!(value().await, "0102");
        assert_eq!(page.property("#as-hex", "checked").await, "true");
        page.press(&UP.to_string()).await;
        assert_eq!(value().await, "first");
        page.press(&UP.to_string()).await;
        assert_eq!(value().await, "first");
        page.press("\u{e010}").await; // End
        page.press(&DOWN.to_string()).await;
        assert_eq!(value().await, "0102");
        page.press(&DOWN.to_string()).await;
        assert_eq!(value().await, "draft");
        assert_eq!(page.property("#as-text", "checked").await, "true");
    });
}

#[test]
fn templates_survive_a_reload() {
    run("templates_survive_a_reload", async |page| {
        format(page, "json").await;
        page.fill("#message", "{\"ask\": 1}").await;
        page.click("#templates-fold summary").await;
        page.click("#template-save").await;
        page.until_text("#template-problem", "a template has a name").await;
        page.type_into("#template-name", &format!("<b>ask</b>{}", key::ENTER)).await;
        page.until_text("#templates [data-load]", "<b>ask</b>").await;

        reload(page).await;
        page.click("#templates-fold summary").await;
        page.click("#templates [data-load]").await;
        assert_eq!(page.property("#message", "value").await, "{\"ask\": 1}");
        assert_eq!(page.property("#as-json", "checked").await, "true");
        page.click("#templates [data-delete]").await;
        assert_eq!(page.script("return localStorage.getItem('wirescope.templates')").await, "");
        assert!(!is_hidden(page, "#templates-none").await);
    });
}

#[test]
fn a_message_is_sent_again_and_again_with_its_placeholders() {
    run("a_message_is_sent_again_and_again_with_its_placeholders", async |page| {
        page.connect().await;
        format(page, "json").await;
        page.fill("#message", "{\"n\": {{n}}, \"id\": \"{{uuid}}\", \"at\": \"{{time}}\"}").await;
        page.click("#repeat-fold summary").await;
        page.fill("#repeat-every", "soon").await;
        page.click("#repeat-start").await;
        assert!(page.text("#repeat-problem").await.contains("a number of milliseconds"));
        page.fill("#repeat-every", "20").await;
        page.fill("#repeat-times", "3").await;
        page.click("#repeat-start").await;
        page.until_text("#repeat-count", "done: 3 sent").await;
        page.until_rows("received text", 3).await;
        let last = page.until_row("received text").await.content;
        assert!(last.starts_with("{\"n\": 3, \"id\": \"") && last.contains('T') && last.len() > 70, "{last}");

        // Until it is stopped; and with the connection it ends, and says so.
        page.fill("#repeat-times", "").await;
        page.click("#repeat-start").await;
        page.until_text("#repeat-start", "Stop").await;
        page.until("more have come", async || {
            let rows = page.rows().await;
            (rows.iter().filter(|row| row.event == "received text").count() >= 6).then_some(())
        })
        .await;
        page.click("#repeat-start").await;
        page.until_says("#repeat-count", "stopped after").await;
        page.click("#repeat-start").await;
        page.until_text("#repeat-start", "Stop").await;
        page.server.kill().await;
        page.until_state("lost").await;
        page.until_says("#repeat-count", "the connection ended").await;
    });
}

#[test]
fn the_send_panel_fits_with_what_is_wrong() {
    run("the_send_panel_fits_with_what_is_wrong", async |page| {
        page.resize(1280, 657, 1.0).await;
        page.connect().await;
        format(page, "hex").await;
        page.type_into("#message", "48 6z").await;
        let fits = page
            .script(
                "const panel = document.getElementById('send-form');
                 const send = document.getElementById('send').getBoundingClientRect();
                 return [panel.scrollHeight <= panel.clientHeight, panel.scrollWidth <= panel.clientWidth,
                     document.documentElement.scrollHeight <= innerHeight, send.bottom < innerHeight]",
            )
            .await;
        assert_eq!(fits, json!([true, true, true, true]));
    });
}

#[test]
fn a_link_survives_its_server() {
    run("a_link_survives_its_server", async |page| {
        page.click("label:has(#lasts)").await;
        page.click("#link-options summary").await;
        page.fill("#retry-base", "many").await;
        page.click("#connect").await;
        assert!(page.text("#retry-error").await.contains("a number of milliseconds"));
        page.fill("#retry-base", "400").await;
        page.fill("#retry-cap", "400").await;
        page.connect().await;
        page.until_says("#standing-text", "tries again if it is lost").await;
        page.send("before").await;
        page.until_row("received text").await;

        let address = page.server.address().to_owned();
        page.server.kill().await;
        page.until("the verdict says what happened", async || {
            let evidence = page.property("#verdict-evidence", "textContent").await;
            evidence.contains("before it did: the server did accept this page").then_some(())
        })
        .await;
        page.send("meanwhile").await;
        page.server = Page::another_server(&address, &[]).await;
        page.until_rows("open", 2).await;
        page.until_rows("received text", 2).await;
        assert_eq!(page.until_row("received text").await.content, "meanwhile");
        assert!(is_hidden(page, "#verdicts").await, "what was lost is there again");

        // Each ending is told once: of the connection that was lost, and of those that did not open.
        let rows = page.rows().await;
        let count = |event: &str| rows.iter().filter(|row| row.event == event).count();
        assert_eq!(count("connecting"), count("closed") + 1, "{rows:?}");
        page.click("#disconnect").await;
        page.until_state("closed").await;
        let closed = page.until_row("closed").await.content;
        assert!(closed.contains("1000 normal closure") && closed.contains("clean"), "{closed}");
        page.until_text("#connect", "Connect").await;
    });
}

#[test]
fn a_link_that_waits_tries_at_once_when_asked() {
    run("a_link_that_waits_tries_at_once_when_asked", async |page| {
        page.click("label:has(#lasts)").await;
        page.click("#link-options summary").await;
        // A peer that asks for the widest wait there is; how much of it is waited is left to chance.
        page.fill("#retry-base", "86400000").await;
        page.fill("#retry-cap", "86400000").await;
        page.connect().await;
        let address = page.server.address().to_owned();
        page.server.kill().await;
        page.until_state("waiting").await;
        page.until_says("#standing-text", "Waiting: try ").await;
        page.server = Page::another_server(&address, &[]).await;
        page.click("#try-now").await;
        page.until_state("open").await;
        assert!(is_hidden(page, "#try-now").await);
    });
}

#[test]
fn a_link_gives_up_after_as_many_tries_as_it_may() {
    run("a_link_gives_up_after_as_many_tries_as_it_may", async |page| {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        page.fill("#url", &format!("ws://{free}/")).await;
        page.click("label:has(#lasts)").await;
        page.click("#link-options summary").await;
        page.fill("#retry-base", "1").await;
        page.fill("#retry-cap", "1").await;
        page.fill("#retry-max-tries", "3").await;
        page.click("#connect").await;
        page.until("it gives up", async || {
            page.rows().await.into_iter().find(|row| row.content.contains("gave up after 3 tries"))
        })
        .await;
        let rows = page.rows().await;
        let count = |event: &str| rows.iter().filter(|row| row.event == event).count();
        assert_eq!(
            (count("connecting"), count("closed")),
            (3, 4),
            "three endings, and that it gave up: {rows:?}"
        );
        page.until_says("#verdict-cause", "most likely nothing answers there").await;
        let evidence = page.text("#verdict-evidence").await;
        assert!(
            evidence.contains("It never opened, and a plain HTTP request to the same place was not answered"),
            "{evidence}"
        );
        assert_eq!(page.text("#verdict-again").await, "may help");
    });
}

#[test]
fn what_closes_for_long_need_not_be_waited_for() {
    run("what_closes_for_long_need_not_be_waited_for", async |page| {
        url(page, "/echo?no-close-reply").await;
        page.connect().await;
        page.click("#disconnect").await;
        page.until_state("closing").await;
        page.click("#abandon").await;
        page.until_state("closed").await;
        assert!(page.until_row("closed").await.content.contains("Not waited for"));
        // The page is good for the next one.
        url(page, "/echo").await;
        page.connect().await;
    });
}

#[test]
fn urls_are_kept_without_their_secrets() {
    run("urls_are_kept_without_their_secrets", async |page| {
        let plain = format!("ws://{}/echo", page.server.address());
        page.fill("#url", &format!("{plain}?token=hush&x=1")).await;
        page.click("#connect").await;
        page.until("it was tried", async || page.rows().await.into_iter().next()).await;
        let kept = page.script("return localStorage.getItem('wirescope.urls')").await;
        assert_eq!(kept, json!(format!("{plain}?x=1")));
        let all = page.script("return JSON.stringify(localStorage)").await;
        assert!(!all.as_str().unwrap_or_default().contains("hush"), "{all}");

        reload(page).await;
        page.click("#url-fold summary").await;
        page.click("#url-history [data-url]").await;
        assert_eq!(page.property("#url", "value").await, format!("{plain}?x=1"));
        assert_eq!(page.script("return document.getElementById('known-urls').options.length").await, 1);
        page.click("#url-history [data-forget]").await;
        assert!(!is_hidden(page, "#url-history-none").await);
        assert_eq!(page.script("return localStorage.getItem('wirescope.urls')").await, "");
    });
}

#[test]
fn several_connections_are_tabs_that_keys_reach() {
    run("several_connections_are_tabs_that_keys_reach", async |page| {
        page.connect().await;
        page.click("#add-connection").await;
        url(page, "/chat/room").await;
        page.click("#subprotocols").await;
        page.until_text(".tab:nth-child(2) .tab-name", "2 /chat/room").await;
        page.connect().await;
        page.click(".tab:nth-child(2) .tab-select").await;
        page.press("\u{e012}").await; // ArrowLeft
        assert!(page.property("#url", "value").await.ends_with("/echo"));
        page.press("\u{e014}").await; // ArrowRight
        assert!(page.property("#url", "value").await.ends_with("/chat/room"));
        page.press(&key::DELETE.to_string()).await;
        page.until("one is left", async || {
            (page.script("return document.querySelectorAll('.tab').length").await == 1).then_some(())
        })
        .await;
        // What it did stays in the log, and how it ended.
        let rows = page.rows().await;
        assert!(rows.iter().any(|row| row.content.contains("/chat/room")));
        assert!(rows.iter().any(|row| row.content.contains("Closed with its tab")));
        page.until_state("open").await;
    });
}

#[test]
fn a_script_is_recorded_edited_and_played() {
    run("a_script_is_recorded_edited_and_played", async |page| {
        page.click("#deck-script").await;
        page.click("#script-record").await;
        assert_eq!(page.attribute("#script-record", "aria-pressed").await.as_deref(), Some("true"));
        page.click("#deck-send").await;
        page.connect().await;
        page.send("hello").await;
        page.until_row("received text").await;
        page.fill("#code", "4001").await;
        page.click("#disconnect").await;
        page.until_state("closed").await;
        page.click("#deck-script").await;
        page.click("#script-record").await;
        let recorded = format!(
            "connect ws://{}/echo\nsend text hello\nexpect text hello\nclose 4001\nexpect close 4001\n",
            page.server.address()
        );
        assert_eq!(page.property("#script", "value").await, recorded);

        page.click("#script-run").await;
        page.until_text("#script-result", "Passed").await;
        let marks = "return [...document.querySelectorAll('#script-steps li')].map(li => li.dataset.state)";
        assert_eq!(page.script(marks).await, json!(["passed", "passed", "passed", "passed"]));

        // A mistake is said as it is written, and a step that fails with what came instead.
        page.fill("#script", "send txt a").await;
        assert!(page.text("#script-problem").await.contains("line 1, column 6: \"txt\" is nothing to send"));
        page.fill("#script", "send text a\nrepeat 2\nexpect text b within 5s\nend").await;
        assert!(is_hidden(page, "#script-problem").await);
        page.click("#script-run").await;
        page.until_text("#script-result", "Not passed: failed at line 3").await;
        page.until_text("#script-steps [data-state=failed] .instead", "got text \"a\"").await;
        page.until_state("open").await;
    });
}

#[test]
fn a_script_that_waits_can_be_stopped() {
    run("a_script_that_waits_can_be_stopped", async |page| {
        page.connect().await;
        page.click("#deck-script").await;
        page.type_into("#script", "repeat 3\nsend text a\nexpect any\nend\nexpect any within 10m").await;
        page.click("#script-run").await;
        page.until("it waits at the last step", async || {
            let at = page
                .script("return document.querySelector('#script-steps [data-state=now] .line')?.textContent");
            (at.await == "5").then_some(())
        })
        .await;
        page.until_rows("received text", 3).await;
        page.until_text("#script-run", "Stop").await;
        page.click("#script-run").await;
        page.until_text("#script-result", "Not passed: stopped").await;
        page.until_text("#script-run", "Run").await;
    });
}

#[test]
fn a_script_is_opened_and_saved_as_a_file() {
    run("a_script_is_opened_and_saved_as_a_file", async |page| {
        let folder = std::env::temp_dir().join(format!("wirescope-script-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("conversation.wirescope");
        let text = "# from a file\nsend text é\nexpect text é\n";
        std::fs::write(&file, text).unwrap();
        page.click("#deck-script").await;
        page.type_into("#script-open", file.to_str().unwrap()).await;
        page.until("it is there", async || (page.property("#script", "value").await == text).then_some(()))
            .await;
        // Played where nothing is connected yet, it connects as the form says.
        page.click("#script-run").await;
        page.until_text("#script-result", "Passed").await;
        page.script(
            "const create = URL.createObjectURL;
             URL.createObjectURL = blob => { window.saved = blob; return create.call(URL, blob) };
             HTMLAnchorElement.prototype.click = function () { window.named = this.download }",
        )
        .await;
        page.click("#script-save").await;
        assert_eq!(page.script("return window.named").await, "conversation.wirescope");
        assert_eq!(page.script("return window.saved.text()").await, text);
        std::fs::remove_dir_all(&folder).unwrap();
    });
}

#[test]
fn a_script_of_many_sends_lets_the_browser_have_its_turn() {
    run("a_script_of_many_sends_lets_the_browser_have_its_turn", async |page| {
        page.connect().await;
        page.click("#deck-script").await;
        page.fill("#script", "repeat 100000\nsend text x\nend").await;
        // Whatever is done first after this click, the second one comes before a hundred thousand are sent.
        page.script(
            "const run = document.getElementById('script-run');
             run.click();
             setTimeout(() => run.click())",
        )
        .await;
        page.until_text("#script-result", "Not passed: stopped").await;
    });
}

#[test]
fn a_script_that_cannot_be_played_has_not_passed() {
    run("a_script_that_cannot_be_played_has_not_passed", async |page| {
        page.connect().await;
        page.click("#deck-script").await;
        page.click("#script-run").await;
        page.until("it says that there is nothing", async || {
            page.text("#script-problem").await.starts_with("there is no step").then_some(())
        })
        .await;
        assert_eq!(page.text("#script-result").await, "");
        page.fill("#script", "send text a").await;
        page.click("#script-run").await;
        page.until_text("#script-result", "Passed").await;
        page.fill("#script", "send txt a").await;
        page.until_text("#script-result", "").await;
    });
}

#[test]
fn what_never_opened_has_a_cause_of_its_own() {
    run("what_never_opened_has_a_cause_of_its_own", async |page| {
        page.errors_expected = true;
        let cause = async |page: &Page, url: &str, says: &str| {
            page.fill("#url", url).await;
            page.click("#connect").await;
            page.until_says("#verdict-cause", says).await;
            page.until_state("failed").await;
        };
        let own = page.server.address().to_owned();
        cause(page, "ws://127.0.0.1:6000/", "browsers connect to port 6000 for no page").await;
        cause(page, &format!("ws://{own}/nowhere"), "the server refuses this handshake").await;
        assert!(!page.text("#verdict-server").await.is_empty());
        cause(page, &format!("ws://{own}/echo?status=503"), "the server answers, but not with a WebSocket")
            .await;
        page.until_says("#verdict-server", "It answered “HTTP/1.1 503 Service Unavailable”.").await;
        page.server.kill().await;
        cause(page, &format!("ws://{own}/echo"), "the server does not answer any more").await;
        page.until_hidden("#verdict-server-place").await;
    });
}

#[test]
fn the_server_says_how_it_ended_a_connection() {
    run("the_server_says_how_it_ended_a_connection", async |page| {
        url(page, "/echo?rst&after=1").await;
        page.connect().await;
        page.send("hello").await;
        page.until_state("lost").await;
        page.until_says("#verdict-server", "The server reset the TCP connection.").await;
    });
}

#[test]
fn a_close_that_is_not_answered_is_told() {
    run("a_close_that_is_not_answered_is_told", async |page| {
        url(page, "/echo?no-close-reply").await;
        page.connect().await;
        page.click("#disconnect").await;
        page.until_state("lost").await;
        assert_eq!(page.text("#verdict-cause").await, "the peer never answered the Close frame");
        let row = page.until_row("closed").await.content;
        assert!(row.contains("no Close frame came in answer") && !row.contains("Nothing is wrong"), "{row}");
    });
}

#[test]
fn what_is_changed_while_open_counts_later_and_says_so() {
    run("what_is_changed_while_open_counts_later_and_says_so", async |page| {
        page.connect().await;
        assert!(is_hidden(page, "#reconnect-so").await);
        page.click("label:has(#lasts)").await;
        page.until_text("#elsewhere", "What you changed counts from the next connect.").await;
        page.click("label:has(#once)").await;
        page.until_hidden("#elsewhere").await;
        let own = page.server.address().to_owned();
        page.fill("#url", &format!("ws://{own}/reply?text=there")).await;
        page.until_text(
            "#elsewhere",
            &format!("This is still ws://{own}/echo: the URL counts from the next connect."),
        )
        .await;
        // Enter does not end what is open, but the next one does.
        page.type_into("#url", &key::ENTER.to_string()).await;
        assert_eq!(page.script("return document.activeElement.id").await, "reconnect-so");
        page.press(&key::ENTER.to_string()).await;
        page.until_hidden("#elsewhere").await;
        page.until_state("open").await;
        page.send("hello").await;
        assert_eq!(page.until_row("received text").await.content, "there");
    });
}

#[test]
fn a_missing_scheme_is_added() {
    run("a_missing_scheme_is_added", async |page| {
        let own = page.server.address().to_owned();
        page.fill("#url", &format!("{own}/echo")).await;
        page.connect().await;
        assert_eq!(page.property("#url", "value").await, format!("ws://{own}/echo"));
    });
}

#[test]
fn the_log_has_no_secrets_of_urls_and_offers() {
    run("the_log_has_no_secrets_of_urls_and_offers", async |page| {
        let own = page.server.address().to_owned();
        page.fill("#url", &format!("ws://me:hidden@{own}/echo?token=hidden")).await;
        page.fill("#subprotocols", "wirescope.token.aGlkZGVu").await;
        page.click("#connect").await;
        let row = page.until_row("connecting").await.content;
        assert_eq!(row.trim(), format!("ws://{own}/echo · offering (a token)"));
    });
}
