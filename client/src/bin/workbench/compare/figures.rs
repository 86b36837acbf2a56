//! What the four ways cost, and what that shows: pure.

use crate::format;

pub(crate) const WAYS: [&str; 4] = ["WebSocket", "Server-sent events", "Long polling", "Polling"];
pub(crate) const WEBSOCKET: usize = 0;
pub(crate) const POLLING: usize = 3;

/// What one way to read the feed did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Way {
    /// Updates that arrived here, and those the server said are lost.
    pub(crate) updates: u32,
    /// Answers without an update.
    pub(crate) in_vain: u32,
    /// Milliseconds from when each update was made to when it arrived, by two clocks.
    pub(crate) ages: Vec<i32>,
    /// How it failed.
    pub(crate) trouble: Option<&'static str>,
    pub(crate) bill: Bill,
}

/// What the server says that it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) requests: u64,
    pub(crate) updates: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// Nanoseconds, where the server's system tells.
    pub(crate) cpu: Option<u64>,
}

impl Bill {
    /// What came on top of an earlier one.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(before.requests),
            updates: self.updates.saturating_sub(before.updates),
            bytes_in: self.bytes_in.saturating_sub(before.bytes_in),
            bytes_out: self.bytes_out.saturating_sub(before.bytes_out),
            cpu: self.cpu.zip(before.cpu).map(|(cpu, before)| cpu.saturating_sub(before)),
        }
    }

    /// Tenths of bytes for an update, both ways.
    pub(crate) fn bytes_each(self) -> Option<u64> {
        ((self.bytes_in + self.bytes_out) * 10).checked_div(self.updates)
    }

    /// Nanoseconds for an update.
    pub(crate) fn cpu_each(self) -> Option<u64> {
        self.cpu?.checked_div(self.updates)
    }
}

/// What is drawn: a bar for each way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chart {
    pub(crate) bars: [Bar; 4],
    pub(crate) shows: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bar {
    /// Thousandths of the width; of staleness, also the median's.
    pub(crate) length: u64,
    pub(crate) inner: u64,
    pub(crate) text: String,
}

/// Bars as long as their values are large.
fn bars(values: [Option<u64>; 4], text: impl Fn(u64) -> String) -> [Bar; 4] {
    let most = values.into_iter().flatten().max().unwrap_or(0).max(1);
    values.map(|value| match value {
        Some(value) => Bar { length: value * 1000 / most, inner: 0, text: text(value) },
        None => Bar { text: "–".to_owned(), ..Bar::default() },
    })
}

/// The ways with the least and the most, and how many tenths the most is of the least.
fn extremes(values: [Option<u64>; 4]) -> Option<(usize, usize, u64)> {
    let there = || values.iter().enumerate().filter_map(|(way, value)| value.map(|value| (way, value)));
    let (least, most) = (there().min_by_key(|(_, value)| *value)?, there().max_by_key(|(_, value)| *value)?);
    Some((least.0, most.0, (most.1 * 10).checked_div(least.1)?))
}

fn times(tenths: u64) -> String {
    if tenths < 100 { format!("{}.{}", tenths / 10, tenths % 10) } else { format::count(tenths / 10) }
}

pub(crate) fn bytes(ways: &[Way; 4]) -> Chart {
    let values = [0, 1, 2, 3].map(|way: usize| ways[way].bill.bytes_each());
    let shows = match extremes(values) {
        Some((_, _, 0..12)) => "All four moved about as many bytes for an update.".to_owned(),
        Some((least, most, ratio)) => format!(
            "{} moved {} times the bytes of {} for an update: what a request and its answer say beside it.",
            WAYS[most],
            times(ratio),
            in_sentence(least)
        ),
        None => String::new(),
    };
    Chart { bars: bars(values, |tenths| format!("{} B", format::count((tenths + 5) / 10))), shows }
}

pub(crate) fn requests(ways: &[Way; 4]) -> Chart {
    let values =
        [0, 1, 2, 3].map(|way: usize| (ways[way].bill.updates > 0).then_some(ways[way].bill.requests));
    let shows = match values[POLLING] {
        Some(asked) => format!(
            "A WebSocket and a stream of events ask once. Polling asked {}, {} of them for nothing.",
            count_of(asked, "time"),
            format::count(ways[POLLING].in_vain.into()),
        ),
        None => String::new(),
    };
    Chart { bars: bars(values, format::count), shows }
}

/// Half of the ages are at most the first, and 99 in 100 at most the second.
fn ages(way: &Way, offset: i32) -> Option<(u64, u64)> {
    let mut ages = way.ages.clone();
    ages.sort_unstable();
    let at = |percent: usize| {
        let age = ages.get((ages.len() * percent).div_ceil(100).max(1) - 1)?;
        Some(u64::try_from(age.saturating_sub(offset)).unwrap_or(0))
    };
    Some((at(50)?, at(99)?))
}

/// How old updates were when they arrived. Where the server's clock is another one, by as much as the quickest was not
/// delayed.
pub(crate) fn staleness(ways: &[Way; 4], is_one_clock: bool) -> Chart {
    let least = ways.iter().flat_map(|way| &way.ages).min().copied().unwrap_or(0);
    let ages = [0, 1, 2, 3].map(|way: usize| ages(&ways[way], if is_one_clock { 0 } else { least }));
    let most = ages.iter().flatten().map(|(_, most)| *most).max().unwrap_or(0).max(1);
    let bars = ages.map(|ages| match ages {
        Some((half, most_of)) => Bar {
            length: most_of * 1000 / most,
            inner: half * 1000 / most,
            text: format!("{half} · {most_of} ms"),
        },
        None => Bar { text: "–".to_owned(), ..Bar::default() },
    });
    let shows = match (ages[WEBSOCKET], ages[POLLING]) {
        (Some((pushed, _)), Some((polled, _))) => format!(
            "Half of the updates were here within {pushed} ms over the WebSocket, and within {polled} ms by polling, which \
             asks when it is time and not when there is news.",
        ),
        _ => String::new(),
    };
    Chart { bars, shows }
}

pub(crate) fn cpu(ways: &[Way; 4]) -> Chart {
    let values = [0, 1, 2, 3].map(|way: usize| ways[way].bill.cpu_each());
    let is_told = ways.iter().any(|way| way.bill.cpu.is_some());
    let is_read = ways.iter().any(|way| way.bill.updates > 0);
    let shows = match extremes(values) {
        Some((least, most, ratio)) => format!(
            "An update by {} took {} times the server's CPU time of one by {}.",
            in_sentence(most),
            times(ratio),
            in_sentence(least),
        ),
        None if is_read && !is_told => "This server's system does not tell CPU time.".to_owned(),
        None => String::new(),
    };
    Chart { bars: bars(values, micros), shows }
}

/// Nanoseconds, in microseconds.
fn micros(nanos: u64) -> String {
    let tenths = nanos / 100;
    if tenths < 1000 {
        format!("{}.{} µs", tenths / 10, tenths % 10)
    } else {
        format!("{} µs", format::count(tenths / 10))
    }
}

fn in_sentence(way: usize) -> &'static str {
    ["WebSocket", "server-sent events", "long polling", "polling"][way]
}

fn count_of(count: u64, what: &str) -> String {
    format!("{} {what}{}", format::count(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(requests: u64, bytes: u64, cpu: Option<u64>, ages: &[i32]) -> Way {
        let bill = Bill { requests, updates: 10, bytes_in: bytes, bytes_out: bytes, cpu };
        Way { updates: 10, ages: ages.to_vec(), bill, ..Way::default() }
    }

    fn ways() -> [Way; 4] {
        [
            way(1, 300, Some(50_000), &[1, 1, 2]),
            way(1, 450, Some(60_000), &[2, 2, 2]),
            way(10, 2_000, Some(200_000), &[3, 3, 9]),
            Way { in_vain: 7, ..way(20, 3_000, Some(100_000), &[400, 500, 900]) },
        ]
    }

    #[test]
    fn bars_are_as_long_as_what_they_show() {
        let chart = bytes(&ways());
        assert_eq!(chart.bars.each_ref().map(|bar| bar.length), [100, 150, 666, 1000]);
        assert_eq!(chart.bars[0].text, "60 B");
        assert!(chart.shows.starts_with("Polling moved 10 times the bytes of WebSocket"), "{}", chart.shows);
        assert!(requests(&ways()).shows.ends_with("Polling asked 20 times, 7 of them for nothing."));
        let chart = cpu(&ways());
        assert_eq!(chart.bars[2].text, "20.0 µs");
        assert!(chart.shows.starts_with("An update by long polling took 4.0 times"), "{}", chart.shows);
    }

    #[test]
    fn staleness_is_by_one_clock_or_beside_the_quickest() {
        let chart = staleness(&ways(), true);
        assert_eq!((chart.bars[0].text.as_str(), chart.bars[3].text.as_str()), ("1 · 2 ms", "500 · 900 ms"));
        assert_eq!((chart.bars[3].inner, chart.bars[3].length), (555, 1000));
        let mut behind = ways();
        for age in behind.iter_mut().flat_map(|way| &mut way.ages) {
            *age -= 5_000;
        }
        assert_eq!(staleness(&behind, false).bars[3].text, "499 · 899 ms");
    }

    #[test]
    fn nothing_measured_is_nothing_said() {
        let none = <[Way; 4]>::default();
        for chart in [bytes(&none), requests(&none), staleness(&none, true), cpu(&none)] {
            assert_eq!((chart.bars[0].text.as_str(), chart.shows.as_str()), ("–", ""));
        }
        let mut blind = ways();
        for way in &mut blind {
            way.bill.cpu = None;
        }
        assert_eq!(cpu(&blind).shows, "This server's system does not tell CPU time.");
    }

    #[test]
    fn a_bill_is_what_came_on_top() {
        let before = Bill { requests: 1, updates: 2, bytes_in: 3, bytes_out: 4, cpu: Some(5) };
        let after = Bill { requests: 11, updates: 12, bytes_in: 23, bytes_out: 34, cpu: Some(105) };
        let bill = Bill { requests: 10, updates: 10, bytes_in: 20, bytes_out: 30, cpu: Some(100) };
        assert_eq!(after.since(before), bill);
        assert_eq!((bill.bytes_each(), bill.cpu_each()), (Some(50), Some(10)));
    }
}
