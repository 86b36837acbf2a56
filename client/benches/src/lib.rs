//! The same three workloads on each way to use a WebSocket from Rust in a browser: one file for each way, one exported
//! function in it. `page/page.js` has the hand-written JavaScript, and calls all of them alike.
#![cfg(target_arch = "wasm32")]

mod callbacks;
mod event_socket;
mod gloo_net;
mod socket;
mod work;
mod ws_stream_wasm;
