//! The load itself: one thread, one epoll, frames made beforehand, and heads of answers.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read as _, Write as _},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use rustls::ClientConnection;

use crate::{
    connect::Socket,
    wire::{self, Frames},
};

/// What is read at once.
const READ: usize = 256 * 1024;
/// How long answers may be away once nothing more is sent. It only guards against hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// When the next message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// When an answer comes, so that each connection has so many on their way.
    InFlight(u32),
    /// So many a second over all connections, whether answers come or not.
    Rate(u32),
    /// By the first connection, so that so many have not reached all others.
    FanOut(u32),
}

/// When to stop sending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) time: Duration,
    pub(crate) messages: u64,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Answers; in a fan-out, deliveries.
    pub(crate) messages: u64,
    pub(crate) took: Duration,
    /// From when a message was to be sent until its answer was read, in nanoseconds.
    pub(crate) round_trips: Histogram<u64>,
}

/// Open connections, ready to be loaded.
pub(crate) struct Load {
    poll: Poll,
    events: Events,
    peers: Vec<Peer>,
    /// Equal frames one after another, so that many go in one write.
    frames: Vec<u8>,
    frame: usize,
    /// The first byte and the payload's length of an answer.
    answer: (u8, usize),
    buffer: Vec<u8>,
}

struct Peer {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    found: Frames,
    /// The bytes that are to be written, and where in the frames they begin.
    owed: usize,
    at: usize,
    /// When each message that has no answer was to be sent, in nanoseconds since the start.
    sent: VecDeque<u64>,
    /// How many of a fan-out came.
    got: usize,
}

impl Load {
    pub(crate) fn new(sockets: Vec<Socket>, opcode: u8, payload: &[u8], in_a_write: usize) -> Result<Self> {
        let poll = Poll::new()?;
        let mut peers = Vec::with_capacity(sockets.len());
        for (at, socket) in sockets.into_iter().enumerate() {
            socket.stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(socket.stream);
            poll.registry().register(&mut stream, Token(at), Interest::READABLE | Interest::WRITABLE)?;
            let mut found = Frames::default();
            found.take(&socket.leftover, |_, _| {})?;
            peers.push(Peer {
                stream,
                tls: socket.tls,
                found,
                owed: 0,
                at: 0,
                sent: VecDeque::new(),
                got: 0,
            });
        }
        let frame = wire::masked(opcode, payload);
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            peers,
            frame: frame.len(),
            frames: frame.repeat(in_a_write),
            answer: (0x80 | opcode, payload.len()),
            buffer: vec![0; READ],
        })
    }

    /// Reads and passes over what comes until nothing has come for a while.
    pub(crate) fn drain(&mut self, quiet: Duration) -> Result<()> {
        let started = Instant::now();
        loop {
            self.poll.poll(&mut self.events, Some(quiet))?;
            if self.events.is_empty() {
                return Ok(());
            }
            ensure!(started.elapsed() < PATIENCE, "it does not become quiet");
            for event in &self.events {
                let peer = &mut self.peers[event.token().0];
                while let Some(count) = peer.read(&mut self.buffer)? {
                    peer.found.take(&self.buffer[..count], |_, _| {})?;
                }
            }
        }
    }

    /// Sends and receives until a bound is reached and every message has its answer.
    pub(crate) fn run(&mut self, pace: Pace, bound: Bound) -> Result<Outcome> {
        let mut round_trips = Histogram::new_with_bounds(1_000, 120_000_000_000, 3)?;
        let started = Instant::now();
        let now = || u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let end = u64::try_from(bound.time.as_nanos())?;
        let receivers = self.peers.len() as u64 - 1;
        let (mut sent, mut received, mut last) = (0_u64, 0_u64, 0_u64);
        // When each message of a fan-out was sent.
        let mut said: Vec<u64> = Vec::new();
        match pace {
            Pace::InFlight(count) => {
                for peer in &mut self.peers {
                    for _ in 0..count {
                        peer.send(now(), self.frame);
                        sent += 1;
                    }
                    peer.write(&self.frames)?;
                }
            }
            Pace::FanOut(count) => {
                self.peers.iter_mut().for_each(|peer| peer.got = 0);
                said.resize(count as usize, now());
                self.peers[0].owed += said.len() * self.frame;
                self.peers[0].write(&self.frames)?;
                sent += u64::from(count) * receivers;
            }
            Pace::Rate(_) => {}
        }
        let mut stopped = false;
        loop {
            if let Pace::Rate(rate) = pace {
                while !stopped {
                    let due = sent * 1_000_000_000 / u64::from(rate);
                    if due >= end || sent >= bound.messages {
                        stopped = true;
                    } else if due > now() {
                        break;
                    } else {
                        let at = usize::try_from(sent)? % self.peers.len();
                        self.peers[at].send(due, self.frame);
                        self.peers[at].write(&self.frames)?;
                        sent += 1;
                    }
                }
            }
            if received == sent && (stopped || !matches!(pace, Pace::Rate(_))) {
                break;
            }
            // epoll waits in whole milliseconds, which would make every message late.
            let wait = if matches!(pace, Pace::Rate(_)) { Duration::ZERO } else { PATIENCE };
            match self.poll.poll(&mut self.events, Some(wait)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            if now() > end + u64::try_from(PATIENCE.as_nanos())? {
                bail!("{} of {sent} messages have no answer", sent - received);
            }
            for event in &self.events {
                let peer = &mut self.peers[event.token().0];
                if event.is_readable() {
                    while let Some(count) = peer.read(&mut self.buffer)? {
                        last = now();
                        stopped |= last >= end || sent >= bound.messages;
                        let mut answers = 0_u64;
                        peer.found.take(&self.buffer[..count], |first, length| {
                            answers += u64::from((first, length) == self.answer);
                        })?;
                        received += answers;
                        match pace {
                            Pace::FanOut(_) => {
                                for _ in 0..answers {
                                    let since = said.get(peer.got).context("more came than was sent")?;
                                    round_trips.record(last - since)?;
                                    peer.got += 1;
                                }
                            }
                            Pace::InFlight(_) | Pace::Rate(_) => {
                                for _ in 0..answers {
                                    let since =
                                        peer.sent.pop_front().context("more answers than messages")?;
                                    round_trips.record(last.saturating_sub(since))?;
                                    if !stopped && matches!(pace, Pace::InFlight(_)) {
                                        peer.send(last, self.frame);
                                        sent += 1;
                                    }
                                }
                            }
                        }
                        // Less than was asked for: nothing more is there, and epoll tells when there is. Of TLS a read
                        // gives what was in a record, and there may be another.
                        if peer.tls.is_none() && count < self.buffer.len() {
                            break;
                        }
                    }
                }
                peer.write(&self.frames)?;
            }
            if let Pace::FanOut(count) = pace
                && !stopped
            {
                let arrived = usize::try_from(received / receivers)?;
                let more = arrived + count as usize - said.len();
                said.resize(said.len() + more, now());
                self.peers[0].owed += more * self.frame;
                self.peers[0].write(&self.frames)?;
                sent += more as u64 * receivers;
            }
        }
        Ok(Outcome { messages: received, took: Duration::from_nanos(last), round_trips })
    }
}

impl Peer {
    fn send(&mut self, due: u64, frame: usize) {
        self.owed += frame;
        self.sent.push_back(due);
    }

    fn write(&mut self, frames: &[u8]) -> Result<()> {
        self.write_records().context("writing")?;
        while self.owed > 0 {
            let end = frames.len().min(self.at + self.owed);
            match self.write_once(&frames[self.at..end]) {
                Ok(count) => {
                    self.owed -= count;
                    self.at = (self.at + count) % frames.len();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("writing"),
            }
        }
        Ok(())
    }

    fn write_once(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.write(bytes) };
        let count = tls.writer().write(bytes)?;
        self.write_records()?;
        Ok(count)
    }

    /// Writes what TLS has made, as far as the socket takes it.
    fn write_records(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut self.stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                written => drop(written?),
            }
        }
        Ok(())
    }

    fn read_once(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.read(buffer) };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            if tls.read_tls(&mut self.stream)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }

    /// How much was read, if anything was there.
    fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>> {
        loop {
            match self.read_once(buffer) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(count) => return Ok(Some(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("reading"),
            }
        }
    }
}
