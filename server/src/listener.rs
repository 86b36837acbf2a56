//! The listening socket, which can be closed and opened again.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// How often the address is tried again, and with what pause: others may have taken the port meanwhile.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// The listening socket of a server, if it is open.
#[derive(Debug, Default)]
pub(crate) struct Listener(Mutex<Slot>);

#[derive(Debug, Default)]
struct Slot {
    socket: Option<TcpListener>,
    /// Who waits for it to be open again.
    waiting: Option<Waker>,
    /// It stays closed.
    done: bool,
}

impl Listener {
    /// Listens on this socket from now on, unless it was closed for good.
    pub(crate) fn open(&self, socket: TcpListener) {
        let mut slot = self.slot();
        if !slot.done {
            slot.socket = Some(socket);
            if let Some(waiting) = slot.waiting.take() {
                waiting.wake();
            }
        }
    }

    /// The next connection; none ever once it is closed for good.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| {
            let mut slot = self.slot();
            match &slot.socket {
                Some(socket) => socket.poll_accept(cx),
                None => {
                    slot.waiting = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Closes it for good.
    pub(crate) fn close(&self) {
        let mut slot = self.slot();
        slot.done = true;
        slot.socket = None;
    }

    /// Closes it, and opens it on the same address after a while. The connections stay.
    pub(crate) async fn restart(&self, after: Duration) -> io::Result<()> {
        let socket = self.slot().socket.take();
        let Some(socket) = socket else {
            return Err(io::Error::other("the server does not listen at the moment"));
        };
        let addr = socket.local_addr()?;
        drop(socket);
        sleep(after).await;
        let mut tries = 0;
        loop {
            match TcpListener::bind(addr).await {
                Ok(socket) => {
                    self.open(socket);
                    return Ok(());
                }
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => {
                    tries += 1;
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
