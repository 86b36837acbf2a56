//! The messages of one direction, bent by their faults, in the order and at the times at which they go on.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use crate::fault::{After, Direction, Effect, Flying, MessageFault, Plan, Trigger};

/// How much may wait here before no more is read: messages that are delayed must be kept somewhere.
const MOST_WAITING: usize = 8 * 1024 * 1024;

/// What keeping something costs beside its bytes, roughly: a million empty pongs are no small matter either.
const EACH: usize = 256;

/// What waits for its time.
pub(super) struct Lane<T> {
    waiting: BTreeMap<(Instant, u64), (T, usize)>,
    bytes: usize,
    /// How many ever waited, so that those of one time keep their order.
    count: u64,
    /// Nothing that keeps the order goes before this.
    latest: Instant,
}

impl<T> Lane<T> {
    pub(super) fn new(now: Instant) -> Self {
        Self { waiting: BTreeMap::new(), bytes: 0, count: 0, latest: now }
    }

    /// Whether more should be read: not while so much waits.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < MOST_WAITING
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Puts something behind all that keep the order.
    pub(super) fn push(&mut self, due: Instant, bytes: usize, item: T) {
        self.latest = self.latest.max(due);
        self.push_freely(self.latest, bytes, item);
    }

    /// Puts something where its time alone says, such as a pong, which may overtake messages.
    pub(super) fn push_freely(&mut self, due: Instant, bytes: usize, item: T) {
        let bytes = bytes + EACH;
        self.count += 1;
        self.bytes += bytes;
        self.waiting.insert((due, self.count), (item, bytes));
    }

    /// When the next is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// The next, if its time has come.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<T> {
        let entry = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        let (item, bytes) = entry.remove();
        self.bytes -= bytes;
        Some(item)
    }
}

/// The message faults of one direction of one connection.
pub(super) struct Bender {
    direction: Direction,
    plan: Arc<Plan>,
    faults: Vec<(&'static str, Trigger, Box<dyn MessageFault>)>,
    /// How many messages there were.
    number: u64,
    /// How many of them were there before the plan, and when that was: what triggers count from.
    before: u64,
    since: Instant,
}

impl Bender {
    pub(super) fn new(plan: Arc<Plan>, direction: Direction) -> Self {
        let faults = plan.message_faults(direction);
        Self { direction, faults, plan, number: 0, before: 0, since: Instant::now() }
    }

    /// Goes on with another plan, from the next message.
    pub(super) fn change(&mut self, plan: Arc<Plan>) {
        *self = Self { number: self.number, before: self.number, ..Self::new(plan, self.direction) };
    }

    pub(super) fn is_idle(&self) -> bool {
        self.faults.is_empty()
    }

    /// How many messages were counted.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether what comes by messages is to come after the last one.
    pub(super) fn fits(&self, fault: &str, trigger: &Trigger) -> bool {
        let number = self.number - self.before;
        if trigger.is_single() {
            trigger.after == After::Messages(number)
        } else {
            let mut chance = self.plan.chance(fault, self.direction, number);
            number > 0 && trigger.strikes(number, self.since.elapsed(), &mut chance)
        }
    }

    /// Whether a control frame is struck, of those that the fault could strike the one with this number.
    pub(super) fn strikes_control(&self, fault: &str, trigger: &Trigger, number: u64) -> bool {
        let is_late_enough = match trigger.after {
            After::Messages(count) => self.number - self.before >= count,
            After::Time(time) => self.since.elapsed() >= time,
        };
        is_late_enough
            && trigger.every.is_none_or(|every| number.is_multiple_of(every))
            && trigger
                .chance
                .is_none_or(|share| self.plan.chance(fault, self.direction, number).share() < share.0)
    }

    /// Counts a message that nothing here bends.
    pub(super) fn count(&mut self) {
        self.number += 1;
    }

    /// What becomes of the next message; `struck` hears of each fault that strikes it, with the message's number and what
    /// that did.
    pub(super) fn bend(
        &mut self,
        message: Flying,
        mut struck: impl FnMut(&'static str, u64, Effect),
    ) -> Vec<Flying> {
        self.number += 1;
        let message = Flying { number: self.number, ..message };
        let (place, lived) = (self.number - self.before, self.since.elapsed());
        let mut messages = vec![message];
        for (name, trigger, fault) in &mut self.faults {
            let mut onward = Vec::with_capacity(messages.len());
            // The same draws for a message's copies: they are one message that was sent.
            let mut chance = self.plan.chance(name, self.direction, place);
            let strikes = trigger.strikes(place, lived, &mut chance);
            for message in messages {
                if strikes {
                    let (before, others) = (message.clone(), onward.len());
                    fault.strike(message, &mut chance, &mut onward);
                    struck(name, self.number, effect(before, &onward[others..]));
                } else {
                    fault.pass(message, &mut onward);
                }
            }
            messages = onward;
        }
        messages
    }

    /// What was held back, now that no message follows.
    pub(super) fn release(&mut self) -> Vec<Flying> {
        let mut messages = Vec::new();
        for (_, _, fault) in &mut self.faults {
            let mut onward = Vec::new();
            for message in messages {
                fault.pass(message, &mut onward);
            }
            onward.extend(fault.release());
            messages = onward;
        }
        messages
    }
}

/// What a fault did to a message, of which this goes on at once.
fn effect(before: Flying, onward: &[Flying]) -> Effect {
    let own = || onward.iter().filter(|message| message.number == before.number);
    let latest = own().map(|message| message.due).max();
    let is_whole = own().any(|message| message.payload == before.payload);
    Effect {
        later: latest.map_or_else(Default::default, |due| due.saturating_duration_since(before.due)),
        was: (!is_whole).then_some((before.opcode, before.payload)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{fault::testing, query::Query};

    fn plan(query: &str) -> Arc<Plan> {
        Arc::new(Plan::take(&mut Query::parse(query).unwrap()).unwrap())
    }

    fn bent(query: &str, count: u64) -> (Vec<String>, Vec<(&'static str, u64)>) {
        let mut bender = Bender::new(plan(query), Direction::Out);
        let (mut came, mut faults) = (Vec::new(), Vec::new());
        for number in 1..=count {
            let message = testing::message(&number.to_string(), Instant::now());
            came.extend(bender.bend(message, |name, number, _| faults.push((name, number))));
        }
        came.extend(bender.release());
        (testing::texts(&came), faults)
    }

    #[test]
    fn faults_strike_where_their_trigger_says() {
        let (came, faults) = bent("drop&drop.every=3&duplicate&duplicate.after=4", 6);
        assert_eq!(came, ["1", "2", "4", "5", "5"]);
        assert_eq!(faults, [("drop", 3), ("duplicate", 5), ("drop", 6)]);
    }

    #[test]
    fn what_a_fault_did_is_told() {
        let effects = |query: &str| {
            let (mut bender, mut effects) = (Bender::new(plan(query), Direction::Out), Vec::new());
            for text in ["one", "two"] {
                let message = testing::message(text, Instant::now());
                bender.bend(message, |_, _, effect| effects.push(effect));
            }
            effects
        };
        let delayed = effects("delay=50ms");
        assert!(
            delayed.iter().all(|effect| effect.later == Duration::from_millis(50) && effect.was.is_none())
        );
        let was = |query| effects(query)[0].was.as_ref().map(|(opcode, payload)| (*opcode, payload.to_vec()));
        assert_eq!(was("drop"), Some((1, b"one".to_vec())));
        assert_eq!(was("corrupt"), Some((1, b"one".to_vec())));
        assert_eq!(was("reorder"), Some((1, b"one".to_vec())), "it is held back");
        assert_eq!(was("duplicate"), None);
        assert_eq!(was("raw"), None);
    }

    #[test]
    fn what_was_held_back_comes_at_the_end() {
        assert_eq!(bent("reorder&reorder.every=3", 6).0, ["1", "2", "4", "3", "5", "6"]);
    }

    #[test]
    fn another_plan_counts_from_its_first_message() {
        let mut bender = Bender::new(plan("drop&after=1"), Direction::Out);
        let mut struck = Vec::new();
        for number in 1..=6 {
            if number == 4 {
                bender.change(plan("duplicate&after=1"));
            }
            let message = testing::message("x", Instant::now());
            bender.bend(message, |name, number, _| struck.push((name, number)));
        }
        assert_eq!(struck, [("drop", 2), ("drop", 3), ("duplicate", 5), ("duplicate", 6)]);
    }

    #[test]
    fn a_lane_keeps_the_order_but_for_what_may_overtake() {
        let now = Instant::now();
        let mut lane = Lane::new(now);
        lane.push(now + Duration::from_secs(2), 1, "late");
        lane.push(now + Duration::from_secs(1), 1, "behind it");
        lane.push_freely(now, 1, "pong");
        let end = now + Duration::from_secs(2);
        assert_eq!([(); 3].map(|()| lane.pop_due(end)), [Some("pong"), Some("late"), Some("behind it")]);
        assert!(lane.is_empty() && lane.has_room());
    }
}
