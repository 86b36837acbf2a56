//! Wirescope's own test support. The supervisor of servers is a program; this is what drives the page, and the
//! benchmark of the client.

pub mod bench;
mod files;
pub mod library;
pub mod page;
pub mod tap;
