//! A live feed in a Worker: the connection, its retries and its parsing stay off the page's thread, which gets each update
//! by `postMessage`, and hears when updates may have been missed.
//!
//! The page: `new Worker("feed_worker.js", { type: "module" }).onmessage = ({ data }) => …`

use std::time::Duration;

use futures_util::{StreamExt as _, stream::select};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::DedicatedWorkerGlobalScope;
use wirescope::{
    link::{Heartbeat, Link, Phase},
    socket::{InboundLimits, Message, Overflow},
};

/// What the page is told.
enum News {
    Update(Message),
    MissedSome,
}

fn main() {
    wasm_bindgen_futures::spawn_local(async {
        let page: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
        // Of a feed only the newest matters: a page that is behind loses old updates, and they are counted.
        let newest = InboundLimits::default().messages(1_000).overflow(Overflow::DropOldest);
        let heartbeat = Heartbeat::new(
            Duration::from_secs(20),
            Duration::from_secs(10),
            || Message::from("ping"),
            |message| *message == Message::from("ping"),
        );
        let options = Link::to("ws://127.0.0.1:8080/echo").inbound(newest).heartbeat(heartbeat);
        let link = options.open().expect("the URL is valid");
        link.send("subscribe").expect("nothing else waits");

        let lost = link.phases().filter(|phase| std::future::ready(matches!(phase, Phase::Waiting { .. })));
        let mut news = select(link.map(News::Update), lost.map(|_| News::MissedSome));
        while let Some(news) = news.next().await {
            let told = match news {
                News::Update(Message::Text(text)) => JsValue::from_str(&text),
                News::Update(Message::Binary(bytes)) => js_sys::Uint8Array::from(bytes.as_slice()).into(),
                News::MissedSome => JsValue::NULL,
            };
            page.post_message(&told).expect("strings and bytes can be posted");
        }
    });
}
