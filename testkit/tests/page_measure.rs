//! What the page measures, compares and shows by example, driven in headless Chromium against a real server.

use std::net::TcpListener;

use serde_json::Value;
use wirescope_testkit::page::{self, Page, key};

/// Fills the form of a load run, and starts it.
async fn start_run(page: &Page, fields: &[(&str, &str)]) {
    for (field, value) in fields {
        page.fill(&format!("#load-{field}"), value).await;
    }
    page.click("#load-start").await;
}

/// Waits until so many runs are over.
async fn until_runs(page: &Page, count: usize) {
    page.until(&format!("{count} runs are over"), async || {
        let runs = page.script("return document.querySelectorAll('#runs-head th').length - 1").await;
        (runs == count && page.attribute("#load-start", "disabled").await.is_none()).then_some(())
    })
    .await;
}

/// What the latest run says in a line of the table.
async fn figure(page: &Page, name: &str) -> String {
    let script = format!(
        "return [...document.querySelectorAll('#runs-body tr')]
            .find(row => row.firstElementChild.textContent === '{name}')?.children[1].textContent ?? 'no line {name}'"
    );
    page.script(&script).await.as_str().unwrap_or_default().to_owned()
}

async fn figures<const N: usize>(page: &Page, names: [&str; N]) -> Vec<String> {
    let mut all = Vec::new();
    for name in names {
        all.push(figure(page, name).await);
    }
    all
}

const COUNTED: [&str; 6] = ["sent", "answered", "unanswered", "duplicated", "reordered", "changed"];

#[test]
fn a_run_says_exactly_what_was_not_answered() {
    page::run("a_run_says_exactly_what_was_not_answered", async |page| {
        page.connect_to("/echo?drop&every=4").await;
        page.click("#tab-measure").await;
        start_run(page, &[("pace", "500"), ("messages", "200"), ("lasts", "60"), ("grace", "4")]).await;
        until_runs(page, 1).await;
        assert_eq!(figures(page, COUNTED).await, ["200", "150", "50", "0", "0", "0"]);
        let missing = page.text("#runs-missing").await;
        let named: Vec<String> = (1..=12).map(|nth| (4 * nth).to_string()).collect();
        assert_eq!(missing, format!("Run 1: no answer to {} and more.", named.join(", ")));
        assert_eq!(page.text("#trips-figures td:last-child").await, "150", "the histogram is of the run");

        // The log has a line of it, and none of its messages.
        page.click("#tab-log").await;
        let noted = page.until_row("measured").await.content;
        assert!(noted.starts_with("load run 1: 500/s of 64 B text"), "{noted}");
        assert!(noted.contains("200 sent, 150 answered, 50 not"), "{noted}");
        assert!(page.rows().await.iter().all(|row| !row.event.contains("text")));
        // Messages that are no answers to it are logged as ever.
        page.send("load 1 2").await;
        page.until_row("received text").await;
    });
}

#[test]
fn a_run_tells_twice_from_late_from_changed() {
    page::run("a_run_tells_twice_from_late_from_changed", async |page| {
        page.connect_to("/echo?duplicate&every=5&dir=out").await;
        page.click("#tab-measure").await;
        start_run(page, &[("pace", "500"), ("messages", "100"), ("lasts", "60")]).await;
        until_runs(page, 1).await;
        let counted = figures(page, COUNTED).await;
        assert_eq!(counted[..3], ["100", "100", "0"]);
        // The second of the last may come when all is answered.
        assert!(["19", "20"].contains(&counted[3].as_str()), "{counted:?}");

        page.click("#tab-log").await;
        page.click("#disconnect").await;
        page.until_state("closed").await;
        page.connect_to("/echo?truncate&every=10&dir=out").await;
        page.click("#tab-measure").await;
        start_run(page, &[("size", "1000"), ("grace", "4")]).await;
        until_runs(page, 2).await;
        let counted: Vec<u32> =
            figures(page, COUNTED).await.iter().map(|count| count.parse().expect("a number")).collect();
        // What was cut before its number ended answers nothing.
        assert_eq!((counted[0], counted[3], counted[4]), (100, 0, 0));
        assert_eq!(counted[2] + counted[5], 10, "{counted:?}");
        assert_eq!(counted[1] + counted[2], 100, "{counted:?}");
    });
}

#[test]
fn a_run_keeps_so_many_in_flight_on_connections_of_its_own() {
    page::run("a_run_keeps_so_many_in_flight_on_connections_of_its_own", async |page| {
        page.click("#tab-measure").await;
        page.until_text("#load-count", "Connect first, or use new connections").await;
        page.click("#load-start").await;
        page.until_text("#load-problem", "Connect first, or use new connections.").await;
        page.script(
            "const on = document.getElementById('load-connections'); on.value = '2';
             on.dispatchEvent(new Event('change', { bubbles: true }))",
        )
        .await;
        page.click("label:has(#pace-flight)").await;
        page.click("#load-binary").await;
        start_run(page, &[("pace", "8"), ("messages", "300"), ("lasts", "60"), ("size", "1000")]).await;
        until_runs(page, 1).await;
        assert_eq!(figures(page, COUNTED).await, ["300", "300", "0", "0", "0", "0"]);
        assert_eq!(
            figures(page, ["load", "connections", "p50 from due", "connections ended"]).await,
            ["8 in flight, 1000 B binary", "2 new", "–", "0"]
        );
        assert_eq!(page.rows().await, [], "it was on none of the page's connections");

        // Copied, and pasted where a person pastes it.
        page.click("#runs-markdown").await;
        page.until_text("#runs-copied", "Copied").await;
        page.click("#tab-log").await;
        page.type_into("#message", &format!("{}v{}", key::CONTROL, key::RELEASE)).await;
        let pasted = page.property("#message", "value").await;
        assert!(pasted.starts_with("| | run 1 |\n| --- | ---: |\n| url | ws://127.0.0.1:"), "{pasted}");
        assert!(pasted.contains("\n| answered | 300 |\n"), "{pasted}");

        page.click("#tab-measure").await;
        page.click("#runs-json").await;
        page.until_text("#runs-copied", "Copied").await;
        page.click("#tab-log").await;
        page.fill("#message", "").await;
        page.type_into("#message", &format!("{}v{}", key::CONTROL, key::RELEASE)).await;
        let runs: Value = serde_json::from_str(&page.property("#message", "value").await).expect("JSON");
        assert_eq!((&runs[0]["answered"], &runs[0]["in_flight"]), (&300.into(), &8.into()));
        assert_eq!(runs[0]["from_sent_us"]["count"], 300);
    });
}

#[test]
fn a_run_survives_a_restart_of_the_server() {
    page::run("a_run_survives_a_restart_of_the_server", async |page| {
        let address = page.server.address().to_owned();
        page.click("#lasts").await;
        page.connect_to("/echo").await;
        page.click("#tab-measure").await;
        start_run(page, &[("pace", "50"), ("messages", "200"), ("lasts", "60")]).await;
        page.until("some are answered", async || {
            let says = page.text("#load-count").await;
            (says.contains("answered") && !says.contains(" 0 answered")).then_some(())
        })
        .await;
        page.server.kill().await;
        page.until_state("waiting").await;
        page.server = Page::another_server(&address, &[]).await;
        page.until_state("open").await;
        until_runs(page, 1).await;
        let counted = figures(page, ["sent", "duplicated", "due, never sent"]).await;
        assert_eq!(counted, ["200", "0", "0"]);
        assert_ne!(figure(page, "connections ended").await, "0");
        let number = async |name| figure(page, name).await.parse::<u32>().expect("a number");
        assert_eq!(number("answered").await + number("unanswered").await, 200);
        assert!(number("unanswered").await < 100, "it went on after the restart");
        page.until("the restart is on the time axis", async || {
            let opened = page.text("#opened-count").await;
            (opened == "2" && page.text("#closed-count").await != "0").then_some(())
        })
        .await;
    });
}

#[test]
fn a_run_is_stopped_and_what_cannot_be_run_is_said() {
    page::run("a_run_is_stopped_and_what_cannot_be_run_is_said", async |page| {
        page.connect_to("/echo").await;
        page.click("#tab-measure").await;
        for (field, bad, good) in [
            ("pace", "0", "50"),
            ("size", "17", "18"),
            ("lasts", "x", "60"),
            ("messages", "-1", ""),
            ("grace", "61", "1"),
        ] {
            start_run(page, &[(field, bad)]).await;
            page.until_says("#load-problem", "a whole number from").await;
            assert_eq!(page.script("return document.activeElement.id").await, format!("load-{field}"));
            page.fill(&format!("#load-{field}"), good).await;
        }
        page.click("#load-start").await;
        page.until("it sends", async || page.text("#load-count").await.contains(" sent").then_some(())).await;
        assert_eq!(page.attribute("#load-fields", "disabled").await.as_deref(), Some("true"));
        page.click("#load-stop").await;
        until_runs(page, 1).await;
        assert_ne!(figure(page, "sent").await, "0");
        page.click("#clear-runs").await;
        page.until("there is none", async || page.attribute("#runs", "hidden").await.map(drop)).await;
    });
}

#[test]
fn the_last_minute_has_what_went_out_and_came_in() {
    page::run("the_last_minute_has_what_went_out_and_came_in", async |page| {
        page.connect_to("/echo").await;
        for _ in 0..3 {
            page.click("#send").await;
        }
        page.until_rows("received text", 3).await;
        page.click("#disconnect").await;
        page.until_state("closed").await;
        page.click("#tab-measure").await;
        let counts = ["#sent-in-minute", "#received-in-minute", "#opened-count", "#closed-count"];
        for (count, says) in counts.into_iter().zip(["3", "3", "1", "1"]) {
            page.until_text(count, says).await;
        }
        assert_ne!(page.attribute("#trend-messages .closed", "d").await.unwrap_or_default(), "");
        assert_eq!(page.text("#trips-figures td:last-child").await, "3", "each answer is a round trip");
        assert_ne!(page.attribute("#histogram-bars", "d").await.unwrap_or_default(), "");

        // Another connection has its own, and all have theirs together.
        page.click("#add-connection").await;
        page.until_text("#minute-one", "Connection 2").await;
        page.until_text("#sent-in-minute", "0").await;
        page.click("label:has(#minute-of-all)").await;
        page.until_text("#sent-in-minute", "3").await;
    });
}

#[test]
fn one_feed_is_compared_in_four_ways() {
    page::run("one_feed_is_compared_in_four_ways", async |page| {
        page.click("#tab-compare").await;
        assert!(page.text("#compare-empty").await.contains("Nothing measured yet"));
        for (field, value) in [("rate", "20"), ("lasts", "3"), ("poll", "250")] {
            page.script(&format!("document.getElementById('compare-{field}').value = '{value}'")).await;
        }
        page.click("#compare-start").await;
        page.until_text("#compare-said", "Done.").await;
        let rows = page
            .script(
                "return [...document.querySelectorAll('#compare-body tr')]
                    .map(row => [...row.children].map(cell => cell.textContent))",
            )
            .await;
        let rows: Vec<Vec<String>> = serde_json::from_value(rows).expect("rows of texts");
        assert_eq!(rows.len(), 4);
        for row in &rows {
            assert!(row.iter().all(|cell| cell != "–" && !cell.is_empty()), "{row:?}");
            assert_ne!(row[1], "0", "updates came by each way: {row:?}");
            assert_eq!(row[8], "none", "{row:?}");
        }
        assert_eq!((rows[0][2].as_str(), rows[1][2].as_str()), ("1", "1"), "requests: {rows:?}");
        assert!(rows[3][2].parse::<u32>().expect("a number") > 1, "{rows:?}");
        let shown = page
            .script("return [...document.querySelectorAll('.shows')].filter(text => text.textContent).length")
            .await;
        assert_eq!(shown, 4);
        assert!(page.text("#compare-clock").await.contains("one clock"));
    });
}

#[test]
fn a_server_without_the_feed_is_not_compared() {
    page::run("a_server_without_the_feed_is_not_compared", async |page| {
        let nobody =
            TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address");
        page.fill("#url", &format!("ws://{nobody}/echo")).await;
        page.click("#connect").await;
        page.until_state("failed").await;
        page.click("#tab-compare").await;
        page.click("#compare-start").await;
        page.until_says("#compare-problem", "only Wirescope's own server has this feed").await;
        assert_eq!(page.attribute("#compare-start", "disabled").await, None);
    });
}

#[test]
fn the_examples_survive_a_restart_in_front_of_the_viewer() {
    page::run("the_examples_survive_a_restart_in_front_of_the_viewer", async |page| {
        let address = page.server.address().to_owned();
        page.click("#tab-examples").await;
        for seat in ["left", "right"] {
            page.until_text(&format!("#{seat}-state"), "connected").await;
        }
        page.type_into("#left-field", &format!("hello <b>{}", key::ENTER)).await;
        page.until_says("#right-lines", "left: hello <b>").await;
        page.until_says("#left-lines .mine", "sent").await;
        page.until_says("#prices-body", "ACME").await;
        page.until_says("#prices-account", "none missed").await;

        page.server.kill().await;
        let [chat, prices] = ["#right-state", "#prices-state"];
        for state in [chat, prices] {
            page.until("it is lost", async || {
                let state = page.attribute(state, "data-state").await;
                matches!(state.as_deref(), Some("waiting" | "connecting")).then_some(())
            })
            .await;
        }
        page.type_into("#right-field", &format!("meanwhile{}", key::ENTER)).await;
        page.until_says("#right-lines .mine", "waits").await;
        page.server = Page::another_server(&address, &[]).await;
        page.until_says("#right-lines", "Back after").await;
        page.until_says("#right-lines .mine", "sent").await;
        page.until_says(prices, "back after").await;
        page.until_says("#prices-account", "began anew").await;

        for (button, state) in [("#chat-turn", "#left-state"), ("#prices-turn", prices)] {
            page.click(button).await;
            page.until_text(state, "disconnected").await;
            assert_eq!(page.text(button).await, "Connect");
        }
    });
}

#[test]
fn measuring_fits_a_phone_in_light_and_dark() {
    page::run("measuring_fits_a_phone_in_light_and_dark", async |page| {
        page.resize(360, 740, 2.0).await;
        page.connect_to("/echo").await;
        page.click("#tab-measure").await;
        start_run(page, &[("pace", "100"), ("messages", "20")]).await;
        until_runs(page, 1).await;
        page.click("#tab-compare").await;
        page.script("document.getElementById('compare-lasts').value = '3'").await;
        page.click("#compare-start").await;
        page.until_text("#compare-said", "Done.").await;
        for view in ["measure", "compare", "examples"] {
            page.click(&format!("#tab-{view}")).await;
            for scheme in ["light", "dark"] {
                page.prefer(scheme).await;
                page.assert_fits(&format!("{view}, {scheme}")).await;
            }
        }
    });
}

#[test]
fn a_run_whose_connection_ends_says_that_it_was_cut_short() {
    page::run("a_run_whose_connection_ends_says_that_it_was_cut_short", async |page| {
        page.connect().await;
        page.click("#tab-measure").await;
        start_run(page, &[("pace", "100"), ("lasts", "3600")]).await;
        page.until_says("#load-count", " sent").await;
        page.click("#disconnect").await;
        until_runs(page, 1).await;
        assert_eq!(figure(page, "connections ended").await, "1");
        let took = figure(page, "took").await;
        assert!(took.ends_with("then disconnected"), "{took}");
        assert!(page.text("#load-said").await.contains("cut short after"));
    });
}
