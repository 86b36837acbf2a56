use std::rc::Rc;

use wirescope_protocol::CloseCode;

use super::{
    CloseEvent, Error, Event, EventSocket, Initiator, Offers, Payload, Receipt, State, Watermarks,
    outbound::Outbound,
};

/// A connection with the account of what it was handed. Dropping it settles the receipts of what has not drained, closes the
/// connection and frees what it registered.
pub(crate) struct Transport {
    socket: Either,
    outbound: Rc<Outbound>,
}

enum Either {
    Events(EventSocket),
    Other(Box<dyn Carrier>),
}

/// A connection over something else than an [`EventSocket`]. Only its [`Opener`] names the type behind this, so the linker
/// leaves both out where nobody asks for them.
pub(crate) trait Carrier {
    fn send(&self, payload: Payload<'_>) -> Result<(), Error>;
    fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error>;
    fn abandoned(&self, initiator: Initiator) -> CloseEvent;
    fn state(&self) -> State;
    fn subprotocol(&self) -> String;
    fn url(&self) -> String;

    /// Whether more messages are wanted; those that are not wait with the peer.
    fn set_reading(&self, reading: bool);

    /// Whether messages may be missing before a clean close.
    fn is_truncated(&self) -> bool;
}

/// Starts to connect to this URL with these subprotocols. It tells the account what has drained.
pub(crate) type Opener =
    fn(&str, &Offers, &Rc<Outbound>, Box<dyn Fn(Event)>) -> Result<Box<dyn Carrier>, Error>;

impl Transport {
    pub(crate) fn open(
        url: &str,
        offers: &Offers,
        watermarks: Watermarks,
        handler: impl Fn(Event) + 'static,
    ) -> Result<Self, Error> {
        let events = EventSocket::start(url, offers, handler)?;
        let outbound = Outbound::new(Some(events.as_raw().clone()), watermarks);
        Ok(Self { socket: Either::Events(events), outbound })
    }

    pub(crate) fn open_with(
        opener: Opener,
        url: &str,
        offers: &Offers,
        watermarks: Watermarks,
        handler: Box<dyn Fn(Event)>,
    ) -> Result<Self, Error> {
        let outbound = Outbound::new(None, watermarks);
        let other = opener(url, offers, &outbound, handler)?;
        Ok(Self { socket: Either::Other(other), outbound })
    }

    /// Hands the message to the browser, whether there is room or not.
    pub(crate) fn send(&self, payload: Payload<'_>) -> Result<Receipt, Error> {
        let state = self.state();
        if state != State::Open {
            return Err(Error::NotOpen { state });
        }
        match &self.socket {
            Either::Events(events) => events.hand_over(payload)?,
            Either::Other(other) => other.send(payload)?,
        }
        Ok(self.outbound.hand_over(payload.len()))
    }

    pub(crate) fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        match &self.socket {
            Either::Events(events) => events.close(code, reason)?,
            Either::Other(other) => other.close(code, reason)?,
        }
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
        match &self.socket {
            Either::Events(events) => events.abandoned(initiator),
            Either::Other(other) => other.abandoned(initiator),
        }
    }

    /// Where the connection stands; closed also when it was given up before the browser did.
    pub(crate) fn state(&self) -> State {
        match &self.socket {
            _ if self.outbound.has_ended() => State::Closed,
            Either::Events(events) => events.state(),
            Either::Other(other) => other.state(),
        }
    }

    pub(crate) fn subprotocol(&self) -> String {
        match &self.socket {
            Either::Events(events) => events.subprotocol(),
            Either::Other(other) => other.subprotocol(),
        }
    }

    pub(crate) fn url(&self) -> String {
        match &self.socket {
            Either::Events(events) => events.url(),
            Either::Other(other) => other.url(),
        }
    }

    /// The browser's `WebSocket`, if that is what carries this connection.
    pub(crate) fn events(&self) -> Option<&EventSocket> {
        match &self.socket {
            Either::Events(events) => Some(events),
            Either::Other(_) => None,
        }
    }

    /// What else does; it can wait with reading.
    pub(crate) fn other(&self) -> Option<&dyn Carrier> {
        match &self.socket {
            Either::Events(_) => None,
            Either::Other(other) => Some(&**other),
        }
    }

    pub(crate) fn outbound(&self) -> &Rc<Outbound> {
        &self.outbound
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        if !self.outbound.has_ended() {
            self.outbound.end(self.abandoned(Initiator::Us));
        }
    }
}
