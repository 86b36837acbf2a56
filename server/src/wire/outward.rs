//! From the server to the peer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
    time::{sleep, sleep_until},
};

use super::{
    Over, Request, Wire,
    frame::{self, Frame, FrameReader, Part},
    lane::{Bender, Lane},
};
use crate::fault::{
    After, ByteFault, ControlFault, Direction, Effect, Flying, Made, Plan, Shape, Strike, Trigger,
};

/// How many frames a message is put into at most: each costs more than the bytes in it.
const MOST_FRAMES: usize = 65_536;

/// The ping between two fragments.
const BETWEEN: &[u8] = b"\x89\x07between";

/// What has its time to go out.
enum Item {
    /// Frames of the data message with this number; 0 where they are of none.
    Frames(Vec<Frame>, u64),
    Raw(Bytes, u64),
    Strike {
        fault: &'static str,
        strike: Strike,
        message: u64,
    },
    /// tungstenite has ended its side.
    End,
}

/// A strike that comes by the clock.
struct Timed {
    at: Instant,
    fault: &'static str,
    strike: Strike,
}

pub(super) struct Outward<'a, W> {
    wire: &'a Wire<'a>,
    writer: W,
    lane: Lane<Item>,
    bender: Bender,
    reason: String,
    /// What comes after messages that are sent.
    strikes: Vec<(&'static str, Trigger, Strike)>,
    timed: Vec<Timed>,
    controls: Vec<(&'static str, Trigger, ControlFault)>,
    /// How many control frames a fault could have struck.
    controlled: u64,
    chunk: Option<usize>,
    bandwidth: Option<f64>,
    idle_cutoff: Option<Duration>,
    /// The client's Close frame stays unanswered, so the connection is not ended either.
    unanswered: bool,
    /// A Close frame went out; nothing may follow it.
    closed: bool,
}

impl<'a, W: AsyncWrite + Unpin> Outward<'a, W> {
    pub(super) fn new(wire: &'a Wire<'a>, plan: &Arc<Plan>, writer: W) -> Self {
        let now = Instant::now();
        let mut outward = Self {
            wire,
            writer,
            lane: Lane::new(now),
            bender: Bender::new(Arc::clone(plan), Direction::Out),
            reason: String::new(),
            strikes: Vec::new(),
            timed: Vec::new(),
            controls: Vec::new(),
            controlled: 0,
            chunk: None,
            bandwidth: None,
            idle_cutoff: None,
            unanswered: false,
            closed: false,
        };
        outward.arm(plan, now);
        outward
    }

    /// Gets everything ready that a plan says and the message faults do not do.
    fn arm(&mut self, plan: &Plan, now: Instant) {
        self.reason.clone_from(&plan.reason);
        for (setting, made) in plan.made() {
            let (fault, trigger) = (setting.fault.name, setting.trigger);
            match made {
                Made::Strike(strike) => self.arm_strike(fault, trigger, strike, now),
                Made::Control(control) => self.controls.push((fault, trigger, control)),
                Made::Bytes(ByteFault::Chunk(size)) => self.chunk = Some(size),
                Made::Bytes(ByteFault::Bandwidth(rate)) => self.bandwidth = Some(rate),
                Made::IdleCutoff(time) => self.idle_cutoff = Some(time),
                Made::Opening(_) | Made::Message(..) => {}
            }
        }
    }

    /// Goes on with another plan. What is on its way stays as it is.
    fn change(&mut self, plan: &Arc<Plan>) {
        self.wire.changed(plan);
        self.release();
        self.bender.change(Arc::clone(plan));
        self.strikes.clear();
        self.timed.clear();
        self.controls.clear();
        (self.chunk, self.bandwidth, self.idle_cutoff) = (None, None, None);
        self.arm(plan, Instant::now());
    }

    pub(super) fn into_writer(self) -> W {
        self.writer
    }

    /// When a strike comes: at once, by the clock, or after messages.
    fn arm_strike(&mut self, fault: &'static str, trigger: Trigger, strike: Strike, now: Instant) {
        // What is read is stalled by the way in.
        if matches!(strike, Strike::Stall(_)) {
            return;
        }
        match trigger.after {
            After::Messages(0) if trigger.is_single() => self.timed.push(Timed { at: now, fault, strike }),
            After::Time(time) if trigger.is_single() => {
                self.timed.push(Timed { at: now + time, fault, strike });
            }
            _ if trigger.out => self.strikes.push((fault, trigger, strike)),
            _ => {}
        }
    }

    /// Passes on what comes from tungstenite until the connection is over.
    pub(super) async fn run<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut FrameReader<R>,
        requests: &mut mpsc::Receiver<Request>,
    ) -> Over {
        let mut ended = false;
        loop {
            let now = Instant::now();
            if let Some(item) = self.lane.pop_due(now) {
                match self.put(item).await {
                    Some(over) => return over,
                    None => continue,
                }
            }
            if let Some(due) = self.timed.iter().position(|timed| timed.at <= now) {
                let timed = self.timed.swap_remove(due);
                self.lane.push_freely(
                    now,
                    0,
                    Item::Strike { fault: timed.fault, strike: timed.strike, message: 0 },
                );
                continue;
            }
            let idle_at = self.idle_cutoff.map(|time| self.wire.state().active + time);
            if idle_at.is_some_and(|at| at <= now) {
                self.wire.struck("idle-cutoff", Direction::Out, self.bender.number(), None);
                return Over::Fin;
            }
            let wake = self
                .lane
                .next_due()
                .into_iter()
                .chain(self.timed.iter().map(|timed| timed.at))
                .chain(idle_at)
                .min();
            tokio::select! {
                () = sleep_until(wake.unwrap_or(now).into()), if wake.is_some() => {}
                request = requests.recv(), if !requests.is_closed() => match request {
                    Some(Request::Strike(fault, strike, message)) => {
                        self.lane.push_freely(Instant::now(), 0, Item::Strike { fault, strike, message });
                    }
                    Some(Request::Say(text)) => {
                        let text = Bytes::from(text);
                        let head = frame::head(0x81, text.len(), None);
                        let frames = vec![Frame { head, payload: text }];
                        self.lane.push_freely(Instant::now(), 0, Item::Frames(frames, 0));
                    }
                    Some(Request::Change(plan)) => self.change(&plan),
                    None => {}
                },
                part = reader.next(), if !ended && self.lane.has_room() => match part {
                    Ok(Some(Part::Frame(frame))) => self.take(frame),
                    // A message that is longer than any the server takes passes unbent.
                    Ok(Some(Part::Opaque(bytes))) => {
                        self.lane.push(Instant::now(), bytes.len(), Item::Raw(bytes, 0));
                    }
                    Ok(None) | Err(_) => {
                        ended = true;
                        self.release();
                        self.lane.push(Instant::now(), 0, Item::End);
                    }
                },
            }
        }
    }

    /// A frame of tungstenite's, which puts each message into one.
    fn take(&mut self, frame: Frame) {
        let now = Instant::now();
        match frame.opcode() {
            1 | 2 => {
                let message = Flying {
                    number: 0,
                    opcode: frame.opcode(),
                    payload: frame.payload,
                    due: now,
                    shape: Shape::OneFrame,
                };
                let wire = self.wire;
                let bent = self.bender.bend(message, |fault, number, effect| {
                    wire.struck(fault, Direction::Out, number, Some(&effect));
                });
                for message in bent {
                    self.send(message);
                }
                self.strike_after(now);
            }
            8 => {
                let unanswered = self.control(|control| matches!(control, ControlFault::NoCloseReply));
                if let Some(fault) = unanswered.filter(|_| self.wire.state().verdict.close_received.is_some())
                {
                    self.struck_control(fault.0, &frame, None);
                    self.unanswered = true;
                    return;
                }
                self.release();
                let late = self.control(|control| matches!(control, ControlFault::LateClose(_)));
                let due = match late {
                    Some((fault, ControlFault::LateClose(time))) => {
                        self.struck_control(fault, &frame, Some(time));
                        now + time
                    }
                    _ => now,
                };
                self.lane.push(due, frame.payload.len(), Item::Frames(vec![frame], 0));
            }
            10 => {
                match self
                    .control(|control| matches!(control, ControlFault::NoPong | ControlFault::LatePong(_)))
                {
                    Some((fault, control)) => {
                        let late = match control {
                            ControlFault::LatePong(time) => Some(time),
                            _ => None,
                        };
                        self.struck_control(fault, &frame, late);
                        if let Some(time) = late {
                            self.lane.push_freely(
                                now + time,
                                frame.payload.len(),
                                Item::Frames(vec![frame], 0),
                            );
                        }
                    }
                    None => self.lane.push_freely(now, frame.payload.len(), Item::Frames(vec![frame], 0)),
                }
            }
            _ => self.lane.push_freely(now, frame.payload.len(), Item::Frames(vec![frame], 0)),
        }
    }

    /// The fault of this kind that strikes a control frame, if one does.
    fn control(&mut self, is: impl Fn(&ControlFault) -> bool) -> Option<(&'static str, ControlFault)> {
        let (fault, trigger, control) = self.controls.iter().find(|(.., control)| is(control)).copied()?;
        self.controlled += 1;
        self.bender.strikes_control(fault, &trigger, self.controlled).then_some((fault, control))
    }

    /// Tells of a control frame that comes later by so much, or not at all.
    fn struck_control(&self, fault: &'static str, frame: &Frame, late: Option<Duration>) {
        let was = late.is_none().then(|| (frame.opcode(), frame.payload.clone()));
        let effect = Effect { later: late.unwrap_or_default(), was };
        // It is of no message.
        self.wire.struck(fault, Direction::Out, 0, Some(&effect));
    }

    /// What the message faults still hold back goes before what follows.
    fn release(&mut self) {
        for message in self.bender.release() {
            self.send(message);
        }
    }

    fn send(&mut self, message: Flying) {
        let length = message.payload.len();
        let item = match message.shape {
            Shape::Raw => Item::Raw(message.payload, message.number),
            Shape::OneFrame => {
                Item::Frames(fragments(message.opcode, &message.payload, usize::MAX, false), message.number)
            }
            Shape::Fragments { size, pings } => {
                let size = size.max(length.div_ceil(MOST_FRAMES));
                Item::Frames(fragments(message.opcode, &message.payload, size, pings), message.number)
            }
        };
        self.lane.push(message.due, length, item);
    }

    /// Queues what comes after a message, behind it.
    fn strike_after(&mut self, now: Instant) {
        let message = self.bender.number();
        for (fault, trigger, strike) in &self.strikes {
            if self.bender.fits(fault, trigger) {
                self.lane.push(now, 0, Item::Strike { fault, strike: strike.clone(), message });
            }
        }
    }

    /// Does what has its time; `Some` when that was the last.
    async fn put(&mut self, item: Item) -> Option<Over> {
        match item {
            Item::End if self.unanswered => return Some(Over::HalfOpen),
            Item::End => return Some(Over::Ended),
            // RFC 6455 section 5.5.1: nothing follows a Close frame; what was queued behind one is not sent.
            _ if self.closed => {}
            Item::Frames(frames, message) => {
                for frame in frames {
                    self.wire.saw(Direction::Out, &frame, message);
                    self.closed |= frame.opcode() == 8;
                    if let Err(over) = self.write(&[&frame.head, &frame.payload]).await {
                        return Some(over);
                    }
                }
            }
            Item::Raw(bytes, message) => {
                self.wire.saw_raw(Direction::Out, &bytes, message);
                if let Err(over) = self.write(&[&bytes]).await {
                    return Some(over);
                }
            }
            Item::Strike { fault, strike, message } => return self.strike(fault, strike, message).await,
        }
        None
    }

    async fn strike(&mut self, fault: &'static str, strike: Strike, message: u64) -> Option<Over> {
        self.wire.struck(fault, Direction::Out, message, None);
        match strike {
            Strike::Inject(bytes) => {
                self.wire.saw_raw(Direction::Out, &bytes, 0);
                self.write(&[&bytes]).await.err()
            }
            Strike::Repeat { bytes, every } => {
                self.wire.saw_raw(Direction::Out, &bytes, 0);
                let written = self.write(&[&bytes]).await;
                let at = Instant::now() + every;
                self.timed.push(Timed { at, fault, strike: Strike::Repeat { bytes, every } });
                written.err()
            }
            Strike::Close { code } => {
                let payload = Bytes::from([&code.to_be_bytes(), self.reason.as_bytes()].concat());
                let frame = Frame { head: frame::head(0x88, payload.len(), None), payload };
                // As a server does whose Close frame stays unanswered.
                self.lane.push_freely(Instant::now() + self.wire.config.timeouts.close, 0, Item::End);
                Box::pin(self.put(Item::Frames(vec![frame], 0))).await
            }
            Strike::Fin => Some(Over::Fin),
            Strike::Reset => Some(Over::Reset),
            Strike::HalfOpen => Some(Over::HalfOpen),
            Strike::Stall(_) => None,
        }
    }

    /// Writes all, in the pieces and at the pace that the plan says, and counts how long the peer made it wait.
    async fn write(&mut self, pieces: &[&[u8]]) -> Result<(), Over> {
        let whole = pieces.concat();
        let at_once = self.bandwidth.map_or(usize::MAX, |rate| bytes_in(rate, PACE));
        let step = self.chunk.unwrap_or(usize::MAX).min(at_once).max(1);
        for (count, piece) in whole.chunks(step).enumerate() {
            let pause = match self.bandwidth {
                #[expect(clippy::cast_precision_loss, reason = "a pace need not be exact")]
                Some(rate) => Duration::from_secs_f64(piece.len() as f64 / rate),
                None if count > 0 => APART,
                None => Duration::ZERO,
            };
            if !pause.is_zero() {
                sleep(pause).await;
            }
            let started = Instant::now();
            let written = self.writer.write_all(piece).await;
            let flushed = self.writer.flush().await;
            let now = Instant::now();
            let mut state = self.wire.state();
            state.active = now;
            state.verdict.blocked += now - started;
            drop(state);
            written.and(flushed).map_err(Over::Lost)?;
        }
        Ok(())
    }
}

/// The time between two pieces, so that they are not joined on the way.
const APART: Duration = Duration::from_millis(1);
/// The time for which a bandwidth's bytes are written at once.
const PACE: Duration = Duration::from_millis(10);

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is positive, and a float that is too large becomes the largest number"
)]
fn bytes_in(rate: f64, time: Duration) -> usize {
    (rate * time.as_secs_f64()) as usize
}

/// A message in frames of at most so many bytes.
fn fragments(opcode: u8, payload: &Bytes, size: usize, pings: bool) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut rest = payload.clone();
    loop {
        let piece = rest.split_to(size.min(rest.len()));
        let (fin, opcode) =
            (if rest.is_empty() { 0x80 } else { 0 }, if frames.is_empty() { opcode } else { 0 });
        frames.push(Frame { head: frame::head(fin | opcode, piece.len(), None), payload: piece });
        if rest.is_empty() {
            return frames;
        }
        if pings {
            let head = Bytes::from_static(&BETWEEN[..2]);
            frames.push(Frame { head, payload: Bytes::from_static(&BETWEEN[2..]) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(frames: &[Frame]) -> Vec<(bool, u8, &[u8])> {
        frames.iter().map(|frame| (frame.fin(), frame.opcode(), &frame.payload[..])).collect()
    }

    #[test]
    fn a_message_is_cut_into_frames() {
        let payload = Bytes::from_static(b"hello");
        let frames = fragments(1, &payload, 2, false);
        assert_eq!(shape(&frames), [(false, 1, &b"he"[..]), (false, 0, b"ll"), (true, 0, b"o")]);
        assert_eq!(shape(&fragments(2, &Bytes::new(), 2, true)), [(true, 2, &b""[..])]);
        let frames = fragments(2, &payload, 4, true);
        assert_eq!(shape(&frames), [(false, 2, &b"hell"[..]), (true, 9, b"between"), (true, 0, b"o")]);
    }
}
