//! What readers of the feed cost: bytes, requests and CPU time, for each way to read it.
//!
//! What is counted, and what is not:
//!
//! * Bytes are those of HTTP and WebSocket, at the TCP socket's edge: heads, bodies, frames. For HTTP they are counted on the
//!   stream, after compression. For WebSockets they are computed: the opening handshake and the data frames both ways, not
//!   pings, pongs and Close frames. TCP's and IP's own headers are on no account.
//! * CPU time is the thread's, by the system's clock for it, over each turn that a reader's task gets: waking up, looking for
//!   updates, composing and compressing the response, and the system calls that write it. Not in it are the accepting of
//!   connections, the reading of a connection's first request, the runtime's own scheduling, and what the kernel does in
//!   interrupts. Where the system has no such clock it is null.
//! * What makes the updates is on an account of its own, since all readers share it.
//! * A connection that changes from one way to another is charged by its latest request.

use std::{
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context as Task, Poll},
    time::Duration,
};

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How an update reaches a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    WebSocket,
    Events,
    LongPolling,
    Polling,
}

/// The accounts of all feeds of a server.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    websocket: Account,
    events: Account,
    long_polling: Account,
    polling: Account,
    /// What the updates themselves cost.
    pub(super) making: Account,
}

#[derive(Debug, Default)]
pub(super) struct Account {
    requests: AtomicU64,
    updates: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    cpu_nanos: AtomicU64,
}

/// All accounts, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Statement {
    websocket: Line,
    events: Line,
    long_polling: Line,
    polling: Line,
    making: Made,
}

#[derive(Debug, Serialize)]
struct Line {
    /// Requests over HTTP, each WebSocket's opening handshake being one.
    requests: u64,
    /// Updates that were sent to readers.
    updates: u64,
    bytes_in: u64,
    bytes_out: u64,
    bytes_per_update: Option<f64>,
    cpu_us: Option<f64>,
    cpu_us_per_update: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Made {
    updates: u64,
    cpu_us: Option<f64>,
    cpu_us_per_update: Option<f64>,
}

impl Costs {
    pub(super) fn account(&self, way: Way) -> &Account {
        match way {
            Way::WebSocket => &self.websocket,
            Way::Events => &self.events,
            Way::LongPolling => &self.long_polling,
            Way::Polling => &self.polling,
        }
    }

    pub(super) fn statement(&self) -> Statement {
        let Line { updates, cpu_us, cpu_us_per_update, .. } = self.making.line();
        Statement {
            websocket: self.websocket.line(),
            events: self.events.line(),
            long_polling: self.long_polling.line(),
            polling: self.polling.line(),
            making: Made { updates, cpu_us, cpu_us_per_update },
        }
    }
}

impl Account {
    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn updates(&self, count: usize) {
        self.updates.fetch_add(count as u64, Relaxed);
    }

    pub(super) fn bytes(&self, incoming: u64, outgoing: u64) {
        self.bytes_in.fetch_add(incoming, Relaxed);
        self.bytes_out.fetch_add(outgoing, Relaxed);
    }

    /// Does something and charges its CPU time.
    pub(super) fn time<T>(&self, what: impl FnOnce() -> T) -> T {
        let before = cpu_time();
        let done = what();
        self.charge(since(before));
        done
    }

    /// The same for what takes several turns.
    pub(super) async fn time_turns<F: Future>(&self, what: F) -> F::Output {
        let mut what = pin!(what);
        std::future::poll_fn(|task| self.time(|| what.as_mut().poll(task))).await
    }

    fn charge(&self, time: Duration) {
        self.cpu_nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    #[expect(clippy::cast_precision_loss, reason = "a report for people to compare")]
    fn line(&self) -> Line {
        let updates = self.updates.load(Relaxed);
        let (bytes_in, bytes_out) = (self.bytes_in.load(Relaxed), self.bytes_out.load(Relaxed));
        let cpu_us = cpu_time().map(|_| self.cpu_nanos.load(Relaxed) as f64 / 1e3);
        let per_update = |total: f64| (updates > 0).then(|| (total / updates as f64 * 1e3).round() / 1e3);
        Line {
            requests: self.requests.load(Relaxed),
            updates,
            bytes_in,
            bytes_out,
            bytes_per_update: per_update((bytes_in + bytes_out) as f64),
            cpu_us,
            cpu_us_per_update: cpu_us.and_then(per_update),
        }
    }
}

/// Measures one HTTP connection, and charges whom its requests concern.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Mutex<Measured>>);

#[derive(Debug, Default)]
struct Measured {
    /// Whom the latest request concerns.
    charged: Option<(Arc<Costs>, Way)>,
    /// Whether there was a request at all: what comes before one is its cost.
    begun: bool,
    incoming: u64,
    outgoing: u64,
    cpu: Duration,
}

impl Meter {
    /// A request has come; it concerns nobody yet.
    pub(crate) fn begin(&self) {
        self.with(|measured| (measured.charged, measured.begun) = (None, true));
    }

    /// The request is a reader's.
    pub(super) fn charge(&self, costs: &Arc<Costs>, way: Way) {
        costs.account(way).request();
        self.with(|measured| measured.charged = Some((Arc::clone(costs), way)));
    }

    /// The stream with its bytes counted.
    pub(crate) fn stream<S>(&self, stream: S) -> Metered<S> {
        Metered { stream, meter: self.clone() }
    }

    /// Serves the connection, and measures each of its turns.
    pub(crate) async fn time<F: Future>(&self, connection: F) -> F::Output {
        let mut connection = pin!(connection);
        std::future::poll_fn(|task| {
            let before = cpu_time();
            let polled = connection.as_mut().poll(task);
            let spent = since(before);
            self.with(|measured| {
                measured.cpu += spent;
                if let Some((costs, way)) = &measured.charged {
                    let account = costs.account(*way);
                    account.charge(measured.cpu);
                    account.bytes(measured.incoming, measured.outgoing);
                }
                if measured.begun {
                    (measured.cpu, measured.incoming, measured.outgoing) = Default::default();
                }
            });
            polled
        })
        .await
    }

    fn with<T>(&self, what: impl FnOnce(&mut Measured) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A stream whose bytes are counted.
#[derive(Debug)]
pub(crate) struct Metered<S> {
    stream: S,
    meter: Meter,
}

impl<S> Metered<S> {
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    fn wrote(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(count)) = written {
            self.meter.with(|measured| measured.outgoing += *count as u64);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        read: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = read.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(task, read);
        let count = read.filled().len() - before;
        self.meter.with(|measured| measured.incoming += count as u64);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(task, bytes);
        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(task, slices);
        self.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}

/// The CPU time that this thread has used.
#[cfg(unix)]
fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).ok()
}

#[cfg(not(unix))]
fn cpu_time() -> Option<Duration> {
    None
}

fn since(before: Option<Duration>) -> Duration {
    before.zip(cpu_time()).and_then(|(before, now)| now.checked_sub(before)).unwrap_or_default()
}
