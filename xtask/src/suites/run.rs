//! What the suites of one run share, and how each ended.

use std::cell::{OnceCell, RefCell};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::libtest::{self, Counts};
use crate::page::{self, Page};
use crate::process::{self, Watched};
use crate::serve;
use crate::tools::{Need, Toolbox};
use crate::workspace::Workspace;

/// What the suites of one run share.
#[derive(Debug)]
pub(crate) struct Run {
    /// The repository.
    pub(crate) workspace: Workspace,
    /// The tools.
    pub(crate) toolbox: Toolbox,
    /// Whether the suites that have a long form run it.
    pub(super) full: bool,
    label: RefCell<String>,
    page: OnceCell<Result<Page, String>>,
    server: OnceCell<Result<PathBuf, String>>,
}

/// How a suite ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What passed, failed and was skipped.
    pub(crate) counts: Counts,
    /// Why, in words.
    pub(crate) notes: Vec<String>,
}

impl Run {
    /// Finds the workspace and installs what is missing.
    pub(crate) fn prepare(needs: &[Need], full: bool) -> Result<Self> {
        let workspace = Workspace::find()?;
        let toolbox = Toolbox::prepare(&workspace, needs);
        Ok(Self {
            workspace,
            toolbox,
            full,
            label: RefCell::default(),
            page: OnceCell::new(),
            server: OnceCell::new(),
        })
    }

    /// Says which suite the steps that follow belong to.
    pub(crate) fn begin(&self, label: &str) {
        label.clone_into(&mut self.label.borrow_mut());
    }

    /// The page, built once in a run.
    pub(super) fn page(&self) -> Result<&Page> {
        let build = || page::build(&self.workspace, &self.toolbox).map_err(|error| format!("{error:#}"));
        self.page.get_or_init(build).as_ref().map_err(|error| anyhow!("the page did not build: {error}"))
    }

    /// The release server with the page inside, built once in a run.
    pub(super) fn server(&self) -> Result<&PathBuf> {
        self.page()?;
        let build =
            || serve::build_server(&self.workspace, &self.toolbox).map_err(|error| format!("{error:#}"));
        self.server.get_or_init(build).as_ref().map_err(|error| anyhow!("the server did not build: {error}"))
    }

    pub(super) fn say(&self, doing: &str) {
        eprintln!("{}: {doing}", self.label.borrow());
    }

    pub(super) fn step(&self, command: &Command) {
        self.say(&process::shown(command));
    }

    /// A command that is one check: it succeeds or it fails.
    pub(super) fn check(&self, command: &mut Command) -> Result<Outcome> {
        self.step(command);
        process::run(command)?;
        Ok(Outcome::passed())
    }

    /// A command that prints how many tests ran.
    pub(super) fn tests(&self, command: &mut Command, limit: Duration) -> Result<Outcome> {
        self.step(command);
        Ok(Outcome::of_tests(&process::watch(command, limit)?))
    }

    /// The same for tests in a browser. If some fail, all have one more turn, and the table names those that needed it: a
    /// test that passes only sometimes is to be mended, and not to hide whether the rest is well.
    pub(super) fn browser_tests(&self, command: &mut Command, limit: Duration) -> Result<Outcome> {
        let first = self.tests(command, limit)?;
        if first.counts.failed == 0 {
            return Ok(first);
        }
        self.say("some failed, so all have one more turn");
        Ok(self.tests(command, limit)?.after(&first))
    }
}

impl Outcome {
    pub(super) fn passed() -> Self {
        Self { counts: Counts { passed: 1, ..Counts::default() }, notes: Vec::new() }
    }

    pub(super) fn skipped(why: &str) -> Self {
        Self { counts: Counts { ignored: 1, ..Counts::default() }, notes: vec![why.to_owned()] }
    }

    /// A run without a single test is a failure, and so is one that broke off.
    pub(super) fn of_tests(watched: &Watched) -> Self {
        Self::of(watched, libtest::counts(&watched.stdout))
    }

    /// The same of tests in another language, with what they counted.
    pub(super) fn of(watched: &Watched, mut counts: Counts) -> Self {
        let mut notes = Vec::new();
        if !watched.success && counts.failed == 0 {
            counts.failed = 1;
            notes.push(format!("it broke off: {}", watched.ending));
        } else if counts.passed + counts.failed == 0 {
            counts.failed = 1;
            notes.push("no test ran".to_owned());
        }
        Self { counts, notes }
    }

    /// Both together.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.counts.passed += other.counts.passed;
        self.counts.failed += other.counts.failed;
        self.counts.ignored += other.counts.ignored;
        self.counts.failures.extend(other.counts.failures);
        self.counts.not_run.extend(other.counts.not_run);
        self.notes.extend(other.notes);
        self
    }

    /// The outcome of a second turn, which says what failed in the first.
    pub(super) fn after(mut self, first: &Self) -> Self {
        if self.counts.failed == 0 {
            let what = if first.counts.failures.is_empty() { &first.notes } else { &first.counts.failures };
            self.notes.push(format!("failed once, then passed: {}", what.join(", ")));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(success: bool, stdout: &str) -> Watched {
        Watched { success, ending: "exit status 101".to_owned(), stdout: stdout.to_owned() }
    }

    #[test]
    fn no_test_at_all_is_a_failure() {
        let outcome = Outcome::of_tests(&watched(true, "test result: ok. 0 passed; 0 failed; 0 ignored\n"));
        assert_eq!(outcome.counts.failed, 1);
        assert_eq!(outcome.notes, ["no test ran"]);
    }

    #[test]
    fn breaking_off_is_a_failure_even_after_tests_that_passed() {
        let outcome = Outcome::of_tests(&watched(false, "test result: ok. 5 passed; 0 failed; 0 ignored\n"));
        assert_eq!((outcome.counts.passed, outcome.counts.failed), (5, 1));
        assert_eq!(outcome.notes, ["it broke off: exit status 101"]);
    }

    #[test]
    fn failures_are_not_counted_twice() {
        let outcome =
            Outcome::of_tests(&watched(false, "test result: FAILED. 5 passed; 2 failed; 0 ignored\n"));
        assert_eq!((outcome.counts.passed, outcome.counts.failed), (5, 2));
        assert!(outcome.notes.is_empty());
    }

    #[test]
    fn a_second_turn_says_what_needed_it() {
        let failed = Outcome::of_tests(&watched(
            false,
            "test slow ... FAILED\ntest result: FAILED. 5 passed; 1 failed; 0 ignored\n",
        ));
        let passed = "test result: ok. 6 passed; 0 failed; 0 ignored\n";
        let outcome = Outcome::of_tests(&watched(true, passed)).after(&failed);
        assert_eq!((outcome.counts.passed, outcome.counts.failed), (6, 0));
        assert_eq!(outcome.notes, ["failed once, then passed: slow"]);
    }
}
