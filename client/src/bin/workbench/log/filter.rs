//! Which entries are shown: found in slices of time, from the newest back, and then as they come.

use std::collections::VecDeque;

use super::{
    Kind, Log,
    chunk::{Form, Head},
    entry::Payload,
    pattern::Pattern,
    row::word,
};
use crate::model::Id;

/// What an entry has to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Criteria {
    pub(crate) connection: Option<Id>,
    pub(crate) direction: Option<Kind>,
    pub(crate) class: Option<Class>,
    pub(crate) pattern: Option<Pattern>,
}

/// What kind of entry is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Text,
    Binary,
    /// What happened to the connection.
    Event,
    /// What went wrong.
    Failure,
}

impl Criteria {
    pub(crate) fn is_empty(&self) -> bool {
        self.connection.is_none()
            && self.direction.is_none()
            && self.class.is_none()
            && self.pattern.is_none()
    }

    fn takes(&self, head: &Head) -> bool {
        self.connection.is_none_or(|id| id == head.origin.connection)
            && self.direction.is_none_or(|kind| kind == head.kind)
            && self.class.is_none_or(|class| match class {
                Class::Text => head.form == Form::Text,
                Class::Binary => head.form == Form::Binary,
                Class::Event => head.form == Form::Note,
                Class::Failure => {
                    matches!(head.kind, Kind::Error | Kind::Unclean)
                        || matches!(head.delivery, Some(super::Delivery::Lost | super::Delivery::Dropped))
                }
            })
    }

    /// Whether an entry is one of them, looked at from a place on; `Err` says from where to look next.
    pub(super) fn look(&self, log: &Log, number: u64, from: usize) -> Result<bool, usize> {
        let Some((head, bytes)) = log.searched(number) else { return Ok(false) };
        if !self.takes(&head) {
            return Ok(false);
        }
        let Some(pattern) = &self.pattern else { return Ok(true) };
        // What happened is found by its name too. Of messages, direction and kind are criteria of their own: a name would
        // bring all of them to whoever looks for the same word in what they say.
        if head.form == Form::Note && from == 0 && pattern.is_in(word(head.kind, false)) {
            return Ok(true);
        }
        pattern.look(Payload { bytes, is_text: head.form != Form::Binary }, from)
    }

    /// How much work a look at an entry is: 1 at least, and 64 where it is better to look at the clock after it.
    pub(super) fn effort(&self, log: &Log, number: u64) -> u32 {
        let searched = self.pattern.as_ref().and_then(|_| log.searched(number));
        1 + searched.map_or(0, |(_, bytes)| u32::try_from(bytes.len() / 128).unwrap_or(63).min(63))
    }
}

/// The entries that meet some criteria.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) criteria: Criteria,
    matches: VecDeque<u64>,
    /// The entries from here up to `above` were looked at.
    below: u64,
    above: u64,
    /// How much of the entry before `below`, and of that at `above`, was looked at.
    below_from: usize,
    above_from: usize,
}

impl Filter {
    pub(crate) fn new(criteria: Criteria, log: &Log) -> Self {
        let next = log.next();
        Self { criteria, matches: VecDeque::new(), below: next, above: next, below_from: 0, above_from: 0 }
    }

    /// Those found so far, by their numbers, in order.
    /// The same, which has found nothing yet.
    pub(crate) fn anew(self, log: &Log) -> Self {
        Self::new(self.criteria, log)
    }

    pub(crate) fn matches(&self) -> &VecDeque<u64> {
        &self.matches
    }

    /// How many entries are yet to be looked at.
    pub(crate) fn left(&self, log: &Log) -> u64 {
        self.below.saturating_sub(log.first()) + (log.next() - self.above.max(log.first()).min(log.next()))
    }

    /// Looks at entries until it is `late`, of which the argument is how much of the time there is was for those that
    /// came since: half of it, or all. It is asked seldom enough to look at a clock.
    pub(crate) fn advance(&mut self, log: &Log, mut late: impl FnMut(bool) -> bool) {
        while self.matches.front().is_some_and(|&number| number < log.first()) {
            self.matches.pop_front();
        }
        if self.above < log.first() {
            (self.above, self.above_from) = (log.first(), 0);
        }
        let mut steps = 0_u32;
        let mut is_late = |half: bool, effort: u32| {
            steps += effort;
            steps >= 64 && {
                steps = 0;
                late(half)
            }
        };
        while self.above < log.next() {
            let older = self.below > log.first();
            let effort = self.criteria.effort(log, self.above);
            match self.criteria.look(log, self.above, self.above_from) {
                Ok(found) => {
                    if found {
                        self.matches.push_back(self.above);
                    }
                    (self.above, self.above_from) = (self.above + 1, 0);
                    if is_late(older, effort) {
                        break;
                    }
                }
                Err(next) => {
                    self.above_from = next;
                    if is_late(older, effort) {
                        break;
                    }
                }
            }
        }
        while self.below > log.first() {
            let number = self.below - 1;
            let effort = self.criteria.effort(log, number);
            match self.criteria.look(log, number, self.below_from) {
                Ok(found) => {
                    if found {
                        self.matches.push_front(number);
                    }
                    (self.below, self.below_from) = (number, 0);
                    if is_late(false, effort) {
                        return;
                    }
                }
                Err(next) => {
                    self.below_from = next;
                    if is_late(false, effort) {
                        return;
                    }
                }
            }
        }
    }
}

/// Which entries the reader sees, in order: all, or those of a filter; and while it is held, none that came since.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) log: &'a Log,
    pub(crate) filter: Option<&'a Filter>,
    /// The number of the first entry that is not shown.
    pub(crate) end: u64,
}

impl Shown<'_> {
    pub(crate) fn len(&self) -> usize {
        self.index_of(self.end)
    }

    pub(crate) fn number_at(&self, index: usize) -> Option<u64> {
        let number = match self.filter {
            Some(filter) => *filter.matches.get(index)?,
            None => self.log.first() + index as u64,
        };
        (number < self.end).then_some(number)
    }

    /// The place of an entry, or of the first after it.
    pub(crate) fn index_of(&self, number: u64) -> usize {
        match self.filter {
            Some(filter) => filter.matches.partition_point(|&other| other < number),
            None => {
                let end = self.end.min(self.log.next());
                usize::try_from(number.min(end).saturating_sub(self.log.first())).unwrap_or(usize::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Content, Moment, Note, Origin};

    fn filled(count: u64) -> Log {
        let mut log = Log::with_limit(2 << 20);
        add(&mut log, count);
        log
    }

    fn add(log: &mut Log, count: u64) {
        for _ in 0..count {
            let text = format!("message {} ", log.next());
            let kind = if log.next().is_multiple_of(2) { Kind::Sent } else { Kind::Received };
            log.push(Origin::default(), Moment::default(), kind, Content::Message(text.into()));
        }
    }

    fn regex(expression: &str) -> Criteria {
        Criteria { pattern: Some(Pattern::regex(expression).unwrap()), ..Criteria::default() }
    }

    #[test]
    fn the_newest_are_found_first_and_all_in_the_end() {
        let mut log = filled(10_000);
        let mut filter = Filter::new(regex("7 $"), &log);
        filter.advance(&log, |_| true);
        assert_eq!(filter.matches().back(), Some(&9_997));
        assert!(filter.left(&log) > 9_000);
        add(&mut log, 10);
        while filter.left(&log) > 0 {
            filter.advance(&log, |_| true);
        }
        let all: Vec<_> = (0..10_010).filter(|number| number % 10 == 7).collect();
        assert_eq!(filter.matches().iter().copied().collect::<Vec<_>>(), all);
    }

    #[test]
    fn what_happened_is_found_by_its_name_and_by_what_it_says() {
        let mut log = Log::default();
        let says = |head: &str| Content::Note(Note { head: head.to_owned(), ..Note::default() });
        let here = Origin::default();
        log.push(here, Moment::default(), Kind::Connecting, says("to ws://127.0.0.1/echo"));
        log.push(here, Moment::default(), Kind::Open, says("after 3 ms"));
        log.push(here, Moment::default(), Kind::Sent, Content::Message("a text".into()));
        log.push(here, Moment::default(), Kind::Sent, Content::Message("open it".into()));
        log.push(here, Moment::default(), Kind::Closed, says("1000, while connecting"));
        for (pattern, found) in [
            (Pattern::text("open"), vec![1, 3]),
            (Pattern::text("connecting"), vec![0, 4]),
            (Pattern::text("text"), vec![2]),
            (Pattern::regex("^clos").unwrap(), vec![4]),
            (Pattern::regex("echo|ms$").unwrap(), vec![0, 1]),
        ] {
            let criteria = Criteria { pattern: Some(pattern), ..Criteria::default() };
            let mut filter = Filter::new(criteria, &log);
            filter.advance(&log, |_| false);
            assert_eq!(filter.matches().iter().copied().collect::<Vec<_>>(), found);
        }
    }

    #[test]
    fn the_clock_is_looked_at_after_each_large_message() {
        let mut log = Log::default();
        for _ in 0..100 {
            let message = Content::Message(vec![b'x'; 16 * 1024 - 1].into());
            log.push(Origin::default(), Moment::default(), Kind::Received, message);
        }
        let (mut filter, mut looks) = (Filter::new(regex("z$"), &log), 0);
        filter.advance(&log, |_| {
            looks += 1;
            false
        });
        assert_eq!((filter.left(&log), looks), (0, 100));
    }

    #[test]
    fn what_is_gone_is_not_among_them() {
        let mut log = filled(100);
        let mut filter = Filter::new(Criteria { direction: Some(Kind::Sent), ..Criteria::default() }, &log);
        filter.advance(&log, |_| false);
        assert_eq!(filter.matches().len(), 50);
        add(&mut log, 200_000);
        assert!(log.first() > 100_000);
        filter.advance(&log, |_| false);
        assert_eq!(filter.left(&log), 0);
        assert!(filter.matches().iter().all(|&number| number >= log.first() && number % 2 == 0));
        assert_eq!(filter.matches().len() as u64, log.next().div_ceil(2) - log.first().div_ceil(2));
    }

    #[test]
    fn what_is_shown_ends_where_it_is_held() {
        let log = filled(100);
        let mut filter =
            Filter::new(Criteria { direction: Some(Kind::Received), ..Criteria::default() }, &log);
        filter.advance(&log, |_| false);
        let all = Shown { log: &log, filter: None, end: 30 };
        assert_eq!((all.len(), all.number_at(29), all.number_at(30)), (30, Some(29), None));
        assert_eq!((all.index_of(7), all.index_of(99)), (7, 30));
        let some = Shown { log: &log, filter: Some(&filter), end: 30 };
        assert_eq!((some.len(), some.number_at(0), some.number_at(15)), (15, Some(1), None));
        assert_eq!((some.index_of(7), some.index_of(8)), (3, 4));
    }
}
