//! What is in sight, whatever is open: on a desktop, in a low window, and on a phone.

use serde_json::json;
use wirescope_testkit::page::{self, Page};

/// Left, top, right and bottom of what a selector finds.
async fn edges(page: &Page, selector: &str) -> [f64; 4] {
    let script = format!(
        "const box = document.querySelector(`{selector}`)?.getBoundingClientRect();
        return box ? [box.left, box.top, box.right, box.bottom] : [0, 0, 0, 0]"
    );
    serde_json::from_value(page.script(&script).await).expect("edges")
}

/// Waits until Send can be pressed where it is, and two rows' height of the log is there.
async fn until_bench_is_in_sight(page: &Page, when: &str) {
    page.until(&format!("Send and some rows are in sight: {when}"), async || {
        let script = "const send = document.querySelector('#send'), box = send.getBoundingClientRect();
            const at = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
            const screen = document.querySelector('#screen').getBoundingClientRect();
            return at === send && screen.height >= 48 && screen.bottom <= innerHeight";
        (page.script(script).await == json!(true)).then_some(())
    })
    .await;
    let ([_, _, _, send], [_, close, ..]) =
        (edges(page, "#send-form").await, edges(page, "#close-form").await);
    assert!(
        send <= close,
        "{when}: the message's panel ends at {send}, and the one beneath begins at {close}"
    );
}

#[test]
fn whatever_is_open_a_message_can_be_sent_and_rows_are_seen() {
    page::run("whatever_is_open_a_message_can_be_sent_and_rows_are_seen", async |page| {
        page.connect_to("/echo").await;
        page.click("#break > summary").await;
        page.until("the faults are there", async || {
            let is_there =
                page.script("return !!document.querySelector('#fault-cards').firstElementChild").await;
            (is_there == json!(true)).then_some(())
        })
        .await;
        for (width, height) in [(1280, 800), (1280, 657), (1440, 900)] {
            page.resize(width, height, 1.0).await;
            until_bench_is_in_sight(page, &format!("Break, {width}x{height}")).await;
        }
        page.click("#break > summary").await;
        page.resize(1280, 657, 1.0).await;
        page.click("#disconnect").await;
        page.until_state("closed").await;
        page.connect_to("/echo?rst&after=1").await;
        page.send("the last").await;
        page.until_state("lost").await;
        assert!(page.text("#verdicts").await.contains("Likely cause"));
        until_bench_is_in_sight(page, "a verdict").await;
        page.fill("#url", "ftp://127.0.0.1/").await;
        page.click("#connect").await;
        page.until("the URL is refused", async || {
            page.attribute("#url-error", "hidden").await.is_none().then_some(())
        })
        .await;
        until_bench_is_in_sight(page, "a problem").await;
    });
}

#[test]
fn the_selected_row_stays_in_sight_beside_its_frames() {
    page::run("the_selected_row_stays_in_sight_beside_its_frames", async |page| {
        page.connect_to("/echo").await;
        for number in 0..8 {
            page.send(&format!("message {number}")).await;
        }
        page.until_row("received text").await;
        for (width, height) in [(1280, 657), (1280, 800), (1440, 900), (390, 844)] {
            page.resize(width, height, 1.0).await;
            page.click("#screen").await;
            page.press("\u{e010}").await;
            page.script("[...document.querySelectorAll('#rows > .received')].at(-1).click()").await;
            page.until("its trace is there", async || {
                page.attribute("#detail-tab-frames", "hidden").await.is_none().then_some(())
            })
            .await;
            page.click("#detail-tab-frames").await;
            page.until(&format!("the selected row is in sight, {width}x{height}"), async || {
                let script =
                    "const row = document.querySelector('.row[aria-selected=true]')?.getBoundingClientRect();
                    const screen = document.querySelector('#screen').getBoundingClientRect();
                    return !!row && row.top >= screen.top - 0.5 && row.bottom <= screen.bottom + 0.5";
                (page.script(script).await == json!(true)).then_some(())
            })
            .await;
            let [_, top, _, bottom] = edges(page, "#detail-frames").await;
            assert!(bottom - top >= 160.0, "{width}x{height}: {}", bottom - top);
            let [_, foot, ..] = edges(page, ".log-foot").await;
            assert!(
                bottom <= foot + 0.5,
                "{width}x{height}: what is looked at ends at {bottom}, the log's foot begins at {foot}"
            );
            page.click("#detail-close").await;
        }
    });
}

#[test]
fn a_phone_s_first_screen_moves_and_nothing_is_wider_than_it() {
    page::run_with("a_phone_s_first_screen_moves_and_nothing_is_wider_than_it", &[], &[], async |page| {
        page.resize(390, 844, 1.0).await;
        page.goto(&format!("{}/", page.server.url())).await;
        page.until_state("open").await;
        page.until("rows come on the first screen", async || {
            let script = "const rows = [...document.querySelectorAll('#rows > .received')];
                const end = document.querySelector('#screen').getBoundingClientRect();
                const inSight = rows.map(row => row.getBoundingClientRect()).filter(row => row.top >= end.top && row.bottom <= innerHeight);
                return scrollY === 0 && inSight.length > 1";
            (page.script(script).await == json!(true)).then_some(())
        })
        .await;
        for (width, height) in [(390, 844), (320, 640)] {
            page.resize(width, height, 1.0).await;
            page.assert_fits(&format!("{width}x{height}")).await;
            // The answer to what is sent comes right above it.
            let ([_, _, _, log], [_, bench, ..]) =
                (edges(page, "#view-log").await, edges(page, "#send-form").await);
            assert!(log < bench && bench - log < 64.0, "{log} {bench}");
        }
        page.script("[...document.querySelectorAll('#rows > .received')].at(-1).click()").await;
        page.until_whole().await;
        page.until("its trace is there", async || {
            page.attribute("#detail-tab-handshake", "hidden").await.is_none().then_some(())
        })
        .await;
        let ([.., right, _], [.., end, _]) =
            (edges(page, "#detail-tab-handshake").await, edges(page, "#detail-tabs").await);
        assert!(right <= end + 0.5, "{right} {end}");

        // It speaks of two connections as long as there are two.
        assert!(page.text("#welcome").await.contains("Connection 2"));
        page.click("#tabs [data-id='2'][data-close]").await;
        page.until_text("#welcome", "").await;
    });
}

#[test]
fn of_many_tabs_the_selected_one_is_in_sight() {
    page::run("of_many_tabs_the_selected_one_is_in_sight", async |page| {
        page.resize(1280, 800, 1.0).await;
        for _ in 0..30 {
            page.click("#add-connection").await;
        }
        page.until("all tabs are drawn", async || {
            let count = page.script("return document.querySelectorAll('#tabs > .tab').length").await;
            (count == json!(31)).then_some(())
        })
        .await;
        for selected in ["31", "1"] {
            page.script(&format!(
                "document.querySelector('#tabs .tab-select[data-id=\"{selected}\"]').click()"
            ))
            .await;
            page.until(&format!("tab {selected} is in sight"), async || {
                let [left, _, right, _] = edges(page, ".tab:has([aria-current=true])").await;
                let [start, _, end, _] = edges(page, "#tabs").await;
                let [add, ..] = edges(page, "#add-connection").await;
                let id = page.attribute(".tab-select[aria-current=true]", "data-id").await;
                (id.as_deref() == Some(selected)
                    && left >= start - 0.5
                    && right <= end + 0.5
                    && end <= add + 4.0)
                    .then_some(())
            })
            .await;
        }
    });
}

#[test]
fn a_reason_with_spaces_is_in_one_line_with_what_follows() {
    page::run("a_reason_with_spaces_is_in_one_line_with_what_follows", async |page| {
        page.resize(1280, 800, 1.0).await;
        page.connect_to("/echo").await;
        page.fill("#reason", "one two three four five six seven eight nine").await;
        page.click("#disconnect").await;
        page.until_state("closed").await;
        let row = page.until_row("closed").await;
        assert!(row.content.contains("one two three four"), "{}", row.content);
        let lines = page
            .script(
                "return [...document.querySelectorAll('.row.closed .peer')].map(peer =>
                new Set([...peer.getClientRects()].map(part => part.top)).size)",
            )
            .await;
        assert_eq!(lines, json!([1]));
    });
}

#[test]
fn how_it_ended_is_what_a_closed_row_s_frames_show() {
    page::run("how_it_ended_is_what_a_closed_row_s_frames_show", async |page| {
        for fault in ["rst", "fin"] {
            page.connect_to(&format!("/echo?{fault}&after=1")).await;
            page.send("only").await;
            page.until_state("lost").await;
            page.until("its frames are shown", async || {
                let script = "const row = [...document.querySelectorAll('#rows > .closed')].at(-1);
                    if (row?.getAttribute('aria-selected') !== 'true') row?.click();
                    const tab = document.querySelector('#detail-tab-frames');
                    if (tab.hidden) return false;
                    tab.click();
                    return !!row";
                (page.script(script).await == json!(true)).then_some(())
            })
            .await;
            page.until_says(".drawing", "The server says").await;
            assert_eq!(
                page.script("return document.querySelectorAll('.strip [aria-current=true]').length").await,
                0
            );
            assert_eq!(page.script("return document.querySelectorAll('.two-verdicts').length").await, 1);
        }
    });
}

#[test]
fn what_a_row_shows_finds_it() {
    page::run("what_a_row_shows_finds_it", async |page| {
        page.connect_to("/echo").await;
        page.click("#as-hex").await;
        page.send("0186a0").await;
        page.until_rows("received binary", 1).await;
        for (text, found) in
            [("01 86 a0", "2 of 4 rows"), ("connecting", "1 of 4 rows"), ("OPEN", "1 of 4 rows")]
        {
            page.fill("#filter-text", text).await;
            page.until_text("#filter-matches", found).await;
        }
    });
}

#[test]
fn the_examples_link_to_their_sources() {
    page::run("the_examples_link_to_their_sources", async |page| {
        page.click("#tab-examples").await;
        let sources = page
            .script(
                "return Promise.all([...document.querySelectorAll('#view-examples a')].map(async a => {
                    const source = await fetch(a.href);
                    return [a.innerText, source.headers.get('content-type'), (await source.text()).startsWith('//! ')];
                }))",
            )
            .await;
        let workbench = "client/src/bin/workbench/examples";
        let names = [
            format!("{workbench}/chat.rs"),
            "client/examples/chat.rs".to_owned(),
            format!("{workbench}/prices.rs"),
            "client/examples/feed_worker.rs".to_owned(),
        ];
        let all: Vec<_> = names.iter().map(|name| json!([name, "text/plain; charset=utf-8", true])).collect();
        assert_eq!(sources, json!(all));
    });
}
