//! The workbench's log, driven in headless Chromium against a real server.

use std::fs;

use serde_json::{Value, json};
use wirescope_testkit::page::{self, Page, key};

/// Connects to a path of the server, and waits until it has sent all.
async fn receive(page: &Page, path: &str, messages: &str) {
    page.fill("#url", &format!("ws://{}{path}", page.server.address())).await;
    page.click("#connect").await;
    page.until_patiently("all have come", async || {
        (page.text("#received-count").await == messages).then_some(())
    })
    .await;
}

async fn count(page: &Page, script: &str) -> i64 {
    page.script(script).await.as_i64().unwrap_or(i64::MIN)
}

/// The number of the row at the top, which is its text's for numbered messages, and how far it is from the top.
const TOP: &str = "const top = document.getElementById('screen').getBoundingClientRect().top;
    const row = [...document.querySelectorAll('#rows > li')].find(row => row.getBoundingClientRect().bottom > top + 1);
    return row ? [row.querySelector('.body').textContent, Math.round(row.getBoundingClientRect().top - top)] : [null, null]";

#[test]
fn a_row_is_looked_at_closely() {
    page::run("a_row_is_looked_at_closely", async |page| {
        page.connect().await;
        page.send(r#"{"a":[1,{"b":"<b>x</b>"}],"big":12345678901234567890,"c":null}"#).await;
        page.until_row("received text").await;
        page.click(".row.received").await;
        assert!(page.text("#detail-text").await.contains("12345678901234567890"));
        let facts = page.text("#detail-facts").await;
        for part in [
            "row 3",
            "received text",
            "62 B",
            "round trip",
            "it was sent in row 2",
            "connection 1",
            "message 1",
        ] {
            assert!(facts.contains(part), "{part} in {facts}");
        }
        page.click("#detail-tab-json").await;
        page.until("the tree has its first level", async || {
            (count(page, "return document.querySelectorAll('#detail-json .key').length").await == 3)
                .then_some(())
        })
        .await;
        page.click("#detail-json .members summary").await;
        page.until("the array is unfolded", async || {
            (count(page, "return document.querySelectorAll('#detail-json .key').length").await == 5)
                .then_some(())
        })
        .await;
        page.click("#detail-json .members .members summary").await;
        page.until_says("#detail-json", "\"b\": \"<b>x</b>\"").await;
        page.click("#detail-tab-hex").await;
        page.until("there are bytes", async || {
            page.text("#detail-hex .hex").await.starts_with("7b 22 61 22").then_some(())
        })
        .await;
        // The keys move the selection, and what is looked at goes along.
        page.click("#screen").await;
        page.press(&key::HOME.to_string()).await;
        page.press(&key::ESCAPE.to_string()).await;
        page.until_hidden("#detail").await;
        page.press(&key::ESCAPE.to_string()).await;
        page.press(&format!("{0}{0}{0}", key::DOWN)).await;
        page.until("the third row is selected", async || {
            let row =
                page.script("return document.querySelector('[aria-selected=true] .what')?.textContent").await;
            (row == "sent text").then_some(())
        })
        .await;
        page.press(&key::ENTER.to_string()).await;
        page.until_says("#detail-facts", "sent text").await;
        page.press(&key::UP.to_string()).await;
        page.until_says("#detail-facts", "row 1 · open").await;
        page.click("#detail-close").await;
        page.until_hidden("#detail").await;
    });
}

#[test]
fn what_is_no_json_says_so_and_bytes_are_bytes() {
    page::run("what_is_no_json_says_so_and_bytes_are_bytes", async |page| {
        page.connect().await;
        page.click("label:has(#as-hex)").await;
        page.type_into("#message", &"00 ff 41 ".repeat(30)).await;
        page.click("#send").await;
        page.until_row("received binary").await;
        page.click(".row.received").await;
        // Bytes are shown as such unless the reader chose otherwise.
        assert_eq!(page.attribute("#detail-tab-hex", "aria-selected").await.as_deref(), Some("true"));
        let lines = page.text("#detail-hex .offsets").await;
        assert_eq!(lines.lines().collect::<Vec<_>>(), ["0000", "0010", "0020", "0030", "0040", "0050"]);
        page.click("#detail-tab-json").await;
        page.until_says("#detail-json", "Not JSON").await;
        page.click("#detail-tab-text").await;
        page.until_says("#detail-text", "read as UTF-8").await;
    });
}

#[test]
fn a_long_message_is_shown_a_part_at_a_time() {
    page::run("a_long_message_is_shown_a_part_at_a_time", async |page| {
        page.connect().await;
        page.script(
            "const message = document.getElementById('message');
             message.value = 'x'.repeat(40000) + 'end';
             message.dispatchEvent(new Event('input', { bubbles: true }))",
        )
        .await;
        page.click("#send").await;
        let row = page.until_row("received text").await;
        assert_eq!(row.size, "39.0 KiB");
        assert!(row.content.len() < 500 && row.content.ends_with('…'), "{row:?}");
        page.click(".row.received").await;
        let shown = async || page.property("#detail-text .content:last-of-type", "textContent").await;
        page.until("its beginning is shown", async || (shown().await.len() == 32 * 1024).then_some(())).await;
        assert!(page.text("#detail-text .more").await.starts_with("Show the next 7.0 KiB"));
        page.click("#detail-text .more").await;
        page.until("its end is shown", async || shown().await.ends_with("end").then_some(())).await;
        assert_eq!(page.script("return document.querySelector('#detail-text .more')").await, Value::Null);
        assert_eq!(page.property("#follow", "checked").await, "false", "who opens a row wants to read it");
    });
}

#[test]
fn what_is_copied_is_on_the_clipboard_or_it_is_said_that_it_is_not() {
    page::run("what_is_copied_is_on_the_clipboard_or_it_is_said_that_it_is_not", async |page| {
        page.connect().await;
        page.send(r#"{"a":1}"#).await;
        page.until_row("received text").await;
        page.click(".row.received").await;
        // The browser's own clipboard is the machine's; what it is asked to write is what counts.
        page.script(
            "window.copied = [];
             Object.defineProperty(navigator, 'clipboard', { configurable: true, value: {
                writeText: async text => { window.copied.push(text) } } })",
        )
        .await;
        for (button, says) in [
            ("#detail-copy-text", "copied as text"),
            ("#detail-copy-json", "copied as JSON"),
            ("#detail-copy-hex", "copied as hex"),
            ("#detail-copy-base64", "copied as base64"),
        ] {
            page.click(button).await;
            page.until_text("#detail-copy-said", says).await;
        }
        let copied = page.script("return window.copied").await;
        assert_eq!(copied, json!([r#"{"a":1}"#, "{\n  \"a\": 1\n}", "7b 22 61 22 3a 31 7d", "eyJhIjoxfQ=="]));
        page.script(
            "Object.defineProperty(navigator, 'clipboard', { configurable: true, value: undefined })",
        )
        .await;
        page.click("#detail-copy-text").await;
        page.until_says("#detail-copy-said", "press Ctrl+C").await;
    });
}

#[test]
fn rows_that_are_sent_say_where_they_are() {
    page::run("rows_that_are_sent_say_where_they_are", async |page| {
        page.connect_to("/sink").await;
        page.send("into the sink").await;
        page.until_row("sent text").await;
        page.until("it is said to be drained", async || {
            (page.text(".row.sent .fate").await == "drained").then_some(())
        })
        .await;
        page.click(".row.sent").await;
        assert!(page.text("#detail-facts").await.contains("drained"));
    });
}

#[test]
fn twenty_thousand_rows_scroll_and_stay_where_they_are_read() {
    page::run("twenty_thousand_rows_scroll_and_stay_where_they_are_read", async |page| {
        receive(page, "/source?count=20000&size=32&kind=text", "20,001").await;
        assert!(count(page, "return document.querySelectorAll('#rows > li').length").await < 150);
        let beneath = "const s = document.getElementById('screen');
            return Math.round(s.scrollHeight - s.clientHeight - s.scrollTop)";
        page.until("the newest is in sight", async || (count(page, beneath).await <= 1).then_some(())).await;

        page.click("#screen").await;
        page.press(&key::ESCAPE.to_string()).await;
        page.press(&key::HOME.to_string()).await;
        page.until("the oldest is in sight", async || {
            page.script(TOP).await[0].as_str().is_some_and(|text| text.starts_with("ws://")).then_some(())
        })
        .await;
        // Each step of the wheel moves as far as it says.
        for by in [240, 1, 1000, -37, 120] {
            let script = format!(
                "const s = document.getElementById('screen'); s.scrollTop += {by}; return s.scrollTop"
            );
            page.script(&script).await;
        }
        let row =
            count(page, "return document.querySelector('#rows > li').getBoundingClientRect().height").await;
        let scrolled = 1324;
        page.until("the row that is meant is at the top", async || {
            let top = page.script(TOP).await;
            (top[1] == -(scrolled % row)).then_some(())
        })
        .await;
        // Somewhere in the middle, where it stays while more comes.
        page.script("const s = document.getElementById('screen'); s.scrollTop = s.scrollHeight / 2").await;
        let settled = async || {
            let first = page.script(TOP).await;
            page.script("return new Promise(done => setTimeout(() => requestAnimationFrame(done), 400))")
                .await;
            (first[0].is_string() && page.script(TOP).await == first).then_some(first)
        };
        let before = page.until("the rows rest", settled).await;
        page.click("#connect").await;
        page.until_patiently("as many again have come", async || {
            (page.text("#received-count").await == "40,002").then_some(())
        })
        .await;
        assert_eq!(page.script(TOP).await, before);
        assert_eq!(page.property("#follow", "checked").await, "false");
        assert!(page.text("#unseen").await.ends_with("new"));
        page.click("#follow").await;
        page.until("the newest is in sight again", async || (count(page, beneath).await <= 1).then_some(()))
            .await;
    });
}

#[test]
fn a_pause_loses_nothing() {
    page::run("a_pause_loses_nothing", async |page| {
        page.connect().await;
        page.send("before").await;
        page.until_rows("received text", 1).await;
        page.click("#pause").await;
        for _ in 0..3 {
            page.click("#send").await;
        }
        page.until_text("#received-count", "4").await;
        page.until_text("#pause", "Resume · 6 came").await;
        page.until_rows("received text", 1).await;
        page.click("#pause").await;
        page.until_rows("received text", 4).await;
        page.until_text("#pause", "Pause").await;
    });
}

#[test]
fn the_log_is_bounded_in_bytes_and_says_what_it_dropped() {
    page::run("the_log_is_bounded_in_bytes_and_says_what_it_dropped", async |page| {
        receive(page, "/source?count=300&size=1MiB", "301").await;
        page.until("what went is said", async || {
            page.text("#evicted")
                .await
                .ends_with("older rows are gone: the log keeps the newest.")
                .then_some(())
        })
        .await;
        let kept = page.text("#log-kept").await;
        let bytes: f64 =
            kept.split(" · ").nth(1).and_then(|it| it.split(' ').next()).unwrap().parse().unwrap();
        assert!((240.0..=256.0).contains(&bytes), "{kept}");
        page.click("#clear").await;
        page.until_text("#received-count", "0").await;
        page.until("no row is left", async || page.rows().await.is_empty().then_some(())).await;
        page.connect_to("/echo").await;
        page.send("after").await;
        page.until_rows("received text", 1).await;
    });
}

#[test]
fn a_filter_finds_rows_as_they_come() {
    page::run("a_filter_finds_rows_as_they_come", async |page| {
        page.connect().await;
        for text in ["apple 1", "Banana 22", "cherry 333"] {
            page.send(text).await;
            page.until(text, async || (page.until_row("received text").await.content == text).then_some(()))
                .await;
        }
        let shown = async || page.rows().await.into_iter().map(|row| row.content).collect::<Vec<_>>();
        page.type_into("#filter-text", "banana").await;
        page.until_text("#filter-matches", "2 of 8 rows").await;
        page.until("those are shown", async || (shown().await == ["Banana 22"; 2]).then_some(())).await;

        page.fill("#filter-text", r"\d{2,}$").await;
        page.click("#filter-regex").await;
        page.until_text("#filter-matches", "4 of 8 rows").await;
        page.script(
            "const s = document.getElementById('filter-direction');
            s.value = 'sent'; s.dispatchEvent(new Event('change', { bubbles: true }))",
        )
        .await;
        page.until_text("#filter-matches", "2 of 8 rows").await;
        page.send("date 4444").await;
        page.until_text("#filter-matches", "3 of 10 rows").await;
        page.until("the new one too", async || {
            (shown().await == ["Banana 22", "cherry 333", "date 4444"]).then_some(())
        })
        .await;

        page.fill("#filter-text", "(").await;
        page.until_says("#filter-problem", "group").await;
        assert_eq!(page.attribute("#filter-text", "aria-invalid").await.as_deref(), Some("true"));
        page.click("#filter-clear").await;
        page.until("all are shown", async || (shown().await.len() == 10).then_some(())).await;
        assert_eq!(page.property("#filter-text", "value").await, "");

        page.script(
            "const s = document.getElementById('filter-kind');
            s.value = 'event'; s.dispatchEvent(new Event('change', { bubbles: true }))",
        )
        .await;
        page.until_text("#filter-matches", "2 of 10 rows").await;
        page.fill("#filter-text", "nowhere").await;
        page.until_text("#no-match", "No row matches the filter.").await;
    });
}

#[test]
fn many_rows_are_filtered_without_a_stall() {
    page::run("many_rows_are_filtered_without_a_stall", async |page| {
        receive(page, "/source?count=20000&size=64&kind=text", "20,001").await;
        page.script(
            "window.longest = 0;
             new PerformanceObserver(list => {
                for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration)
             }).observe({ type: 'longtask' })",
        )
        .await;
        page.click("#filter-regex").await;
        page.type_into("#filter-text", "9{3}").await;
        page.until_patiently("all is searched", async || {
            let said = page.text("#filter-matches").await;
            (said.ends_with("rows") && !said.starts_with("0 ")).then_some(())
        })
        .await;
        // How long tasks are is for the benchmark; that they are many is seen by the page having been alive.
        assert!(page.script("return window.longest").await.as_f64().is_some());
    });
}

#[test]
fn the_log_is_saved_opened_and_replayed() {
    page::run("the_log_is_saved_opened_and_replayed", async |page| {
        let folder = page.downloads().await;
        page.connect().await;
        page.send("first \"quoted\" é").await;
        page.click("label:has(#as-hex)").await;
        page.send("00 ff").await;
        page.until_rows("received binary", 1).await;

        page.click("#log-menu-name").await;
        page.click("#export-ndjson").await;
        page.until_text("#log-job-text", "saved 6 rows").await;
        let file = folder.path().join("wirescope.ndjson");
        let text = page.until("it is on the disk", async || fs::read_to_string(&file).ok()).await;
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 7);
        assert_eq!(lines[0]["wirescope"], 1);
        assert_eq!((&lines[3]["kind"], &lines[3]["text"]), (&json!("sent"), &json!("first \"quoted\" é")));
        assert_eq!((&lines[6]["kind"], &lines[6]["base64"]), (&json!("received"), &json!("AP8=")));

        page.click("#log-menu-name").await;
        page.click("#export-har").await;
        page.until_text("#log-job-text", "saved 6 rows").await;
        let har = folder.path().join("wirescope.har");
        let text = page.until("the HAR is on the disk", async || fs::read_to_string(&har).ok()).await;
        let saved: Value = serde_json::from_str(&text).unwrap();
        let entry = &saved["log"]["entries"][0];
        assert_eq!(entry["request"]["url"], format!("ws://{}/echo", page.server.address()));
        assert_eq!(entry["response"]["status"], 101);
        let messages = entry["_webSocketMessages"].as_array().unwrap();
        let said: Vec<_> = messages
            .iter()
            .map(|it| (it["type"].as_str().unwrap(), it["opcode"].as_u64().unwrap()))
            .collect();
        assert_eq!(said, [("send", 1), ("receive", 1), ("send", 2), ("receive", 2)]);
        assert_eq!(messages[3]["data"], "AP8=");

        page.click("#clear").await;
        for (file, rows) in [(&file, "6"), (&har, "5")] {
            page.upload("#import-file", file).await;
            let name = file.file_name().unwrap().to_str().unwrap();
            page.until_text("#log-job-text", &format!("{name}: {rows} rows")).await;
        }
        // They are no messages of this page's, and each file is told from the other.
        assert_eq!(page.text("#sent-count").await, "0");
        page.until_rows("received binary", 2).await;
        page.script(
            "const s = document.getElementById('filter-connection');
            s.value = s.options[1].value; s.dispatchEvent(new Event('change', { bubbles: true }))",
        )
        .await;
        page.until_text("#filter-matches", "6 of 11 rows").await;

        page.click("#log-menu-name").await;
        page.click("#replay").await;
        page.until_text("#log-job-text", "replayed 2 messages").await;
        page.click("#filter-clear").await;
        page.until_text("#received-count", "2").await;
        page.until_rows("received binary", 3).await;
        assert!(page.until_row("received text").await.content.starts_with("first \"quoted\" é"));
    });
}

#[test]
fn a_large_file_is_opened_in_many_turns() {
    const ROWS: usize = 3000;
    page::run("a_large_file_is_opened_in_many_turns", async |page| {
        let folder = page.downloads().await;
        let line =
            r#"{"time":"2026-01-01T00:00:00.000Z","us":1,"connection":1,"kind":"sent","text":"one of many"}"#;
        // As developer tools write it: the messages before where they went.
        let messages =
            vec![json!({ "type": "receive", "time": 1.5, "opcode": 1, "data": "one of many" }); ROWS];
        let har = json!({ "log": { "entries": [{ "_webSocketMessages": messages,
            "request": { "url": "ws://late.example/" }, "startedDateTime": "2026-01-01T00:00:00.000Z" }] } });
        for (name, text, rows) in [
            ("many.ndjson", format!("{line}\n").repeat(ROWS), "3,000"),
            ("many.har", har.to_string(), "3,001"),
        ] {
            // What the page waits for in between is a timeout.
            page.script(
                "window.turns = 0; window.plain ??= window.setTimeout;
                window.setTimeout = (...all) => { window.turns += 1; return window.plain(...all) }",
            )
            .await;
            let file = folder.path().join(name);
            fs::write(&file, text).unwrap();
            page.upload("#import-file", &file).await;
            page.until_text("#log-job-text", &format!("{name}: {rows} rows")).await;
            let turns = page.script("return window.turns").await.as_u64().unwrap();
            assert!(turns >= 10, "{turns} turns for {rows} rows of {name}");
        }
        page.fill("#filter-text", "late.example").await;
        page.until_text("#filter-matches", "1 of 6,001 rows").await;
    });
}

#[test]
fn a_file_that_is_none_of_a_logs_is_refused_with_its_line() {
    page::run("a_file_that_is_none_of_a_logs_is_refused_with_its_line", async |page| {
        let folder = page.downloads().await;
        let good = r#"{"time":"2026-01-01T00:00:00.000Z","us":1,"connection":1,"kind":"sent","text":"good"}"#;
        let cases: [(&str, Vec<u8>, &str); 8] = [
            ("bad.ndjson", format!("{good}\nnot json\n{good}\n").into_bytes(), "2 rows; line 2: not JSON"),
            (
                "kind.ndjson",
                format!("{good}\n{{\"kind\":\"alien\"}}").into_bytes(),
                "1 rows; line 2: its kind is none",
            ),
            (
                "both.ndjson",
                format!("{good}\n{{\"kind\":\"sent\"}}").into_bytes(),
                "1 rows; line 2: a message has either",
            ),
            ("bytes.ndjson", b"\xff\xfe\n".to_vec(), "0 rows; line 1: not UTF-8"),
            ("prose.txt", b"hello\nworld".to_vec(), "0 rows; line 1: neither NDJSON nor HAR"),
            (
                "later.ndjson",
                format!("{{\"wirescope\":99}}\n{good}").into_bytes(),
                "1 rows; line 1: a log of another version than 1",
            ),
            ("empty.har", b"{\"log\":{\"entries\":[{}, 1, null]}}".to_vec(), "0 rows; line 1: a HAR without"),
            ("deep.har", "[".repeat(100_000).into_bytes(), "0 rows; line 1: neither"),
        ];
        for (name, bytes, says) in cases {
            let file = folder.path().join(name);
            fs::write(&file, bytes).unwrap();
            page.upload("#import-file", &file).await;
            page.until(&format!("{name} says {says}"), async || {
                page.text("#log-job-text").await.starts_with(&format!("{name}: {says}")).then_some(())
            })
            .await;
        }
        assert_eq!(page.text("#sent-count").await, "0");
    });
}

#[test]
fn a_message_is_not_drawn_before_its_answer_had_time_to_come() {
    page::run("a_message_is_not_drawn_before_its_answer_had_time_to_come", async |page| {
        // Nothing answers here.
        page.connect_to("/sink").await;
        page.fill("#message", "hello").await;
        // What is asked for after the page's own frame comes after it, and the frame after that is for drawing.
        let seen = page
            .script(
                "return (async () => {
                     await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
                     document.getElementById('send').click();
                     const frame = () => new Promise(done => requestAnimationFrame(() => done(
                         document.querySelectorAll('.row.sent').length)));
                     return [await frame(), await frame()];
                 })()",
            )
            .await;
        assert_eq!(seen, json!([0, 1]));
    });
}
