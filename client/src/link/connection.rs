use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use super::{
    Heartbeat,
    heartbeat::{Beat, Pulse},
    policy::Millis,
    stats::Ledger,
};
use crate::socket::{Error, Message, Payload, Receipt, transport::Transport};

/// One of a link's sockets, with what the link keeps of it.
pub(super) struct Connection {
    pub(super) generation: u64,
    pub(super) transport: Transport,
    /// Whether the inbound queue could not take one of its messages, so that none after it may be read.
    pub(super) overflowed: Cell<bool>,
    ledger: RefCell<Ledger>,
    pulse: RefCell<Option<Pulse>>,
    /// How many bytes had left when the heartbeat last looked.
    drained: Cell<u64>,
}

impl Connection {
    pub(super) fn new(generation: u64, transport: Transport) -> Self {
        Self {
            generation,
            transport,
            overflowed: Cell::new(false),
            ledger: RefCell::default(),
            pulse: RefCell::default(),
            drained: Cell::new(0),
        }
    }

    pub(super) fn send(&self, payload: Payload<'_>) -> Result<Receipt, Error> {
        let receipt = self.transport.send(payload)?;
        self.ledger.borrow_mut().hand_over(payload.len());
        Ok(receipt)
    }

    /// How many more messages have drained than when this was last asked.
    pub(super) fn drain(&self) -> u64 {
        self.ledger.borrow_mut().drain(self.transport.outbound().undrained())
    }

    /// How many messages are not known to have drained.
    pub(super) fn outstanding(&self) -> u64 {
        self.ledger.borrow().outstanding()
    }

    pub(super) fn begin_pulse(&self, heartbeat: &Heartbeat, now: Millis) {
        *self.pulse.borrow_mut() = Some(Pulse::new(heartbeat.interval, heartbeat.deadline, now));
    }

    /// When the heartbeat next wants to look, if there is one.
    pub(super) fn beats_at(&self) -> Option<Millis> {
        self.pulse.borrow().as_ref().map(Pulse::wake_at)
    }

    /// Sends a ping. One that cannot be sent is not answered either, which the deadline finds.
    pub(super) fn ping(&self, ping: &Message) {
        if self.transport.send(Payload::from(ping)).is_ok() {
            self.ledger.borrow_mut().skip(ping.len());
            self.drained.set(self.transport.outbound().drained());
        }
    }

    /// Takes that a message came; gives the round-trip time if it answers a ping.
    pub(super) fn heard(&self, is_pong: bool, now: Millis) -> Option<Duration> {
        let mut pulse = self.pulse.borrow_mut();
        let pulse = pulse.as_mut()?;
        if is_pong {
            return pulse.pong(now);
        }
        pulse.heard(now);
        None
    }

    /// What the heartbeat wants done by now.
    pub(super) fn beat(&self, now: Millis) -> Beat {
        let mut pulse = self.pulse.borrow_mut();
        let Some(pulse) = pulse.as_mut() else { return Beat::Nothing };
        if pulse.wake_at() <= now {
            // Bytes that left are a sign of life too: on a slow uplink the ping is behind all that was sent before it.
            let drained = self.transport.outbound().drained();
            if drained > self.drained.replace(drained) {
                pulse.heard(now);
            }
        }
        pulse.tick(now)
    }
}
