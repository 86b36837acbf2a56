//! What the server does on a path: one scenario, one file.
//!
//! A scenario receives and sends messages. It knows nothing of opening handshakes, frames, faults or endings.

mod echo;
mod trace;

use std::{convert::Infallible, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    connection::{Connection, Ending},
    query::{Query, QueryError},
    script::Play,
};

/// What there is to know of a scenario before it runs.
pub(crate) struct About {
    /// Its path. One that ends in a slash stands for every path below it as well.
    pub(crate) path: &'static str,
    /// One line for people.
    pub(crate) text: &'static str,
    /// Its own parameters: the key, and what it is for.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
    /// What a path and its query make of it.
    parse: fn(&str, &mut Query) -> Result<Scenario, QueryError>,
}

/// All scenarios.
pub(crate) const ALL: [&About; 2] = [&echo::ABOUT, &trace::ABOUT];

/// What the server does with a connection, with the parameters that were chosen.
#[derive(Clone, Debug)]
pub(crate) enum Scenario {
    Echo,
    /// What a test suite wrote.
    Script(Arc<Play>),
    /// The trace with this ID.
    Trace(String),
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

    /// The scenario with its parameters, which it takes out of the query.
    pub(crate) fn open(&self, path: &str, query: &mut Query) -> Result<Scenario, QueryError> {
        (self.parse)(path, query)
    }
}

impl Scenario {
    /// The subprotocol that it speaks, of those that were offered.
    pub(crate) fn select<'a>(&self, offers: &[&'a str]) -> Option<&'a str> {
        match self {
            // An echo means the same in every subprotocol.
            Self::Echo | Self::Script(_) => offers.first().copied(),
            Self::Trace(_) => None,
        }
    }

    /// Serves a connection until it is over.
    pub(crate) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
    ) -> Ending {
        let over: Result<Infallible, Ending> = match self {
            Self::Echo => echo::run(connection).await,
            Self::Script(play) => play.run(connection).await,
            Self::Trace(id) => trace::run(connection, id).await,
        };
        match over {
            Err(ending) => ending,
        }
    }
}
