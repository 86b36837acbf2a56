//! The frame-aware layer beneath tungstenite, for connections that a fault bends or a trace records.
//!
//! tungstenite hides frames, and answers pings and Close frames by itself. So on such a connection it runs over a pipe
//! within the process, and this passes what goes through the pipe on to the peer and back: it records, withholds,
//! delays, changes, adds and cuts. Every other connection runs on the bare stream and pays nothing.

mod frame;
mod inward;
mod lane;
mod outward;
mod unread;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, Interest},
    sync::mpsc,
    time::{sleep, timeout},
};
use tracing::debug;

pub(crate) use self::frame::Frame;
use self::{frame::FrameReader, inward::Inward, outward::Outward, unread::Unread};
use crate::{
    Config, ending,
    fault::{Direction, Effect, Made, Plan, Strike},
    metrics::Metrics,
    server::Context,
    shutdown::Shutdown,
    stream::Stream,
    trace::{Tracer, Verdict},
};

/// What the pipe to tungstenite holds each way.
pub(crate) const PIPE: usize = 64 * 1024;

/// How long a connection on which nothing is read is held at most.
const LONGEST_HELD: Duration = Duration::from_secs(10 * 60);

/// What both ways of a connection share.
pub(crate) struct Wire<'a> {
    tracer: Option<&'a Tracer>,
    config: &'a Config,
    metrics: &'a Metrics,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    verdict: Verdict,
    /// When a byte last came or went.
    active: Instant,
}

/// Reaches into a connection from outside of it.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    outward: mpsc::Sender<Request>,
    inward: mpsc::Sender<Arc<Plan>>,
    state: Arc<Mutex<State>>,
}

/// Where a [`Handle`] is heard.
pub(crate) struct Ports {
    handle: Handle,
    outward: mpsc::Receiver<Request>,
    inward: mpsc::Receiver<Arc<Plan>>,
}

/// Why the wire is done with a connection.
#[derive(Debug)]
enum Over {
    /// All was passed on and both sides have ended.
    Ended,
    /// The server's side is to end without a Close frame.
    Fin,
    Reset,
    /// Nothing is read or written any more.
    HalfOpen,
    Lost(io::Error),
}

impl Over {
    /// Its name in a trace.
    fn name(&self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Fin => "ended without a Close frame",
            Self::Reset => "reset",
            Self::HalfOpen => "half-open",
            Self::Lost(_) => "lost",
        }
    }
}

/// What the other direction, or the control of the server, asks of the way out.
#[derive(Debug)]
pub(crate) enum Request {
    /// A strike, by the fault of this name, after this message that came in.
    Strike(&'static str, Strike, u64),
    /// A text message to the peer, which the scenario knows nothing of.
    Say(String),
    /// Another plan from now on.
    Change(Arc<Plan>),
}

impl Handle {
    /// A new one, and where it is heard.
    pub(crate) fn new() -> (Self, Ports) {
        let state = State { verdict: Verdict::default(), active: Instant::now() };
        let (outward, requests) = mpsc::channel(64);
        let (inward, changes) = mpsc::channel(4);
        let handle = Self { outward, inward, state: Arc::new(Mutex::new(state)) };
        (handle.clone(), Ports { handle, outward: requests, inward: changes })
    }

    /// Has the connection go on with another plan. `false` when it is over, or so busy that it does not hear.
    pub(crate) fn change(&self, plan: &Arc<Plan>) -> bool {
        // The way in first: what the way out does may end the connection. It may be at its end already.
        let _ = self.inward.try_send(Arc::clone(plan));
        self.outward.try_send(Request::Change(Arc::clone(plan))).is_ok()
    }

    /// What became of the connection so far.
    pub(crate) fn verdict(&self) -> Verdict {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).verdict.clone()
    }
}

impl<'a> Wire<'a> {
    pub(crate) fn new(tracer: Option<&'a Tracer>, context: &'a Context, handle: &Handle) -> Self {
        let (config, metrics) = (&context.config, &context.metrics);
        Self { tracer, config, metrics, state: Arc::clone(&handle.state) }
    }

    /// Passes bytes between the peer and the pipe until the connection is over, and ends it. `read` is what was read of the
    /// stream.
    pub(crate) async fn run<S: Stream>(
        &self,
        plan: &Arc<Plan>,
        ports: Ports,
        stream: S,
        read: Vec<u8>,
        pipe: DuplexStream,
        shutdown: &Shutdown,
    ) {
        let unread = Unread::of(stream.tcp());
        let mut ports = ports;
        let (over, stream, pipe) = self.pass(plan, &mut ports, stream, read, unread, pipe).await;
        // The scenario goes on as long as the connection is held, and no longer.
        let mut pipe = Some(pipe).filter(|_| matches!(over, Over::HalfOpen));
        match over {
            Over::Ended | Over::Fin => ending::drain(stream, &self.config.timeouts).await,
            Over::Reset => reset(&stream),
            Over::HalfOpen => {
                let changed = async {
                    loop {
                        match ports.outward.recv().await {
                            Some(Request::Change(plan)) => return plan,
                            Some(_) => {}
                            None => std::future::pending().await,
                        }
                    }
                };
                tokio::select! {
                    () = shutdown.begun() => {}
                    _ = timeout(LONGEST_HELD, gone(&stream)) => {}
                    // Whatever else it is to meet now, it cannot go on.
                    plan = changed => if plan.made().any(|(_, made)| matches!(made, Made::Strike(Strike::Reset))) {
                        reset(&stream);
                    },
                }
                pipe.take();
            }
            Over::Lost(error) => debug!(%error, "the peer is gone"),
        }
    }

    /// Passes bytes until the wire is over, and says why it is.
    async fn pass<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        plan: &Arc<Plan>,
        ports: &mut Ports,
        stream: S,
        read: Vec<u8>,
        unread: Unread,
        pipe: DuplexStream,
    ) -> (Over, S, DuplexStream) {
        let (from_peer, to_peer) = tokio::io::split(stream);
        let (from_server, to_server) = tokio::io::split(pipe);
        let mut from_peer = FrameReader::new(from_peer, &read, self.config.max_message);
        let mut outward = Outward::new(self, plan, to_peer);
        let mut from_server = FrameReader::new(from_server, &[], self.config.max_message);
        let mut inward = Inward::new(self, plan, to_server, unread, ports.handle.outward.clone());
        let over = {
            let mut out = std::pin::pin!(outward.run(&mut from_server, &mut ports.outward));
            let mut inward = std::pin::pin!(inward.run(&mut from_peer, &mut ports.inward));
            // The peer may end its side first and still be sent the rest, so only the way out ends the wire.
            tokio::select! {
                over = &mut out => over,
                lost = &mut inward => match lost {
                    Ok(()) => out.await,
                    Err(error) => Over::Lost(error),
                },
            }
        };
        let name = over.name();
        debug!(over = name, verdict = ?self.state().verdict, "wire is over");
        if let Some(tracer) = self.tracer {
            tracer.verdict(&self.state().verdict, name);
        }
        let pipe = from_server.into_inner().unsplit(inward.into_writer());
        (over, from_peer.into_inner().unsplit(outward.into_writer()), pipe)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_active(&self) {
        self.state().active = Instant::now();
    }

    /// Records a frame and counts it; `message` is the number of the data message that it is of, or 0.
    fn saw(&self, direction: Direction, frame: &Frame, message: u64) {
        let mut state = self.state();
        let verdict = &mut state.verdict;
        let (tally, close) = match direction {
            Direction::Out => (&mut verdict.sent, &mut verdict.close_sent),
            Direction::In => (&mut verdict.received, &mut verdict.close_received),
        };
        tally.frames += 1;
        if let Some((code, _)) = frame.close() {
            close.get_or_insert(code);
        }
        if !frame.is_control() {
            tally.bytes += frame.payload.len() as u64;
            tally.messages += u64::from(frame.fin());
        }
        drop(state);
        if let Some(tracer) = self.tracer {
            tracer.frame(direction, frame, message);
        }
    }

    fn saw_raw(&self, direction: Direction, bytes: &[u8], message: u64) {
        if let Some(tracer) = self.tracer {
            tracer.raw(direction, bytes, message);
        }
    }

    fn changed(&self, plan: &Plan) {
        if let Some(tracer) = self.tracer {
            tracer.plan(&plan.to_string());
        }
    }

    fn struck(&self, fault: &'static str, direction: Direction, message: u64, effect: Option<&Effect>) {
        *self.state().verdict.faults.entry(fault).or_default() += 1;
        self.metrics.fault(fault);
        if let Some(tracer) = self.tracer {
            tracer.fault(fault, direction, message, effect);
        }
    }
}

/// Has the system answer the peer with a reset when the stream is dropped.
fn reset(stream: &impl Stream) {
    if let Err(error) = stream.tcp().set_zero_linger() {
        debug!(%error, "the connection cannot be reset");
    }
}

/// Resolves when the peer has ended its side or reset the connection, which the system tells without reading.
async fn gone(stream: &impl Stream) {
    const LOOK: Duration = Duration::from_millis(100);
    loop {
        match stream.tcp().ready(Interest::READABLE).await {
            Ok(ready) if !ready.is_read_closed() => sleep(LOOK).await,
            _ => return,
        }
    }
}

/// Runs a wire on a stream that is no connection, and a connection on the wire.
#[cfg(fuzzing)]
pub(crate) async fn fuzz<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
    stream: S,
    peer: std::net::SocketAddr,
    accepted: &crate::handshake::Accepted,
    context: &Arc<crate::server::Context>,
) {
    let (handle, mut ports) = Handle::new();
    let wire = Wire::new(None, context, &handle);
    drop(handle);
    let (pipe, end) = tokio::io::duplex(PIPE);
    tokio::join!(
        wire.pass(&accepted.plan, &mut ports, stream, Vec::new(), Unread::none(), pipe),
        crate::connection::talk(end, Vec::new(), peer, accepted, context)
    );
}
