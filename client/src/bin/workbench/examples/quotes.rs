//! Prices as they come, and which of them did not: pure.

use std::fmt::Write as _;

use std::collections::VecDeque;

/// How many prices of each share are kept and drawn.
const KEPT: usize = 60;

/// What the feed told so far.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    pub(super) shares: Vec<Share>,
    /// The number of the latest update.
    pub(super) last: Option<u64>,
    pub(super) received: u64,
    /// How many numbers were passed over.
    pub(super) missed: u64,
    /// How often the feed began anew, so that what came between is unknown.
    pub(super) restarts: u64,
}

/// A share's prices, in hundredths.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) name: String,
    pub(super) prices: VecDeque<u64>,
}

impl Quotes {
    /// An update came.
    pub(super) fn update(&mut self, number: u64, quotes: impl Iterator<Item = (String, u64)>) {
        if let Some(last) = self.last {
            if number <= last {
                self.restarts += 1;
            } else {
                self.missed += number - last - 1;
            }
        }
        self.last = Some(number);
        self.received += 1;
        for (name, price) in quotes {
            let place = self.shares.iter().position(|share| share.name == name).unwrap_or_else(|| {
                self.shares.push(Share { name, prices: VecDeque::new() });
                self.shares.len() - 1
            });
            let prices = &mut self.shares[place].prices;
            if prices.len() == KEPT {
                prices.pop_front();
            }
            prices.push_back(price);
        }
    }

    /// The server says that what was asked for is not there. If it never was, the feed began anew.
    pub(super) fn lost(&mut self, after: u64, latest: u64) {
        if latest < after {
            self.restarts += 1;
            self.last = None;
        }
    }

    /// What came and what did not, in a sentence.
    pub(super) fn account(&self) -> String {
        use crate::format::count;
        let mut text = match self.missed {
            0 => format!("{} updates, none missed", count(self.received)),
            missed => format!("{} updates, {} missed", count(self.received), count(missed)),
        };
        match self.restarts {
            0 => {}
            1 => text.push_str("; the feed began anew once, and what was made around that is unknown"),
            times => {
                let _ = write!(
                    text,
                    "; the feed began anew {} times, and what was made around that is unknown",
                    count(times)
                );
            }
        }
        text
    }
}

impl Share {
    pub(super) fn price(&self) -> String {
        hundredths(self.prices.back().copied().unwrap_or(0))
    }

    /// By how much it rose or fell with the latest update.
    pub(super) fn change(&self) -> (char, String) {
        let mut latest = self.prices.iter().rev();
        match (latest.next(), latest.next()) {
            (Some(now), Some(before)) if now > before => ('▲', hundredths(now - before)),
            (Some(now), Some(before)) if now < before => ('▼', hundredths(before - now)),
            _ => ('·', hundredths(0)),
        }
    }

    /// A line through its prices, 600 wide and 100 high.
    pub(super) fn line(&self) -> String {
        let least = self.prices.iter().min().copied().unwrap_or(0);
        let most = self.prices.iter().max().copied().unwrap_or(0);
        let span = (most - least).max(1);
        let mut path = String::new();
        for (place, price) in self.prices.iter().enumerate() {
            let x = 600 - (self.prices.len() - 1 - place) * 600 / (KEPT - 1);
            let y = 95 - (price - least) * 90 / span;
            let _ = write!(path, "{}{x} {y}", if place == 0 { 'M' } else { 'L' });
        }
        path
    }
}

fn hundredths(value: u64) -> String {
    format!("{}.{:02}", value / 100, value % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(price: u64) -> impl Iterator<Item = (String, u64)> {
        [("A".to_owned(), price)].into_iter()
    }

    #[test]
    fn what_was_missed_is_counted_by_the_numbers() {
        let mut quotes = Quotes::default();
        quotes.update(7, one(100));
        quotes.update(8, one(100));
        assert_eq!(quotes.account(), "2 updates, none missed");
        quotes.lost(8, 20);
        quotes.update(12, one(100));
        assert_eq!(quotes.account(), "3 updates, 3 missed");
        quotes.lost(12, 2);
        quotes.update(2, one(100));
        assert_eq!((quotes.missed, quotes.restarts, quotes.last), (3, 1, Some(2)));
        quotes.update(1, one(100));
        assert_eq!(quotes.restarts, 2, "it may begin anew without a word");
    }

    #[test]
    fn a_share_rises_and_falls() {
        let mut quotes = Quotes::default();
        quotes.update(1, one(10_000));
        assert_eq!(quotes.shares[0].change(), ('·', "0.00".to_owned()));
        quotes.update(2, one(10_105));
        assert_eq!(
            (quotes.shares[0].price().as_str(), quotes.shares[0].change()),
            ("101.05", ('▲', "1.05".to_owned()))
        );
        quotes.update(3, one(10_100));
        assert_eq!(quotes.shares[0].change(), ('▼', "0.05".to_owned()));
        assert_eq!(quotes.shares[0].line(), "M580 95L590 5L600 10");
        for number in 4..100 {
            quotes.update(number, one(number));
        }
        assert_eq!(quotes.shares[0].prices.len(), KEPT);
        assert!(quotes.shares[0].line().starts_with("M0 95L"));
    }
}
