//! Tables of plain text, and the one that ends a test run.

use std::fmt::Write;
use std::time::Duration;

use crate::libtest::Counts;
use crate::process;

/// How one suite ended.
#[derive(Debug)]
pub(crate) struct SuiteResult {
    /// The suite's name.
    pub(crate) name: &'static str,
    /// What passed, failed and was skipped.
    pub(crate) counts: Counts,
    /// Why something failed or was skipped, beyond the names in `counts`.
    pub(crate) notes: Vec<String>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl SuiteResult {
    /// Why it failed or skipped, on one line.
    pub(crate) fn why(&self) -> String {
        let mut parts = Vec::new();
        if !self.counts.failures.is_empty() {
            parts.push(format!("failed: {}", some_of(&self.counts.failures)));
        }
        if !self.counts.not_run.is_empty() {
            parts.push(format!("skipped: {}", some_of(&self.counts.not_run)));
        }
        parts.extend(self.notes.iter().map(|note| note.lines().next().unwrap_or_default().to_owned()));
        parts.join("; ")
    }
}

/// The table that ends a run.
pub(crate) fn summary(results: &[SuiteResult]) -> String {
    let mut table = Table::new(["suite", "ran", "passed", "failed", "skipped", "time", "why"]);
    for result in results {
        let Counts { passed, failed, ignored, .. } = &result.counts;
        let time = process::duration(result.took);
        let numbers = [passed + failed, *passed, *failed, *ignored].map(|number| number.to_string());
        let [ran, passed, failed, skipped] = numbers;
        table.row([result.name.to_owned(), ran, passed, failed, skipped, time, result.why()]);
    }
    table.to_text()
}

/// The line that ends a run: `N passed, N failed, N skipped`.
pub(crate) fn totals(results: &[SuiteResult]) -> String {
    let sum = |of: fn(&Counts) -> usize| results.iter().map(|result| of(&result.counts)).sum::<usize>();
    format!(
        "{} passed, {} failed, {} skipped",
        sum(|counts| counts.passed),
        sum(|counts| counts.failed),
        sum(|counts| counts.ignored)
    )
}

/// A table whose columns are as wide as their widest cell, numbers to the right.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with its heading.
    pub(crate) fn new(heading: [&str; N]) -> Self {
        Self { rows: vec![heading.map(str::to_owned)] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    /// The lines, each with its line feed.
    pub(crate) fn to_text(&self) -> String {
        let column = |at: usize| self.rows.iter().map(move |row| &row[at]);
        let widths: [usize; N] =
            std::array::from_fn(|at| column(at).map(|cell| cell.chars().count()).max().unwrap_or(0));
        let numeric: [bool; N] = std::array::from_fn(|at| {
            column(at).skip(1).all(|cell| cell.starts_with(|first: char| first.is_ascii_digit()))
        });
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (at, cell) in row.iter().enumerate() {
                let width = widths[at];
                let _ = if numeric[at] {
                    write!(line, "{cell:>width$}  ")
                } else {
                    write!(line, "{cell:<width$}  ")
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        let _ = write!(text, " and {} more", names.len() - SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(name: &'static str, counts: Counts, notes: &[&str]) -> SuiteResult {
        let notes = notes.iter().map(ToString::to_string).collect();
        SuiteResult { name, counts, notes, took: Duration::from_secs(75) }
    }

    fn results() -> [SuiteResult; 3] {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        [
            result("format", Counts { passed: 1, ..Counts::default() }, &[]),
            result("deny", Counts { ignored: 1, ..Counts::default() }, &["cargo-deny is not on PATH"]),
            result(
                "native",
                Counts {
                    passed: 120,
                    failed: 4,
                    ignored: 1,
                    failures: names(&["a", "b", "c", "d"]),
                    not_run: names(&["slow (needs an hour)"]),
                },
                &[],
            ),
        ]
    }

    #[test]
    fn the_table_is_aligned_and_says_why() {
        let expected = "\
suite   ran  passed  failed  skipped        time  why
format    1       1       0        0  1 min 15 s
deny      0       0       0        1  1 min 15 s  cargo-deny is not on PATH
native  124     120       4        1  1 min 15 s  failed: a, b, c and 1 more; skipped: slow (needs an hour)
";
        assert_eq!(summary(&results()), expected);
    }

    #[test]
    fn the_last_line_sums_up() {
        assert_eq!(totals(&results()), "121 passed, 4 failed, 2 skipped");
    }
}
