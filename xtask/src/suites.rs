//! What `cargo xtask test` runs: one function for each suite, in the order of the table.

mod browsers;
mod fuzz;
pub(crate) mod interop;
mod library;
mod run;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use self::browsers::{STREAM, SUPERVISOR, with_tests_of};
pub(crate) use self::run::{Outcome, Run};
use crate::bench_server;
use crate::browser;
use crate::page;
use crate::process;
use crate::size::{BUDGET, BUDGET_BEFORE, PageSize};
use crate::tools::{self, Need};
use crate::workspace::WASM_TARGET;

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
        run: browsers::chromium,
    },
    Suite {
        name: "firefox",
        about: "the client library in headless Firefox, the same tests",
        needs: &[Need::WasmTarget, Need::WasmBindgen, Need::WasmPack, Need::Firefox, Need::GeckoDriver],
        run: browsers::firefox,
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
    // Both count: a machine may lack the tool. Where it does, the page is only what it would be before.
    let optimised = (size.gzip() != size.gzip_before()).then_some((size.gzip(), BUDGET, "the page"));
    let before = (size.gzip_before(), BUDGET_BEFORE, "the page without wasm-opt");
    for (bytes, budget, which) in optimised.into_iter().chain([before]) {
        if bytes > budget {
            bail!("{which} is {} bytes over its budget: {bytes} of {budget} gzip bytes", bytes - budget);
        }
    }
    Ok(Outcome::passed())
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
