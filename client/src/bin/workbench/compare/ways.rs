//! The four readers of one feed.

use futures_util::{
    StreamExt as _,
    future::{AbortHandle, abortable},
};
use js_sys::{Date, Math};
use wasm_bindgen::{JsCast as _, closure::Closure};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, EventSource, MessageEvent, RequestInit, Response};
use wirescope::socket::{Message, Socket};

use super::figures::{Bill, POLLING, WEBSOCKET, Way};
use crate::{alarm::pause, app, dom, json, net};

const EVENTS: usize = 1;
const LONG_POLLING: usize = 2;

/// What a comparison is of.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// The server's address, as `http://host:port`.
    pub(super) base: String,
    /// Updates a second.
    pub(super) rate: String,
    /// Milliseconds between two polls.
    pub(super) poll: i32,
}

impl Question {
    fn url(&self, more: &str) -> String {
        format!("{}/feed/prices?rate={}{more}", self.base, self.rate)
    }
}

/// A stream of events, and what hears them.
type Events = (EventSource, Closure<dyn Fn(MessageEvent)>);

/// The readers at work. Dropping it ends them.
pub(super) struct Readers {
    tasks: Vec<AbortHandle>,
    events: Option<Events>,
    requests: AbortController,
}

impl Drop for Readers {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        if let Some((events, _)) = &self.events {
            events.set_onmessage(None);
            events.close();
        }
        self.requests.abort();
    }
}

impl Readers {
    pub(super) fn start(question: &Question) -> Self {
        let requests = AbortController::new().expect("a browser can end requests");
        let mut readers = Self { tasks: Vec::new(), events: None, requests };
        readers.run(websocket(question.url("")));
        readers.events = events(&question.url(""));
        let init = readers.init();
        readers.run(polls(LONG_POLLING, question.url("&wait=30s"), 0, init));
        let init = readers.init();
        readers.run(polls(POLLING, question.url(""), question.poll, init));
        readers
    }

    fn init(&self) -> RequestInit {
        let init = RequestInit::new();
        init.set_signal(Some(&self.requests.signal()));
        init
    }

    fn run(&mut self, task: impl Future<Output = ()> + 'static) {
        let (task, handle) = abortable(task);
        self.tasks.push(handle);
        spawn_local(async move {
            let _ = task.await;
        });
    }
}

async fn websocket(url: String) {
    let Ok(mut socket) = Socket::connect(url).await else { return fail(WEBSOCKET, "it did not open") };
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(update) = message {
            take(WEBSOCKET, &update);
        }
    }
    fail(WEBSOCKET, "the connection ended");
}

fn events(url: &str) -> Option<Events> {
    let Ok(events) = EventSource::new(url) else {
        fail(EVENTS, "the browser refused to open it");
        return None;
    };
    let listener = Closure::<dyn Fn(MessageEvent)>::new(|event: MessageEvent| {
        take(EVENTS, &event.data().as_string().unwrap_or_default());
    });
    events.set_onmessage(Some(listener.as_ref().unchecked_ref()));
    Some((events, listener))
}

/// Asks again and again: at once, or a while after the request before. That is a quarter more or less by chance, or else
/// what is polled by the second would always be met in the same part of its second.
async fn polls(way: usize, url: String, every: i32, init: RequestInit) {
    let mut after = None;
    loop {
        #[expect(clippy::cast_possible_truncation, reason = "it is a few seconds")]
        let every = (f64::from(every) * (0.75 + Math::random() / 2.0)) as i32;
        let began = Date::now();
        let next = after.map_or(url.clone(), |after: u64| format!("{url}&after={after}"));
        let Some(answer) = get(&next, &init).await else { return fail(way, "a request failed") };
        let updates = json::elements(json::member(&answer, "updates").unwrap_or_default());
        if updates.is_empty() {
            with(way, |way| way.in_vain += 1);
        }
        for update in updates {
            take(way, update);
        }
        after = json::number(&answer, "latest");
        #[expect(clippy::cast_possible_truncation, reason = "it is less than a minute")]
        let left = every - (Date::now() - began) as i32;
        if every > 0 && left > 0 {
            pause(left).await;
        }
    }
}

/// What the server says that each way cost since it began; `None` if it is not this project's.
pub(super) async fn bills(base: &str) -> Option<[Bill; 4]> {
    let (_, statement) = net::ask("GET", &format!("{base}/feed/prices/cost")).await?;
    let bill = |name: &str| {
        let line = json::member(&statement, name)?;
        Some(Bill {
            requests: json::number(line, "requests")?,
            updates: json::number(line, "updates")?,
            bytes_in: json::number(line, "bytes_in")?,
            bytes_out: json::number(line, "bytes_out")?,
            // As with milliseconds, a thousand times as many.
            cpu: json::micros(line, "cpu_us"),
        })
    };
    Some([bill("websocket")?, bill("events")?, bill("long_polling")?, bill("polling")?])
}

/// The text of an answer that says 200.
async fn get(url: &str, init: &RequestInit) -> Option<String> {
    let answer = JsFuture::from(dom::window().fetch_with_str_and_init(url, init)).await.ok()?;
    let answer: Response = answer.dyn_into().ok()?;
    if !answer.ok() {
        return None;
    }
    JsFuture::from(answer.text().ok()?).await.ok()?.as_string()
}

/// An update arrived.
fn take(way: usize, update: &str) {
    let Some(made) = json::number(update, "time") else { return };
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "it saturates")]
    let age = (Date::now() - made as f64) as i32;
    with(way, |way| {
        way.updates += 1;
        way.ages.push(age);
    });
}

fn fail(way: usize, why: &'static str) {
    with(way, |way| way.trouble = Some(why));
}

fn with(way: usize, change: impl FnOnce(&mut Way)) {
    app::with(|app| app.compare.change(way, change));
}
