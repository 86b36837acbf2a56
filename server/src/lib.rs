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
//! * `server`: binds, accepts, shuts down. `limits`: for whom there is room.
//! * `tls`: TLS, where the first byte says so.
//! * `opening`: reads a connection's first bytes, bounded in size and time, and tells HTTP from raw TCP.
//! * `handshake`: checks a WebSocket's opening request and answers it (RFC 6455 section 4.2).
//!   `access`: from which pages and by which names the server may be asked, and with which token.
//! * `wire`: the frames beneath, where a fault bends them (`fault`) or a trace records them (`trace`); else not at all.
//! * `socket`: an open WebSocket over bytes: tungstenite, and beside it messages in one frame as they stand in the buffer.
//! * `connection`: messages for a scenario, written in batches; how a connection ends (section 7), and who waits for a
//!   silent or a slow peer. `tally`: what a connection counts for `metrics`.
//! * `scenario`: what the server does on a path.
//! * `http`: what is plain HTTP: the page, `/healthz`, `/metrics`. `page`: the page's files and their security policy.
//! * `raw`: TCP echo for a connection that is not HTTP.
//!
//! Beside them: `query` and `chance` for what a URL says, `script` for what a test suite says, `control` for what it
//! changes.
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
//! | `/trace/` | what the server saw of the connections opened with `?trace=ID`, live; `ID.ndjson` is all of it |
//! | `/faults` | every fault that a URL can ask for, as text and as JSON |
//! | `/control/` | lists live connections and changes their faults, with `--control` |
//! | `/` | the workbench page |
//! | `/healthz` | says `ok` |
//! | `/metrics` | what the server counts, in OpenMetrics' text form |

mod access;
mod chance;
mod config;
mod connection;
mod control;
mod ending;
mod fault;
#[cfg(fuzzing)]
pub mod fuzzing;
mod handshake;
mod http;
mod limits;
mod listener;
mod message;
mod metrics;
mod opening;
mod page;
mod query;
mod raw;
mod scenario;
mod script;
mod server;
mod shutdown;
mod socket;
mod stream;
mod tally;
#[cfg(feature = "tls")]
mod tls;
mod trace;
mod wire;

pub use access::{InvalidToken, Token};
pub use config::{Config, Timeouts};
pub use limits::{Limit, Limits, raise_descriptor_limit};
pub use script::{Mounted, Script};
pub use server::{BindError, Server};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};
pub use wirescope_protocol::CloseCode;

/// What can go wrong on the way, as `wirescope-server faults` prints it: for people, or as JSON.
#[doc(hidden)]
pub fn faults(as_json: bool) -> String {
    if as_json { format!("{:#}\n", fault::docs::json()) } else { fault::docs::text() }
}

/// The paths that are served and what they do, a line each, as `--help` shows them.
#[doc(hidden)]
pub fn paths() -> String {
    scenario::list()
}
