//! Node and Python as peers of the server. The examples for other people's test suites and the tests that use them are put
//! together in a folder below `target`, with the WebSocket library that the examples pin, and run there.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{Outcome, Run, TEST_LIMIT};
use crate::libtest::Counts;
use crate::process;
use crate::tools::Toolbox;
use crate::workspace::Workspace;

/// Runs them all, where they can be.
pub(super) fn interop(run: &Run) -> Result<Outcome> {
    let mut build = run.toolbox.cargo(&run.workspace);
    build.args(["build", "--locked", "--package", "wirescope-server", "--bin", "wirescope-server"]);
    run.step(&build);
    process::run(&mut build)?;
    let server = run.workspace.binary("debug", "wirescope-server");
    let mut all = Outcome { counts: Counts::default(), notes: Vec::new() };
    for peer in &PEERS {
        let outcome = match peer.missing(&run.toolbox) {
            Some(why) => Outcome::skipped(&format!("{} is skipped: {why}", peer.name)),
            None => {
                let folder = peer.prepare(&run.workspace, &run.toolbox)?;
                let mut command = peer.tests(&run.toolbox, &folder, &server);
                run.step(&command);
                let watched = process::watch(&mut command, TEST_LIMIT)?;
                Outcome::of(&watched, (peer.counts)(&watched.stdout))
            }
        };
        all = all.and(outcome);
    }
    Ok(all)
}

/// A language whose tests are run.
#[derive(Debug)]
struct Peer {
    /// What its folders in `server/examples` and `server/tests/interop` are called.
    name: &'static str,
    program: &'static str,
    /// The oldest version that its tests and its WebSocket library run on.
    oldest: (u32, u32),
    /// What installs the library, and how it says that it is there.
    installer: (&'static str, &'static [&'static str]),
    /// The file beside the example that says which library.
    pins: &'static str,
    install: fn(&Toolbox, &Path) -> Result<()>,
    tests: fn(&Toolbox, &Path) -> Command,
    /// Reads what the tests wrote to standard output.
    counts: fn(&str) -> Counts,
}

/// All of them.
const PEERS: [Peer; 2] = [
    Peer {
        name: "node",
        program: "node",
        oldest: (20, 11),
        installer: ("npm", &["--version"]),
        pins: "package-lock.json",
        install: npm_ci,
        tests: node_test,
        counts: tap_counts,
    },
    Peer {
        name: "python",
        program: "python3",
        oldest: (3, 11),
        installer: ("python3", &["-c", "import ensurepip, venv"]),
        pins: "requirements.txt",
        install: pip_install,
        tests: unittest,
        counts: unittest_counts,
    },
];

impl Peer {
    /// Why its tests cannot run on this machine.
    fn missing(&self, toolbox: &Toolbox) -> Option<String> {
        let said = process::capture(toolbox.command(self.program).arg("--version")).ok();
        let Some((major, minor)) = said.as_deref().and_then(version) else {
            return Some(format!("{} is not on PATH", self.program));
        };
        if (major, minor) < self.oldest {
            let oldest = format!("{}.{}", self.oldest.0, self.oldest.1);
            return Some(format!("{} is {major}.{minor}, older than {oldest}", self.program));
        }
        let (installer, asked) = self.installer;
        let mut ask = toolbox.command(installer);
        match process::capture(ask.args(asked)) {
            Ok(_) => None,
            Err(_) => {
                Some(format!("`{}` fails: install it with your system's packages", process::shown(&ask)))
            }
        }
    }

    /// Puts its example and its tests into one folder, and installs what they need.
    fn prepare(&self, workspace: &Workspace, toolbox: &Toolbox) -> Result<PathBuf> {
        let folder = workspace.state("interop").join(self.name);
        let marker = folder.join("installed");
        let installed = fs::read(&marker).ok();
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        for old in files(&folder)? {
            fs::remove_file(&old).with_context(|| format!("removing {}", old.display()))?;
        }
        for source in ["server/examples", "server/tests/interop"] {
            for file in files(&workspace.root.join(source).join(self.name))? {
                let copy = folder.join(file.file_name().context("a file has no name")?);
                fs::copy(&file, copy).with_context(|| format!("copying {}", file.display()))?;
            }
        }
        let pins = fs::read(folder.join(self.pins)).with_context(|| format!("reading {}", self.pins))?;
        if installed.as_ref() != Some(&pins) {
            eprintln!("installing what {} pins into {} (once)", self.pins, workspace.shown(&folder));
            (self.install)(toolbox, &folder)?;
        }
        fs::write(&marker, pins).with_context(|| format!("writing {}", marker.display()))?;
        Ok(folder)
    }

    /// The command that runs all tests in a folder that was prepared, against the server of this program.
    fn tests(&self, toolbox: &Toolbox, folder: &Path, server: &Path) -> Command {
        let mut command = (self.tests)(toolbox, folder);
        command.current_dir(folder).env("WIRESCOPE_SERVER", server).stdin(Stdio::null());
        command
    }
}

/// Installs what a folder's lock file pins, and runs nothing of it.
pub(crate) fn npm_ci(toolbox: &Toolbox, folder: &Path) -> Result<()> {
    let mut command = toolbox.command("npm");
    command.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
    ]);
    process::capture(command.current_dir(folder)).map(drop)
}

fn node_test(toolbox: &Toolbox, _: &Path) -> Command {
    let mut command = toolbox.command("node");
    // In milliseconds, of a file or of a test, as the version has it: it only guards against hanging.
    command.args(["--test", "--test-timeout=300000", "--test-reporter=tap"]);
    command
}

fn pip_install(toolbox: &Toolbox, folder: &Path) -> Result<()> {
    let mut venv = toolbox.command("python3");
    process::capture(venv.args(["-m", "venv", "--clear", "venv"]).current_dir(folder))?;
    let mut pip = python(toolbox, folder);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    process::capture(pip.args(["--requirement", "requirements.txt"]).current_dir(folder)).map(drop)
}

fn unittest(toolbox: &Toolbox, folder: &Path) -> Command {
    let mut command = python(toolbox, folder);
    command.args(["-B", "."]);
    command
}

/// The Python that has what was installed.
fn python(toolbox: &Toolbox, folder: &Path) -> Command {
    let bin = folder.join("venv").join(if cfg!(windows) { "Scripts" } else { "bin" });
    toolbox.command(&bin.join(format!("python{EXE_SUFFIX}")).to_string_lossy())
}

/// The counts that Node writes in the Test Anything Protocol.
fn tap_counts(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines() {
        if let Some((_, name)) = line.trim().strip_prefix("not ok ").and_then(|test| test.split_once(" - ")) {
            counts.failures.push(name.to_owned());
        }
        let Some((what, number)) = line.strip_prefix("# ").and_then(|line| line.split_once(' ')) else {
            continue;
        };
        let number = number.parse().unwrap_or(0);
        match what {
            "pass" => counts.passed += number,
            "fail" | "cancelled" => counts.failed += number,
            "skipped" | "todo" => counts.ignored += number,
            _ => {}
        }
    }
    counts
}

/// The counts that Python's unittest writes.
fn unittest_counts(output: &str) -> Counts {
    let mut counts = Counts::default();
    let mut ran = 0;
    for line in output.lines() {
        if let Some(name) = line.strip_prefix("FAIL: ").or_else(|| line.strip_prefix("ERROR: ")) {
            counts.failures.push(name.to_owned());
        } else if let Some((number, _)) = line.strip_prefix("Ran ").and_then(|line| line.split_once(" test"))
        {
            ran = number.parse().unwrap_or(0);
        } else if line.starts_with("OK") || line.starts_with("FAILED (") {
            for part in line.split(['(', ')', ',']) {
                let Some((what, number)) = part.trim().split_once('=') else { continue };
                let number = number.parse().unwrap_or(0);
                match what {
                    "failures" | "errors" | "unexpected successes" => counts.failed += number,
                    "skipped" | "expected failures" => counts.ignored += number,
                    _ => {}
                }
            }
        }
    }
    // Of one test several parts may fail.
    counts.passed = usize::saturating_sub(ran, counts.failed + counts.ignored);
    counts
}

/// The first two numbers of `v20.20.2` or `Python 3.11.7`.
fn version(said: &str) -> Option<(u32, u32)> {
    let numbers = said.split_whitespace().last()?.trim_start_matches('v');
    let mut numbers = numbers.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The files right in a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| path.is_file()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_node() {
        let counts = tap_counts(
            "TAP version 13\n# Subtest: one\nok 1 - one\n# Subtest: two\nnot ok 2 - two - or so\n  ---\n  \
             duration_ms: 1\n1..3\n# tests 3\n# suites 0\n# pass 1\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n",
        );
        assert_eq!((counts.passed, counts.failed, counts.ignored), (1, 1, 1));
        assert_eq!(counts.failures, ["two - or so"]);
    }

    #[test]
    fn the_counts_of_python() {
        let counts = unittest_counts(
            "test_a (m.T.test_a) ... ok\ntest_b (m.T.test_b) ... \n  test_b (m.T.test_b) [fin] ... FAIL\n\n=====\n\
             FAIL: test_b (m.T.test_b) [fin]\n-----\nTraceback\n\nRan 4 tests in 5.457s\n\n\
             FAILED (failures=1, skipped=1)\n",
        );
        assert_eq!((counts.passed, counts.failed, counts.ignored), (2, 1, 1));
        assert_eq!(counts.failures, ["test_b (m.T.test_b) [fin]"]);
        assert_eq!(unittest_counts("Ran 6 tests in 5.457s\n\nOK\n").passed, 6);
        assert_eq!(unittest_counts("Traceback (most recent call last):\n"), Counts::default());
    }

    #[test]
    fn versions_are_two_numbers() {
        assert_eq!(version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(version("Python 3.11.7\n"), Some((3, 11)));
        assert_eq!(version("no version"), None);
    }
}
