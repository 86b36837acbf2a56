//! Medians, ratios, a table for people and a file for programs.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{
    process::Cores,
    workload::{Sample, Workload},
};

/// The server that is compared.
pub(crate) const OWN: &str = "wirescope";
/// What nothing that reads, unmasks and writes back can be far below.
pub(crate) const FLOOR: &str = "floor";

/// What is shown of a number that was measured, as its heading, and how many digits it has.
const SHOWN: [(&str, &str, usize); 12] = [
    ("cpu_us", "CPU µs", 2),
    ("load_cpu_us", "load µs", 2),
    ("per_second", "1/s", 0),
    ("p50_us", "p50 µs", 0),
    ("p99_us", "p99 µs", 0),
    ("p999_us", "p99.9 µs", 0),
    ("connects_per_second", "connects/s", 0),
    ("connect_cpu_us", "CPU µs", 1),
    ("kib_idle", "KiB", 1),
    ("kib_after_16_kib", "after 16 KiB", 1),
    ("active_cpu_us", "active µs", 2),
    ("active_p99_us", "p99 µs", 0),
];

/// What servers are compared by, where it was measured.
const COMPARED: [&str; 2] = ["cpu_us", "kib_idle"];

/// All that was measured.
#[derive(Debug)]
pub(crate) struct Results {
    machine: String,
    servers: Vec<&'static str>,
    workloads: Vec<&'static str>,
    /// For each workload and server, the sample of each round that has one.
    samples: Vec<Vec<BTreeMap<usize, Sample>>>,
    /// Why some have none.
    skipped: BTreeMap<(usize, usize), String>,
}

impl Results {
    pub(crate) fn new(
        cores: Option<Cores>,
        servers: impl Iterator<Item = &'static str>,
        workloads: &[&Workload],
    ) -> Self {
        let servers: Vec<&str> = servers.collect();
        let samples = vec![vec![BTreeMap::new(); servers.len()]; workloads.len()];
        let workloads = workloads.iter().map(|workload| workload.name).collect();
        Self { machine: machine(cores), servers, workloads, samples, skipped: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, workload: usize, server: usize, round: usize, sample: Sample) {
        self.samples[workload][server].insert(round, sample);
    }

    pub(crate) fn skip(&mut self, workload: usize, server: usize, reason: String) {
        self.skipped.insert((workload, server), reason);
    }

    /// A table for each workload.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.machine);
        for (at, (workload, servers)) in self.workloads.iter().zip(&self.samples).enumerate() {
            let has =
                |name| servers.iter().flat_map(BTreeMap::values).any(|sample| sample.contains_key(name));
            let shown: Vec<_> = SHOWN.iter().filter(|(name, ..)| has(*name)).collect();
            let _ = write!(text, "\n{workload:<52}");
            for (name, heading, _) in &shown {
                let _ = write!(text, " {heading:>12}");
                if COMPARED.contains(name) {
                    let _ = write!(text, " {:>9} {:>9}", "/ floor", "/ this");
                }
            }
            text.push('\n');
            for (server, samples) in servers.iter().enumerate() {
                if !samples.is_empty() {
                    let _ = write!(text, "{:<52}", self.servers[server]);
                    for (name, _, digits) in &shown {
                        let _ = write!(text, " {:>12.digits$}", median(values(samples, name)));
                        if COMPARED.contains(name) {
                            for to in [FLOOR, OWN] {
                                let ratio = self.ratio(at, server, to, name);
                                let ratio = ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
                                let _ = write!(text, " {ratio:>9}");
                            }
                        }
                    }
                    text.push('\n');
                }
                if let Some(reason) = self.skipped.get(&(at, server)) {
                    let _ = writeln!(text, "{:<52} {reason}", self.servers[server]);
                }
            }
        }
        text
    }

    /// Writes all of it for programs.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let workloads = self.workloads.iter().enumerate().map(|(at, workload)| {
            let servers = self.servers.iter().enumerate().map(|(server, name)| {
                let samples = &self.samples[at][server];
                let medians: BTreeMap<&str, f64> = SHOWN
                    .iter()
                    .filter(|(name, ..)| samples.values().any(|sample| sample.contains_key(name)))
                    .map(|(name, ..)| (*name, median(values(samples, name))))
                    .collect();
                let ratios = |to| -> BTreeMap<&str, f64> {
                    let of = |name: &&'static str| Some((*name, self.ratio(at, server, to, name)?));
                    medians.keys().filter_map(of).collect()
                };
                json!({
                    "server": name,
                    "medians": medians,
                    "to_floor": ratios(FLOOR),
                    "to_this": ratios(OWN),
                    "rounds": samples.values().collect::<Vec<_>>(),
                    "skipped": self.skipped.get(&(at, server)),
                })
            });
            json!({ "workload": workload, "servers": servers.collect::<Value>() })
        });
        let content = json!({ "machine": self.machine, "workloads": workloads.collect::<Value>() });
        fs::write(path, content.to_string()).with_context(|| format!("writing {}", path.display()))
    }

    /// The median over rounds of the ratio to another server's number in the same round.
    fn ratio(&self, workload: usize, server: usize, to: &str, name: &'static str) -> Option<f64> {
        let other = self.servers.iter().position(|server| *server == to)?;
        let (samples, others) = (&self.samples[workload][server], &self.samples[workload][other]);
        let ratios: Vec<f64> = samples
            .iter()
            .filter_map(|(round, sample)| Some(sample.get(name)? / others.get(round)?.get(name)?))
            .collect();
        (!ratios.is_empty()).then(|| median(ratios))
    }
}

fn values(samples: &BTreeMap<usize, Sample>, name: &str) -> Vec<f64> {
    samples.values().filter_map(|sample| sample.get(name).copied()).collect()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    match (numbers.len() / 2, numbers.len() % 2) {
        (0, 0) => f64::NAN,
        (middle, 0) => f64::midpoint(numbers[middle - 1], numbers[middle]),
        (middle, _) => numbers[middle],
    }
}

/// What it was measured on.
fn machine(cores: Option<Cores>) -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let information = read("/proc/cpuinfo");
    let mut models = information.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = models.next().map_or("an unknown processor", |model| model.1);
    let kernel = read("/proc/sys/kernel/osrelease");
    let busy = read("/proc/loadavg");
    let pinned = match cores {
        Some(cores) => format!("server on core {}, load on core {}", cores.server, cores.load),
        None => "one core for all".to_owned(),
    };
    let busy = busy.split(' ').next().unwrap_or_default();
    format!("{model}, Linux {}, {pinned}, load average {busy} at the start", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_between_the_two() {
        let close = |numbers: &[f64], wanted: f64| (median(numbers.to_vec()) - wanted).abs() < 1e-9;
        assert!(close(&[7.0], 7.0));
        assert!(close(&[3.0, 1.0, 2.0], 2.0));
        assert!(close(&[4.0, 1.0, 2.0, 3.0], 2.5));
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let sample = |cpu| Sample::from([("cpu_us", cpu)]);
        let of = |numbers: [f64; 3]| numbers.map(sample).into_iter().enumerate().collect();
        let results = Results {
            machine: String::new(),
            servers: vec![OWN, FLOOR],
            workloads: vec!["one"],
            samples: vec![vec![of([2.0, 30.0, 200.0]), of([1.0, 10.0, 100.0])]],
            skipped: BTreeMap::new(),
        };
        assert_eq!(results.ratio(0, 0, FLOOR, "cpu_us"), Some(2.0));
        assert_eq!(results.ratio(0, 0, "nobody", "cpu_us"), None);
    }
}
