//! Prices as a random walk: the same seed and symbol have the same price at the same number, in every run.

use std::fmt::Write as _;

use crate::chance::Chance;

/// Prices stay within these, in hundredths.
const LOWEST: u64 = 100;
const HIGHEST: u64 = 10_000_000;

/// Where the prices of some symbols are.
#[derive(Debug)]
pub(super) struct Walk {
    seed: u64,
    number: u64,
    /// Each symbol and its price in hundredths.
    prices: Vec<(String, u64)>,
}

impl Walk {
    pub(super) fn new(seed: u64, symbols: &[String]) -> Self {
        let start = |symbol: &String| 10_000 + Chance::new(seed, symbol, &[0]).below(90_000);
        let prices = symbols.iter().map(|symbol| (symbol.clone(), start(symbol))).collect();
        Self { seed, number: 0, prices }
    }

    /// Goes one step, and gives its number; the first is 1. Each price changes by at most a fifth of a percent.
    pub(super) fn step(&mut self) -> u64 {
        self.number += 1;
        for (symbol, price) in &mut self.prices {
            let swing = (*price / 500).max(1);
            let change = Chance::new(self.seed, symbol, &[self.number]).below(2 * swing + 1);
            *price = (*price + change).saturating_sub(swing).clamp(LOWEST, HIGHEST);
        }
        self.number
    }

    /// The quotes as JSON, with their number and their time in milliseconds since 1970.
    pub(super) fn json(&self, time: u128) -> String {
        let mut json = String::with_capacity(48 + self.prices.len() * 24);
        let _ = write!(json, "{{\"number\":{},\"time\":{time},\"quotes\":{{", self.number);
        for (at, (symbol, price)) in self.prices.iter().enumerate() {
            // A symbol has nothing that JSON would escape.
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(json, "{comma}\"{symbol}\":{}.{:02}", price / 100, price % 100);
        }
        json.push_str("}}");
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_price_depends_on_seed_symbol_and_number_alone() {
        let mut one = Walk::new(7, &symbols(&["ACME", "GLOBEX"]));
        let mut other = Walk::new(7, &symbols(&["GLOBEX"]));
        let mut another = Walk::new(8, &symbols(&["GLOBEX"]));
        for number in 1..100 {
            assert_eq!((one.step(), other.step(), another.step()), (number, number, number));
            assert_eq!(one.prices[1], other.prices[0]);
        }
        assert_ne!(other.prices, another.prices);
    }

    #[test]
    fn prices_stay_within_bounds_and_move_a_little() {
        let mut walk = Walk::new(1, &symbols(&["A", "B"]));
        for _ in 0..100_000 {
            let before = walk.prices.clone();
            walk.step();
            for ((_, before), (_, after)) in before.iter().zip(&walk.prices) {
                assert!(before.abs_diff(*after) <= (before / 500).max(1));
                assert!((LOWEST..=HIGHEST).contains(after));
            }
        }
    }

    #[test]
    fn quotes_are_json() {
        let mut walk = Walk::new(1, &symbols(&["ACME", "B.2"]));
        walk.step();
        let value: serde_json::Value = serde_json::from_str(&walk.json(12_345)).unwrap();
        assert_eq!((&value["number"], &value["time"]), (&1.into(), &12_345.into()));
        assert!(value["quotes"]["ACME"].is_f64() && value["quotes"]["B.2"].is_f64(), "{value}");
    }
}
