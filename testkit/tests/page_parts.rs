//! The program of the page comes in two parts: what is done before the second is there is not lost.

use serde_json::Value;
use wirescope_testkit::page::{self, Page};

/// Opens the page as who comes for the first time does, and waits until its first part runs.
async fn first_visit(page: &Page) {
    page.goto(&format!("{}/", page.server.url())).await;
    page.until_state("open").await;
}

async fn is_whole(page: &Page) -> bool {
    page.script("return document.getElementById('view-measure')").await != Value::Null
}

#[test]
fn the_first_view_is_complete_without_the_second_part() {
    page::run_with("the_first_view_is_complete_without_the_second_part", &[], &[], async |page| {
        first_visit(page).await;
        page.until("prices come in", async || {
            (page.rows().await.iter().filter(|row| row.event == "received text").count() > 1).then_some(())
        })
        .await;
        assert_eq!(page.property("#send", "disabled").await, "false");
        assert!(!is_whole(page).await, "nobody came near it");
    });
}

#[test]
fn what_is_done_at_once_is_done_again_in_its_order() {
    page::run_with("what_is_done_at_once_is_done_again_in_its_order", &[], &[], async |page| {
        first_visit(page).await;
        // All of it before anything can be loaded.
        page.script(
            "const find = id => document.getElementById(id);
             find('lasts').click();
             find('url').value = find('url').value + '?drop=every:2';
             find('url').dispatchEvent(new Event('input', { bubbles: true }));
             find('url').dispatchEvent(new Event('change', { bubbles: true }));
             find('as-json').click();
             find('add-connection').click();
             find('screen').dispatchEvent(new KeyboardEvent('keydown',
                 { key: '3', code: 'Digit3', altKey: true, bubbles: true, cancelable: true }));",
        )
        .await;
        page.until_whole().await;
        page.until_text("#views [aria-selected=true]", "Compare").await;
        let tabs = page.script("return document.getElementById('tabs').childElementCount").await;
        assert_eq!(tabs, 3, "one more connection");
        assert_eq!(page.property("#as-json", "checked").await, "true");
        assert_eq!(page.property("#lasts", "checked").await, "true");
        assert!(
            page.property("#url", "value").await.ends_with("/echo?drop=every:2"),
            "set up as the one before"
        );
    });
}

#[test]
fn a_second_part_that_cannot_be_loaded_is_told_of_and_tried_again() {
    page::run_with(
        "a_second_part_that_cannot_be_loaded_is_told_of_and_tried_again",
        &[],
        &[],
        async |page| {
            page.block("*-hand.wasm").await;
            first_visit(page).await;
            // A page that is in one piece has nothing to load.
            if page.script("return document.querySelector('meta[name=wirescope-later]')").await == Value::Null
            {
                return;
            }
            page.errors_expected = true;
            page.click("#tab-measure").await;
            page.until_says("#failure", "could not be loaded").await;
            assert!(!is_whole(page).await);
            page.block("").await;
            page.click("#tab-measure").await;
            page.until_text("#views [aria-selected=true]", "Measure").await;
            page.until_hidden("#failure").await;
        },
    );
}
