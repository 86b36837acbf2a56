//! Chance that can be had again: the same seed, purpose and numbers give the same numbers, whatever happened before.

/// A source of random numbers that depends on nothing but what it was made from.
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    state: u64,
}

impl Chance {
    /// The numbers for one purpose, such as a fault's name, at one place, such as a message's number.
    pub(crate) fn new(seed: u64, purpose: &str, place: &[u64]) -> Self {
        // FNV-1a over all of it. What makes near places differ is `next`, which mixes every bit into every other.
        let bytes = purpose.bytes().chain(place.iter().flat_map(|number| number.to_le_bytes()));
        let state = bytes.fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { state: mixed(state) }
    }

    /// The next number, any of 2^64 (`SplitMix64`, by Steele, Lea and Flood).
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.state)
    }

    /// The next number, from 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds")]
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next number, from 0 to below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The high half of the product is uniform but for a bias below end / 2^64.
        u64::try_from((u128::from(self.next()) * u128::from(end)) >> 64).unwrap_or_default()
    }
}

fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recorded seed must mean the same in every later version.
    #[test]
    fn the_numbers_never_change() {
        let mut chance = Chance::new(42, "drop", &[0, 1]);
        let numbers = [chance.next(), chance.next(), chance.below(100)];
        assert_eq!(numbers, [3_521_057_088_405_514_639, 2_394_966_399_949_787_591, 0]);
    }

    #[test]
    fn every_part_of_the_place_matters() {
        let one = Chance::new(1, "drop", &[0, 1]).next();
        for other in [
            Chance::new(2, "drop", &[0, 1]),
            Chance::new(1, "duplicate", &[0, 1]),
            Chance::new(1, "drop", &[1, 1]),
            Chance::new(1, "drop", &[0, 2]),
        ] {
            assert_ne!(other.clone().next(), one, "{other:?}");
        }
    }

    #[test]
    fn neighbours_are_not_alike() {
        let hits = (0..100_000).filter(|number| Chance::new(7, "drop", &[0, *number]).share() < 0.02).count();
        assert!((1800..2200).contains(&hits), "{hits} of 100,000 at 2 %");
    }

    #[test]
    fn a_bound_is_kept_and_reached() {
        let mut seen = [false; 5];
        for number in 0..200 {
            seen[usize::try_from(Chance::new(0, "corrupt", &[number]).below(5)).unwrap()] = true;
        }
        assert_eq!(seen, [true; 5]);
    }
}
