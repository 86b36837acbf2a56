//! `/trace/ID`: what the server saw of the connections that were opened with `?trace=ID`, an event a message.

use std::convert::Infallible;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{About, Scenario};
use crate::{
    connection::{Connection, Ending, Message},
    query::QueryError,
    trace,
};

pub(super) const ABOUT: About = About {
    path: "/trace/",
    text: "what the server saw of the connections that were opened with ?trace=ID, live; /trace/ID.ndjson has it whole",
    parameters: &[],
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
