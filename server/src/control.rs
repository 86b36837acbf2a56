//! Reaching into live connections, for test suites that need a trigger: `--control`.
//!
//! `GET /control/connections` lists them. `POST /control/connections/ID/faults?rst` gives one other faults, which begin at
//! once and count from there; `all` stands for every connection, and a trace's ID for those that use it. So it also cuts them (`?rst`, `?fin`), closes them
//! (`?close=1012`), and with an empty query mends them. `POST /control/restart?down=2s` closes the listening socket for so
//! long: new connections are refused meanwhile, and those that are open stay.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ::http::StatusCode;
use axum::{
    Extension, Json, Router,
    extract::{Path, RawQuery, Request},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{any, get, post},
};
use serde_json::{Value, json};

use crate::{
    fault::Plan,
    handshake::Accepted,
    opening,
    query::{Query, QueryError},
    server::Context,
    trace,
    wire::Handle,
};

/// How long the server may be asked not to listen.
const LONGEST_DOWN: Duration = Duration::from_secs(600);

/// The connections that can be reached into.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// How many there ever were; their numbers begin with 1.
    count: u64,
    open: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    peer: SocketAddr,
    path: String,
    faults: Arc<Plan>,
    /// The ID of the trace that records it, which only its client knows.
    trace: Option<String>,
    opened: Instant,
    handle: Handle,
}

/// Which connections a request is about.
#[derive(Debug)]
enum Which {
    All,
    Number(u64),
    Trace(String),
}

impl Which {
    fn parse(text: String) -> Option<Self> {
        match text.parse() {
            Ok(number) => Some(Self::Number(number)),
            Err(_) if text == "all" => Some(Self::All),
            Err(_) => trace::is_id(&text).then_some(Self::Trace(text)),
        }
    }
}

/// Keeps a connection in the list until it is dropped.
pub(crate) struct Listed<'a> {
    live: &'a Live,
    number: u64,
}

impl Live {
    /// Lists a connection.
    pub(crate) fn enter(&self, peer: SocketAddr, accepted: &Accepted, handle: Handle) -> Listed<'_> {
        let mut entries = self.entries();
        entries.count += 1;
        let number = entries.count;
        let entry = Entry {
            peer,
            path: accepted.path.clone(),
            faults: Arc::clone(&accepted.plan),
            trace: accepted.tracer.as_ref().map(|tracer| tracer.id().to_owned()),
            opened: Instant::now(),
            handle,
        };
        entries.open.insert(number, entry);
        Listed { live: self, number }
    }

    fn list(&self) -> Vec<Value> {
        self.entries().open.iter().map(|(number, entry)| entry.to_json(*number)).collect()
    }

    /// Changes the faults of the chosen connections. How many heard of it.
    fn change(&self, which: &Which, plan: &Arc<Plan>) -> usize {
        let mut entries = self.entries();
        let chosen = entries.open.iter_mut().filter(|(number, entry)| match which {
            Which::All => true,
            Which::Number(which) => which == *number,
            Which::Trace(id) => entry.trace.as_ref() == Some(id),
        });
        chosen
            .filter_map(|(_, entry)| entry.handle.change(plan).then(|| entry.faults = Arc::clone(plan)))
            .count()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.live.entries().open.remove(&self.number);
    }
}

impl Entry {
    fn to_json(&self, number: u64) -> Value {
        let mut value = self.handle.verdict().to_json();
        value["connection"] = json!(number);
        value["peer"] = json!(self.peer.to_string());
        value["path"] = json!(self.path);
        value["plan"] = json!(self.faults.to_string());
        value["lived_ms"] = json!(u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX));
        value
    }
}

/// The paths below `/control`.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/control/connections", get(connections))
        .route("/control/connections/{which}/faults", post(faults))
        .route("/control/restart", post(restart))
        .route("/control/{*below}", any(nothing))
        .layer(middleware::from_fn(allowed))
}

async fn connections(Extension(context): Extension<Arc<Context>>) -> Response {
    Json(context.live.list()).into_response()
}

async fn faults(
    Path(which): Path<String>,
    RawQuery(query): RawQuery,
    Extension(context): Extension<Arc<Context>>,
) -> Response {
    let plan = match plan(query.as_deref().unwrap_or_default()) {
        Ok(plan) => Arc::new(plan),
        Err(error) => return said(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let Some(which) = Which::parse(which) else {
        let text = "a connection is its number in the list, the ID of its trace, or all";
        return said(StatusCode::BAD_REQUEST, text);
    };
    match (context.live.change(&which, &plan), which) {
        (0, Which::Number(number)) => said(StatusCode::NOT_FOUND, format!("there is no connection {number}")),
        (0, Which::Trace(_)) => said(StatusCode::NOT_FOUND, "there is no connection with this trace"),
        (count, _) => Json(json!({ "changed": count, "plan": plan.to_string() })).into_response(),
    }
}

async fn restart(RawQuery(query): RawQuery, Extension(context): Extension<Arc<Context>>) -> Response {
    let down = match down(query.as_deref().unwrap_or_default()) {
        Ok(down) => down,
        Err(error) => return said(StatusCode::BAD_REQUEST, error.to_string()),
    };
    // In a task of its own: who asked may not wait for the answer, and the server must not stay closed for it.
    let listener = Arc::clone(&context.listener);
    match tokio::spawn(async move { listener.restart(down).await }).await {
        Ok(Ok(())) => Json(json!({ "restarted": true })).into_response(),
        Ok(Err(error)) => said(StatusCode::CONFLICT, format!("not restarted: {error}")),
        Err(error) => said(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

fn down(query: &str) -> Result<Duration, QueryError> {
    let mut query = Query::parse(query)?;
    let down = query.take_within("down", Duration::ZERO..=LONGEST_DOWN, "a time up to 10m, such as 2s")?;
    query.finish(|| vec!["down"])?;
    Ok(down.unwrap_or_default())
}

async fn nothing() -> Response {
    let text = "there is: GET /control/connections, POST /control/connections/ID/faults?FAULTS with all for ID, and POST \
                /control/restart?down=TIME";
    said(StatusCode::NOT_FOUND, text)
}

fn plan(query: &str) -> Result<Plan, QueryError> {
    let mut query = Query::parse(query)?;
    let plan = Plan::take(&mut query)?;
    query.finish(|| Plan::keys().collect())?;
    if plan.bends_the_handshake() {
        return Err(QueryError::unfit("of the opening handshake", "comes too late for a live connection"));
    }
    Ok(plan)
}

async fn allowed(Extension(context): Extension<Arc<Context>>, request: Request, next: Next) -> Response {
    if context.config.control {
        next.run(request).await
    } else {
        said(StatusCode::FORBIDDEN, "this server is not controlled: start it with --control")
    }
}

fn said(status: StatusCode, text: impl Into<String>) -> Response {
    opening::text(status, text).into_response()
}
