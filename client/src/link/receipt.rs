use std::{cell::RefCell, fmt, future::poll_fn, rc::Rc, task::Poll};

use crate::socket::{self, CloseEvent, wakers::Wakers};

/// What is known of a message that a link took.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// It waits for a connection, or for room on the one there is.
    Queued,
    /// A connection has it.
    HandedOver,
    /// It left the page's process. That the peer received it only the peer can say.
    Drained,
    /// The connection that had it ended before it was seen to drain. It may have arrived all the same; the link does not
    /// send it again.
    Lost(CloseEvent),
    /// It was never handed to a connection, and will not be.
    Dropped(Dropped),
}

/// Why a message was never handed to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dropped {
    /// It waited longer than [`QueueLimits::age`](super::QueueLimits::age).
    Expired,
    /// The link ended.
    Ended,
    /// The browser threw when it was handed the message.
    Refused,
}

/// What became of one message; from [`Link::send`](super::Link::send). Dropping it changes nothing about the message.
pub struct Receipt {
    slot: Rc<Slot>,
}

/// Where the link notes what became of a message.
#[derive(Debug, Default)]
pub(super) struct Slot {
    fate: RefCell<Fate>,
    watchers: Wakers,
}

#[derive(Debug, Default)]
enum Fate {
    #[default]
    Queued,
    Handed(Rc<socket::Receipt>),
    Dropped(Dropped),
}

impl Slot {
    pub(super) fn handed(&self, receipt: socket::Receipt) {
        self.settle(Fate::Handed(Rc::new(receipt)));
    }

    pub(super) fn dropped(&self, why: Dropped) {
        self.settle(Fate::Dropped(why));
    }

    fn settle(&self, fate: Fate) {
        *self.fate.borrow_mut() = fate;
        self.watchers.wake_all();
    }
}

impl Receipt {
    pub(super) fn new(slot: Rc<Slot>) -> Self {
        Self { slot }
    }

    /// What is known of the message now.
    pub fn delivery(&self) -> Delivery {
        match &*self.slot.fate.borrow() {
            Fate::Queued => Delivery::Queued,
            Fate::Dropped(why) => Delivery::Dropped(*why),
            Fate::Handed(receipt) => match receipt.delivery() {
                socket::Delivery::Drained => Delivery::Drained,
                socket::Delivery::Lost(ending) => Delivery::Lost(ending),
                socket::Delivery::HandedOver => Delivery::HandedOver,
            },
        }
    }

    /// Resolves once a connection has the message or it was dropped, with what is known then.
    pub async fn handed_over(&self) -> Delivery {
        let _ = self.receipt().await;
        self.delivery()
    }

    /// Resolves with the message's last state: drained, lost or dropped.
    pub async fn settled(&self) -> Delivery {
        if let Some(receipt) = self.receipt().await {
            // Whether it drained is what `delivery` says.
            let _ = receipt.drained().await;
        }
        self.delivery()
    }

    /// The receipt of the connection that was handed the message, once one was; `None` if it was dropped.
    async fn receipt(&self) -> Option<Rc<socket::Receipt>> {
        let mut watch = self.slot.watchers.watch();
        poll_fn(|cx| match &*self.slot.fate.borrow() {
            Fate::Handed(receipt) => Poll::Ready(Some(Rc::clone(receipt))),
            Fate::Dropped(_) => Poll::Ready(None),
            Fate::Queued => {
                self.slot.watchers.wait(watch.place(), 0, cx);
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
