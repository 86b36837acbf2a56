use std::rc::Rc;

use wirescope_protocol::CloseCode;

use super::{
    CloseEvent, Error, Event, EventSocket, Initiator, Offers, Payload, Receipt, State, Watermarks,
    outbound::Outbound,
};

/// A browser's socket with the account of what it was handed. Dropping it settles the receipts of what has not drained,
/// closes the connection and frees what it registered.
#[derive(Debug)]
pub(crate) struct Transport {
    events: EventSocket,
    outbound: Rc<Outbound>,
}

impl Transport {
    pub(crate) fn open(
        url: &str,
        offers: &Offers,
        watermarks: Watermarks,
        handler: impl Fn(Event) + 'static,
    ) -> Result<Self, Error> {
        let events = EventSocket::start(url, offers, handler)?;
        let outbound = Outbound::new(events.as_raw().clone(), watermarks);
        Ok(Self { events, outbound })
    }

    /// Hands the message to the browser, whether there is room or not.
    pub(crate) fn send(&self, payload: Payload<'_>) -> Result<Receipt, Error> {
        let state = self.state();
        if state != State::Open {
            return Err(Error::NotOpen { state });
        }
        self.events.hand_over(payload)?;
        Ok(self.outbound.hand_over(payload.len()))
    }

    pub(crate) fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.events.close(code, reason)?;
        // Whoever waits for room waits in vain.
        self.outbound.wake_all();
        Ok(())
    }

    /// Settles every receipt: the connection ended so.
    pub(crate) fn end(&self, ending: CloseEvent) {
        self.outbound.end(ending);
    }

    /// The ending of this connection if it is given up now, without the peer's word.
    pub(crate) fn abandoned(&self, initiator: Initiator) -> CloseEvent {
        self.events.abandoned(initiator)
    }

    /// Where the connection stands; closed also when it was given up before the browser did.
    pub(crate) fn state(&self) -> State {
        if self.outbound.has_ended() { State::Closed } else { self.events.state() }
    }

    pub(crate) fn events(&self) -> &EventSocket {
        &self.events
    }

    pub(crate) fn outbound(&self) -> &Rc<Outbound> {
        &self.outbound
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        if !self.outbound.has_ended() {
            self.outbound.end(self.events.abandoned(Initiator::Us));
        }
    }
}
