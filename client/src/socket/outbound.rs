use std::{
    cell::{Cell, OnceCell},
    fmt,
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
};

use web_sys::WebSocket;

use super::{
    CloseEvent, Error,
    account::{Account, Watermarks},
    wakers::{Place, Wakers, Watch},
};
use crate::timer::Timer;

/// How often `bufferedAmount` is looked at while somebody waits for it to fall, in milliseconds: the browser has no event
/// for it. From the first to the last, doubling while nothing drains.
const LOOKS: [u32; 2] = [4, 64];

/// What a socket's sends, receipts and waiters share. It outlives the socket in its receipts.
pub(crate) struct Outbound {
    /// Where to look what is still buffered; without it [`Outbound::drain`] is told.
    raw: Option<WebSocket>,
    account: Cell<Account>,
    ending: OnceCell<CloseEvent>,
    waiters: Wakers,
    // Made when somebody first waits; most sockets never need one.
    timer: OnceCell<Timer>,
    look_after: Cell<u32>,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("account", &self.account.get()).finish_non_exhaustive()
    }
}

impl Outbound {
    pub(crate) fn new(raw: Option<WebSocket>, marks: Watermarks) -> Rc<Self> {
        Rc::new(Self {
            raw,
            account: Cell::new(Account::new(marks)),
            ending: OnceCell::new(),
            waiters: Wakers::default(),
            timer: OnceCell::new(),
            look_after: Cell::new(LOOKS[0]),
        })
    }

    /// Enters a message that the browser was handed.
    pub(crate) fn hand_over(self: &Rc<Self>, bytes: usize) -> Receipt {
        let position = self.update(|account| account.hand_over(bytes as u64, || self.look_now()));
        Receipt { outbound: Rc::clone(self), position }
    }

    /// Enters that so many more bytes have left.
    pub(crate) fn drain(&self, bytes: usize) {
        if !self.has_ended() {
            self.update(|account| account.observe(account.buffered().saturating_sub(bytes as u64)));
            self.waiters.wake_up_to(self.account.get().drained());
        }
    }

    /// How many bytes the browser has not sent, as it says now.
    pub(crate) fn undrained(&self) -> u64 {
        self.observe();
        self.buffered()
    }

    /// How many bytes in all have left the page's process, as the browser says now.
    pub(crate) fn drained(&self) -> u64 {
        self.observe();
        self.account.get().drained()
    }

    /// Whether more may be sent, as the browser sees it now where the account alone says no.
    pub(crate) fn has_room(&self) -> bool {
        self.room_at().is_none()
    }

    pub(crate) fn poll_room(self: &Rc<Self>, place: &mut Place, cx: &Context<'_>) -> Poll<()> {
        match self.room_at() {
            Some(position) => {
                self.wait(place, position, cx);
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }

    pub(crate) fn watch(&self) -> Watch<'_> {
        self.waiters.watch()
    }

    pub(crate) fn leave(&self, place: &mut Place) {
        self.waiters.leave(place);
    }

    pub(crate) fn buffered(&self) -> u64 {
        self.account.get().buffered()
    }

    /// Settles what becomes of every receipt.
    pub(crate) fn end(&self, ending: CloseEvent) {
        self.observe();
        let _ = self.ending.set(ending);
        if let Some(timer) = self.timer.get() {
            timer.clear();
        }
        self.waiters.wake_all();
    }

    /// Has every waiter look again at what it waits for.
    pub(crate) fn wake_all(&self) {
        self.waiters.wake_all();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ending.get().is_some()
    }

    fn room_at(&self) -> Option<u64> {
        self.account.get().room_at()?;
        self.observe();
        self.account.get().room_at()
    }

    /// After the end the browser only ever counts up, and what has drained was settled.
    fn observe(&self) {
        if let Some(buffered) = self.look_now() {
            self.update(|account| account.observe(buffered));
        }
    }

    fn look_now(&self) -> Option<u64> {
        let raw = self.raw.as_ref().filter(|_| !self.has_ended())?;
        Some(u64::from(raw.buffered_amount()))
    }

    fn wait(self: &Rc<Self>, place: &mut Place, position: u64, cx: &Context<'_>) {
        let first = self.waiters.is_empty();
        self.waiters.wait(place, position, cx);
        if first && self.raw.is_some() {
            self.look_after.set(LOOKS[0]);
            self.look_later();
        }
    }

    fn look_later(self: &Rc<Self>) {
        let timer = self.timer.get_or_init(|| {
            let myself = Rc::downgrade(self);
            Timer::new(move || {
                if let Some(myself) = myself.upgrade() {
                    myself.look();
                }
            })
        });
        timer.set(self.look_after.get());
    }

    fn look(self: &Rc<Self>) {
        let before = self.account.get().drained();
        self.observe();
        let drained = self.account.get().drained();
        self.look_after.set(if drained > before {
            LOOKS[0]
        } else {
            (self.look_after.get() * 2).min(LOOKS[1])
        });
        self.waiters.wake_up_to(drained);
        if !self.waiters.is_empty() {
            self.look_later();
        }
    }

    fn update<T>(&self, change: impl FnOnce(&mut Account) -> T) -> T {
        let mut account = self.account.get();
        let result = change(&mut account);
        self.account.set(account);
        result
    }
}

/// What is known of a message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// The browser has it.
    HandedOver,
    /// The browser's `bufferedAmount` has passed it, or over [`Transport::Stream`](super::Transport::Stream) its write
    /// promise resolved: it left the page's process. That the peer received it only the peer can say.
    ///
    /// An empty message adds nothing to `bufferedAmount`, so it has drained as soon as all that was sent before it has: of
    /// itself that says nothing.
    Drained,
    /// The connection ended before it was seen to drain. It may have arrived all the same.
    Lost(CloseEvent),
}

/// What became of one message; from [`Socket::send`](super::Socket::send). Dropping it changes nothing about the message.
pub struct Receipt {
    outbound: Rc<Outbound>,
    position: u64,
}

impl Receipt {
    /// What is known of the message now.
    pub fn delivery(&self) -> Delivery {
        if !self.outbound.account.get().has_drained(self.position) {
            self.outbound.observe();
        }
        if self.outbound.account.get().has_drained(self.position) {
            return Delivery::Drained;
        }
        match self.outbound.ending.get() {
            Some(ending) => Delivery::Lost(ending.clone()),
            None => Delivery::HandedOver,
        }
    }

    /// Resolves once the message has drained. `bufferedAmount` is looked at every few milliseconds while somebody waits,
    /// since the browser has no event for it; over [`Transport::Stream`](super::Transport::Stream) its write promise tells.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] when the connection ends first; the message may have arrived all the same.
    pub async fn drained(&self) -> Result<(), Error> {
        let mut watch = self.outbound.watch();
        poll_fn(|cx| match self.delivery() {
            Delivery::Drained => Poll::Ready(Ok(())),
            Delivery::Lost(ending) => Poll::Ready(Err(Error::Lost(ending))),
            Delivery::HandedOver => {
                self.outbound.wait(watch.place(), self.position, cx);
                Poll::Pending
            }
        })
        .await
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("delivery", &self.delivery()).finish()
    }
}
