//! Break: what a server of this project can do to a connection, as a panel made of the server's own table.
//!
//! The URL is what counts: each control writes its parameter into it and shows what it says, and what the table does not
//! know stays as it is.

mod cards;
mod explain;
mod live;
mod panel;
mod servers;
mod table;
pub(crate) mod url;

pub(crate) use self::{explain::explain, panel::Panel, servers::Servers};
