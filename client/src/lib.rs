#![doc = include_str!("../README.md")]
//!
//! # Layout
//!
//! * [`socket`]: one connection. [`socket::Socket`] is a `Stream` and a `Sink`, with a receipt for each message;
//!   [`socket::EventSocket`] beneath it hands the browser's events to a handler; [`socket::diagnose`] says what an ending
//!   probably means.
//! * [`link`]: a connection that lasts. [`link::Link`] connects again, notices a dead peer, and keeps what is sent
//!   meanwhile in a bounded queue.
//! * [`spawn`]: runs a future; cheaper than the usual executor for one that reads a socket.
//! * [`CloseCode`]: the status code of a Close frame, shared with the server.

pub mod link;
pub mod socket;

mod task;
mod timer;

pub use task::spawn;
pub use wirescope_protocol::CloseCode;
