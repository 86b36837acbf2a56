//! The log: what happened on all connections, kept within bounds, and shown.

mod announce;
mod panel;
mod rows;
mod store;

pub(crate) use self::{
    panel::Panel,
    store::{Content, Delivery, Entry, Kind, Log, Moment, Note, Origin},
};
