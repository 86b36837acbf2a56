//! What the page costs: the first view, a flood, a million rows, and memory.

mod driven;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use axum::{Router, extract::Path as UrlPath, routing::get};
use serde_json::{Value, json};
use tokio::time;

use self::driven::Driven;
use crate::files::{self, file};

/// What is measured.
#[derive(Debug)]
pub struct Options {
    /// How many messages the flood has.
    pub messages: u64,
    /// How many rows are scrolled and filtered.
    pub rows: u64,
    /// How often the page and those it is compared with are loaded and flooded.
    pub rounds: usize,
    /// How long the memory is watched, in minutes.
    pub minutes: u64,
    /// Where everything measured goes.
    pub json: PathBuf,
}

/// How many messages the pages are compared by. The page of divs lays out all of them for each: 20,000 take it minutes.
const COMPARED: u64 = 4_000;

/// The size of a message of the flood.
const SIZE: u64 = 64;

/// Messages that come to more than the log keeps, which is 256 MiB.
const LARGE: u64 = 16 * 1024;
const MANY_LARGE: u64 = 20_000;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Measures all of it, prints a table, and keeps the figures.
pub async fn page(options: &Options) {
    let mut measured = json!({});
    let load = first_view(options.rounds).await;
    println!("first view, {} loads, each with a fresh profile", options.rounds);
    println!("  files {}, gzip bytes on the wire {}", load["files"], load["bytes"]);
    println!(
        "  ready after the last byte: median {} ms, worst {} ms",
        load["ready_ms"], load["ready_worst_ms"]
    );
    println!(
        "  the first click has its effect after: median {} ms, worst {} ms\n",
        load["first_click_ms"], load["first_click_worst_ms"]
    );
    measured["first_view"] = load;

    let compared = compared(options.rounds).await;
    println!("{COMPARED} messages of {SIZE} bytes as fast as they come, {} rounds, medians", options.rounds);
    println!(
        "  {:<28} {:>12} {:>14} {:>16} {:>12}",
        "", "messages/s", "CPU µs each", "longest task ms", "heap MiB"
    );
    for row in compared.as_array().into_iter().flatten() {
        println!(
            "  {:<28} {:>12} {:>14} {:>16} {:>12}",
            row["name"].as_str().unwrap_or_default(),
            row["rate"].to_string(),
            row["cpu_us"].to_string(),
            row["longest_ms"].to_string(),
            row["heap_mib"].to_string(),
        );
    }
    println!();
    measured["compared"] = compared;

    let flood = flood(options.messages).await;
    println!("a flood of {} messages of {SIZE} bytes", options.messages);
    print_object(&flood);
    measured["flood"] = flood;

    let rows = rows(options.rows).await;
    println!("{} rows", options.rows);
    print_object(&rows);
    measured["rows"] = rows;

    if options.minutes > 0 {
        let memory = memory(options.minutes).await;
        println!("memory under a steady 1,000 messages of 8 KiB a second");
        print_object(&memory);
        measured["memory"] = memory;
    }
    let text = format!("{measured:#}\n");
    fs::write(&options.json, text).unwrap_or_else(|error| panic!("{}: {error}", options.json.display()));
    println!("everything measured: {}", options.json.display());
}

fn print_object(object: &Value) {
    for (name, value) in object.as_object().into_iter().flatten() {
        println!("  {:<44} {value}", name.replace('_', " "));
    }
    println!();
}

/// What the first view loads, how long after the last byte it can be used, and how long the first click takes to have its
/// effect: it loads the second part of the program.
async fn first_view(rounds: usize) -> Value {
    let (mut ready, mut clicks, mut last) = (Vec::new(), Vec::new(), Value::Null);
    for _ in 0..rounds {
        let page = Driven::start().await;
        page.open_first().await;
        last = page
            .evaluate(
                "(() => {
                    const files = [...performance.getEntriesByType('navigation'),
                        ...performance.getEntriesByType('resource').filter(e => /\\.(css|js|wasm)$/.test(e.name)
                            && !/sw\\.js$/.test(e.name))];
                    const end = Math.max(...files.map(file => file.responseEnd));
                    const ready = performance.getEntriesByName('ready')[0].startTime;
                    return { files: files.length, bytes: files.reduce((sum, file) => sum + file.encodedBodySize, 0),
                        ready: ready - end };
                })()",
            )
            .await;
        ready.push(last["ready"].as_f64().unwrap_or(f64::NAN));
        let click = page
            .evaluate(
                "new Promise(resolve => {
                    const start = performance.now();
                    document.getElementById('tab-measure').click();
                    const look = () => document.getElementById('view-measure')?.checkVisibility()
                        ? resolve(performance.now() - start)
                        : requestAnimationFrame(look);
                    look();
                })",
            )
            .await;
        clicks.push(click.as_f64().unwrap_or(f64::NAN));
        page.close().await;
    }
    ready.sort_by(f64::total_cmp);
    clicks.sort_by(f64::total_cmp);
    json!({
        "files": last["files"],
        "bytes": last["bytes"],
        "ready_ms": tenths(ready[ready.len() / 2]),
        "ready_worst_ms": tenths(ready[ready.len() - 1]),
        "first_click_ms": tenths(clicks[clicks.len() / 2]),
        "first_click_worst_ms": tenths(clicks[clicks.len() - 1]),
    })
}

/// The page beside one that appends a div for each message, and one that shows the newest line only.
async fn compared(rounds: usize) -> Value {
    let site = pages().await;
    let names = ["the workbench", "a div for each message", "the newest line, once a frame"];
    let mut samples = vec![Vec::new(); names.len()];
    for round in 0..rounds {
        for place in 0..names.len() {
            // From round to round another is first.
            let which = (place + round) % names.len();
            let page = Driven::start().await;
            let address = page.page.server.address();
            let source = format!("ws://{address}/source?kind=text&size={SIZE}&count={COMPARED}");
            match which {
                0 => page.open_home().await,
                1 => page.open(&format!("{site}/divs.html")).await,
                _ => page.open(&format!("{site}/floor.html")).await,
            }
            let (cpu, since) = (page.thread_time().await, Instant::now());
            let received = if which == 0 {
                page.flood(&source, COMPARED + 1).await
            } else {
                page.evaluate(&format!("run({source:?})")).await.as_u64().unwrap_or_default()
            };
            assert_eq!(received, COMPARED + 1, "{} lost messages", names[which]);
            let took = since.elapsed().as_secs_f64();
            let cpu = page.thread_time().await - cpu;
            #[expect(clippy::cast_precision_loss, reason = "some thousands")]
            let count = COMPARED as f64;
            samples[which].push([
                count / took,
                cpu * 1e6 / count,
                page.longest_task().await,
                page.heap().await,
            ]);
            page.close().await;
        }
    }
    let rows = names.iter().zip(samples).map(|(name, samples)| {
        let median = |index: usize| {
            let mut values: Vec<f64> = samples.iter().map(|sample: &[f64; 4]| sample[index]).collect();
            values.sort_by(f64::total_cmp);
            tenths(values[values.len() / 2])
        };
        json!({ "name": name, "rate": median(0), "cpu_us": median(1), "longest_ms": median(2), "heap_mib": median(3) })
    });
    Value::Array(rows.collect())
}

/// As many messages as fast as the browser delivers them; and the same to the page that does as little as a page can,
/// whose long tasks are the browser's own and the machine's.
async fn flood(messages: u64) -> Value {
    let mut found = json!({});
    let site = pages().await;
    for (name, is_floor) in [("", false), ("the_newest_line_only_", true)] {
        let page = Driven::start().await;
        let source =
            format!("ws://{}/source?kind=text&size={SIZE}&count={messages}", page.page.server.address());
        if is_floor {
            page.open(&format!("{site}/floor.html")).await;
        } else {
            page.open_home().await;
        }
        page.forget_tasks().await;
        let (since, cpu, busy) = (Instant::now(), page.thread_time().await, page.task_time().await);
        let received = if is_floor {
            page.evaluate(&format!("run({source:?})")).await.as_u64().unwrap_or_default()
        } else {
            page.flood(&source, messages + 1).await
        };
        let took = since.elapsed().as_secs_f64();
        let (cpu, busy) = (page.thread_time().await - cpu, page.task_time().await - busy);
        #[expect(clippy::cast_precision_loss, reason = "some millions")]
        let rate = received.saturating_sub(1) as f64 / took;
        for (what, value) in [
            ("seconds", json!(tenths(took))),
            ("messages_a_second", json!(tenths(rate))),
            ("missing_from_the_counter", json!((messages + 1).saturating_sub(received))),
            ("tasks_over_50_ms", json!(page.long_tasks().await)),
            ("longest_task_ms", json!(tenths(page.longest_task().await))),
            ("seconds_in_tasks", json!(tenths(busy))),
            ("seconds_of_them_on_a_cpu", json!(tenths(cpu))),
            ("wasm_mib", json!(tenths(page.wasm().await))),
            ("heap_mib", json!(tenths(page.heap().await))),
        ] {
            found[format!("{name}{what}")] = value;
        }
        page.close().await;
    }
    found
}

/// The pages that the workbench is compared with.
async fn pages() -> String {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
    let file = async move |UrlPath(name): UrlPath<String>| file(&pages, &name);
    files::serve(Router::new().route("/{name}", get(file))).await
}

/// A million rows: scrolled, and filtered by a regular expression.
async fn rows(rows: u64) -> Value {
    let page = Driven::start().await;
    page.open_home().await;
    let source = format!("ws://{}/source?kind=text&size={SIZE}&count={rows}", page.page.server.address());
    page.flood(&source, rows + 1).await;
    page.forget_tasks().await;
    let scrolled = page
        .evaluate(
            "(async () => {
                const screen = document.getElementById('screen');
                const frame = () => new Promise(requestAnimationFrame);
                const times = [];
                for (let step = 0; step <= 200; step += 1) {
                    const since = performance.now();
                    screen.scrollTop = (screen.scrollHeight - screen.clientHeight) * step / 200;
                    await frame();
                    await frame();
                    times.push((performance.now() - since) / 2);
                }
                times.sort((a, b) => a - b);
                return { p50: times[100], worst: times[200] };
            })()",
        )
        .await;
    let (scroll_tasks, longest_scroll) = (page.long_tasks().await, page.longest_task().await);
    page.forget_tasks().await;
    let filtered = page.filter("9{3}[0-4]").await;
    let mut found = json!({
        "scroll_frame_p50_ms": tenths(scrolled["p50"].as_f64().unwrap_or(f64::NAN)),
        "scroll_frame_worst_ms": tenths(scrolled["worst"].as_f64().unwrap_or(f64::NAN)),
        "scroll_tasks_over_50_ms": scroll_tasks,
        "scroll_longest_task_ms": tenths(longest_scroll),
        "filter_first_hits_ms": tenths(filtered.first_hits),
        "filter_all_ms": tenths(filtered.all),
        "filter_hits": filtered.hits,
        "filter_tasks_over_50_ms": page.long_tasks().await,
        "filter_longest_task_ms": tenths(page.longest_task().await),
        "log_bytes": page.text("#log-kept").await,
        "wasm_mib": tenths(page.wasm().await),
        "heap_mib": tenths(page.heap().await),
    });
    // More than the log may keep, so that all of these go.
    page.forget_tasks().await;
    let source = format!("ws://{}/source?size={LARGE}&count={MANY_LARGE}", page.page.server.address());
    page.flood(&source, rows + 1 + MANY_LARGE + 1).await;
    found["then_beyond_the_bound_evicted"] = page.text("#evicted").await.into();
    found["then_beyond_the_bound_log_bytes"] = page.text("#log-kept").await.into();
    found["then_beyond_the_bound_tasks_over_50_ms"] = page.long_tasks().await.into();
    found["then_beyond_the_bound_longest_task_ms"] = tenths(page.longest_task().await).into();
    found["then_beyond_the_bound_wasm_mib"] = tenths(page.wasm().await).into();
    page.close().await;
    found
}

/// Memory from the first minute on, under a stream that fills the log's bound before.
async fn memory(minutes: u64) -> Value {
    let page = Driven::start().await;
    page.open_home().await;
    let address = page.page.server.address();
    page.connect(&format!("ws://{address}/source?kind=text&size=8KiB&rate=1000")).await;
    let mut found = json!({});
    for minute in 1..=minutes {
        time::sleep(Duration::from_secs(60)).await;
        found[format!("minute_{minute}")] =
            json!({ "wasm_mib": tenths(page.wasm().await), "heap_mib": tenths(page.heap().await) });
    }
    page.close().await;
    found
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
