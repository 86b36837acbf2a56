//! A try: the endpoint, asked of its provider where there is one, and the transport to it.

use std::{
    future::poll_fn,
    rc::{Rc, Weak},
    task::{Context, Poll},
};

use wasm_bindgen_futures::spawn_local;

use super::{
    super::{Endpoint, Phase, connection::Connection, policy::Input},
    Inner,
};
use crate::socket::{Offers, transport::Transport};

impl Inner {
    pub(super) fn begin(&self, generation: u64) {
        self.count(|stats| stats.attempts += 1);
        match &self.options.endpoint {
            Endpoint::Fixed { url, subprotocols } => self.connect(generation, url, subprotocols),
            Endpoint::Provided(provider) => {
                let answer = provider();
                drop(self.provided.replace(Some(answer)));
                let weak = Weak::clone(&self.myself);
                spawn_local(poll_fn(move |cx| match weak.upgrade() {
                    Some(inner) => inner.poll_provided(generation, cx),
                    None => Poll::Ready(()),
                }));
            }
        }
    }

    fn poll_provided(&self, generation: u64, cx: &mut Context<'_>) -> Poll<()> {
        if self.machine.borrow().generation() != generation {
            return Poll::Ready(());
        }
        // Not borrowed while it is polled: it is the user's code.
        let Some(mut provided) = self.provided.borrow_mut().take() else { return Poll::Ready(()) };
        match provided.as_mut().poll(cx) {
            Poll::Ready(Some((url, subprotocols))) => self.connect(generation, &url, &subprotocols),
            Poll::Ready(None) => self.step(Input::Failed { generation }),
            Poll::Pending if self.machine.borrow().generation() == generation => {
                *self.provided.borrow_mut() = Some(provided);
                return Poll::Pending;
            }
            Poll::Pending => {}
        }
        Poll::Ready(())
    }

    fn connect(&self, generation: u64, url: &str, subprotocols: &[String]) {
        if !matches!(self.machine.borrow().phase(), Phase::Connecting { .. }) {
            return;
        }
        let weak = Weak::clone(&self.myself);
        let handler = move |event| {
            if let Some(inner) = weak.upgrade() {
                inner.handle(generation, event);
            }
        };
        let watermarks = self.options.watermarks;
        let opened = Offers::check(subprotocols).and_then(|offers| match self.options.opener {
            None => Transport::open(url, &offers, watermarks, handler),
            Some(opener) => Transport::open_with(opener, url, &offers, watermarks, Box::new(handler)),
        });
        match opened {
            Ok(transport) => {
                drop(self.connection.replace(Some(Rc::new(Connection::new(generation, transport)))));
            }
            Err(error) => self.step(Input::Refused { generation, error: &error }),
        }
    }
}
