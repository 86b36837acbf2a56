//! What `cargo xtask test` runs: one function for each suite, in the order of the table.

mod fuzz;
pub(crate) mod interop;
mod library;

use std::cell::{OnceCell, RefCell};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::bench_server;
use crate::browser;
use crate::libtest::{self, Counts};
use crate::page::{self, Page};
use crate::process::{self, Watched};
use crate::serve;
use crate::size::{BUDGET, PageSize};
use crate::supervisor::Supervisor;
use crate::tools::{self, Need, Toolbox};
use crate::workspace::{WASM_TARGET, Workspace};

/// A suite: a name, what it takes, and what it does.
#[derive(Debug)]
pub(crate) struct Suite {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    /// One line for `--list`.
    pub(crate) about: &'static str,
    /// What must be installed.
    pub(crate) needs: &'static [Need],
    /// Runs it. An error is a suite that failed before it could count.
    pub(crate) run: fn(&Run) -> Result<Outcome>,
}

/// All suites: what fails fast comes first.
pub(crate) const SUITES: [Suite; 17] = [
    Suite { name: "format", about: "cargo fmt --check", needs: &[Need::Lints], run: format },
    Suite {
        name: "clippy",
        about: "clippy on everything, warnings denied",
        needs: &[Need::Lints],
        run: clippy,
    },
    Suite {
        name: "clippy-wasm",
        about: "clippy on the client library, the page and the browser tests, for Wasm",
        needs: &[Need::Lints, Need::WasmTarget],
        run: clippy_wasm,
    },
    Suite { name: "doc", about: "cargo doc, warnings denied", needs: &[], run: doc },
    Suite {
        name: "deny",
        about: "licences and sources of dependencies, where cargo-deny is",
        needs: &[],
        run: deny,
    },
    Suite {
        name: "msrv",
        about: "the client library by the oldest Rust that it promises, where that is installed",
        needs: &[],
        run: library::msrv,
    },
    Suite {
        name: "atomics",
        about: "the client library for Wasm with threads, where the standard library's sources are",
        needs: &[],
        run: library::atomics,
    },
    Suite { name: "native", about: "unit and integration tests outside a browser", needs: &[], run: native },
    Suite {
        name: "cost",
        about: "what an echoed message costs the server, counted: allocations, reads, writes, instructions",
        needs: &[],
        run: cost,
    },
    Suite {
        name: "interop",
        about: "the server with Node's ws and Python's websockets, and the examples in both",
        needs: &[],
        run: interop::interop,
    },
    Suite {
        name: "fuzz",
        about: "the server against bytes that a fuzzer makes up; with --full only",
        needs: &[],
        run: fuzz::fuzz,
    },
    Suite {
        name: "page-build",
        about: "the page by trunk, and the release server with it inside",
        needs: tools::PAGE,
        run: page_build,
    },
    Suite {
        name: "size",
        about: "the page's files, gzip -9, within their budget",
        needs: tools::PAGE,
        run: size,
    },
    Suite {
        name: "chromium",
        about: "the client library in headless Chromium, against real servers",
        needs: &[Need::WasmTarget, Need::WasmBindgen, Need::WasmPack, Need::Browser],
        run: chromium,
    },
    Suite {
        name: "firefox",
        about: "the client library in headless Firefox, the same tests",
        needs: &[Need::WasmTarget, Need::WasmBindgen, Need::WasmPack, Need::Firefox, Need::GeckoDriver],
        run: firefox,
    },
    Suite {
        name: "library",
        about: "the client library in a page that WebDriver leaves, hides, takes offline and weighs",
        needs: &[Need::WasmTarget, Need::WasmBindgen, Need::Browser, Need::Firefox, Need::GeckoDriver],
        run: library::driven,
    },
    Suite {
        name: "page",
        about: "the page in headless Chromium, and its core in Firefox, through WebDriver",
        needs: PAGE_SUITE,
        run: page,
    },
];

/// What using the page in Chromium and in Firefox takes.
const PAGE_SUITE: &[Need] =
    &[Need::WasmTarget, Need::Trunk, Need::WasmBindgen, Need::Browser, Need::Firefox, Need::GeckoDriver];

/// What using the page in a browser takes.
pub(crate) const PAGE_TEST: &[Need] = &[Need::WasmTarget, Need::Trunk, Need::WasmBindgen, Need::Browser];

/// What the suites of one run share.
#[derive(Debug)]
pub(crate) struct Run {
    /// The repository.
    pub(crate) workspace: Workspace,
    /// The tools.
    pub(crate) toolbox: Toolbox,
    /// Whether the suites that have a long form run it.
    full: bool,
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
    fn page(&self) -> Result<&Page> {
        let build = || page::build(&self.workspace, &self.toolbox).map_err(|error| format!("{error:#}"));
        self.page.get_or_init(build).as_ref().map_err(|error| anyhow!("the page did not build: {error}"))
    }

    /// The release server with the page inside, built once in a run.
    fn server(&self) -> Result<&PathBuf> {
        self.page()?;
        let build =
            || serve::build_server(&self.workspace, &self.toolbox).map_err(|error| format!("{error:#}"));
        self.server.get_or_init(build).as_ref().map_err(|error| anyhow!("the server did not build: {error}"))
    }

    fn say(&self, doing: &str) {
        eprintln!("{}: {doing}", self.label.borrow());
    }

    fn step(&self, command: &Command) {
        self.say(&process::shown(command));
    }

    /// A command that is one check: it succeeds or it fails.
    fn check(&self, command: &mut Command) -> Result<Outcome> {
        self.step(command);
        process::run(command)?;
        Ok(Outcome::passed())
    }

    /// A command that prints how many tests ran.
    fn tests(&self, command: &mut Command, limit: Duration) -> Result<Outcome> {
        self.step(command);
        Ok(Outcome::of_tests(&process::watch(command, limit)?))
    }

    /// The same for tests in a browser. If some fail, all have one more turn, and the table names those that needed it: a
    /// test that passes only sometimes is to be mended, and not to hide whether the rest is well.
    fn browser_tests(&self, command: &mut Command, limit: Duration) -> Result<Outcome> {
        let first = self.tests(command, limit)?;
        if first.counts.failed == 0 {
            return Ok(first);
        }
        self.say("some failed, so all have one more turn");
        Ok(self.tests(command, limit)?.after(&first))
    }
}

impl Outcome {
    fn passed() -> Self {
        Self { counts: Counts { passed: 1, ..Counts::default() }, notes: Vec::new() }
    }

    fn skipped(why: &str) -> Self {
        Self { counts: Counts { ignored: 1, ..Counts::default() }, notes: vec![why.to_owned()] }
    }

    /// A run without a single test is a failure, and so is one that broke off.
    fn of_tests(watched: &Watched) -> Self {
        Self::of(watched, libtest::counts(&watched.stdout))
    }

    /// The same of tests in another language, with what they counted.
    fn of(watched: &Watched, mut counts: Counts) -> Self {
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
    fn and(mut self, other: Self) -> Self {
        self.counts.passed += other.counts.passed;
        self.counts.failed += other.counts.failed;
        self.counts.ignored += other.counts.ignored;
        self.counts.failures.extend(other.counts.failures);
        self.counts.not_run.extend(other.counts.not_run);
        self.notes.extend(other.notes);
        self
    }

    /// The outcome of a second turn, which says what failed in the first.
    fn after(mut self, first: &Self) -> Self {
        if self.counts.failed == 0 {
            let what = if first.counts.failures.is_empty() { &first.notes } else { &first.counts.failures };
            self.notes.push(format!("failed once, then passed: {}", what.join(", ")));
        }
        self
    }
}

/// Builds what the page's tests drive, and tells them where it is.
pub(crate) fn page_environment(run: &Run, command: &mut Command) -> Result<()> {
    let server = run.server()?;
    let browser = run.toolbox.browser()?;
    command.env("WIRESCOPE_CHROME", &browser.chrome);
    command.env("WIRESCOPE_CHROMEDRIVER", &browser.driver);
    command.env("WIRESCOPE_DIST", &run.page()?.dist);
    command.env("WIRESCOPE_SERVER_BIN", server);
    command.env("WIRESCOPE_SCREENSHOTS", screenshots(run));
    Ok(())
}

/// The page's own code, whose pure parts are tested outside a browser.
const WORKBENCH: &str = "wirescope/workbench";

/// What cargo is told of tests outside a browser.
pub(crate) const NATIVE: [&str; 6] =
    ["test", "--workspace", "--exclude", "wirescope-testkit", "--features", WORKBENCH];

/// With compiling; a hanging suite is ended so that the others have their turn.
const TEST_LIMIT: Duration = Duration::from_secs(20 * 60);

/// The same for a suite in its long form.
const FULL_LIMIT: Duration = Duration::from_secs(90 * 60);

fn format(run: &Run) -> Result<Outcome> {
    run.check(run.toolbox.cargo(&run.workspace).args(["fmt", "--all", "--check"]))
}

fn clippy(run: &Run) -> Result<Outcome> {
    let mut command = run.toolbox.cargo(&run.workspace);
    command.args(["clippy", "--workspace", "--all-targets", "--features", WORKBENCH, "--locked"]);
    run.check(command.args(["--", "-D", "warnings"]))
}

fn clippy_wasm(run: &Run) -> Result<Outcome> {
    let mut command = run.toolbox.cargo(&run.workspace);
    command.args(["clippy", "--package", "wirescope", "--target", WASM_TARGET, "--all-targets"]);
    command.args(["--features", "workbench", "--locked", "--", "-D", "warnings"]);
    with_tests_of(&mut command, &[SUPERVISOR, STREAM]);
    run.check(&mut command)
}

fn doc(run: &Run) -> Result<Outcome> {
    let mut command = run.toolbox.cargo(&run.workspace);
    run.check(
        command.args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn deny(run: &Run) -> Result<Outcome> {
    if process::which("cargo-deny", &run.toolbox.path).is_none() {
        return Ok(Outcome::skipped("cargo-deny is not on PATH: cargo install --locked cargo-deny"));
    }
    // Advisories are left out: they come from a server, and a test is not to depend on one.
    let mut command = run.toolbox.cargo(&run.workspace);
    run.check(command.args(["deny", "check", "licenses", "bans", "sources"]))
}

fn native(run: &Run) -> Result<Outcome> {
    let mut command = run.toolbox.cargo(&run.workspace);
    command.args(NATIVE).args(["--locked", "--no-fail-fast"]);
    run.tests(&mut command, TEST_LIMIT)
}

fn cost(run: &Run) -> Result<Outcome> {
    run.tests(&mut bench_server::counting(&run.workspace, &run.toolbox), TEST_LIMIT)
}

fn page_build(run: &Run) -> Result<Outcome> {
    run.say("the page by trunk, then the release server");
    run.server().map(|_| Outcome::passed())
}

fn size(run: &Run) -> Result<Outcome> {
    run.say("gzip -9 of every file in dist");
    let size = PageSize::measure(run.page()?)?;
    print!("{}", size.to_text());
    // Both count: the budget is not to depend on a tool that a machine may lack.
    for (bytes, which) in [(size.gzip(), "the page"), (size.gzip_before(), "the page without wasm-opt")] {
        if bytes > BUDGET {
            bail!("{which} is {} bytes over its budget: {bytes} of {BUDGET} gzip bytes", bytes - BUDGET);
        }
    }
    Ok(Outcome::passed())
}

fn chromium(run: &Run) -> Result<Outcome> {
    let browser = run.toolbox.browser()?;
    let mut command = run.toolbox.command("wasm-pack");
    command.args(["test", "--mode", "no-install", "--headless", "--chrome", "--chromedriver"]);
    command.arg(&browser.driver);
    if browser.chosen {
        command.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities(run)?);
    }
    library_tests(run, &mut command, &[SUPERVISOR, STREAM])
}

fn firefox(run: &Run) -> Result<Outcome> {
    let mut command = run.toolbox.command("wasm-pack");
    command.args(["test", "--mode", "no-install", "--headless", "--firefox"]);
    library_tests(run, &mut command, &[SUPERVISOR])
}

/// Runs the library's tests in a browser, against servers that a supervisor starts and ends as the tests ask.
fn library_tests(run: &Run, command: &mut Command, with: &[&str]) -> Result<Outcome> {
    let mut build = run.toolbox.cargo(&run.workspace);
    build.args(["build", "--locked", "--package", "wirescope-testkit", "--bin", "supervisor"]);
    build.args(["--package", "wirescope-server", "--bin", "wirescope-server"]);
    run.step(&build);
    process::run(&mut build)?;

    let workspace = &run.workspace;
    let program = |name| workspace.binary("debug", name);
    let log = workspace.state("supervisor.log");
    let supervisor = Supervisor::start(&program("supervisor"), &program("wirescope-server"), &log)?;

    command.arg("client").current_dir(&workspace.root);
    // The tests have no environment in the browser: they read these two as they are compiled.
    command.env("WIRESCOPE_TEST_SERVER", &supervisor.server).env("WIRESCOPE_SUPERVISOR", &supervisor.control);
    with_tests_of(command, with);
    let limit = if run.full { FULL_LIMIT } else { TEST_LIMIT };
    if run.full {
        command.env("WIRESCOPE_FULL", "1");
    } else {
        command.env_remove("WIRESCOPE_FULL");
    }
    command.env("WASM_BINDGEN_TEST_TIMEOUT", (limit.as_secs() / 3).to_string());
    let form = if run.full { "long" } else { "short" };
    let mut outcome: Option<Outcome> = None;
    for filter in std::iter::once(None).chain(OWN_BROWSER.map(Some)) {
        let mut command = cloned(command);
        command.arg("--");
        match filter {
            None => command.args(OWN_BROWSER.iter().flat_map(|own| ["--skip", own])),
            Some(own) => command.arg(own),
        };
        let mut part =
            if run.full { run.tests(&mut command, limit)? } else { run.browser_tests(&mut command, limit)? };
        if let Some(own) = filter {
            let name = own.rsplit("::").next().unwrap_or(own);
            let ran = part.counts.passed + part.counts.failed;
            part.notes.push(format!("{name}: {ran} in a browser of their own, in their {form} form"));
        }
        outcome = Some(match outcome {
            None => part,
            Some(before) => before.and(part),
        });
    }
    let mut outcome = outcome.context("no tests were run")?;
    if outcome.counts.failed > 0 {
        outcome.notes.push(format!("the servers' log: {}", workspace.shown(&log)));
    }
    Ok(outcome)
}

fn page(run: &Run) -> Result<Outcome> {
    let screenshots = screenshots(run);
    let _ = fs::remove_dir_all(&screenshots);
    fs::create_dir_all(&screenshots).with_context(|| format!("creating {}", screenshots.display()))?;
    let mut command = run.toolbox.cargo(&run.workspace);
    command.args(["test", "--package", "wirescope-testkit", "--locked", "--no-fail-fast"]);
    command.args(["--lib", "--bins", "--test", "page*"]);
    page_environment(run, &mut command)?;
    if let Some(firefox) = browser::firefox() {
        command.env("WIRESCOPE_FIREFOX", firefox);
    }
    let without = match axe(run) {
        Ok(script) => {
            command.env("WIRESCOPE_AXE", script);
            None
        }
        Err(error) => {
            command.args(["--", "--skip", "axe"]);
            Some(format!("without axe-core: {error:#}"))
        }
    };
    let mut outcome = run.browser_tests(&mut command, TEST_LIMIT)?;
    outcome.notes.extend(without);
    if outcome.counts.failed > 0 {
        let pictures: Vec<_> = page::files(&screenshots)?.into_values().collect();
        for picture in &pictures {
            eprintln!("what the browser showed: {}", picture.display());
        }
        if !pictures.is_empty() {
            outcome.notes.push(format!("screenshots in {}", run.workspace.shown(&screenshots)));
        }
    }
    Ok(outcome)
}

/// The accessibility checker, from npm: the version that the lock file pins.
fn axe(run: &Run) -> Result<PathBuf> {
    let (from, to) = (run.workspace.root.join("testkit/axe"), run.workspace.target_dir.join("axe"));
    let script = to.join("node_modules/axe-core/axe.min.js");
    let is_same = ["package.json", "package-lock.json"].iter().all(|name| {
        fs::read(from.join(name)).ok().is_some_and(|wanted| fs::read(to.join(name)).ok() == Some(wanted))
    });
    if is_same && script.exists() {
        return Ok(script);
    }
    fs::create_dir_all(&to).with_context(|| format!("making {}", to.display()))?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(from.join(name), to.join(name)).with_context(|| format!("copying {name}"))?;
    }
    interop::npm_ci(&run.toolbox, &to).context("npm is not to be had")?;
    Ok(script)
}

fn screenshots(run: &Run) -> PathBuf {
    run.workspace.target_dir.join("page-failures")
}

/// What browser tests may need, as their `cfg` names it: a server to kill, and a browser with `WebSocketStream`.
const SUPERVISOR: &str = "wirescope_supervisor";
const STREAM: &str = "wirescope_stream";

/// The browser tests that have a browser of their own, with nothing in it that others left or began.
const OWN_BROWSER: [&str; 2] = ["cases::leaks", "cases::chaos"];

/// The same command once more, which a command itself cannot be asked for.
fn cloned(command: &Command) -> Command {
    let mut other = Command::new(command.get_program());
    other.args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        other.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other
}

/// Compiles the browser tests that need these too; the others are ignored, and counted so.
fn with_tests_of(command: &mut Command, needs: &[&str]) {
    const FOR_TARGET: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
    // Cargo takes flags from one variable only, and this one comes last: the user's own have to move into it.
    let user = env::var("RUSTFLAGS").or_else(|_| env::var(FOR_TARGET)).unwrap_or_default();
    let flags: String = needs.iter().map(|need| format!(" --cfg {need}")).collect();
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.env(FOR_TARGET, format!("{user}{flags}").trim());
}

/// The browser tests' capabilities with the user's own browser in them, which no flag can name.
fn capabilities(run: &Run) -> Result<PathBuf> {
    let source = run.workspace.root.join("client/webdriver.json");
    let text = fs::read_to_string(&source).with_context(|| format!("reading {}", source.display()))?;
    let chrome = run.toolbox.browser()?.chrome.display().to_string();
    let text = with_binary(&text, &chrome)
        .with_context(|| format!("{} has no goog:chromeOptions to name CHROME in", source.display()))?;
    let path = run.workspace.state("webdriver.json");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

fn with_binary(capabilities: &str, chrome: &str) -> Option<String> {
    let options = capabilities.find("\"goog:chromeOptions\"")?;
    let inside = options + capabilities[options..].find('{')? + 1;
    let (before, after) = capabilities.split_at(inside);
    let comma = if after.trim_start().starts_with('}') { "" } else { "," };
    let chrome = chrome.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("{before}\n    \"binary\": \"{chrome}\"{comma}{after}"))
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

    #[test]
    fn a_chosen_browser_joins_the_capabilities() {
        let capabilities = r#"{ "goog:chromeOptions": { "args": ["--no-sandbox"] } }"#;
        let with = with_binary(capabilities, "/opt/chrome").expect("options");
        assert_eq!(
            with.replace(['\n', ' '], ""),
            r#"{"goog:chromeOptions":{"binary":"/opt/chrome","args":["--no-sandbox"]}}"#
        );
        assert_eq!(with_binary("{}", "/opt/chrome"), None);
    }
}
