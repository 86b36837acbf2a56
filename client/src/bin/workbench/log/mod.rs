//! The log: what happened on all connections, kept within bounds, and shown.
//!
//! * `entry`, `chunk`, `answers`, `store`: what is kept, and where. `pattern`, `filter`: which of it is shown.
//! * `scroll`, `row`, `rows`: what is in sight. `detail`, `tree`: one row, looked at closely.
//! * `file`: the log saved, opened again and replayed. `panel`: all of it on the page.

mod announce;
mod answers;
mod chunk;
mod detail;
mod entry;
mod file;
mod filter;
mod filter_panel;
mod panel;
mod pattern;
mod row;
mod rows;
mod scroll;
mod store;
mod tree;

pub(crate) use self::{
    entry::{Content, Delivery, Entry, Kind, Moment, Note, Origin, Payload, Tally, View},
    panel::Panel,
    row::append_text,
    store::Log,
};
