//! The page in Firefox: the core of what `page.rs` and its siblings try in Chromium.

use wirescope_testkit::page::{self, key};

#[test]
fn firefox_text_and_bytes_come_back() {
    page::run_in_firefox("firefox_text_and_bytes_come_back", async |page| {
        page.connect().await;
        page.send("grüße").await;
        assert_eq!(page.until_row("received text").await.content, "grüße");
        page.click("label:has(#as-hex)").await;
        page.type_into("#message", "00 ff").await;
        page.type_into("#message", &format!("{}{}", key::CONTROL, key::ENTER)).await;
        assert_eq!(page.until_row("received binary").await.size, "2 B");
    });
}

#[test]
fn firefox_says_how_a_connection_ended() {
    page::run_in_firefox("firefox_says_how_a_connection_ended", async |page| {
        page.connect().await;
        page.fill("#code", "4001").await;
        page.type_into("#reason", "by hand").await;
        page.click("#disconnect").await;
        page.until_state("closed").await;
        assert!(page.until_row("closed").await.content.contains("4001"));
        page.connect().await;
        page.server.kill().await;
        page.until_state("lost").await;
        assert!(page.until_row("closed").await.content.contains("1006"));
    });
}

#[test]
fn firefox_has_the_views_the_palette_and_the_address() {
    page::run_in_firefox("firefox_has_the_views_the_palette_and_the_address", async |page| {
        page.press(&format!("{}k{}", key::CONTROL, key::RELEASE)).await;
        page.until_text("#palette-list [aria-selected=true] span", "Command palette").await;
        page.press("measure").await;
        page.press(&key::ENTER.to_string()).await;
        page.until_text("#views [aria-selected=true]", "Measure").await;
        page.until("the address says so", async || {
            let hash = page.script("return location.hash").await;
            hash.as_str().is_some_and(|hash| hash.contains("view=measure")).then_some(())
        })
        .await;
    });
}
