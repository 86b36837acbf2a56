//! The page, driven in headless Chromium against a real server.

use std::net::TcpListener;

use serde_json::Value;
use wirescope_testkit::page::{self, Row, key};

fn row(event: &str, size: &str, content: &str) -> Row {
    Row { event: event.to_owned(), size: size.to_owned(), content: content.to_owned() }
}

#[test]
fn a_newcomer_connects_and_a_message_comes_back() {
    page::run("a_newcomer_connects_and_a_message_comes_back", async |page| {
        assert_eq!(page.property("#url", "value").await, format!("ws://{}/echo", page.server.address()));
        assert!(page.text("#empty").await.contains("Press Connect"));
        assert_eq!(page.attribute("#send", "disabled").await.as_deref(), Some("true"));
        assert_eq!(page.text("#send-hint").await, "Connect first");

        page.connect().await;
        assert!(page.until_row("open").await.content.contains("no subprotocol"));
        page.send("hello").await;
        assert_eq!(page.until_row("received text").await, row("received text", "5 B", "hello"));
        assert_eq!(page.until_row("sent text").await, row("sent text", "5 B", "hello"));
        let tallies = ["#sent-count", "#sent-bytes", "#received-count", "#received-bytes"];
        for (tally, says) in tallies.into_iter().zip(["1", "5 B", "1", "5 B"]) {
            assert_eq!(page.text(tally).await, says, "{tally}");
        }

        page.send("grüße 👋").await;
        page.until_rows("received text", 2).await;
        assert_eq!(page.until_row("received text").await, row("received text", "12 B", "grüße 👋"));
    });
}

#[test]
fn an_empty_message_is_a_message() {
    page::run("an_empty_message_is_a_message", async |page| {
        page.connect().await;
        page.click("#send").await;
        assert_eq!(page.until_row("received text").await, row("received text", "0 B", "empty"));
    });
}

#[test]
fn bytes_are_sent_as_hex_and_shown_as_hex_with_ascii() {
    page::run("bytes_are_sent_as_hex_and_shown_as_hex_with_ascii", async |page| {
        page.connect().await;
        page.click("label:has(#as-hex)").await;
        page.type_into("#message", "0x48, 65 6C:6c6f\n00 ff").await;
        assert_eq!(page.text("#message-size").await, "7 B");
        page.click("#send").await;
        let received = page.until_row("received binary").await;
        assert_eq!(received.size, "7 B");
        assert_eq!(page.text(".row.received .hex").await, "48 65 6c 6c 6f 00 ff");
        assert_eq!(page.text(".row.received .ascii").await, "Hello··");
        assert_eq!(page.text(".row.sent .hex").await, "48 65 6c 6c 6f 00 ff");
    });
}

#[test]
fn text_and_hex_are_two_drafts() {
    page::run("text_and_hex_are_two_drafts", async |page| {
        page.type_into("#message", "words").await;
        page.click("label:has(#as-hex)").await;
        page.type_into("#message", "00 01").await;
        page.click("label:has(#as-text)").await;
        assert_eq!(page.property("#message", "value").await, "words");
        page.click("label:has(#as-hex)").await;
        assert_eq!(page.property("#message", "value").await, "00 01");
    });
}

#[test]
fn ctrl_enter_and_cmd_enter_send() {
    page::run("ctrl_enter_and_cmd_enter_send", async |page| {
        page.type_into("#message", &format!("early{}{}", key::CONTROL, key::ENTER)).await;
        page.until_text("#message-problem", "not sent: connect first").await;

        page.connect().await;
        page.type_into("#message", &format!("{}{}", key::CONTROL, key::ENTER)).await;
        page.until_rows("received text", 1).await;
        page.type_into("#message", &format!("{}{}", key::META, key::ENTER)).await;
        page.until_rows("received text", 2).await;
        assert_eq!(page.until_row("received text").await.content, "early");
        assert_eq!(page.attribute("#message-problem", "hidden").await.as_deref(), Some("true"));
    });
}

#[test]
fn bad_hex_is_shown_where_it_is_bad_and_not_sent() {
    page::run("bad_hex_is_shown_where_it_is_bad_and_not_sent", async |page| {
        page.connect().await;
        page.click("label:has(#as-hex)").await;
        // A byte that is still being typed is no mistake yet.
        page.type_into("#message", "48 6").await;
        assert_eq!(page.attribute("#message", "aria-invalid").await, None);
        page.type_into("#message", "z 6f").await;
        assert_eq!(page.attribute("#message", "aria-invalid").await.as_deref(), Some("true"));
        assert_eq!(page.text("#message-problem-text").await, "column 5: “z” is not a hex digit");
        assert_eq!(page.text("#message-excerpt").await, "48 6z 6f");
        assert_eq!(page.text("#excerpt-bad").await, "z");

        page.click("#send").await;
        let selected =
            page.script("const m = document.activeElement; return [m.id, m.selectionStart, m.selectionEnd]");
        assert_eq!(selected.await, serde_json::json!(["message", 4, 5]));
        page.type_into("#message", &format!("{}{}", key::CONTROL, key::ENTER)).await;
        // A good message follows the bad ones, and comes back alone.
        page.fill("#message", "48 6f").await;
        assert_eq!(page.attribute("#message", "aria-invalid").await, None);
        page.click("#send").await;
        page.until_row("received binary").await;
        page.until_rows("sent binary", 1).await;

        page.send("48 6").await;
        page.until_text("#message-problem-text", "column 4: “6” is half a byte: write both digits, as in 06")
            .await;
    });
}

#[test]
fn what_cannot_be_connected_to_is_said_beside_its_field() {
    page::run("what_cannot_be_connected_to_is_said_beside_its_field", async |page| {
        for (url, says) in [
            ("", "no absolute URL"),
            ("/echo", "no absolute URL"),
            ("ftp://127.0.0.1/", "of ws, wss, http or https"),
            ("ws://127.0.0.1/#top", "fragment"),
        ] {
            page.fill("#url", url).await;
            page.click("#connect").await;
            let problem = page.text("#url-error").await;
            assert!(problem.contains(says), "{url}: {problem}");
            assert_eq!(page.attribute("#url", "aria-invalid").await.as_deref(), Some("true"));
        }
        page.fill("#url", &format!("http://{}/echo", page.server.address())).await;
        assert_eq!(page.attribute("#url", "aria-invalid").await, None);

        for (names, says) in
            [("a b", "\"a b\" is not a token"), ("a,,b", "\"\" is not"), ("a, b, a", "twice")]
        {
            page.fill("#subprotocols", names).await;
            page.click("#connect").await;
            let problem = page.text("#subprotocols-error").await;
            assert!(problem.contains(says), "{names}: {problem}");
            assert_eq!(page.attribute("#subprotocols", "aria-invalid").await.as_deref(), Some("true"));
        }
        assert_eq!(page.text("#state-word").await, "idle");
        assert_eq!(page.rows().await, []);

        page.fill("#subprotocols", "").await;
        page.connect().await;
    });
}

#[test]
fn the_subprotocol_selected_is_shown() {
    page::run("the_subprotocol_selected_is_shown", async |page| {
        page.type_into("#subprotocols", "chat.v2, chat.v1").await;
        page.connect().await;
        assert_eq!(page.text("#state-detail").await, "chat.v2");
        assert!(page.until_row("connecting").await.content.contains("offering chat.v2, chat.v1"));
        assert!(page.until_row("open").await.content.contains("subprotocol chat.v2"));
    });
}

#[test]
fn a_code_or_reason_that_cannot_be_sent_is_said_beside_its_field() {
    page::run("a_code_or_reason_that_cannot_be_sent_is_said_beside_its_field", async |page| {
        page.connect().await;
        for (code, says) in [("", "is a number"), ("bye", "is a number"), ("1001", "1001"), ("5000", "5000")]
        {
            page.fill("#code", code).await;
            page.click("#disconnect").await;
            let problem = page.text("#code-error").await;
            assert!(problem.contains(says) && problem.contains("3000 to 4999"), "{code}: {problem}");
            assert_eq!(page.attribute("#code", "aria-invalid").await.as_deref(), Some("true"));
        }
        page.fill("#code", "3000").await;
        page.fill("#reason", &"é".repeat(62)).await;
        assert_eq!(page.text("#reason-size").await, "124 of 123 bytes");
        page.click("#disconnect").await;
        assert!(page.text("#reason-error").await.contains("has 124 bytes"));
        assert_eq!(page.attribute("#reason", "aria-invalid").await.as_deref(), Some("true"));
        assert_eq!(page.text("#state-word").await, "open");

        page.fill("#reason", &"é".repeat(61)).await;
        assert_eq!(page.attribute("#reason", "aria-invalid").await, None);
        page.click("#disconnect").await;
        page.until_state("closed").await;
        assert!(page.until_row("closed").await.content.contains(&"é".repeat(61)));
    });
}

#[test]
fn a_chosen_close_code_and_reason_are_in_the_row_that_ends_it() {
    page::run("a_chosen_close_code_and_reason_are_in_the_row_that_ends_it", async |page| {
        page.connect().await;
        page.fill("#code", "4001").await;
        page.type_into("#reason", "that was all").await;
        page.click("#disconnect").await;
        page.until_state("closed").await;
        let closed = page.until_row("closed").await.content;
        for part in ["4001 application's own", "that was all", "· clean ·", "open for "] {
            assert!(closed.contains(part), "{part} in {closed}");
        }
        assert_eq!(page.text("#state-detail").await, "4001 application's own");
        assert!(page.until_row("closing").await.content.contains("4001"));
        assert_eq!(page.attribute("#send", "disabled").await.as_deref(), Some("true"));

        // The page is good for another connection, and the log goes on.
        page.connect().await;
        page.until_rows("open", 2).await;
    });
}

#[test]
fn a_killed_server_is_said_to_be_lost() {
    page::run("a_killed_server_is_said_to_be_lost", async |page| {
        page.connect().await;
        page.server.kill().await;
        page.until_state("lost").await;
        let closed = page.until_row("closed").await.content;
        for part in ["1006 abnormal closure", "not clean", "ended without a Close frame"] {
            assert!(closed.contains(part), "{part} in {closed}");
        }
        assert_eq!(page.attribute("#send", "disabled").await.as_deref(), Some("true"));
    });
}

#[test]
fn a_server_that_is_asked_to_end_says_that_it_goes_away() {
    page::run("a_server_that_is_asked_to_end_says_that_it_goes_away", async |page| {
        page.connect().await;
        page.server.terminate().await;
        page.until_state("closed").await;
        assert!(page.until_row("closed").await.content.contains("1001 going away"));
        assert_eq!(page.text("#state-detail").await, "1001 going away");
    });
}

#[test]
fn a_port_where_nobody_listens_is_an_error_and_an_end() {
    page::run("a_port_where_nobody_listens_is_an_error_and_an_end", async |page| {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        page.fill("#url", &format!("ws://{free}/")).await;
        page.type_into("#url", &key::ENTER.to_string()).await;
        page.until_state("failed").await;
        assert!(page.until_row("connecting").await.content.contains(&free.to_string()));
        let closed = page.until_row("closed").await.content;
        for part in ["1006", "never opened", "refused port"] {
            assert!(closed.contains(part), "{part} in {closed}");
        }
    });
}

#[test]
fn an_attempt_can_be_given_up() {
    page::run("an_attempt_can_be_given_up", async |page| {
        // The kernel takes the connection, and nobody answers on it.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        page.fill("#url", &format!("ws://{}/", silent.local_addr().unwrap())).await;
        page.click("#connect").await;
        page.until_state("connecting").await;
        assert_eq!(page.text("#connect").await, "Cancel");
        page.type_into("#url", &key::ENTER.to_string()).await;
        assert_eq!(page.text("#state-word").await, "connecting", "Enter connects, and never gives up");
        page.click("#connect").await;
        page.until_state("closed").await;
        assert!(page.until_row("closed").await.content.contains("Given up before it opened"));
        page.until_rows("error", 0).await;
        assert_eq!(page.text("#connect").await, "Connect");
    });
}

#[test]
fn what_a_peer_sent_is_text_never_markup() {
    page::run("what_a_peer_sent_is_text_never_markup", async |page| {
        page.script(
            "window.violations = 0;
             document.addEventListener('securitypolicyviolation', () => { window.violations += 1 });
             window.elements = document.querySelectorAll('img, script, b, iframe').length",
        )
        .await;
        page.connect().await;
        let markup = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script><b>bold</b>";
        page.send(markup).await;
        assert_eq!(page.until_row("received text").await.content, markup);

        page.script(
            "const message = document.getElementById('message');
             message.value = 'nul \\0 escape \\u001b[31m override \\u202egpj.exe ltr \\u200e end';
             message.dispatchEvent(new Event('input'))",
        )
        .await;
        page.click("#send").await;
        page.until_rows("received text", 2).await;
        let shown = page.until_row("received text").await.content;
        assert_eq!(shown, "nul ‹NUL› escape ‹ESC›[31m override ‹U+202E›gpj.exe ltr ‹U+200E› end");

        page.fill("#reason", "<img src=x>").await;
        page.click("#disconnect").await;
        page.until_state("closed").await;
        assert!(page.until_row("closed").await.content.contains("<img src=x>"));
        let after = page
            .script(
                "return [document.title, window.violations,
                    document.querySelectorAll('img, script, b, iframe').length - window.elements]",
            )
            .await;
        assert_eq!(after, serde_json::json!(["Wirescope", 0, 0]));
    });
}

#[test]
fn the_log_follows_until_the_reader_scrolls_up() {
    page::run("the_log_follows_until_the_reader_scrolls_up", async |page| {
        const BENEATH: &str = "const s = document.getElementById('screen');
            return s.scrollHeight - s.clientHeight - s.scrollTop";
        page.connect().await;
        page.type_into("#message", "line").await;
        page.script(
            "const send = document.getElementById('send'); for (let i = 0; i < 40; i++) send.click()",
        )
        .await;
        page.until_text("#received-count", "40").await;
        page.until("the newest row is in sight", async || {
            (page.script(BENEATH).await.as_i64() <= Some(1)).then_some(())
        })
        .await;

        page.click("#screen").await;
        page.type_into("#screen", &key::HOME.to_string()).await;
        page.until("following stops", async || {
            (page.property("#follow", "checked").await == "false").then_some(())
        })
        .await;
        // The browser takes several frames to scroll, and following stops with the first.
        page.until("the oldest row is in sight", async || {
            (page.script("return document.getElementById('screen').scrollTop").await == 0).then_some(())
        })
        .await;
        page.click("#send").await;
        page.until_text("#unseen", "2 new").await;
        assert_eq!(page.script("return document.getElementById('screen').scrollTop").await, 0);

        page.click("#follow").await;
        page.until_text("#unseen", "").await;
        assert!(page.script(BENEATH).await.as_i64() <= Some(1));
    });
}

#[test]
fn a_keyboard_is_enough() {
    page::run("a_keyboard_is_enough", async |page| {
        let focused = async || {
            let id = page.script("return document.activeElement.id").await;
            id.as_str().unwrap_or_default().to_owned()
        };
        let tab_to = async |id: &str| {
            for _ in 0..40 {
                page.press(&key::TAB.to_string()).await;
                if focused().await == id {
                    let outline =
                        page.script("return getComputedStyle(document.activeElement).outlineStyle").await;
                    assert_eq!(outline, "solid", "the focus is seen on {id}");
                    return;
                }
            }
            panic!("Tab never comes to {id}");
        };
        tab_to("url").await;
        page.press(&key::ENTER.to_string()).await;
        page.until_state("open").await;
        tab_to("message").await;
        page.press(&format!("typed{}{}", key::CONTROL, key::ENTER)).await;
        page.until_row("received text").await;
        tab_to("reason").await;
        page.press("by hand").await;
        tab_to("disconnect").await;
        tab_to("screen").await;
        // Alt+X.
        page.press("\u{e00a}x").await;
        page.until_state("closed").await;
        assert!(page.until_row("closed").await.content.contains("by hand"));
    });
}

#[test]
fn it_fits_a_phone_in_light_and_dark() {
    page::run("it_fits_a_phone_in_light_and_dark", async |page| {
        page.resize(360, 740, 2.0).await;
        page.connect().await;
        page.send(&"unbroken".repeat(40)).await;
        page.click("label:has(#as-hex)").await;
        page.send(&"00 ff 41 ".repeat(30)).await;
        page.until_row("received binary").await;
        page.type_into("#message", &"g".repeat(100)).await;
        page.fill("#code", "1").await;
        page.click("#disconnect").await;
        let mut grounds = Vec::new();
        for scheme in ["light", "dark"] {
            page.prefer(scheme).await;
            page.assert_fits(scheme).await;
            grounds.push(page.script("return getComputedStyle(document.body).backgroundColor").await);
        }
        assert_ne!(grounds[0], grounds[1]);
    });
}

#[test]
fn a_panic_is_shown() {
    page::run("a_panic_is_shown", async |page| {
        page.errors_expected = true;
        page.script("document.getElementById('row-template').content.replaceChildren()").await;
        page.click("#connect").await;
        page.until_says("#failure", "a template holds one element").await;
    });
}

#[test]
fn it_says_what_happens_to_those_who_hear_it() {
    page::run("it_says_what_happens_to_those_who_hear_it", async |page| {
        let spoken = async || page.property("#announcer", "textContent").await;
        page.connect().await;
        assert_eq!(page.attribute("#state", "role").await.as_deref(), Some("status"));
        page.send("aloud").await;
        page.until("a row is spoken of", async || {
            spoken().await.ends_with("received text: aloud").then_some(())
        })
        .await;
        // Each control has a name.
        let nameless = page
            .script(
                "return [...document.querySelectorAll('input, textarea, button, summary')]
                    .filter(e => !e.labels?.length && !e.textContent.trim() && !e.getAttribute('aria-label'))
                    .map(e => e.id)",
            )
            .await;
        assert_eq!(nameless, Value::Array(Vec::new()));
    });
}
