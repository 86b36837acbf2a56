//! The server from outside: raw bytes over real sockets, a foreign client, and the binary as a process.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod chat;
mod closing;
mod control;
mod echo;
mod faults;
mod feed;
mod handshake;
mod http;
mod inspect;
mod limits;
mod metrics;
mod peers;
mod process;
mod raw_tcp;
mod reply;
mod run;
mod script;
mod sink;
mod source;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod trace;
mod wpt;
