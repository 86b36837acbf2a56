//! The page as axe-core judges it, in each of its states: what those who hear it, or see little, would stumble over.

use std::{env, fs};

use serde_json::Value;
use wirescope_testkit::page::{self, Page};

/// What axe-core finds in the page as it is now.
async fn findings(page: &Page, state: &str) -> Vec<String> {
    let path = env::var("WIRESCOPE_AXE").expect("`cargo xtask test` says where axe-core is");
    let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    page.script(&format!("if (!globalThis.axe) {{ {source} }}")).await;
    // The driver waits for what a script promises.
    let found = page
        .script(
            "return axe.run(document, { resultTypes: ['violations'] }).then(result => result.violations
                .map(violation => violation.id + ': ' + violation.help + ' — ' + violation.nodes
                    .map(node => node.target.join(' ') + ' ' + (node.failureSummary || '')).join(' | ')))",
        )
        .await;
    let found = found.as_array().expect("findings").iter();
    found.map(|text| format!("{state}: {}", text.as_str().unwrap_or_default())).collect()
}

async fn escape(page: &Page) {
    page.press("\u{e00c}").await;
}

/// Every view and dialog.
async fn all_states(page: &Page) -> Vec<String> {
    let mut found = findings(page, "at first").await;
    page.connect().await;
    page.send("{\"hello\": [1, 2, 3]}").await;
    page.until_row("received text").await;
    found.extend(findings(page, "an echo").await);
    for view in ["measure", "compare", "examples", "log"] {
        page.click(&format!("#tab-{view}")).await;
        found.extend(findings(page, view).await);
    }
    // Everything that folds, unfolded.
    page.script("document.querySelectorAll('details').forEach(details => { details.open = true })").await;
    found.extend(findings(page, "all unfolded").await);
    page.click("#open-palette").await;
    found.extend(findings(page, "the palette").await);
    escape(page).await;
    page.click("#open-help").await;
    found.extend(findings(page, "help").await);
    escape(page).await;
    found
}

fn is_clean(found: &[String]) {
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn axe_finds_nothing_in_the_light() {
    page::run("axe_finds_nothing_in_the_light", async |page| {
        page.prefer("light").await;
        page.resize(1280, 800, 1.0).await;
        is_clean(&all_states(page).await);
        assert_eq!(page.script("return typeof axe").await, Value::from("object"));
    });
}

#[test]
fn axe_finds_nothing_in_the_dark_on_a_phone() {
    page::run("axe_finds_nothing_in_the_dark_on_a_phone", async |page| {
        page.prefer("dark").await;
        page.resize(390, 844, 1.0).await;
        is_clean(&all_states(page).await);
    });
}
