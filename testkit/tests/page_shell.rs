//! What is around the parts of the page: the first visit, views, commands and keys, the address, the theme, and the page
//! without its server.

use std::fs;

use serde_json::json;
use wirescope_testkit::page::{self, Page, key};

async fn view(page: &Page) -> String {
    page.text("#views [aria-selected=true]").await
}

async fn until_open(page: &Page, dialog: &str, is_open: bool) {
    page.until(&format!("{dialog} is open: {is_open}"), async || {
        let open = page.script(&format!("return document.querySelector('{dialog}').open")).await;
        (open == json!(is_open)).then_some(())
    })
    .await;
}

#[test]
fn a_first_visit_is_shown_something_that_moves() {
    page::run_with("a_first_visit_is_shown_something_that_moves", &[], &[], async |page| {
        let home = format!("{}/", page.server.url());
        page.goto(&home).await;
        page.until_state("open").await;
        assert!(page.text("#welcome").await.contains("write a message"));
        page.until("prices come in", async || {
            (page.rows().await.iter().filter(|row| row.event == "received text").count() > 1).then_some(())
        })
        .await;
        // A reload is the same visit, whether the address has the setups by then or not.
        for by_hand in [false, true] {
            if by_hand {
                page.click("#message").await;
                page.until("the address has the setups", async || {
                    let hash = page.script("return location.hash").await;
                    hash.as_str().is_some_and(|hash| hash.contains("feed/prices")).then_some(())
                })
                .await;
            }
            page.script("location.reload()").await;
            page.until_state("open").await;
            page.until("prices come in again", async || {
                (page.rows().await.iter().filter(|row| row.event == "received text").count() > 1)
                    .then_some(())
            })
            .await;
        }
        page.click("#welcome-dismiss").await;
        page.until_text("#welcome", "").await;

        // The second visit is left alone.
        page.goto("about:blank").await;
        page.goto(&home).await;
        page.until_state("idle").await;
        assert_eq!(page.text("#welcome").await, "");
    });
}

#[test]
fn views_are_tabs_by_mouse_and_by_keyboard() {
    page::run("views_are_tabs_by_mouse_and_by_keyboard", async |page| {
        assert_eq!(view(page).await, "Log");
        page.click("#tab-measure").await;
        assert_eq!(view(page).await, "Measure");
        page.press("\u{e014}").await;
        assert_eq!(view(page).await, "Compare");
        page.press("\u{e012}\u{e012}\u{e012}").await;
        assert_eq!(view(page).await, "Examples");
        page.press("\u{e011}").await;
        assert_eq!(view(page).await, "Log");
        page.press("\u{e00a}3").await;
        assert_eq!(view(page).await, "Compare");
    });
}

#[test]
fn the_palette_finds_and_runs_a_command() {
    page::run("the_palette_finds_and_runs_a_command", async |page| {
        page.press(&format!("{}k{}", key::CONTROL, key::RELEASE)).await;
        until_open(page, "#palette", true).await;
        page.press("zzz").await;
        page.until_text("#palette-none", "No command has these letters.").await;
        page.press(&format!("{}a{}conn", key::CONTROL, key::RELEASE)).await;
        page.until_text("#palette-list [aria-selected=true] span", "Connect").await;
        page.press(&key::ENTER.to_string()).await;
        until_open(page, "#palette", false).await;
        page.until_state("open").await;
        // What cannot be done now is not offered: it is connected.
        page.click("#open-palette").await;
        page.press("connect").await;
        page.until_text("#palette-list [aria-selected=true] span", "Disconnect").await;
        page.press("\u{e00c}").await;
        until_open(page, "#palette", false).await;
    });
}

#[test]
fn a_script_is_recorded_written_and_played_by_commands() {
    page::run("a_script_is_recorded_written_and_played_by_commands", async |page| {
        // Finds a command by these letters, and runs it.
        let command = async |letters: &str, name: &str| {
            page.press(&format!("{}k{}", key::CONTROL, key::RELEASE)).await;
            until_open(page, "#palette", true).await;
            page.press(letters).await;
            page.until_text("#palette-list [aria-selected=true] span", name).await;
            page.press(&key::ENTER.to_string()).await;
            until_open(page, "#palette", false).await;
        };
        let folder = page.downloads().await;
        page.connect().await;
        command("record", "Record a script, or stop recording").await;
        assert_eq!(page.text("#deck [aria-selected=true]").await, "Script");
        page.until_text("#script-record", "Stop recording").await;
        command("write mess", "Write a message").await;
        page.press(&format!("hello{}{}", key::CONTROL, key::ENTER)).await;
        page.until_row("received text").await;
        command("stop rec", "Record a script, or stop recording").await;
        let recorded = page.property("#script", "value").await;
        assert!(recorded.contains("send text hello\nexpect text hello"), "{recorded}");

        command("save", "Save the script").await;
        let file = folder.path().join("conversation.wirescope");
        let saved = page.until("it is saved", async || fs::read_to_string(&file).ok()).await;
        assert_eq!(saved, recorded);
        page.click("#deck-send").await;
        command("write a sc", "Write a script").await;
        page.press("# mine\n").await;
        assert!(page.property("#script", "value").await.contains("# mine"));
        command("play", "Play or stop the script").await;
        page.until_text("#script-result", "Passed").await;

        page.press(&format!("{}k{}", key::CONTROL, key::RELEASE)).await;
        until_open(page, "#palette", true).await;
        page.press("open a sc").await;
        page.until_text("#palette-list [aria-selected=true] span", "Open a script").await;
    });
}

#[test]
fn help_lists_the_keys_and_they_work() {
    page::run("help_lists_the_keys_and_they_work", async |page| {
        page.press("\u{e031}").await;
        until_open(page, "#help", true).await;
        assert!(page.text("#help-keys").await.contains("Alt+C"));
        page.press("\u{e00c}").await;
        until_open(page, "#help", false).await;
        page.press("\u{e00a}c").await;
        page.until_state("open").await;
        page.press("\u{e00a}m").await;
        page.press("typed").await;
        assert_eq!(page.property("#message", "value").await, "typed");
    });
}

#[test]
fn the_address_shares_a_setup_but_no_secret() {
    page::run("the_address_shares_a_setup_but_no_secret", async |page| {
        page.fill("#url", "ws://me:s3cr3t@example.com/chat?token=s3cr3t&room=1").await;
        page.type_into("#subprotocols", "chat.v2").await;
        page.click("label:has(#lasts)").await;
        page.click("#link-options summary").await;
        page.fill("#retry-cap", "1234").await;
        page.fill("#retry-max-tries", "3").await;
        page.click("#retry-hidden").await;
        page.fill("#beat-text", "are you there?").await;
        page.click("#tab-examples").await;
        page.click("#add-connection").await;
        page.fill("#url", "ws://two.example/").await;
        page.click("#tab-measure").await;
        let address = page
            .until("the address has both", async || {
                let hash = page.script("return location.href").await.as_str().unwrap_or_default().to_owned();
                (hash.contains("chat.v2") && hash.contains("view=measure")).then_some(hash)
            })
            .await;
        assert!(!address.contains("s3cr3t"), "{address}");

        page.goto("about:blank").await;
        page.goto(&address).await;
        page.until("the setup is there", async || {
            let url = page.property("#url", "value").await;
            (url == "ws://example.com/chat?room=1").then_some(())
        })
        .await;
        assert_eq!(page.property("#subprotocols", "value").await, "chat.v2");
        assert_eq!(page.property("#lasts", "checked").await, "true");
        let settings = [
            ("retry-base", "500"),
            ("retry-cap", "1234"),
            ("retry-max-tries", "3"),
            ("beat-text", "are you there?"),
        ];
        for (field, value) in settings {
            assert_eq!(page.property(&format!("#{field}"), "value").await, value, "{field}");
        }
        assert_eq!(page.property("#retry-hidden", "checked").await, "true");
        assert_eq!(view(page).await, "Measure");
        // A link connects to nothing by itself.
        assert_eq!(page.text("#state-word").await, "idle");
    });
}

#[test]
fn a_theme_is_kept() {
    page::run("a_theme_is_kept", async |page| {
        let ground = "return getComputedStyle(document.body).backgroundColor";
        page.prefer("light").await;
        let light = page.script(ground).await;
        page.click("#open-help").await;
        page.click("label:has(#theme-dark)").await;
        let dark = page.script(ground).await;
        assert_ne!(light, dark);
        page.home().await;
        page.goto(&format!("{}/?again#view=log", page.server.url())).await;
        page.until("the page is ready", async || (page.text("#state-word").await == "idle").then_some(()))
            .await;
        assert_eq!(page.script(ground).await, dark);
    });
}

#[test]
fn the_page_opens_without_its_server() {
    page::run("the_page_opens_without_its_server", async |page| {
        // Once it has the page's files, and takes its requests.
        page.until("there is a worker", async || {
            let is = page.script("return navigator.serviceWorker.controller !== null").await;
            (is == json!(true)).then_some(())
        })
        .await;
        page.server.kill().await;
        // Browsers look for a newer worker when they like, and say in the console that there is no server for it.
        page.errors_expected = true;
        page.goto(&format!("{}/?without#view=log", page.server.url())).await;
        page.until_text("#state-word", "idle").await;
        page.click("#tab-examples").await;
        assert_eq!(view(page).await, "Examples");
    });
}

#[test]
fn a_link_that_is_opened_beside_a_connection_is_one_more() {
    page::run("a_link_that_is_opened_beside_a_connection_is_one_more", async |page| {
        page.connect().await;
        let own = page.server.address().to_owned();
        page.script(&format!("location.hash = 'url=ws://{own}/reply&view=log'")).await;
        page.until_says("#tabs", "2 /reply").await;
        assert_eq!(page.property("#url", "value").await, format!("ws://{own}/reply"));
        page.until("the address has both", async || {
            let hash = page.script("return location.hash").await;
            let hash = hash.as_str()?.to_owned();
            (hash.contains("/echo") && hash.contains("/reply")).then_some(())
        })
        .await;
        page.click("#tabs [data-id=\"1\"]").await;
        page.until_state("open").await;
    });
}
