use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    task::{Context, Poll},
};

use wirescope_protocol::CloseCode;

use super::{
    CloseEvent, Connect, Error, Event, Initiator, Message,
    inbound::{Inbound, Overflowed},
    readers::Readers,
    transport::{Carrier, Transport},
    wakers::{Place, Wakers, Watch},
};
use crate::{task, timer::Timer};

/// The code that a full inbound queue closes the connection with: one of the application's own, since browsers may send
/// no other that would say so.
const OVERFLOW_CODE: CloseCode = CloseCode::new(4009);

/// What the browser's events and all handles and futures of a socket share. The event handler holds it weakly, so that
/// dropping the last handle frees everything.
pub(super) struct Shared {
    // Set at once after this is made, which the event handler in it must point to.
    transport: OnceCell<Transport>,
    inbound: RefCell<Inbound>,
    opened: Cell<bool>,
    overflowed: Cell<bool>,
    // What the reader is told after the last message; taken once.
    failure: Cell<Option<Failure>>,
    ending: OnceCell<CloseEvent>,
    readers: Readers,
    // Wait for the connection to open or to end.
    watchers: Wakers,
    /// In milliseconds.
    close_timeout: u32,
    close_timer: OnceCell<Timer>,
}

enum Failure {
    /// The connection ended, and not clean.
    Lost,
    /// It ended clean, and the browser threw away what was not read.
    Unread,
    Overflow(Overflowed),
}

impl Shared {
    pub(super) fn connect(options: &Connect) -> Result<Rc<Self>, Error> {
        let shared = Rc::new(Self {
            transport: OnceCell::new(),
            inbound: RefCell::new(Inbound::new(options.inbound)),
            opened: Cell::new(false),
            overflowed: Cell::new(false),
            failure: Cell::new(None),
            ending: OnceCell::new(),
            readers: Readers::default(),
            watchers: Wakers::default(),
            close_timeout: options.close_timeout,
            close_timer: OnceCell::new(),
        });
        let weak = Rc::downgrade(&shared);
        let handler = move |event| {
            if let Some(shared) = weak.upgrade() {
                shared.handle(event);
            }
        };
        let Connect { url, watermarks, .. } = options;
        let offers = options.offers.as_ref().map_err(Error::clone)?;
        let transport = match options.opener {
            None => Transport::open(url, offers, *watermarks, handler)?,
            Some(opener) => Transport::open_with(opener, url, offers, *watermarks, Box::new(handler))?,
        };
        // The cell was made empty above.
        let _ = shared.transport.set(transport);
        Ok(shared)
    }

    pub(super) fn transport(&self) -> &Transport {
        self.transport.get().expect("set before the socket is handed out")
    }

    pub(super) fn ending(&self) -> Option<CloseEvent> {
        self.ending.get().cloned()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.inbound.borrow().dropped()
    }

    pub(super) fn close(self: &Rc<Self>, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.transport().close(code, reason)?;
        if self.ending.get().is_none() && self.close_timer.get().is_none() {
            let timer = self.close_timer.get_or_init(|| {
                let myself = Rc::downgrade(self);
                Timer::new(move || {
                    if let Some(shared) = myself.upgrade() {
                        shared.end(shared.transport().abandoned(Initiator::Us));
                    }
                })
            });
            timer.set(self.close_timeout);
        }
        Ok(())
    }

    /// A place among those that wait for the connection to open or to end.
    pub(super) fn watch(&self) -> Watch<'_> {
        self.watchers.watch()
    }

    pub(super) fn poll_closed(&self, place: &mut Place, cx: &Context<'_>) -> Poll<CloseEvent> {
        match self.ending.get() {
            Some(ending) => Poll::Ready(ending.clone()),
            None => {
                self.watchers.wait(place, 0, cx);
                Poll::Pending
            }
        }
    }

    pub(super) fn poll_opened(&self, place: &mut Place, cx: &Context<'_>) -> Poll<Result<(), CloseEvent>> {
        if self.opened.get() { Poll::Ready(Ok(())) } else { self.poll_closed(place, cx).map(Err) }
    }

    pub(super) fn poll_message(&self, handle: u64, cx: &Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        let popped = self.inbound.borrow_mut().pop();
        if let Some(message) = popped {
            self.pace();
            return Poll::Ready(Some(Ok(message)));
        }
        match (self.failure.take(), self.ending.get()) {
            (Some(Failure::Overflow(Overflowed { messages, bytes })), _) => {
                return Poll::Ready(Some(Err(Error::Overflow { messages, bytes })));
            }
            (Some(Failure::Unread), Some(ending)) => {
                return Poll::Ready(Some(Err(Error::Unread(ending.clone()))));
            }
            (Some(Failure::Lost), Some(ending)) => {
                return Poll::Ready(Some(Err(Error::Lost(ending.clone()))));
            }
            _ => {}
        }
        if self.overflowed.get() || self.ending.get().is_some() {
            return Poll::Ready(None);
        }
        self.readers.wait(handle, cx.waker());
        Poll::Pending
    }

    pub(super) fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Gives up a place that [`Shared::poll_closed`] took.
    pub(super) fn leave(&self, place: &mut Place) {
        self.watchers.leave(place);
    }

    fn handle(self: &Rc<Self>, event: Event) {
        match event {
            Event::Open => {
                self.opened.set(true);
                self.watchers.wake_all();
            }
            Event::Message(message) => {
                self.take_message(message);
                self.wake_reader();
            }
            // The close event that follows says all that there is to know.
            Event::Error => {}
            Event::Close(ending) => self.end(ending),
        }
    }

    fn end(&self, mut ending: CloseEvent) {
        if self.overflowed.get() && ending.initiator == Initiator::Us {
            ending.initiator = Initiator::Overflow;
        }
        if self.ending.set(ending.clone()).is_err() {
            return;
        }
        let is_truncated = self.transport().other().is_some_and(Carrier::is_truncated);
        // After an overflow the stream has ended or is about to, whatever the peer makes of the close.
        if (is_truncated || !ending.was_clean) && !self.overflowed.get() {
            self.failure.set(Some(if ending.was_clean { Failure::Unread } else { Failure::Lost }));
        }
        if let Some(timer) = self.close_timer.get() {
            timer.clear();
        }
        self.transport().end(ending);
        self.watchers.wake_all();
        self.wake_reader();
    }

    fn take_message(self: &Rc<Self>, message: Message) {
        // Once the queue has overflowed, a message that fits again would leave a gap before it.
        if self.overflowed.get() || self.ending.get().is_some() {
            return;
        }
        let beyond = self.transport().other().is_some();
        let pushed = self.inbound.borrow_mut().push(message, beyond);
        self.pace();
        if let Err(full) = pushed {
            self.overflowed.set(true);
            self.failure.set(Some(Failure::Overflow(full)));
            // The code and the reason are valid by construction.
            let _ = self.close(OVERFLOW_CODE, "inbound queue full");
        }
    }

    /// Lets the peer go on as far as there is room for what it sends, over a transport that can.
    fn pace(&self) {
        if let Some(stream) = self.transport().other() {
            stream.set_reading(!self.inbound.borrow().is_beyond());
        }
    }

    fn wake_reader(&self) {
        if !self.readers.is_empty() {
            task::in_event(|| self.readers.wake());
        }
    }
}
