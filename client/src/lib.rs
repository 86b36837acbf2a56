//! The WebSocket for Rust in a browser: typed, bounded, leak-free, and it never loses a message silently.
//!
//! It wraps the browser's own `WebSocket` and its four events, in a window and in a Worker alike, and `WebSocketStream` for
//! who asks for it where the browser has it.
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
//!
//! # Example
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use wirescope::{CloseCode, socket::{Error, Message, Socket}};
//!
//! # async fn example() -> Result<(), Error> {
//! let mut socket = Socket::connect("ws://127.0.0.1:8080/echo").await?;
//! socket.send("hello").await?;
//! while let Some(message) = socket.next().await {
//!     match message? {
//!         Message::Text(text) => assert_eq!(text, "hello"),
//!         Message::Binary(bytes) => assert!(bytes.is_empty()),
//!     }
//!     socket.close(CloseCode::NORMAL, "done").await?;
//! }
//! # Ok(())
//! # }
//! ```

pub mod link;
pub mod socket;

mod task;
mod timer;

pub use task::spawn;
pub use wirescope_protocol::CloseCode;
