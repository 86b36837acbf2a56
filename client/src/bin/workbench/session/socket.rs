//! A socket, and what waits to be sent on it.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{AbortHandle, join},
};
use wirescope::{
    CloseCode,
    socket::{Connect, Error, Message, Payload, Socket},
    spawn,
};

use super::{Happening, Held, NotSent, Running, run, tell};
use crate::{log::Delivery, model::Id};

/// A socket and its messages, one after the other, so that none overtakes another where they wait for room.
pub(super) struct Outbox {
    id: Id,
    /// None until it opened.
    socket: RefCell<Option<Socket>>,
    waiting: RefCell<VecDeque<(u64, Message)>>,
    sender: Cell<Option<Waker>>,
}

impl Outbox {
    pub(super) fn begin(id: Id, connect: Connect) -> (Rc<Self>, AbortHandle) {
        let outbox = Rc::new(Self {
            id,
            socket: RefCell::default(),
            waiting: RefCell::default(),
            sender: Cell::default(),
        });
        let mut attempt = connect.into_future();
        let place = Rc::clone(&outbox);
        let tasks = run(async move {
            // What the browser refuses, it refuses at once; and then nothing was tried.
            let refused = match poll_fn(|cx| Poll::Ready(attempt.poll_unpin(cx))).await {
                Poll::Ready(Err(error)) => Some(error),
                _ => None,
            };
            if let Some(error) = refused {
                return tell(id, Happening::Refused(error));
            }
            tell(id, Happening::Connecting(1));
            let mut socket = match attempt.await {
                Ok(socket) => socket,
                Err(Error::ConnectFailed { close, .. }) => return tell(id, Happening::Closed(close)),
                Err(error) => return tell(id, Happening::Refused(error)),
            };
            place.socket.replace(Some(socket.clone()));
            tell(id, Happening::Opened(socket.subprotocol()));
            let (outbox, sender) = (Rc::clone(&place), socket.clone());
            let sending = async move { outbox.send_all(sender).await };
            let reading = async move {
                while let Some(Ok(message)) = socket.next().await {
                    tell(id, Happening::Received(message));
                }
                let close = socket.closed().await;
                place.drop_all();
                tell(id, Happening::Closed(close));
            };
            join(reading, sending).await;
        });
        (outbox, tasks)
    }

    /// Hands over one message after the other, for as long as it is polled.
    async fn send_all(&self, socket: Socket) {
        let id = self.id;
        loop {
            let next = poll_fn(|cx| match self.waiting.borrow_mut().pop_front() {
                Some(next) => Poll::Ready(next),
                None => {
                    self.sender.set(Some(cx.waker().clone()));
                    Poll::Pending
                }
            });
            let (number, message) = next.await;
            match socket.send(&message).await {
                Ok(receipt) => {
                    tell(id, Happening::Delivered(number, Delivery::HandedOver));
                    spawn(async move {
                        let drained = receipt.drained().await.is_ok();
                        let delivery = if drained { Delivery::Drained } else { Delivery::Lost };
                        tell(id, Happening::Delivered(number, delivery));
                    });
                }
                Err(_) => tell(id, Happening::Delivered(number, Delivery::Dropped)),
            }
        }
    }
}

impl Running for Rc<Outbox> {
    fn send(&self, number: u64, message: Message) -> Result<(), NotSent> {
        if self.socket.borrow().is_none() {
            return Err(NotSent::NotOpen);
        }
        self.waiting.borrow_mut().push_back((number, message));
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
        Ok(())
    }

    fn try_send(&self, payload: Payload<'_>) -> Result<(), Held> {
        match self.socket.borrow().as_ref().map(|socket| socket.try_send(payload)) {
            None => Err(Held::NotOpen),
            Some(Ok(_)) => Ok(()),
            Some(Err(Error::Full { .. })) => Err(Held::Full),
            Some(Err(_)) => Err(Held::Ended),
        }
    }

    fn backlog(&self) -> (u64, u64) {
        let buffered = self.socket.borrow().as_ref().map_or(0, Socket::buffered_amount);
        (buffered.into(), self.waiting.borrow().len() as u64)
    }

    fn takes(&self) -> bool {
        self.socket.borrow().is_some()
    }

    fn close(&self, code: CloseCode, reason: String) -> bool {
        let Some(socket) = self.socket.borrow().clone() else { return false };
        spawn(async move {
            let _ = socket.close(code, &reason).await;
        });
        true
    }

    /// That is told later, since nobody knows who is asking.
    fn drop_all(&self) {
        let (id, waiting) = (self.id, std::mem::take(&mut *self.waiting.borrow_mut()));
        if !waiting.is_empty() {
            spawn(async move {
                for (number, _) in waiting {
                    tell(id, Happening::Delivered(number, Delivery::Dropped));
                }
            });
        }
    }
}
