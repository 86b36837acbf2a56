//! The second eye: frames, handshake and verdicts as the real server saw them, beside what the browser says.

use serde_json::{Value, json};
use wirescope_testkit::page::{self, Page, key};

/// Connects by the echo server's address with this query.
/// Opens a tab of a row; of those of a class the one with this number.
async fn look_at(page: &Page, rows: &str, number: usize, tab: &str) {
    page.until(&format!("row {number} of {rows} is there"), async || {
        let script = format!(
            "const row = document.querySelectorAll('#rows > li.{rows}')[{number}]; row?.click(); return !!row"
        );
        page.script(&script).await.as_bool()?.then_some(())
    })
    .await;
    let tab = format!("#detail-tab-{tab}");
    page.until("its trace is there", async || page.attribute(&tab, "hidden").await.is_none().then_some(()))
        .await;
    page.click(&tab).await;
}

async fn until_text(page: &Page, selector: &str, text: &str) {
    page.until(&format!("{selector} has {text:?}"), async || {
        let script = format!(
            "return [...document.querySelectorAll(`{selector}`)].map(one => one.innerText).join('\\n')"
        );
        page.script(&script).await.as_str()?.contains(text).then_some(())
    })
    .await;
}

/// The cells of a line of the payload's drawing.
async fn cells(page: &Page, line: &str) -> Vec<String> {
    let cells = page
        .script(&format!(
            "return [...document.querySelectorAll('.drawing tr.{line} td')].map(cell => cell.innerText)"
        ))
        .await;
    serde_json::from_value(cells).expect("cells")
}

/// The lines of the strip, as what each is with its faults.
async fn strip(page: &Page) -> Vec<String> {
    let lines = page
        .script(
            "return [...document.querySelectorAll('.strip .wire-line')].map(line => [line.dataset.look, ...['.way', '.what', '.says']
                .map(part => line.querySelector(part).innerText), ...[...line.querySelectorAll('.chip')].map(chip => chip.innerText)]
                .filter(text => text).join(' '))",
        )
        .await;
    serde_json::from_value(lines).expect("lines")
}

async fn until_line(page: &Page, begins: &str) {
    page.until(&format!("the strip has {begins:?}"), async || {
        strip(page).await.iter().any(|line| line.starts_with(begins)).then_some(())
    })
    .await;
}

#[test]
fn a_frame_is_drawn_bit_by_bit() {
    page::run("a_frame_is_drawn_bit_by_bit", async |page| {
        page.connect_to("/echo").await;
        page.send("hello").await;
        page.until_rows("received text", 1).await;
        look_at(page, "sent", 0, "frames").await;
        until_text(
            page,
            ".drawing .summary",
            "The browser says a whole text message of 5 bytes, masked with ",
        )
        .await;
        let fields = page
            .script("return [...document.querySelectorAll('.bit')].map(bit => ['b', '.field-name', '.field-says'].map(part => bit.querySelector(part).innerText))")
            .await;
        let head = json!([
            ["1", "FIN", "last"],
            ["0", "RSV1", ""],
            ["0", "RSV2", ""],
            ["0", "RSV3", ""],
            ["0001", "opcode", "text"],
            ["1", "MASK", "masked"],
            ["0000101", "payload len", "5 B"],
        ]);
        assert_eq!(fields.as_array().map(|fields| &fields[..7]), head.as_array().map(Vec::as_slice));
        assert_eq!(page.text(".byte:first-child .octet").await, "81");
        // What was on the wire is the payload and the key, XORed.
        let byte = |text: &String| u8::from_str_radix(text, 16).expect("a byte");
        let (wire, keys) = (cells(page, "wire").await, cells(page, "mask-key").await);
        let plain: Vec<u8> = wire.iter().zip(&keys).map(|(wire, key)| byte(wire) ^ byte(key)).collect();
        assert_eq!(plain, b"hello");
        assert_eq!(cells(page, "letters").await, ["h", "e", "l", "l", "o"]);

        // Each field says what it is to whoever comes to it, also by keyboard.
        assert_eq!(page.text(".bit:first-child .tip").await, "");
        page.script("document.querySelector('.bit').focus()").await;
        page.press(&key::TAB.to_string()).await;
        until_text(page, ".bit:focus .tip", "permessage-deflate").await;

        look_at(page, "received", 0, "frames").await;
        until_text(page, ".drawing .summary", "The server says a whole text message of 5 bytes.").await;
        assert_eq!(cells(page, "wire").await, [""; 0], "a server does not mask");
    });
}

#[test]
fn each_fault_is_shown_where_it_struck() {
    page::run("each_fault_is_shown_where_it_struck", async |page| {
        page.connect_to("/echo?drop&drop.every=2&delay=20ms&corrupt&corrupt.after=2&seed=1").await;
        for text in ["one", "two", "three"] {
            page.send(text).await;
        }
        page.until_rows("received text", 2).await;
        look_at(page, "received", 1, "frames").await;
        // The lost one is where it would have been, and the late ones say by how much.
        until_line(page, "ghost ↓ text two drop").await;
        until_line(page, "↓ text one delay +20 ms").await;
        until_line(page, "↑ text three").await;
        until_text(page, ".struck-here", "corrupt: one byte was changed").await;
        let changed = page.script("return document.querySelectorAll('.plain .changed').length").await;
        assert_eq!(changed, json!(1));
        let were: String = cells(page, "were").await.concat();
        assert!(were.len() == 1 && "three".contains(&were), "{were}");
        // The rows say so too.
        let marks = page.script("return [...document.querySelectorAll('#rows > li')].map(row => row.dataset.fault ?? '').filter(mark => mark)").await;
        assert_eq!(marks, json!(["delay", "corrupt"]));

        page.click(".wire-line[data-look=ghost]").await;
        until_text(page, ".struck-here", "drop: the server said this, and it never was on the wire.").await;
        assert_eq!(cells(page, "letters").await, ["t", "w", "o"]);
        assert_eq!(page.attribute(".drawing .anatomy", "class").await.as_deref(), Some("anatomy ghost"));
    });
}

#[test]
fn copies_and_fragments_are_the_messages_that_they_belong_to() {
    page::run("copies_and_fragments_are_the_messages_that_they_belong_to", async |page| {
        page.connect_to("/echo?duplicate&duplicate.after=1&fragment=2&fragment.after=1").await;
        page.send("ab").await;
        page.send("cdef").await;
        page.until_rows("received text", 3).await;
        // The second copy, in its two frames.
        look_at(page, "received", 2, "frames").await;
        page.until("its two frames are marked", async || {
            let own = page.script("return [...document.querySelectorAll('.own .wire-line')].map(line => line.querySelector('.what').innerText)").await;
            (own == json!(["text …", "continuation"])).then_some(())
        })
        .await;
        until_text(page, ".drawing .summary", "The server begins a text message: its first 2 bytes.").await;
        until_text(page, ".struck-here", "duplicate: it was put on the wire twice.").await;
    });
}

#[test]
fn frames_of_no_message_are_there_and_the_two_verdicts() {
    page::run("frames_of_no_message_are_there_and_the_two_verdicts", async |page| {
        page.connect_to("/echo?unsolicited-pong=1s&inject=rsv1&inject.after=2").await;
        page.send("one").await;
        page.send("two").await;
        page.until_state("lost").await;
        look_at(page, "open", 0, "frames").await;
        until_text(page, ".strip", "Pong").await;
        look_at(page, "closed", 0, "frames").await;
        until_text(page, ".strip", "inject").await;
        until_text(page, ".two-verdicts", "Not closed cleanly: code 1006.").await;
        until_text(
            page,
            ".differences",
            "The browser failed the connection, since something on it broke a rule",
        )
        .await;
        page.script("[...document.querySelectorAll('.wire-line')].find(line => line.innerText.includes('text') && line.innerText.includes('put on the wire')).click()").await;
        until_text(page, ".bit.bad", "RSV1").await;
    });
}

#[test]
fn a_reset_is_told_by_both() {
    page::run("a_reset_is_told_by_both", async |page| {
        page.connect_to("/echo?rst&after=1").await;
        page.send("one").await;
        page.until_state("lost").await;
        look_at(page, "closed", 0, "frames").await;
        until_text(page, ".two-verdicts", "The server reset the TCP connection.").await;
        until_text(page, ".differences", "1006 is in no frame").await;
    });
}

#[test]
fn the_handshake_is_worked_out() {
    page::run("the_handshake_is_worked_out", async |page| {
        page.fill("#subprotocols", "chat").await;
        page.connect_to("/echo").await;
        look_at(page, "open", 0, "handshake").await;
        until_text(page, ".digest", "✓ The server answered just that.").await;
        until_text(page, ".asks", "Sec-WebSocket-Key: ").await;
        until_text(page, ".asks", "13 is the only version there is.").await;
        until_text(page, ".answers", "HTTP/1.1 101 Switching Protocols").await;
        until_text(page, ".answers", "sec-websocket-protocol: chat").await;
        until_text(page, ".digest", "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").await;
    });
}

#[test]
fn a_handshake_that_fails_shows_why() {
    page::run("a_handshake_that_fails_shows_why", async |page| {
        page.fill("#url", &format!("ws://{}/echo?accept=wrong", page.server.address())).await;
        page.click("#connect").await;
        page.until_state("failed").await;
        look_at(page, "closed", 0, "handshake").await;
        until_text(page, ".digest .differs", "so there is no WebSocket").await;
    });
}

#[test]
fn nothing_is_traced_that_is_not_to_be() {
    page::run("nothing_is_traced_that_is_not_to_be", async |page| {
        page.click("#trace").await;
        page.connect_to("/echo").await;
        page.send("hello").await;
        page.until_rows("received text", 1).await;
        page.click("#rows > li.received").await;
        page.until("the row is open", async || {
            page.attribute("#detail", "hidden").await.is_none().then_some(())
        })
        .await;
        assert_eq!(page.attribute("#detail-tab-frames", "hidden").await.as_deref(), Some("true"));
    });
}

#[test]
fn each_try_of_a_link_has_a_trace_of_its_own() {
    page::run("each_try_of_a_link_has_a_trace_of_its_own", async |page| {
        page.click("#lasts").await;
        page.connect_to("/echo?rst&after=1").await;
        page.send("first").await;
        page.until_rows("open", 2).await;
        page.until_state("open").await;
        page.send("second").await;
        page.until("both came", async || {
            let rows = page.rows().await;
            (rows.iter().filter(|row| row.event == "received text").count() >= 2).then_some(())
        })
        .await;
        look_at(page, "received", 1, "frames").await;
        until_line(page, "↓ text second").await;
        let other = strip(page).await.into_iter().find(|line| line.contains("first"));
        assert_eq!(other, None, "it was another WebSocket");
        let traces: Value = page
            .script("return [...document.querySelectorAll('.strip .wire-line')].filter(line => line.innerText.includes('GET ')).length")
            .await;
        assert_eq!(traces, json!(1));
    });
}
