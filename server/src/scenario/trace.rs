//! `/trace/ID`: what the server saw of the connections that were opened with `?trace=ID`, an event a message.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Extension, Router,
    body::Body,
    extract::Path,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{About, Scenario, State};
use crate::{
    connection::{Connection, Ending, Message},
    handshake, opening,
    query::QueryError,
    server::Context,
    trace,
};

pub(super) const ABOUT: About = About {
    path: "/trace/",
    text: "what the server saw of the connections opened with `?trace=ID`, live; `ID.ndjson` is all of it",
    parameters: &[],
    any_parameter: false,
    http: Some(http),
    parse: |path, _| {
        let id = path.trim_start_matches("/trace").trim_start_matches('/');
        if trace::is_id(id) {
            Ok(Scenario::Trace(id.to_owned()))
        } else {
            Err(QueryError::invalid("trace", id, trace::ID_ALLOWED))
        }
    },
};

pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    id: &str,
) -> Result<Infallible, Ending> {
    let trace = connection.context().traces.get(id);
    let mut number = 0;
    loop {
        tokio::select! {
            // What a watcher says is read, since its Close frame may be among it, and means nothing.
            said = connection.recv() => drop(said?),
            (event, next) = trace.next(number) => {
                number = next;
                connection.send(Message::Text((*event).into())).await?;
            }
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
