//! Connecting, and what becomes of a connection, as a person sees it.

use std::net::TcpListener;

use serde_json::json;
use wirescope_testkit::page::{self, Page, key};

async fn url(page: &Page, path: &str) {
    page.fill("#url", &format!("ws://{}{path}", page.server.address())).await;
}

#[test]
fn a_link_survives_its_server() {
    page::run_high("a_link_survives_its_server", async |page| {
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
        assert!(page.is_hidden("#verdicts").await, "what was lost is there again");

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
    page::run_high("a_link_that_waits_tries_at_once_when_asked", async |page| {
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
        assert!(page.is_hidden("#try-now").await);
    });
}

#[test]
fn a_link_gives_up_after_as_many_tries_as_it_may() {
    page::run_high("a_link_gives_up_after_as_many_tries_as_it_may", async |page| {
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
    page::run_high("what_closes_for_long_need_not_be_waited_for", async |page| {
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
    page::run_high("urls_are_kept_without_their_secrets", async |page| {
        let plain = format!("ws://{}/echo", page.server.address());
        page.fill("#url", &format!("{plain}?token=hush&x=1")).await;
        page.click("#connect").await;
        page.until("it was tried", async || page.rows().await.into_iter().next()).await;
        let kept = page.script("return localStorage.getItem('wirescope.urls')").await;
        assert_eq!(kept, json!(format!("{plain}?x=1")));
        let all = page.script("return JSON.stringify(localStorage)").await;
        assert!(!all.as_str().unwrap_or_default().contains("hush"), "{all}");

        page.reload().await;
        page.click("#url-fold summary").await;
        page.click("#url-history [data-url]").await;
        assert_eq!(page.property("#url", "value").await, format!("{plain}?x=1"));
        assert_eq!(page.script("return document.getElementById('known-urls').options.length").await, 1);
        page.click("#url-history [data-forget]").await;
        assert!(!page.is_hidden("#url-history-none").await);
        assert_eq!(page.script("return localStorage.getItem('wirescope.urls')").await, "");
    });
}

#[test]
fn several_connections_are_tabs_that_keys_reach() {
    page::run_high("several_connections_are_tabs_that_keys_reach", async |page| {
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
fn what_never_opened_has_a_cause_of_its_own() {
    page::run_high("what_never_opened_has_a_cause_of_its_own", async |page| {
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
    page::run_high("the_server_says_how_it_ended_a_connection", async |page| {
        url(page, "/echo?rst&after=1").await;
        page.connect().await;
        page.send("hello").await;
        page.until_state("lost").await;
        page.until_says("#verdict-server", "The server reset the TCP connection.").await;
    });
}

#[test]
fn a_close_that_is_not_answered_is_told() {
    page::run_high("a_close_that_is_not_answered_is_told", async |page| {
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
    page::run_high("what_is_changed_while_open_counts_later_and_says_so", async |page| {
        page.connect().await;
        assert!(page.is_hidden("#reconnect-so").await);
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
    page::run_high("a_missing_scheme_is_added", async |page| {
        let own = page.server.address().to_owned();
        page.fill("#url", &format!("{own}/echo")).await;
        page.connect().await;
        assert_eq!(page.property("#url", "value").await, format!("ws://{own}/echo"));
    });
}

#[test]
fn the_log_has_no_secrets_of_urls_and_offers() {
    page::run_high("the_log_has_no_secrets_of_urls_and_offers", async |page| {
        let own = page.server.address().to_owned();
        page.fill("#url", &format!("ws://me:hidden@{own}/echo?token=hidden")).await;
        page.fill("#subprotocols", "wirescope.token.aGlkZGVu").await;
        page.click("#connect").await;
        let row = page.until_row("connecting").await.content;
        assert_eq!(row.trim(), format!("ws://{own}/echo · offering (a token)"));
    });
}
