//! What the server does on a path: one scenario, one file.
//!
//! A scenario receives and sends messages. It knows nothing of opening handshakes, frames, faults or endings.

mod chat;
mod echo;
mod feed;
mod inspect;
mod numbered;
mod pace;
mod reply;
mod sink;
mod source;
mod trace;

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    response::{IntoResponse as _, Response},
};
use http::{Request, header};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    connection::{Connection, Ending},
    query::{Query, QueryError},
    script::Play,
    shutdown::Shutdown,
};

pub(crate) use feed::cost::{Meter, Metered};

/// What there is to know of a scenario before it runs.
pub(crate) struct About {
    /// Its path. One that ends in a slash stands for every path below it as well.
    pub(crate) path: &'static str,
    /// One line for people.
    pub(crate) text: &'static str,
    /// Its own parameters: the key, and what it is for.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
    /// Whether a parameter that nobody knows is data for the scenario, and no error.
    pub(crate) any_parameter: bool,
    /// What it also serves over plain HTTP, on its path and beside it. The others answer that they are WebSockets.
    pub(crate) http: Option<fn(&Arc<State>) -> Router>,
    /// What a path and its query make of it.
    parse: fn(&str, &mut Query) -> Result<Scenario, QueryError>,
}

/// All scenarios.
pub(crate) const ALL: [&About; 8] = [
    &echo::ABOUT,
    &inspect::ABOUT,
    &source::ABOUT,
    &sink::ABOUT,
    &reply::ABOUT,
    &chat::ABOUT,
    &feed::ABOUT,
    &trace::ABOUT,
];

/// What the server does with a connection, with the parameters that were chosen.
#[derive(Clone, Debug)]
pub(crate) enum Scenario {
    Echo,
    Inspect(inspect::Inspect),
    Source(source::Source),
    Sink(sink::Sink),
    Reply(reply::Reply),
    Chat(chat::Chat),
    Feed(feed::Feed),
    /// What a test suite wrote.
    Script(Arc<Play>),
    Trace(trace::Watch),
}

/// What the connections of one server share, as far as scenarios are concerned.
#[derive(Debug)]
pub(crate) struct State {
    rooms: chat::Rooms,
    feeds: feed::Feeds,
}

impl State {
    pub(crate) fn new(shutdown: Shutdown) -> Self {
        Self { rooms: chat::Rooms::default(), feeds: feed::Feeds::new(shutdown) }
    }
}

impl About {
    /// The scenario that a path leads to.
    pub(crate) fn find(path: &str) -> Option<&'static Self> {
        ALL.into_iter().find(|about| match about.path.strip_suffix('/') {
            Some(parent) => {
                path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            None => path == about.path,
        })
    }

    /// The paths as axum's router knows them.
    pub(crate) fn routes(&self) -> Vec<String> {
        match self.path.strip_suffix('/') {
            Some(parent) => vec![parent.to_owned(), self.path.to_owned(), format!("{parent}/{{*below}}")],
            None => vec![self.path.to_owned()],
        }
    }

    /// The scenario with its parameters, which it takes out of the query.
    pub(crate) fn open(&self, path: &str, query: &mut Query) -> Result<Scenario, QueryError> {
        (self.parse)(path, query)
    }
}

impl Scenario {
    /// The subprotocol that it speaks, of those that were offered.
    pub(crate) fn select<'a>(&self, offers: &[&'a str]) -> Option<&'a str> {
        match self {
            Self::Trace(_) => None,
            // None of the others gives a subprotocol a meaning of its own. Tokens are no offers by now.
            Self::Echo
            | Self::Inspect(_)
            | Self::Source(_)
            | Self::Sink(_)
            | Self::Reply(_)
            | Self::Chat(_)
            | Self::Script(_)
            | Self::Feed(_) => offers.first().copied(),
        }
    }

    /// Shows it the request that it was chosen by, and which subprotocol was selected.
    pub(crate) fn see<B>(&mut self, request: &Request<B>, subprotocol: Option<&str>) {
        match self {
            Self::Inspect(inspect) => inspect.see(request, subprotocol),
            Self::Feed(feed) => feed.see(request),
            _ => {}
        }
    }

    /// Serves a connection until it is over.
    pub(crate) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
    ) -> Ending {
        let over: Result<Infallible, Ending> = match self {
            Self::Echo => echo::run(connection).await,
            // Each in a box, so that an echo's task has no room for the largest of them.
            Self::Inspect(inspect) => Box::pin(inspect.run(connection)).await,
            Self::Source(source) => Box::pin(source.run(connection)).await,
            Self::Sink(sink) => Box::pin(sink.run(connection)).await,
            Self::Reply(reply) => Box::pin(reply.run(connection)).await,
            Self::Chat(chat) => Box::pin(chat.run(connection)).await,
            Self::Feed(feed) => Box::pin(feed.run(connection)).await,
            Self::Script(play) => Box::pin(play.run(connection)).await,
            Self::Trace(watch) => Box::pin(watch.run(connection)).await,
        };
        match over {
            Err(ending) => ending,
        }
    }
}

/// JSON as the response to a request over HTTP. It is another each time.
fn json(value: &impl Serialize) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, serde_json::to_string(value).unwrap_or_default() + "\n").into_response()
}

/// The paths and what they do, a line each, for `--help`.
pub(crate) fn list() -> String {
    let others = [
        ("/faults", "every fault that a URL can ask for, as text or JSON"),
        ("/control/", "lists live connections and changes their faults, with --control"),
        ("/metrics", "what the server counts, for Prometheus"),
        ("/", "the workbench page"),
        ("/healthz", "says ok"),
    ];
    let scenarios = ALL.iter().map(|about| (about.path, about.text));
    scenarios.chain(others).map(|(path, text)| format!("  {path:<13} {text}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_scenario() {
        for (path, found) in [
            ("/echo", Some("/echo")),
            ("/chat", Some("/chat/")),
            ("/chat/", Some("/chat/")),
            ("/chat/a/b", Some("/chat/")),
            ("/feed/prices", Some("/feed/prices")),
            ("/chatter", None),
            ("/echo/", None),
            ("/", None),
        ] {
            assert_eq!(About::find(path).map(|about| about.path), found, "{path}");
        }
    }

    #[test]
    fn the_crates_documentation_has_every_path() {
        let documented = include_str!("../lib.rs");
        for about in ALL {
            let row = format!("//! | `{}` | {} |\n", about.path, about.text);
            assert!(documented.contains(&row), "lib.rs lacks this row:\n{row}");
        }
    }

    #[test]
    fn every_parameter_is_one_that_the_scenario_takes() {
        for about in ALL {
            for (key, _) in about.parameters {
                // A value that fits none of them: it must be refused by the scenario, or taken as text.
                let mut query = Query::parse(&format!("{key}=%00")).unwrap();
                let taken = about.open(about.path, &mut query).is_err() || query.finish(Vec::new).is_ok();
                assert!(taken, "{} does not take {key}", about.path);
            }
        }
    }
}
