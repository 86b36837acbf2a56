//! Times by how often they occurred: exact below 128 µs, and above within 1.6 %, in fixed memory.

use std::fmt;

/// Each power of two above this is divided into half as many parts.
const EXACT: u64 = 128;
const HALF: usize = 64;
/// Up to 2^36 µs, which is 19 hours; what is longer counts as that.
const OCTAVES: usize = 36;
const LEN: usize = (OCTAVES - 5) * HALF;

/// Microseconds, counted in parts of powers of two.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Box<[u32; LEN]>,
    total: u64,
    sum: u64,
    min: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: Box::new([0; LEN]), total: 0, sum: 0, min: u64::MAX, max: 0 }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Histogram")
    }
}

/// Where a value is on a logarithmic scale: 64 steps double it.
pub(crate) fn position(value: u64) -> usize {
    if value < EXACT {
        return usize::try_from(value).unwrap_or(0);
    }
    let shift = (value.ilog2() - 6) as usize;
    // The seven highest bits, of which the first is set.
    let part = usize::try_from(value >> shift).unwrap_or(0);
    (shift * HALF + part).min(LEN - 1)
}

/// The largest value at a position.
fn last_of(position: usize) -> u64 {
    if position < 2 * HALF {
        return position as u64;
    }
    let shift = position / HALF - 1;
    let part = position % HALF + HALF;
    ((part as u64 + 1) << shift) - 1
}

impl Histogram {
    pub(crate) fn record(&mut self, micros: u64) {
        let count = &mut self.counts[position(micros)];
        *count = count.saturating_add(1);
        self.total += 1;
        self.sum += micros;
        self.min = self.min.min(micros);
        self.max = self.max.max(micros);
    }

    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    pub(crate) fn min(&self) -> u64 {
        self.min.min(self.max)
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    pub(crate) fn mean(&self) -> u64 {
        self.sum.checked_div(self.total).unwrap_or(0)
    }

    /// The value that this many in a thousand are within; 0 if there are none.
    pub(crate) fn per_mille(&self, per_mille: u64) -> u64 {
        let rank = (self.total * per_mille).div_ceil(1000).max(1);
        let mut below = 0;
        for (position, count) in self.counts.iter().enumerate() {
            below += u64::from(*count);
            if below >= rank {
                return last_of(position).min(self.max);
            }
        }
        self.max
    }

    /// How many there are at each position of a range, `width` of them in a column.
    pub(crate) fn columns(&self, from: usize, width: usize, columns: usize) -> Vec<u64> {
        let column = |index: usize| {
            let start = (from + index * width).min(LEN);
            let end = (start + width).min(LEN);
            self.counts[start..end].iter().map(|count| u64::from(*count)).sum()
        };
        (0..columns).map(column).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[u64]) {
        let mut histogram = Histogram::default();
        for value in values {
            histogram.record(*value);
        }
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        for per_mille in [0, 1, 100, 500, 900, 990, 999, 1000] {
            let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
            let exact = sorted[rank - 1];
            let said = histogram.per_mille(per_mille as u64);
            assert!(said >= exact, "{said} is less than {exact} at {per_mille}");
            assert!((said - exact) * 64 <= exact, "{said} is too far from {exact} at {per_mille}");
        }
        assert_eq!((histogram.min(), histogram.max()), (sorted[0], sorted[sorted.len() - 1]));
        assert_eq!(histogram.count(), sorted.len() as u64);
        assert_eq!(histogram.mean(), sorted.iter().sum::<u64>() / sorted.len() as u64);
        assert_eq!(histogram.columns(0, LEN, 1), [sorted.len() as u64]);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_values() {
        check(&[7]);
        check(&[0, 0, 1]);
        check(&(0..1000).collect::<Vec<_>>());
        check(&(0..30).map(|power| 1 << power).collect::<Vec<_>>());
        // A long tail, from a generator that is the same in every run.
        let mut state = 1_u64;
        let tail = (0..20_000).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) << (state >> 33 & 7)
        });
        check(&tail.collect::<Vec<_>>());
    }

    #[test]
    fn each_value_is_at_its_position() {
        let mut before = 0;
        for value in (0..5000).chain((13..36).flat_map(|power| [(1 << power) - 1, 1 << power])) {
            let at = position(value);
            assert!(at >= before, "{value}");
            assert!(last_of(at) >= value && (at == 0 || last_of(at - 1) < value), "{value}");
            before = at;
        }
        assert_eq!(position(u64::MAX), LEN - 1);
    }

    #[test]
    fn nothing_has_no_percentile() {
        let empty = Histogram::default();
        assert_eq!((empty.per_mille(500), empty.min(), empty.max(), empty.mean()), (0, 0, 0, 0));
    }
}
