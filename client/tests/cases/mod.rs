//! The tests themselves, run once in a window and once in a Worker.

// These need a server at `WIRESCOPE_TEST_SERVER`.
mod bytes;
mod closing;
mod echo;
mod events;
mod leaks;
mod link;
mod sending;
mod spawn;
mod subprotocols;
mod validation;

// These need the supervisor too, to have servers die and peers misbehave.
mod backpressure;
mod chaos;
mod connecting;
mod dropping;
mod ending;
mod late_timers;
mod link_edges;
mod link_stream;
mod link_trouble;
mod overflow;
mod receipts;
