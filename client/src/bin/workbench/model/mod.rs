//! What the page knows. Nothing here touches the browser: moments and events are passed in.

mod connection;
mod setup;

pub(crate) use self::{
    connection::{Connection, Found, Phase},
    setup::{Retry, Setup, milliseconds, tries},
};
use crate::log::Log;

/// A connection's number: how manyth it is on this page, from 1.
pub(crate) type Id = u16;

/// Everything the page knows, in one place.
#[derive(Debug)]
pub(crate) struct Model {
    /// What happened on all connections, in one order.
    pub(crate) log: Log,
    /// In the order of their numbers; never empty.
    connections: Vec<Connection>,
    /// Whose controls are shown.
    pub(crate) selected: Id,
    next: Id,
}

impl Default for Model {
    fn default() -> Self {
        Self { log: Log::default(), connections: vec![Connection::new(1)], selected: 1, next: 2 }
    }
}

impl Model {
    pub(crate) fn connections(&self) -> &[Connection] {
        &self.connections
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|connection| connection.id == id)
    }

    /// The one whose controls are shown.
    pub(crate) fn selected(&self) -> &Connection {
        self.get(self.selected).unwrap_or(&self.connections[0])
    }

    /// What a connection learned of itself, with the log that it is written to.
    pub(crate) fn with(&mut self, id: Id, change: impl FnOnce(&mut Connection, &mut Log)) {
        if let Some(connection) = self.connections.iter_mut().find(|connection| connection.id == id) {
            change(connection, &mut self.log);
        }
    }

    /// One more connection, set up as the selected one is, and selected.
    pub(crate) fn add(&mut self) -> Id {
        let id = self.next;
        self.next = self.next.saturating_add(1);
        let mut connection = Connection::new(id);
        connection.setup = self.selected().setup.clone();
        self.connections.push(connection);
        self.selected = id;
        id
    }

    /// Forgets a connection; what it logged stays. The last one stays too.
    pub(crate) fn remove(&mut self, id: Id) {
        if self.connections.len() > 1 {
            self.connections.retain(|connection| connection.id != id);
            if self.get(self.selected).is_none() {
                self.selected = self.connections[self.connections.len() - 1].id;
            }
        }
    }
}
