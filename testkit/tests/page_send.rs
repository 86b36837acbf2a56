//! Sending and scripts, as a person does them.

use serde_json::json;
use wirescope_testkit::page::{self, Page, key};

async fn format(page: &Page, name: &str) {
    page.click(&format!("label:has(#as-{name})")).await;
}

#[test]
fn json_is_checked_as_it_is_written_and_rewritten() {
    page::run_high("json_is_checked_as_it_is_written_and_rewritten", async |page| {
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
    page::run_high("base64_is_sent_as_bytes_and_the_frame_is_told", async |page| {
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
    page::run_high("a_file_is_sent_as_bytes_or_as_text", async |page| {
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
    page::run_high("what_was_sent_comes_back_by_the_arrow_keys", async |page| {
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
    page::run_high("templates_survive_a_reload", async |page| {
        format(page, "json").await;
        page.fill("#message", "{\"ask\": 1}").await;
        page.click("#templates-fold summary").await;
        page.click("#template-save").await;
        page.until_text("#template-problem", "a template has a name").await;
        page.type_into("#template-name", &format!("<b>ask</b>{}", key::ENTER)).await;
        page.until_text("#templates [data-load]", "<b>ask</b>").await;

        page.reload().await;
        page.click("#templates-fold summary").await;
        page.click("#templates [data-load]").await;
        assert_eq!(page.property("#message", "value").await, "{\"ask\": 1}");
        assert_eq!(page.property("#as-json", "checked").await, "true");
        page.click("#templates [data-delete]").await;
        assert_eq!(page.script("return localStorage.getItem('wirescope.templates')").await, "");
        assert!(!page.is_hidden("#templates-none").await);
    });
}

#[test]
fn a_message_is_sent_again_and_again_with_its_placeholders() {
    page::run_high("a_message_is_sent_again_and_again_with_its_placeholders", async |page| {
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
    page::run_high("the_send_panel_fits_with_what_is_wrong", async |page| {
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
fn a_script_is_recorded_edited_and_played() {
    page::run_high("a_script_is_recorded_edited_and_played", async |page| {
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
        assert!(page.is_hidden("#script-problem").await);
        page.click("#script-run").await;
        page.until_text("#script-result", "Not passed: failed at line 3").await;
        page.until_text("#script-steps [data-state=failed] .instead", "got text \"a\"").await;
        page.until_state("open").await;
    });
}

#[test]
fn a_script_that_waits_can_be_stopped() {
    page::run_high("a_script_that_waits_can_be_stopped", async |page| {
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
    page::run_high("a_script_is_opened_and_saved_as_a_file", async |page| {
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
    page::run_high("a_script_of_many_sends_lets_the_browser_have_its_turn", async |page| {
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
    page::run_high("a_script_that_cannot_be_played_has_not_passed", async |page| {
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
