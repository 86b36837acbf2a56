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
        poll_fn(|cx| {
            let known = match &*self.slot.fate.borrow() {
                Fate::Handed(receipt) => Some(Some(Rc::clone(receipt))),
                Fate::Dropped(_) => Some(None),
                Fate::Queued => None,
            };
            // Not borrowed while a waker is cloned, or one from before is freed: both may be anybody's code.
            match known {
                Some(known) => Poll::Ready(known),
                None => {
                    self.slot.watchers.wait(watch.place(), 0, cx);
                    Poll::Pending
                }
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

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::Arc,
        task::{Context, Wake, Waker},
    };

    use super::*;

    thread_local! {
        static SLOT: Rc<Slot> = Rc::default();
    }

    /// A task that is freed with its last waker, and by which the link then drops the message.
    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Task {
        fn drop(&mut self) {
            SLOT.with(|slot| slot.dropped(Dropped::Ended));
        }
    }

    #[test]
    fn a_message_may_be_dropped_by_what_waits_for_it() {
        let receipt = Receipt::new(SLOT.with(Rc::clone));
        let mut settled = pin!(receipt.settled());
        let waker = Waker::from(Arc::new(Task));
        assert!(settled.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        // Another task polls it now, so the one before is freed.
        let noop = &mut Context::from_waker(Waker::noop());
        assert!(settled.as_mut().poll(noop).is_pending());
        assert_eq!(settled.as_mut().poll(noop), Poll::Ready(Delivery::Dropped(Dropped::Ended)));
    }
}
