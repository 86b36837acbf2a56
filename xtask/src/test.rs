//! `cargo xtask test`: every suite in turn, then one table and one line.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::cli::TestOptions;
use crate::libtest::Counts;
use crate::process;
use crate::report::{self, SuiteResult};
use crate::suites::{Outcome, Run, SUITES, Suite};

/// Runs the suites that were asked for. The exit status says whether all is well.
pub(crate) fn test(options: &TestOptions) -> Result<ExitCode> {
    if options.list {
        for suite in &SUITES {
            println!("{:<12}  {}", suite.name, suite.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let chosen: Vec<&Suite> = SUITES
        .iter()
        .filter(|suite| options.only.is_empty() || options.only.iter().any(|name| name == suite.name))
        .collect();
    let started = Instant::now();
    let mut needs = Vec::new();
    for need in chosen.iter().flat_map(|suite| suite.needs) {
        if !needs.contains(need) {
            needs.push(*need);
        }
    }
    let run = Run::prepare(&needs, options.full)?;

    // Early, since a person may have to act on it; the suites that can do without go ahead.
    for error in run.toolbox.lacking() {
        eprintln!("error: {error}");
    }

    let mut results = Vec::new();
    for (at, suite) in chosen.iter().enumerate() {
        let label = format!("[{}/{}] {}", at + 1, chosen.len(), suite.name);
        results.push(run_suite(&run, suite, &label));
    }

    println!("\n{}", report::summary(&results));
    println!("in {}; a suite again: cargo xtask test --only NAME", process::duration(started.elapsed()));
    println!("{}", report::totals(&results));
    let failed = results.iter().any(|result| result.counts.failed > 0);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run_suite(run: &Run, suite: &Suite, label: &str) -> SuiteResult {
    run.begin(label);
    let started = Instant::now();
    let prepared = run.toolbox.require(suite.needs);
    let outcome = prepared.and_then(|()| (suite.run)(run).inspect_err(|error| eprintln!("error: {error:#}")));
    let Outcome { counts, notes } = outcome.unwrap_or_else(|error| Outcome {
        counts: Counts { failed: 1, ..Counts::default() },
        notes: vec![format!("{error:#}")],
    });
    let result = SuiteResult { name: suite.name, counts, notes, took: started.elapsed() };
    let word = match &result.counts {
        counts if counts.failed > 0 => "FAILED",
        counts if counts.passed == 0 => "skipped",
        _ => "passed",
    };
    eprintln!("{label}: {word} in {}", process::duration(result.took));
    result
}
