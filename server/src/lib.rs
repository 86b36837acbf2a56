//! A WebSocket test server: run it as a binary, or embed it in a test.
//!
//! ```
//! use wirescope_server::{Config, Server};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), wirescope_server::BindError> {
//! let server = Server::bind(Config::default()).await?; // 127.0.0.1, a free port
//! let url = server.url("/echo"); // ws://127.0.0.1:PORT/echo
//! # assert!(url.starts_with("ws://127.0.0.1:") && url.ends_with("/echo"));
//! // … point the client under test at `url` …
//! drop(server); // and its port is free again
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! A connection passes through these modules in this order:
//!
//! * `server`: binds, accepts, shuts down.
//! * `opening`: reads a connection's first bytes, bounded in size and time, and tells HTTP from raw TCP.
//! * `handshake`: checks a WebSocket's opening request and answers it (RFC 6455 section 4.2).
//! * `connection`: messages over tungstenite, written in batches; how a connection ends (section 7).
//! * `scenario`: what the server does on a path.
//! * `http`: what is plain HTTP: the page, `/healthz`. `page`: the page's files and their security policy.
//! * `raw`: TCP echo for a connection that is not HTTP.
//!
//! The binary is `main.rs`, and `log.rs` beside it; the `cli` feature, on by default, brings in what only they need.
//!
//! # Paths
//!
//! | path | what it does |
//! | --- | --- |
//! | `/echo` | sends every message back: text as text, binary as binary |
//! | `/inspect` | the request as the server saw it, as JSON: at once and for every message; also HTTP |
//! | `/source` | sends numbered, checksummed messages by itself, then a report and Close 1000 |
//! | `/sink` | reads, at a rate if one is given, and reports on it: each second and at the end |
//! | `/reply` | answers every message with a fixed text |
//! | `/chat/` | plain text to all others on the same path; any path below is a room of its own |
//! | `/feed/prices` | live quotes as JSON; also as server-sent events, by long polling and by polling |
//! | `/` | the workbench page |
//! | `/healthz` | says `ok` |

mod chance;
mod config;
mod connection;
mod ending;
mod handshake;
mod http;
mod opening;
mod page;
mod query;
mod raw;
mod scenario;
mod server;
mod stream;

pub use config::{Config, Timeouts};
pub use server::{BindError, Server};

/// The paths that are served and what they do, a line each, as `--help` shows them.
#[doc(hidden)]
pub fn paths() -> String {
    scenario::list()
}
