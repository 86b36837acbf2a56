//! From the peer to the server.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
    time::{sleep, sleep_until},
};

use super::{
    Request, Wire,
    frame::{self, Frame, FrameReader, Part},
    lane::{Bender, Lane},
    unread::Unread,
};
use crate::fault::{After, Direction, Flying, Made, Plan, Shape, Strike, Trigger};

/// How often a stall looks how much waits.
const LOOK: Duration = Duration::from_millis(10);

pub(super) struct Inward<'a, W> {
    wire: &'a Wire<'a>,
    writer: W,
    unread: Unread,
    requests: mpsc::Sender<Request>,
    lane: Lane<Vec<Bytes>>,
    bender: Bender,
    /// When the plan began.
    since: Instant,
    /// What comes after messages that are received.
    strikes: Vec<(&'static str, Trigger, Strike)>,
    stalls: Vec<(&'static str, Trigger, Duration)>,
    /// The message whose fragments are being gathered: its opcode, and what is there of it.
    begun: Option<(u8, BytesMut)>,
}

impl<'a, W: AsyncWrite + Unpin> Inward<'a, W> {
    pub(super) fn new(
        wire: &'a Wire<'a>,
        plan: &Arc<Plan>,
        writer: W,
        unread: Unread,
        requests: mpsc::Sender<Request>,
    ) -> Self {
        let mut inward = Self {
            wire,
            writer,
            unread,
            requests,
            lane: Lane::new(Instant::now()),
            bender: Bender::new(Arc::clone(plan), Direction::In),
            since: Instant::now(),
            strikes: Vec::new(),
            stalls: Vec::new(),
            begun: None,
        };
        inward.arm(plan);
        inward
    }

    fn arm(&mut self, plan: &Plan) {
        for (setting, made) in plan.made() {
            match made {
                // Reading is what stalls, so what counts is what was read, whichever way the trigger looks.
                Made::Strike(Strike::Stall(time)) => {
                    self.stalls.push((setting.fault.name, setting.trigger, time));
                }
                Made::Strike(strike) if setting.trigger.inward => {
                    // What comes at once or by the clock is the other direction's.
                    let by_message = !setting.trigger.is_single()
                        || matches!(setting.trigger.after, After::Messages(count) if count > 0);
                    if by_message {
                        self.strikes.push((setting.fault.name, setting.trigger, strike));
                    }
                }
                _ => {}
            }
        }
    }

    /// Passes on what comes from the peer until it ends its side.
    pub(super) async fn run<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut FrameReader<R>,
        changes: &mut mpsc::Receiver<Arc<Plan>>,
    ) -> io::Result<()> {
        let mut ended = false;
        self.stall_after().await;
        loop {
            let now = Instant::now();
            self.put_due(now).await;
            if ended && self.lane.is_empty() {
                let _ = self.writer.shutdown().await;
                return Ok(());
            }
            let due = self.lane.next_due();
            let stall = self.next_timed_stall();
            let wake = due.into_iter().chain(stall).min();
            tokio::select! {
                () = sleep_until(wake.unwrap_or(now).into()), if wake.is_some() => {
                    if stall.is_some_and(|at| at <= Instant::now()) {
                        self.stall_by_time().await;
                    }
                }
                plan = changes.recv(), if !changes.is_closed() => {
                    if let Some(plan) = plan {
                        self.change(&plan).await;
                    }
                }
                part = reader.next(), if !ended && self.lane.has_room() => match part? {
                    Some(Part::Frame(frame)) => {
                        self.wire.is_active();
                        self.take(frame).await;
                    }
                    Some(Part::Opaque(bytes)) => {
                        self.wire.is_active();
                        self.wire.saw_raw(Direction::In, &bytes, 0);
                        self.lane.push(Instant::now(), bytes.len(), vec![bytes]);
                    }
                    None => {
                        ended = true;
                        self.release();
                    }
                },
            }
        }
    }

    /// Passes on what has its time.
    async fn put_due(&mut self, now: Instant) {
        while let Some(pieces) = self.lane.pop_due(now) {
            for piece in pieces {
                // A server that is done does not read; what the peer still sends is for nobody.
                if self.writer.write_all(&piece).await.is_err() {
                    break;
                }
            }
        }
    }

    pub(super) fn into_writer(self) -> W {
        self.writer
    }

    async fn take(&mut self, frame: Frame) {
        let message = if frame.is_control() { 0 } else { self.bender.number() + 1 };
        self.wire.saw(Direction::In, &frame, message);
        let ends_message = !frame.is_control() && frame.fin();
        if frame.opcode() == 8 {
            self.release();
        }
        if self.bender.is_idle() || frame.is_control() {
            let bytes = frame.head.len() + frame.payload.len();
            let is_control = frame.is_control();
            let pieces = vec![frame.head, frame.payload];
            if is_control && self.bender.is_idle() {
                self.lane.push(Instant::now(), bytes, pieces);
            } else if is_control {
                self.lane.push_freely(Instant::now(), bytes, pieces);
            } else {
                self.lane.push(Instant::now(), bytes, pieces);
            }
            if ends_message {
                self.bender.count();
            }
        } else {
            self.gather(frame);
        }
        if ends_message {
            self.strike_after().await;
            self.stall_after().await;
        }
    }

    /// Joins a message's fragments, since the faults strike whole messages. What breaks the rules of fragments is passed on
    /// as it is, for tungstenite to judge.
    fn gather(&mut self, frame: Frame) {
        let now = Instant::now();
        let (opcode, mut payload) = match (frame.opcode(), self.begun.take()) {
            (opcode @ (1 | 2), None) if frame.rsv() == 0 && frame.key().is_some() => {
                (opcode, BytesMut::new())
            }
            (0, Some(begun)) if frame.rsv() == 0 && frame.key().is_some() => begun,
            (_, begun) => {
                self.begun = begun;
                self.lane.push(now, frame.payload.len(), vec![frame.head, frame.payload]);
                return;
            }
        };
        payload.extend_from_slice(&frame.unmasked(usize::MAX));
        if !frame.fin() && payload.len() <= self.wire.config.max_message {
            self.begun = Some((opcode, payload));
            return;
        }
        let message =
            Flying { number: 0, opcode, payload: payload.freeze(), due: now, shape: Shape::OneFrame };
        let wire = self.wire;
        let bent = self.bender.bend(message, |fault, number, effect| {
            wire.struck(fault, Direction::In, number, Some(&effect));
        });
        for message in bent {
            self.send(message);
        }
    }

    fn release(&mut self) {
        for message in self.bender.release() {
            self.send(message);
        }
    }

    fn send(&mut self, message: Flying) {
        // A mask of zeros leaves the payload as it is.
        let pieces = match message.shape {
            Shape::Raw => vec![message.payload],
            _ => {
                let head = frame::head(0x80 | message.opcode, message.payload.len(), Some([0; 4]));
                vec![head, message.payload]
            }
        };
        self.lane.push(message.due, pieces.iter().map(Bytes::len).sum(), pieces);
    }

    /// Goes on with another plan. What is on its way stays as it is.
    async fn change(&mut self, plan: &Arc<Plan>) {
        self.release();
        self.bender.change(Arc::clone(plan));
        self.since = Instant::now();
        self.strikes.clear();
        self.stalls.clear();
        self.arm(plan);
        self.stall_after().await;
    }

    async fn strike_after(&mut self) {
        let message = self.bender.number();
        for (fault, trigger, strike) in &self.strikes {
            if self.bender.fits(fault, trigger) {
                // The way out is over when nobody hears this any more.
                let _ = self.requests.send(Request::Strike(fault, strike.clone(), message)).await;
            }
        }
    }

    fn next_timed_stall(&self) -> Option<Instant> {
        let timed = self.stalls.iter().filter_map(|(_, trigger, _)| match trigger.after {
            After::Time(time) if trigger.is_single() => Some(self.since + time),
            _ => None,
        });
        timed.min()
    }

    async fn stall_by_time(&mut self) {
        let now = self.since.elapsed();
        let due = self.stalls.iter().position(|(_, trigger, _)| {
            matches!(trigger.after, After::Time(time) if trigger.is_single() && time <= now)
        });
        if let Some(due) = due {
            let (fault, _, time) = self.stalls.swap_remove(due);
            self.stall(fault, time).await;
        }
    }

    /// Stalls if that is to come after the last message, or before the first.
    async fn stall_after(&mut self) {
        let fits = self.stalls.iter().find(|(fault, trigger, _)| self.bender.fits(fault, trigger));
        if let Some((fault, _, time)) = fits.copied() {
            self.stall(fault, time).await;
        }
    }

    /// Reads nothing for a while, then tells the peer what that did.
    async fn stall(&mut self, fault: &'static str, time: Duration) {
        // What was read before goes on.
        self.put_due(Instant::now()).await;
        self.wire.struck(fault, Direction::In, self.bender.number(), None);
        let started = Instant::now();
        let (mut waiting, mut grew) = (self.unread.bytes(), started);
        while let Some(left) = time.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) {
            sleep(left.min(LOOK)).await;
            let now_waiting = self.unread.bytes();
            if now_waiting != waiting {
                (waiting, grew) = (now_waiting, Instant::now());
            }
        }
        let report = json!({
            "stalled_ms": milliseconds(started.elapsed()),
            "waiting_bytes": waiting,
            "blocked_ms": waiting.map(|_| milliseconds(grew.elapsed())),
        });
        let _ = self.requests.send(Request::Say(report.to_string())).await;
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
