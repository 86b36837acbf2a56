//! The server from outside: raw bytes over real sockets, a foreign client, and the binary as a process.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod closing;
mod control;
mod echo;
mod faults;
mod handshake;
mod http;
mod limits;
mod metrics;
mod peers;
mod process;
mod raw_tcp;
mod script;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod trace;
