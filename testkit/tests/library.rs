//! The client library in a page that is driven from outside, in headless Chromium and Firefox, against a real server.

use std::{env, time::Duration};

use serde_json::Value;
use tokio::time::sleep;
use wirescope_testkit::{
    library::{self, Heap, Kind, Library},
    tap::Ending,
};

/// Longer than a link of the page waits between tries, many times over.
const MANY_TRIES: Duration = Duration::from_millis(500);

/// The most that the page's heap may grow from the first look to the end, as a share.
const MOST_GROWTH: f64 = 0.01;

/// Begins the page's link, and waits until it is open.
async fn open_link(page: &Library, wait_while_hidden: bool) {
    page.open().await;
    let begin = format!("window.link = new library.Driven({:?}, {wait_while_hidden}), 0", page.echo());
    page.evaluate(&format!("({begin})")).await;
    until_phase(page, "open").await;
}

async fn until_phase(page: &Library, phase: &str) {
    page.until(&format!("the link is {phase}"), &format!("link.phase === {phase:?}")).await;
}

/// Sends a text, and waits until it is back.
async fn echo(page: &Library, text: &str) {
    page.evaluate(&format!("link.send({text:?})")).await;
    page.until("it comes back", &format!("link.answers.at(-1) === {text:?}")).await;
}

fn endings(page: &Library) -> Vec<Ending> {
    page.heard().into_iter().map(|connection| connection.ending).collect()
}

#[test]
fn a_page_that_is_left_closes_and_one_that_is_back_opens_again() {
    library::run(left_and_back);
}

async fn left_and_back(page: &mut Library) {
    open_link(page, false).await;
    echo(page, "first").await;
    for round in 1..=3 {
        page.go_elsewhere().await;
        // The page is not asked: it is frozen. The other side sees that it said good-bye.
        page.until_it("the connection is closed", async || endings(page).last() != Some(&Ending::Open)).await;
        assert_eq!(endings(page), vec![Ending::Close(Some(1000)); round]);
        page.go_back().await;
        page.until("the page is back", "!!window.link").await;
        let shown = page.evaluate("[shown.times, shown.fromCache]").await;
        assert_eq!(shown, serde_json::json!([round + 1, round]), "{}", not_restored(page).await);
        until_phase(page, "open").await;
        echo(page, "again").await;
    }
    // One connection for each time that the page was there, and no other was tried.
    assert_eq!(page.evaluate("link.attempts").await, 4.0);
    let mut expected = vec![Ending::Close(Some(1000)); 3];
    expected.push(Ending::Open);
    assert_eq!(endings(page), expected);
}

/// Why the browser loaded the page anew.
async fn not_restored(page: &Library) -> String {
    const WHY: &str = "JSON.stringify(performance.getEntriesByType('navigation')[0].notRestoredReasons)";
    page.evaluate(WHY).await.to_string()
}

#[test]
fn what_is_sent_while_the_page_is_left_goes_out_when_it_is_back() {
    library::run(sent_while_left);
}

async fn sent_while_left(page: &mut Library) {
    open_link(page, false).await;
    // The link's own listener was there first, so it is suspended when this one sends.
    page.evaluate("(window.addEventListener('pagehide', () => link.send(link.phase)), 0)").await;
    page.go_elsewhere().await;
    page.go_back().await;
    page.until("it comes back", "link.answers.at(-1) === 'suspended'").await;
    let heard = page.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].messages, [b""; 0]);
    assert_eq!(heard[1].messages, [b"suspended"]);
}

#[test]
fn without_a_network_it_stops_trying_and_with_one_it_tries_at_once() {
    library::run(offline_and_online);
}

#[test]
fn without_a_network_it_stops_trying_and_with_one_it_tries_at_once_in_firefox() {
    library::run_in(Kind::Firefox, offline_and_online);
}

async fn offline_and_online(page: &mut Library) {
    open_link(page, false).await;
    page.server.kill().await;
    page.until("it tries many times", "link.attempts > 3").await;

    page.set_offline(true).await;
    until_phase(page, "offline").await;
    let (attempts, connections) = (page.evaluate("link.attempts").await, page.heard().len());
    sleep(MANY_TRIES).await;
    assert_eq!(page.evaluate("link.attempts").await, attempts);
    assert_eq!(page.heard().len(), connections);

    page.restart_server().await;
    page.set_offline(false).await;
    // Nothing but the browser's event makes it try: it has no timer while it is offline.
    until_phase(page, "open").await;
    assert_eq!(page.heard().len(), connections + 1);
    echo(page, "again").await;
}

#[test]
fn a_hidden_page_waits_until_it_is_seen_if_it_is_to() {
    library::run(hidden_and_seen);
}

#[test]
fn a_hidden_page_waits_until_it_is_seen_if_it_is_to_in_firefox() {
    library::run_in(Kind::Firefox, hidden_and_seen);
}

async fn hidden_and_seen(page: &mut Library) {
    open_link(page, true).await;
    page.hide().await;
    // A connection that stands is kept.
    echo(page, "hidden").await;
    page.cut();
    until_phase(page, "hidden").await;
    sleep(MANY_TRIES).await;
    assert_eq!(page.heard().len(), 1);
    page.show().await;
    until_phase(page, "open").await;
    assert_eq!(page.heard().len(), 2);
}

#[test]
fn a_hidden_page_tries_again_otherwise() {
    library::run(hidden);
}

#[test]
fn a_hidden_page_tries_again_otherwise_in_firefox() {
    library::run_in(Kind::Firefox, hidden);
}

async fn hidden(page: &mut Library) {
    open_link(page, false).await;
    page.hide().await;
    page.cut();
    page.until("it opens again", "link.attempts > 1 && link.phase === 'open'").await;
    page.until("it is still hidden", "document.hidden").await;
}

/// How often a page connects before its heap is first looked at, which also has the browser compile what runs often.
const BEFORE: u32 = 1_000;

/// How often it connects all in all.
fn cycles() -> u32 {
    if env::var_os("WIRESCOPE_FULL").is_some() { 10 * BEFORE } else { 2 * BEFORE }
}

/// How often it connects between two looks of the same time. One look may find what the browser is about to let go of, as
/// the next does not.
const BETWEEN: u32 = 100;

/// How many more looks there are at the end while the heap seems to have grown. A leak grows with each.
const MORE_LOOKS: u32 = 10;

/// What a page holds, at each of some looks.
#[derive(Debug)]
struct Held {
    heap: Vec<Heap>,
    /// Wasm's memory in pages, and the browser's objects that it holds.
    wasm: Value,
}

impl Held {
    /// How much larger the heap has become, at least, as a share of what it was. What a single look finds beside that is up
    /// to a tenth of the heap: over 10,000 cycles less than the smallest object for each.
    fn growth(&self, since: &Self) -> f64 {
        let least = |part: fn(&Heap) -> f64| self.heap.iter().map(part).fold(f64::INFINITY, f64::min);
        let most = |part: fn(&Heap) -> f64| since.heap.iter().map(part).fold(0.0, f64::max);
        let (script, browser) = (|heap: &Heap| heap.script, |heap: &Heap| heap.browser);
        (least(script) + least(browser)) / (most(script) + most(browser)) - 1.0
    }
}

/// Connects so often, by a function of the page, and looks at the heap.
async fn run(page: &Library, function: &str, cycles: u32) -> Heap {
    page.evaluate(&format!("library.{function}({:?}, {cycles})", page.untapped_echo())).await;
    page.heap().await
}

/// Connects so often, and tells what is held early on and at the end.
async fn weigh(page: &Library, function: &str, cycles: u32) -> [Held; 2] {
    page.open().await;
    let look = async |cycles: u32| {
        let mut heap = Vec::new();
        for cycles in [cycles - 2 * BETWEEN, BETWEEN, BETWEEN] {
            heap.push(run(page, function, cycles).await);
        }
        Held { heap, wasm: page.evaluate("[...library.held()]").await }
    };
    [look(BEFORE).await, look(cycles - BEFORE).await]
}

#[test]
fn sockets_that_are_closed_leave_nothing_in_the_page() {
    library::run(async |page| leaves_nothing(page, "connect_echo_close").await);
}

#[test]
fn attempts_that_are_dropped_leave_nothing_in_the_page() {
    library::run(async |page| leaves_nothing(page, "connect_and_drop").await);
}

async fn leaves_nothing(page: &Library, function: &str) {
    let [before, mut after] = weigh(page, function, cycles()).await;
    assert_eq!(before.wasm, after.wasm, "pages of Wasm's memory, and the browser's objects that it holds");
    for _ in 0..MORE_LOOKS {
        if after.growth(&before) < MOST_GROWTH {
            break;
        }
        after.heap.push(run(page, function, BETWEEN).await);
    }
    let growth = after.growth(&before);
    println!("{function}, {} cycles: {:+.2} %: {before:?}, {after:?}", cycles(), 100.0 * growth);
    assert!(growth < MOST_GROWTH, "it grew by {:.2} %", 100.0 * growth);
}

/// The measure itself: what other wrappers do is noticed.
#[test]
fn a_closure_that_is_forgotten_is_noticed_in_the_page() {
    library::run(async |page| {
        let [before, after] = weigh(page, "connect_and_forget", 2 * BEFORE).await;
        assert_ne!(before.wasm, after.wasm);
        assert!(after.growth(&before) > MOST_GROWTH, "{before:?}, {after:?}");
    });
}

/// What a page may do that loads the library and connects nowhere.
const NO_SOCKETS: &str = "connect-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'";

#[test]
fn what_the_pages_policy_forbids_is_blocked_at_once() {
    library::run(async |page| {
        page.open_with_policy(NO_SOCKETS).await;
        let refused = page.evaluate(&format!("library.try_socket({:?})", page.echo())).await;
        let refused = refused.as_str().unwrap_or_default();
        assert!(refused.starts_with("Blocked: ") && refused.contains(&page.echo()), "{refused}");
        // Trying again would not change it.
        let ended = page.evaluate(&format!("library.try_link({:?})", page.echo())).await;
        assert!(ended.as_str().unwrap_or_default().starts_with("Refused(Blocked"), "{ended}");
        page.until(
            "the browser says why",
            "violations.length === 2 && violations.every(v => v === 'connect-src')",
        )
        .await;
        assert_eq!(page.heard(), []);

        page.open().await;
        assert_eq!(page.evaluate(&format!("library.try_socket({:?})", page.echo())).await, "open");
    });
}
