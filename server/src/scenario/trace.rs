//! `/trace/ID`: what the server saw of the connections that were opened with `?trace=ID`, an event a message, or what came
//! at about the same time in one.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    extract::Path,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{StatusCode, header};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until},
};

use super::{About, Scenario, State};
use crate::{
    connection::{Connection, Ending, Message},
    handshake, opening,
    query::QueryError,
    server::Context,
    trace::{self, Trace},
};

/// How long events are gathered for the next message, after one was sent.
const GATHERED: Duration = Duration::from_millis(30);
/// How much of them is in one message, beyond which they are not gathered but sent.
const MOST: usize = 64 * 1024;

/// Which trace is watched, and how.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    id: String,
    /// Whether a message may have several events.
    batch: bool,
}

pub(super) const ABOUT: About = About {
    path: "/trace/",
    text: "what the server saw of the connections opened with `?trace=ID`, live; `ID.ndjson` is all of it",
    parameters: &[(
        "batch",
        "several events a message, one a line, for a watcher that a message each is too much for",
    )],
    any_parameter: false,
    http: Some(http),
    parse: |path, query| {
        let id = path.trim_start_matches("/trace").trim_start_matches('/');
        if trace::is_id(id) {
            Ok(Scenario::Trace(Watch { id: id.to_owned(), batch: query.take_flag("batch")? }))
        } else {
            Err(QueryError::invalid("trace", id, trace::ID_ALLOWED))
        }
    },
};

impl Watch {
    pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
    ) -> Result<Infallible, Ending> {
        let trace = connection.context().traces.get(&self.id);
        let (mut number, mut due) = (0, Instant::now());
        loop {
            tokio::select! {
                // What a watcher says is read, since its Close frame may be among it, and means nothing.
                said = connection.recv() => drop(said?),
                (events, next) = self.next(&trace, number, due) => {
                    number = next;
                    // A message that is full has others behind it.
                    due = Instant::now() + if events.len() < MOST / 2 { GATHERED } else { Duration::ZERO };
                    connection.send(Message::Text(events.into())).await?;
                }
            }
        }
    }

    async fn next(&self, trace: &Trace, number: u64, due: Instant) -> (String, u64) {
        if self.batch {
            sleep_until(due).await;
            trace.next_lines(number, MOST).await
        } else {
            let (event, next) = trace.next(number).await;
            ((*event).to_owned(), next)
        }
    }
}

fn http(_: &Arc<State>) -> Router {
    Router::new().route("/trace/{name}", get(whole))
}

/// All that is kept of a trace, an event a line.
async fn whole(Path(name): Path<String>, Extension(context): Extension<Arc<Context>>) -> Response {
    let Some(id) = name.strip_suffix(".ndjson") else {
        return handshake::upgrade_required("/trace/ID").response().map(Body::from);
    };
    if !trace::is_id(id) {
        let why = format!("a trace's ID is {}", trace::ID_ALLOWED);
        return opening::text(StatusCode::BAD_REQUEST, why).into_response();
    }
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")];
    match context.traces.find(id) {
        Some(trace) => (kind, trace.ndjson()).into_response(),
        None => opening::text(
            StatusCode::NOT_FOUND,
            "there is no trace of this ID: nothing has used it, or long ago",
        )
        .into_response(),
    }
}
