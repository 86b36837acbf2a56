//! Where the reader is in the rows.
//!
//! All rows have one height. A browser caps how high an element is, so with very many rows the place of the scroll bar
//! stands for a place in the rows, in proportion; but each scrolling by hand moves the rows by as much as it says. The
//! place is kept as a row and how much of it is out of sight: so what is read stays where it is, whatever goes or comes
//! above it. The scroll bar is put where it belongs when the reader has stopped.

use super::filter::Shown;

/// How high the element is that is scrolled, at most. Firefox ends at some 17 million pixels of the screen, and where
/// things are is exact to about as many.
const MAX_HEIGHT: f64 = 4_000_000.0;
/// Scrolling by more than so many times what is in sight is a jump, to the place that the scroll bar says.
const JUMP: f64 = 2.0;

/// What is measured of the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measures {
    /// Of a row, and of all that is in sight.
    pub(super) row: f64,
    pub(super) sight: f64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Scroll {
    /// Whether the newest row is kept in sight.
    pub(super) follow: bool,
    /// The row at the top, and how much of it is out of sight.
    top: u64,
    over: f64,
    /// The scroll bar's place as it was seen last.
    pub(super) bar: f64,
}

/// What is to be drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// The scrolled element's height.
    pub(super) height: f64,
    /// How far the rows are scrolled, had they all an element.
    pub(super) top: f64,
    /// Where the scroll bar belongs.
    pub(super) bar: f64,
}

impl Default for Scroll {
    fn default() -> Self {
        Self { follow: true, top: 0, over: 0.0, bar: 0.0 }
    }
}

impl Scroll {
    /// Where the reader is now. The rows may have become others since; and then the row at the top stays there.
    pub(super) fn place(&mut self, shown: &Shown<'_>, measures: Measures) -> Place {
        let all = Extent::new(shown, measures);
        if self.follow {
            self.set(shown, measures, all.last);
        }
        let index = shown.index_of(self.top);
        let over = if shown.number_at(index) == Some(self.top) { self.over } else { 0.0 };
        let top = (float(index) * measures.row + over).min(all.last);
        Place { height: all.height, top, bar: all.bar(top) }
    }

    /// The scroll bar is at this place: by the reader, or as it was put there.
    pub(super) fn scrolled(&mut self, shown: &Shown<'_>, measures: Measures, bar: f64) -> bool {
        let by = bar - self.bar;
        if by.abs() < 0.25 {
            return false;
        }
        let all = Extent::new(shown, measures);
        let old = self.place(shown, measures).top;
        let is_exact = all.height >= all.rows;
        let top = if bar <= 0.0 {
            0.0
        } else if bar >= all.last_bar - 0.75 {
            all.last
        } else if is_exact || by.abs() <= JUMP * measures.sight {
            old + by
        } else {
            bar / all.last_bar * all.last
        };
        self.set(shown, measures, top);
        // Going up stops following however little it is; else a fast log would never let go.
        if by < 0.0 {
            self.follow = all.last - top <= 2.0;
        } else if all.last - top <= measures.row {
            self.follow = true;
        }
        self.bar = bar;
        true
    }

    /// Goes to a place.
    pub(super) fn set(&mut self, shown: &Shown<'_>, measures: Measures, top: f64) {
        // `clamp` would bring in all that it takes to say what is wrong with a float.
        let top = top.min(Extent::new(shown, measures).last).max(0.0);
        let index = (top / measures.row).floor();
        self.top = shown.number_at(whole(index)).unwrap_or(shown.end);
        self.over = top - index * measures.row;
    }

    /// Whether some of a row is in sight.
    pub(super) fn is_in_sight(&mut self, shown: &Shown<'_>, measures: Measures, number: u64) -> bool {
        let top = self.place(shown, measures).top;
        let row = float(shown.index_of(number)) * measures.row;
        row + measures.row > top && row < top + measures.sight
    }

    /// Brings a row into sight, and moves as little as that takes.
    pub(super) fn show(&mut self, shown: &Shown<'_>, measures: Measures, number: u64) {
        let top = self.place(shown, measures).top;
        let row = float(shown.index_of(number)) * measures.row;
        if row < top {
            self.set(shown, measures, row);
        } else if row + measures.row > top + measures.sight {
            self.set(shown, measures, row + measures.row - measures.sight);
        }
    }
}

/// How far the rows reach.
struct Extent {
    /// The height of all rows, and of the element that stands for them.
    rows: f64,
    height: f64,
    /// How far the rows can be scrolled, and how far the element.
    last: f64,
    last_bar: f64,
}

impl Extent {
    fn new(shown: &Shown<'_>, measures: Measures) -> Self {
        let rows = float(shown.len()) * measures.row;
        let height = rows.min(MAX_HEIGHT);
        let beyond = |height: f64| (height - measures.sight).max(0.0);
        Self { rows, height, last: beyond(rows), last_bar: beyond(height) }
    }

    fn bar(&self, top: f64) -> f64 {
        if self.last > 0.0 { top / self.last * self.last_bar } else { 0.0 }
    }
}

#[expect(clippy::cast_precision_loss, reason = "rows are far fewer than 2^53")]
pub(super) fn float(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows")]
pub(super) fn whole(number: f64) -> usize {
    number.max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Content, Kind, Log, Moment, Note, Origin};

    const MEASURES: Measures = Measures { row: 24.0, sight: 600.0 };

    fn add(log: &mut Log, count: usize) {
        for _ in 0..count {
            let content = Content::Note(Note::default());
            log.push(Origin::default(), Moment::default(), Kind::Error, content);
        }
    }

    fn shown(log: &Log) -> Shown<'_> {
        Shown { log, filter: None, end: log.next() }
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 0.01
    }

    #[test]
    fn few_rows_are_where_the_scroll_bar_says() {
        let mut log = Log::default();
        add(&mut log, 1000);
        let mut scroll = Scroll::default();
        let place = scroll.place(&shown(&log), MEASURES);
        assert_eq!(place, Place { height: 24_000.0, top: 23_400.0, bar: 23_400.0 });
        scroll.bar = 23_400.0;
        assert!(!scroll.scrolled(&shown(&log), MEASURES, 23_400.0));
        assert!(scroll.scrolled(&shown(&log), MEASURES, 12_345.5));
        assert!(!scroll.follow);
        assert!(close(scroll.place(&shown(&log), MEASURES).top, 12_345.5));
        add(&mut log, 1000);
        assert!(close(scroll.place(&shown(&log), MEASURES).top, 12_345.5));
        scroll.scrolled(&shown(&log), MEASURES, 47_400.0);
        assert!(scroll.follow);
    }

    #[test]
    fn among_very_many_rows_small_steps_are_exact_and_large_ones_in_proportion() {
        let mut log = Log::default();
        add(&mut log, 400_000);
        let mut scroll = Scroll::default();
        let end = scroll.place(&shown(&log), MEASURES);
        assert!(
            close(end.height, MAX_HEIGHT)
                && close(end.top, 9_599_400.0)
                && close(end.bar, MAX_HEIGHT - 600.0)
        );
        scroll.bar = end.bar;
        scroll.scrolled(&shown(&log), MEASURES, end.bar - 100.0);
        assert!(close(scroll.place(&shown(&log), MEASURES).top, 9_599_300.0));
        scroll.scrolled(&shown(&log), MEASURES, (MAX_HEIGHT - 600.0) / 2.0);
        let middle = scroll.place(&shown(&log), MEASURES);
        assert!(close(middle.top, 9_599_400.0 / 2.0) && close(middle.bar, scroll.bar));
        scroll.scrolled(&shown(&log), MEASURES, 0.0);
        assert!(close(scroll.place(&shown(&log), MEASURES).top, 0.0));
        scroll.show(&shown(&log), MEASURES, 399_999);
        assert!(close(scroll.place(&shown(&log), MEASURES).top, 9_599_400.0));
    }

    #[test]
    fn what_is_read_stays_when_older_rows_go() {
        let mut log = Log::with_limit(1 << 20);
        add(&mut log, 10_000);
        let mut scroll = Scroll { follow: false, ..Scroll::default() };
        scroll.set(&shown(&log), MEASURES, 24.0 * 8000.0 + 7.0);
        add(&mut log, 6_000);
        assert!(log.evicted > 0 && log.first() < 8000);
        let place = scroll.place(&shown(&log), MEASURES);
        #[expect(clippy::cast_precision_loss, reason = "it is small")]
        let gone = log.first() as f64;
        assert!(close(place.top, 24.0 * (8000.0 - gone) + 7.0));
        // Until it is gone itself.
        add(&mut log, 30_000);
        assert!(close(scroll.place(&shown(&log), MEASURES).top, 0.0));
    }
}
