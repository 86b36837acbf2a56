//! What the server does on a path: one scenario, one file.
//!
//! A scenario receives and sends messages. It knows nothing of opening handshakes, frames, faults or endings.

mod echo;

use std::convert::Infallible;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    connection::{Connection, Ending},
    query::{Query, QueryError},
};

/// What there is to know of a scenario before it runs.
pub(crate) struct About {
    /// Its path. One that ends in a slash stands for every path below it as well.
    pub(crate) path: &'static str,
    /// One line for people.
    pub(crate) text: &'static str,
    /// Its own parameters: the key, and what it is for.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
    parse: fn(&mut Query) -> Result<Scenario, QueryError>,
}

/// All scenarios.
pub(crate) const ALL: [&About; 1] = [&echo::ABOUT];

/// What the server does with a connection, with the parameters that were chosen.
#[derive(Clone, Debug)]
pub(crate) enum Scenario {
    Echo,
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
    pub(crate) fn open(&self, query: &mut Query) -> Result<Scenario, QueryError> {
        (self.parse)(query)
    }
}

impl Scenario {
    /// The subprotocol that it speaks, of those that were offered.
    pub(crate) fn select<'a>(&self, offers: &[&'a str]) -> Option<&'a str> {
        match self {
            // An echo means the same in every subprotocol.
            Self::Echo => offers.first().copied(),
        }
    }

    /// Serves a connection until it is over.
    pub(crate) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
    ) -> Ending {
        let over: Result<Infallible, Ending> = match self {
            Self::Echo => echo::run(connection).await,
        };
        match over {
            Err(ending) => ending,
        }
    }
}
