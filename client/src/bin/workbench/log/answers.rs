//! Which message seems to answer which.

use std::collections::VecDeque;

use super::Moment;
use crate::model::Id;

/// How many messages of a connection wait for an answer; beyond it the oldest is thought to get none.
const WAITING: usize = 256;

/// The messages that were sent and have no answer, by connection.
#[derive(Debug, Default)]
pub(super) struct Answers {
    connections: Vec<(Id, VecDeque<Waiting>)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) at: Moment,
    digest: u64,
    /// A message came after it that is not the same.
    passed: bool,
}

impl Answers {
    pub(super) fn sent(&mut self, connection: Id, number: u64, at: Moment, payload: &[u8]) {
        let waiting = Waiting { number, at, digest: digest(payload), passed: false };
        let place = self.connections.iter().position(|(id, _)| *id == connection).unwrap_or_else(|| {
            self.connections.push((connection, VecDeque::new()));
            self.connections.len() - 1
        });
        let queue = &mut self.connections[place].1;
        if queue.len() == WAITING {
            queue.pop_front();
        }
        queue.push_back(waiting);
    }

    /// A connection begins a WebSocket anew: what was sent on the one before gets no answer any more. What was `queued` for
    /// this one may.
    pub(super) fn began(&mut self, connection: Id, queued: impl Fn(u64) -> bool) {
        if let Some((_, queue)) = self.connections.iter_mut().find(|(id, _)| *id == connection) {
            queue.retain(|waiting| queued(waiting.number));
        }
    }

    /// What a received message may answer, and whether that seems to be the same payload.
    pub(super) fn received(&mut self, connection: Id, payload: &[u8]) -> Option<(Waiting, bool)> {
        let (_, queue) = self.connections.iter_mut().find(|(id, _)| *id == connection)?;
        if queue.is_empty() {
            return None;
        }
        let digest = digest(payload);
        if let Some(place) = queue.iter().position(|waiting| waiting.digest == digest) {
            return Some((queue.remove(place)?, true));
        }
        // The newest one, if nothing came since: its time is that since the last one was sent.
        let newest = queue.back_mut().filter(|newest| !newest.passed)?;
        newest.passed = true;
        Some((*newest, false))
    }
}

/// A number that differs for payloads that differ, as a rule: who asks compares what it finds.
fn digest(payload: &[u8]) -> u64 {
    const ENDS: usize = 1024;
    let begin = &payload[..payload.len().min(ENDS)];
    let end = &payload[payload.len().saturating_sub(ENDS).max(begin.len())..];
    // FNV-1a.
    let mut digest = 0xcbf2_9ce4_8422_2325 ^ payload.len() as u64;
    for &byte in begin.iter().chain(end) {
        digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    digest
}
