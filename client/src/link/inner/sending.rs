//! What is sent: to the connection where it has room, else to the queue, and from there in its turn.

use std::rc::Rc;

use super::{
    super::{Dropped, Error, Phase, Receipt, connection::Connection, receipt::Slot},
    Inner,
};
use crate::{
    socket::{self, Message, Payload, State},
    timer,
};

/// After how many messages of unknown fate it is looked which have drained.
const LOOK: u64 = 64;

impl Inner {
    /// Queues the message, or hands it to the connection at once where nothing waits before it.
    pub(in crate::link) fn send(&self, message: Message) -> Result<Receipt, Error> {
        if let Some(receipt) = self.send_now(Payload::from(&message))? {
            return Ok(receipt);
        }
        let mut queue = self.queue.borrow_mut();
        if !queue.fits(message.len()) {
            return Err(Error::QueueFull { messages: queue.len(), bytes: queue.bytes() });
        }
        let slot = Rc::new(Slot::default());
        queue.push(message, Rc::clone(&slot), timer::now());
        drop(queue);
        self.count(|stats| stats.accepted += 1);
        self.set_timer();
        Ok(Receipt::new(slot))
    }

    /// Hands the message to the connection if it is open, has room, and nothing waits before it.
    pub(in crate::link) fn send_now(&self, payload: Payload<'_>) -> Result<Option<Receipt>, Error> {
        // A timer may be late by hours, after a sleep: what it would have found is looked for before each send.
        self.look();
        if let Phase::Ended(reason) = self.machine.borrow().phase() {
            return Err(Error::Ended(reason.clone()));
        }
        let Some(connection) = self.open_with_room() else { return Ok(None) };
        if !self.queue.borrow().is_empty() {
            return Ok(None);
        }
        let slot = Rc::new(Slot::default());
        match connection.send(payload) {
            Ok(receipt) => {
                self.count(|stats| stats.accepted += 1);
                self.handed(&connection, payload.len(), &slot, receipt);
                Ok(Some(Receipt::new(slot)))
            }
            Err(_) => Ok(None),
        }
    }

    /// Hands over what waits, as far as there is room.
    pub(super) fn flush(&self) {
        while let Some(connection) = self.open_with_room() {
            let next = self.queue.borrow_mut().pop();
            let Some((message, slot)) = next else { return };
            match connection.send(Payload::from(&message)) {
                Ok(receipt) => self.handed(&connection, message.len(), &slot, receipt),
                // The state was open above, so the browser itself refuses this message and would again.
                Err(_) => {
                    self.count(|stats| stats.dropped += 1);
                    slot.dropped(Dropped::Refused);
                }
            }
        }
    }

    fn open_with_room(&self) -> Option<Rc<Connection>> {
        let connection = self.connection.borrow().clone()?;
        let open =
            connection.transport.state() == State::Open && *self.machine.borrow().phase() == Phase::Open;
        (open && connection.transport.outbound().has_room()).then_some(connection)
    }

    fn handed(&self, connection: &Connection, bytes: usize, slot: &Slot, receipt: socket::Receipt) {
        self.count(|stats| {
            stats.sent += 1;
            stats.bytes_sent += bytes as u64;
        });
        if connection.outstanding().is_multiple_of(LOOK) {
            self.observe(connection);
        }
        // Last, since it wakes who may look at the counts.
        slot.handed(receipt);
    }

    pub(super) fn observe(&self, connection: &Connection) {
        let drained = connection.drain();
        self.count(|stats| stats.drained += drained);
    }

    pub(super) fn drop_queued(&self) {
        loop {
            let next = self.queue.borrow_mut().pop();
            let Some((_, slot)) = next else { return };
            self.count(|stats| stats.dropped += 1);
            slot.dropped(Dropped::Ended);
        }
    }
}
