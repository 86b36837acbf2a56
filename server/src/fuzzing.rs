//! What the fuzz targets in `fuzz/` call: each takes any bytes and must come back.

use std::{io::Cursor, sync::Arc};

use bytes::BytesMut;
use tokio::{io::join, runtime};

use crate::{
    Config, connection, fault::Plan, handshake, opening, query::Query, scenario::About, server::Context,
    shutdown::Shutdown, stream::Arrival, wire,
};

/// A query is read or refused, by every scenario and by the faults.
pub fn query(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(query) = Query::parse(&text) else { return };
    for about in crate::scenario::ALL {
        let mut query = query.clone();
        if about.open(about.path, &mut query).is_ok()
            && let Ok(plan) = Plan::take(&mut query)
        {
            let _ = plan.made().count();
            let _ = (plan.to_string(), query.finish(Vec::new));
        }
    }
    let _ = About::find(&text);
}

/// A connection's first bytes are told for what they are, and an opening request is answered or refused.
pub fn handshake(bytes: &[u8]) {
    let mut read = BytesMut::from(bytes);
    let near = ([127, 0, 0, 1], 1).into();
    let arrival = Arrival { peer: near, local: near, tls: false };
    let opening = opening::classify(&mut read, arrival, tokio::time::Instant::now());
    if let Some(opening::Opening::WebSocket { request, .. }) = opening {
        let context = Context::new(Config::default(), Shutdown::default()).expect("the defaults");
        match handshake::check(&request, &context) {
            Ok(accepted) => drop(accepted.response()),
            Err(rejection) => drop(rejection.response()),
        }
    }
}

/// A stream of frames is echoed or refused. The first byte says which faults bend it.
pub fn frames(bytes: &[u8]) {
    const QUERIES: [&str; 4] = [
        "",
        "drop=10%&duplicate=10%&reorder=10%&corrupt=10%&truncate=10%&fragment=3&dir=both",
        "inject=rsv1&every=2&no-pong&no-close-reply&raw=10%",
        "close=1000&after=2&dir=in&chunk=1",
    ];
    let Some((first, frames)) = bytes.split_first() else { return };
    let query = QUERIES[usize::from(*first) % QUERIES.len()];
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without I/O");
    runtime.block_on(async {
        let mut config = Config::default();
        config.max_message = 64 * 1024;
        let context = Arc::new(Context::new(config, Shutdown::default()).expect("the defaults"));
        let request = ::http::Request::get(format!("/echo?{query}"))
            .header("Host", "127.0.0.1")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        let request = request.body(()).expect("a request");
        let Ok(accepted) = handshake::check(&request, &context) else { panic!("{query} is refused") };
        let peer = ([127, 0, 0, 1], 1).into();
        let stream = join(Cursor::new(frames.to_vec()), tokio::io::sink());
        if query.is_empty() {
            connection::talk(stream, Vec::new(), peer, &accepted, &context).await;
        } else {
            wire::fuzz(stream, peer, &accepted, &context).await;
        }
    });
}
