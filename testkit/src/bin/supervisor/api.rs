//! The interface that tests reach with `fetch`: plain text, mostly of one line.
//!
//! | request | what it does | answer |
//! | --- | --- | --- |
//! | `POST /servers` | starts a server | `NUMBER HOST:PORT` |
//! | `POST /servers/NUMBER/kill` | ends it with SIGKILL | `signal 9` |
//! | `POST /servers/NUMBER/stop` | ends it with SIGTERM and waits | `exit 0` |
//! | `POST /servers/NUMBER/restart` | starts it again on the same port | `HOST:PORT` |
//! | `POST /servers/NUMBER/tap` | puts a [tap](wirescope_testkit::tap) in front of it | `HOST:PORT` of the tap |
//! | `GET /servers/NUMBER/heard` | | what the tap heard, a line for each connection: how it ended, a colon, its messages, each after a space |
//! | `GET /peer` | | `HOST:PORT` of the [misbehaving peer](crate::peer) |
//! | `GET /refusing` | | `HOST:PORT` of a port that refuses connections |
//! | `GET /reports/NAME` | waits for a connection to the peer to end | how it ended |
//! | `GET /reports/NAME-begun` | waits for a connection to the peer to hang | `hangs` |
//! | `GET /reports/NAME-stalled` | waits for the client to stop the peer's feed | how many messages were taken |
//!
//! What fails is a 500 with the reason as its text. A page may read the answers if its origin is on loopback.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderValue, Method, StatusCode, Uri, request::Parts},
    routing::{get, post},
};
use tower_http::cors::{AllowOrigin, CorsLayer};
use wirescope_testkit::tap::Connection;

use crate::{reports::Reports, servers::Servers};

/// What the interface acts on.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) servers: Arc<Servers>,
    pub(crate) reports: Arc<Reports>,
    pub(crate) peer: SocketAddr,
    pub(crate) refusing: SocketAddr,
}

type Answer = Result<String, (StatusCode, String)>;

pub(crate) fn router(context: Context) -> Router {
    let origins = AllowOrigin::predicate(|origin: &HeaderValue, _: &Parts| is_loopback(origin));
    Router::new()
        .route("/servers", post(start))
        .route("/servers/{number}/kill", post(kill))
        .route("/servers/{number}/stop", post(stop))
        .route("/servers/{number}/restart", post(restart))
        .route("/servers/{number}/tap", post(tap))
        .route("/servers/{number}/heard", get(heard))
        .route("/peer", get(|State(context): State<Context>| async move { context.peer.to_string() }))
        .route("/refusing", get(|State(context): State<Context>| async move { context.refusing.to_string() }))
        .route("/reports/{name}", get(report))
        .layer(CorsLayer::new().allow_methods([Method::GET, Method::POST]).allow_origin(origins))
        .with_state(context)
}

async fn start(State(context): State<Context>) -> Answer {
    let (number, address) = context.servers.start().await.map_err(failed)?;
    Ok(format!("{number} {address}"))
}

async fn kill(State(context): State<Context>, Path(number): Path<u32>) -> Answer {
    context.servers.kill(number).await.map_err(failed)
}

async fn stop(State(context): State<Context>, Path(number): Path<u32>) -> Answer {
    context.servers.stop(number).await.map_err(failed)
}

async fn restart(State(context): State<Context>, Path(number): Path<u32>) -> Answer {
    context.servers.restart(number).await.map(|address| address.to_string()).map_err(failed)
}

async fn tap(State(context): State<Context>, Path(number): Path<u32>) -> Answer {
    context.servers.tap(number).await.map(|address| address.to_string()).map_err(failed)
}

async fn heard(State(context): State<Context>, Path(number): Path<u32>) -> Answer {
    let connections = context.servers.heard(number).await.map_err(failed)?;
    let line = |connection: &Connection| {
        let messages = connection.messages.iter().map(|message| String::from_utf8_lossy(message));
        let messages: String = messages.flat_map(|message| [" ".into(), message]).collect();
        format!("{}:{messages}\n", connection.ending)
    };
    Ok(connections.iter().map(line).collect())
}

async fn report(State(context): State<Context>, Path(name): Path<String>) -> Answer {
    context.reports.wait_for(&name).await.map_err(failed)
}

fn failed(reason: String) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, reason)
}

fn is_loopback(origin: &HeaderValue) -> bool {
    let host = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let host = host.as_ref().and_then(Uri::host);
    matches!(host, Some("127.0.0.1" | "localhost" | "[::1]"))
}
