//! What happened in each of the last seconds, in a ring that never grows.

use crate::model::Id;

/// How many whole seconds are shown.
pub(crate) const SHOWN: u64 = 60;
/// Those, the one that is under way, and a power of two.
const KEPT: usize = 64;

/// What is counted of one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Second {
    pub(crate) sent: Tally,
    pub(crate) received: Tally,
    /// The most that was seen to wait: bytes with the browser, messages with the library.
    pub(crate) buffered: u64,
    pub(crate) queued: u64,
    pub(crate) opened: u32,
    pub(crate) closed: u32,
}

/// Messages and bytes one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Tally {
    /// One more message of this length.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.messages += 1;
        self.bytes += bytes;
    }
}

/// The latest seconds of one connection, or of all.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    seconds: [Second; KEPT],
    /// The second that is under way, since the page was loaded.
    now: u64,
}

impl Default for Series {
    fn default() -> Self {
        Self { seconds: [Second::default(); KEPT], now: 0 }
    }
}

impl Series {
    /// The bucket of this moment, in microseconds since the page was loaded.
    pub(crate) fn at(&mut self, micros: u64) -> &mut Second {
        let second = micros / 1_000_000;
        if second > self.now {
            // Those between had nothing; more than there are need not be emptied.
            for empty in (self.now + 1..=second).rev().take(KEPT) {
                self.seconds[place(empty)] = Second::default();
            }
            self.now = second;
        }
        &mut self.seconds[place(self.now)]
    }

    /// The last whole seconds, oldest first.
    pub(crate) fn shown(&self) -> impl Iterator<Item = Second> {
        (0..SHOWN).map(|index| {
            // Before the page was loaded there was nothing.
            let second = (self.now + index).checked_sub(SHOWN);
            second.map_or(Second::default(), |second| self.seconds[place(second)])
        })
    }
}

fn place(second: u64) -> usize {
    usize::try_from(second % KEPT as u64).unwrap_or(0)
}

/// A series for each connection that had something to tell, and one for all.
#[derive(Debug, Default)]
pub(crate) struct AllSeries {
    all: Series,
    each: Vec<(Id, Box<Series>)>,
}

impl AllSeries {
    /// Counts something of a connection.
    pub(crate) fn count(&mut self, id: Id, micros: u64, count: impl Fn(&mut Second)) {
        count(self.all.at(micros));
        let place = self.each.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
            self.each.push((id, Box::default()));
            self.each.len() - 1
        });
        count(self.each[place].1.at(micros));
    }

    /// Forgets the connections that are no more.
    pub(crate) fn retain(&mut self, is_there: impl Fn(Id) -> bool) {
        self.each.retain(|(id, _)| is_there(*id));
    }

    /// The latest seconds of one connection, or of all.
    pub(crate) fn get(&mut self, id: Option<Id>, micros: u64) -> Series {
        let series = match id {
            None => Some(&mut self.all),
            Some(id) => self.each.iter_mut().find(|(known, _)| *known == id).map(|(_, series)| &mut **series),
        };
        let mut series = series.cloned().unwrap_or_default();
        series.at(micros);
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn sent(series: &Series) -> Vec<u64> {
        series.shown().map(|second| second.sent.messages).collect()
    }

    #[test]
    fn what_happened_goes_back_by_the_second_and_leaves_after_a_minute() {
        let mut series = Series::default();
        series.at(100 * S).sent.messages += 3;
        series.at(100 * S + S - 1).sent.messages += 1;
        assert_eq!(sent(&series), [0; 60], "its second is not over");
        series.at(101 * S).sent.messages += 7;
        assert_eq!(sent(&series)[58..], [0, 4]);
        series.at(160 * S);
        assert_eq!(sent(&series)[..2], [4, 7]);
        series.at(161 * S);
        assert_eq!(sent(&series)[..2], [7, 0]);
        series.at(1_000 * S);
        assert_eq!(sent(&series), [0; 60], "a long silence empties all");
    }

    #[test]
    fn a_clock_that_stands_still_counts_on() {
        let mut series = Series::default();
        series.at(5 * S).sent.messages += 1;
        series.at(4 * S).sent.messages += 1;
        series.at(6 * S);
        assert_eq!(sent(&series)[59], 2);
    }

    #[test]
    fn each_connection_has_its_own_and_all_have_one() {
        let mut all = AllSeries::default();
        all.count(1, S, |second| second.received.messages += 1);
        all.count(2, S, |second| second.received.messages += 2);
        let last = |series: Series| series.shown().last().map(|second| second.received.messages);
        assert_eq!(last(all.get(None, 2 * S)), Some(3));
        assert_eq!(last(all.get(Some(1), 2 * S)), Some(1));
        assert_eq!(last(all.get(Some(9), 2 * S)), Some(0));
        all.retain(|id| id == 1);
        assert_eq!(last(all.get(Some(2), 2 * S)), Some(0));
    }
}
