//! Lines and bars as SVG writes them, in whole numbers: pure.

use std::fmt::Write as _;

/// How high a drawing is, in its own units; what is empty at its top keeps a line from being cut.
pub(crate) const HEIGHT: u64 = 100;
/// How wide a value is.
pub(crate) const STEP: usize = 10;

/// The round number at or above the largest value: 1, 2 or 5 and zeros.
pub(crate) fn round_above(largest: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for digit in [1, 2, 5] {
            let round = power.saturating_mul(digit);
            if round >= largest {
                return round;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// The same for bytes: a power of two.
pub(crate) fn round_bytes_above(largest: u64) -> u64 {
    largest.max(16).checked_next_power_of_two().unwrap_or(u64::MAX)
}

fn height(value: u64, top: u64) -> u64 {
    let scaled = u128::from(value.min(top)) * u128::from(HEIGHT) / u128::from(top.max(1));
    let scaled = u64::try_from(scaled).unwrap_or(HEIGHT);
    // What is there at all is seen.
    HEIGHT - if value > 0 { scaled.max(1) } else { 0 }
}

/// A line that holds each value for its second.
pub(crate) fn steps(values: &[u64], top: u64) -> String {
    let mut path = String::with_capacity(values.len() * 10);
    let mut before = None;
    for (place, value) in values.iter().enumerate() {
        let y = height(*value, top);
        if before != Some(y) {
            path.push_str(if before.is_none() { "M0 " } else { "V" });
            path.push_str(&y.to_string());
            before = Some(y);
        }
        path.push('H');
        path.push_str(&((place + 1) * STEP).to_string());
    }
    path
}

/// The area beneath such a line.
pub(crate) fn area(values: &[u64], top: u64) -> String {
    let mut path = steps(values, top);
    let _ = write!(path, "V{HEIGHT}H0Z");
    path
}

/// Bars with a gap between.
pub(crate) fn bars(values: &[u64], top: u64) -> String {
    let mut path = String::new();
    for (place, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
        let (x, y) = (place * STEP, height(*value, top));
        let _ = write!(path, "M{} {HEIGHT}V{y}h{}V{HEIGHT}Z", x + 1, STEP - 2);
    }
    path
}

/// Upright lines where something happened.
pub(crate) fn marks(places: impl Iterator<Item = bool>) -> String {
    let mut path = String::new();
    for (place, _) in places.enumerate().filter(|(_, is_marked)| *is_marked) {
        let _ = write!(path, "M{} 0V{HEIGHT}", place * STEP + STEP / 2);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        let ends: Vec<_> = [0, 1, 2, 3, 6, 11, 21, 499, 501].map(round_above).to_vec();
        assert_eq!(ends, [1, 1, 2, 5, 10, 20, 50, 500, 1000]);
        assert_eq!([0, 16, 17, 1025].map(round_bytes_above), [16, 16, 32, 2048]);
        assert!(round_above(u64::MAX) >= 10_000_000_000_000_000_000);
    }

    #[test]
    fn lines_and_bars_are_drawn_from_the_bottom() {
        assert_eq!(steps(&[0, 0, 5, 10], 10), "M0 100H10H20V50H30V0H40");
        assert_eq!(area(&[10], 10), "M0 0H10V100H0Z");
        assert_eq!(bars(&[0, 1, 20], 20), "M11 100V95h8V100ZM21 100V0h8V100Z");
        assert_eq!(steps(&[1], 10_000), "M0 99H10", "little is not nothing");
        assert_eq!(marks([false, true].into_iter()), "M15 0V100");
    }
}
