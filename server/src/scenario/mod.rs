//! What the server does on a path: one scenario, one file.

mod echo;

use std::{net::SocketAddr, sync::Arc};

use tokio::net::TcpStream;

use crate::{connection::Connection, handshake::Accepted, server::Context};

/// The paths of all scenarios.
pub(crate) const PATHS: [&str; 1] = ["/echo"];

/// What the server does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    Echo,
}

impl Scenario {
    /// The scenario on this path.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path {
            "/echo" => Some(Self::Echo),
            _ => None,
        }
    }

    /// The subprotocol that it speaks, of those that were offered.
    pub(crate) fn select<'a>(self, offers: &[&'a str]) -> Option<&'a str> {
        match self {
            // An echo means the same in every subprotocol.
            Self::Echo => offers.first().copied(),
        }
    }
}

/// Serves a connection whose opening handshake is done, to its end.
pub(crate) async fn run(
    stream: TcpStream,
    leftover: Vec<u8>,
    peer: SocketAddr,
    accepted: &Accepted,
    context: &Arc<Context>,
) {
    let mut connection = Connection::open(stream, leftover, peer, accepted, context).await;
    let ending = match accepted.scenario {
        Scenario::Echo => echo::run(&mut connection).await,
    };
    connection.end(ending).await;
}
