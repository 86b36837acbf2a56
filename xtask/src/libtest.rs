//! Reads what test programs print: libtest's form, which wasm-bindgen's runner prints too.

/// What test programs said, summed over all of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tests that passed.
    pub(crate) passed: usize,
    /// Tests that failed.
    pub(crate) failed: usize,
    /// Tests that were there and did not run.
    pub(crate) ignored: usize,
    /// The names of those that failed.
    pub(crate) failures: Vec<String>,
    /// The names of those that did not run, with the reason where there is one.
    pub(crate) not_run: Vec<String>,
}

/// Reads everything a run wrote to standard output.
pub(crate) fn counts(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines() {
        let line = without_colour(line);
        let line = line.trim();
        if let Some(result) = line.strip_prefix("test result: ") {
            let count = |what: &str| {
                let number = result.split(['.', ';']).find_map(|part| part.trim().strip_suffix(what))?;
                number.trim().parse().ok()
            };
            counts.passed += count("passed").unwrap_or(0);
            counts.failed += count("failed").unwrap_or(0);
            counts.ignored += count("ignored").unwrap_or(0);
        } else if let Some((name, outcome)) =
            line.strip_prefix("test ").and_then(|test| test.split_once(" ... "))
        {
            match outcome.split_once(", ").unwrap_or((outcome, "")) {
                ("ignored", "") => counts.not_run.push(name.to_owned()),
                ("ignored", reason) => counts.not_run.push(format!("{name} ({reason})")),
                (outcome, _) if outcome.starts_with("FAIL") => counts.failures.push(name.to_owned()),
                _ => {}
            }
        }
    }
    counts
}

/// The line without terminal sequences such as `\x1b[32m`.
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, sequence)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = sequence.split_once(|end: char| end.is_ascii_alphabetic()).map_or("", |(_, after)| after);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed_over_programs() {
        let counts = counts(
            "\nrunning 3 tests\ntest a::b ... ok\ntest c ... FAILED\ntest slow ... ignored, needs an hour\n\n\
             failures:\n    c\n\n\
             test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\n\
             running 2 tests\n..\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out\n",
        );
        assert_eq!(
            counts,
            Counts {
                passed: 3,
                failed: 1,
                ignored: 1,
                failures: vec!["c".to_owned()],
                not_run: vec!["slow (needs an hour)".to_owned()],
            }
        );
    }

    #[test]
    fn the_browser_runner_prints_the_same_form() {
        let counts = counts(
            "running 2 tests\ntest echo::text ... ok\ntest echo::binary ... FAIL\n\n\
             test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 filtered out; finished in 0.20s\n",
        );
        assert_eq!((counts.passed, counts.failed), (1, 1));
        assert_eq!(counts.failures, ["echo::binary"]);
    }

    #[test]
    fn colour_does_not_matter() {
        let counts = counts("test result: \x1b[32mok\x1b[0m. 3 passed; 0 failed; 1 ignored; 0 measured");
        assert_eq!((counts.passed, counts.failed, counts.ignored), (3, 0, 1));
    }

    #[test]
    fn a_program_that_did_not_finish_counts_nothing() {
        assert_eq!(counts("running 3 tests\ntest a ... ok\n"), Counts::default());
    }
}
