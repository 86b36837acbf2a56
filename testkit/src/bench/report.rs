use std::{fmt::Write as _, fs, path::Path};

use serde_json::{Value, json};

use super::{WORKLOADS, YARDSTICK, chromium::Clock};

/// What was measured of one cell in one round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Microseconds of the main thread for each message.
    pub(super) cpu: f64,
    /// Messages a second, by the wall clock.
    pub(super) rate: f64,
}

/// All that was measured.
#[derive(Debug)]
pub(super) struct Results {
    browser: String,
    clock: Clock,
    rows: Vec<String>,
    /// For each workload and row, a sample for each round.
    samples: Vec<Vec<Vec<Sample>>>,
}

/// What the table says of a cell.
#[derive(Debug)]
struct Summary {
    cpu: Quartiles,
    /// To the yardstick of the same round.
    cpu_ratio: Quartiles,
    rate: Quartiles,
    rate_ratio: Quartiles,
}

/// The middle of a row of numbers, and the bounds of their middle half.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Quartiles {
    low: f64,
    median: f64,
    high: f64,
}

impl Results {
    pub(super) fn new(browser: String, clock: Clock, rows: &[(String, String)]) -> Self {
        let rows: Vec<String> = rows.iter().map(|row| row.0.clone()).collect();
        let samples = vec![vec![Vec::new(); rows.len()]; WORKLOADS.len()];
        Self { browser, clock, rows, samples }
    }

    pub(super) fn add(&mut self, workload: usize, row: usize, sample: Sample) {
        self.samples[workload][row].push(sample);
    }

    /// A table for each workload.
    pub(super) fn to_text(&self) -> String {
        let mut text = format!(
            "{}, {} rounds; ThreadTime passed at {:.0} % of the wall clock in an idle page and {:.0} % in a busy one\n",
            self.browser,
            self.samples[0][0].len(),
            self.clock.idle * 100.0,
            self.clock.busy * 100.0
        );
        for (workload, cells) in WORKLOADS.iter().zip(&self.samples) {
            let _ = writeln!(
                text,
                "\n{:<30} {:>8} {:>15} {:>7} {:>15} {:>9} {:>7}",
                workload.name, "CPU µs", "middle half", "/ JS", "middle half", "1/s", "/ JS"
            );
            for (name, samples) in self.rows.iter().zip(cells) {
                let Summary { cpu, cpu_ratio, rate, rate_ratio } = summary(samples, &cells[0]);
                let half =
                    |of: Quartiles, digits: usize| format!("{:.digits$} to {:.digits$}", of.low, of.high);
                let _ = writeln!(
                    text,
                    "{name:<30} {:>8.2} {:>15} {:>7.3} {:>15} {:>9.0} {:>7.3}",
                    cpu.median,
                    half(cpu, 1),
                    cpu_ratio.median,
                    half(cpu_ratio, 2),
                    rate.median,
                    rate_ratio.median
                );
            }
        }
        let _ = writeln!(
            text,
            "\n{:?} and {:?} are the same code: they differ by noise.",
            YARDSTICK[0], YARDSTICK[1]
        );
        text
    }

    /// Writes all of it for programs.
    pub(super) fn save(&self, path: &Path) {
        let workloads = WORKLOADS.iter().zip(&self.samples).map(|(workload, cells)| {
            let rows = self.rows.iter().zip(cells).map(|(name, samples)| {
                let summary = summary(samples, &cells[0]);
                json!({
                    "row": name,
                    "cpu_us": summary.cpu.to_json(),
                    "cpu_ratio": summary.cpu_ratio.to_json(),
                    "rate": summary.rate.to_json(),
                    "rate_ratio": summary.rate_ratio.to_json(),
                    "samples": samples.iter().map(|sample| json!([sample.cpu, sample.rate])).collect::<Vec<_>>(),
                })
            });
            json!({ "workload": workload.name, "rows": rows.collect::<Vec<_>>() })
        });
        let content = json!({ "browser": self.browser, "workloads": workloads.collect::<Vec<_>>() });
        fs::write(path, content.to_string()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn summary(samples: &[Sample], yardstick: &[Sample]) -> Summary {
    let each = |of: fn(&Sample) -> f64| Quartiles::of(samples.iter().map(of).collect());
    let ratio = |of: fn(&Sample) -> f64| {
        Quartiles::of(samples.iter().zip(yardstick).map(|(sample, js)| of(sample) / of(js)).collect())
    };
    Summary {
        cpu: each(|sample| sample.cpu),
        cpu_ratio: ratio(|sample| sample.cpu),
        rate: each(|sample| sample.rate),
        rate_ratio: ratio(|sample| sample.rate),
    }
}

impl Quartiles {
    fn of(mut numbers: Vec<f64>) -> Self {
        numbers.sort_by(f64::total_cmp);
        let quarter = |quarters: usize| {
            // Between two numbers, by how far it is from each.
            let place = (numbers.len() - 1) * quarters;
            let (low, high) = (numbers[place / 4], numbers[place.div_ceil(4)]);
            #[allow(clippy::cast_precision_loss, reason = "it is below 4")]
            let share = (place % 4) as f64 / 4.0;
            low + (high - low) * share
        };
        Self { low: quarter(1), median: quarter(2), high: quarter(3) }
    }

    fn to_json(self) -> Value {
        json!({ "low": self.low, "median": self.median, "high": self.high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_between_numbers() {
        let of = |numbers: &[f64]| Quartiles::of(numbers.to_vec());
        assert_eq!(of(&[7.0]), Quartiles { low: 7.0, median: 7.0, high: 7.0 });
        assert_eq!(of(&[3.0, 1.0, 2.0]), Quartiles { low: 1.5, median: 2.0, high: 2.5 });
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), Quartiles { low: 1.75, median: 2.5, high: 3.25 });
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let samples = |numbers: [f64; 3]| numbers.map(|cpu| Sample { cpu, rate: 1.0 });
        let summary = summary(&samples([2.0, 30.0, 200.0]), &samples([1.0, 10.0, 100.0]));
        assert!((summary.cpu_ratio.median - 2.0).abs() < 1e-9);
    }
}
