//! The suites that hold what the client library promises beyond its tests in a browser's own page.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{FULL_LIMIT, Outcome, Run, TEST_LIMIT};
use crate::bench;
use crate::page;
use crate::process;
use crate::workspace::WASM_TARGET;

/// The library in a page that is driven from outside.
pub(super) fn driven(run: &Run) -> Result<Outcome> {
    let mut build = run.toolbox.cargo(&run.workspace);
    build.args(["build", "--locked", "--package", "wirescope-server", "--bin", "wirescope-server"]);
    run.step(&build);
    process::run(&mut build)?;

    let browser = run.toolbox.browser()?;
    let mut command = run.toolbox.cargo(&run.workspace);
    command.args(["test", "--package", "wirescope-testkit", "--test", "library", "--locked"]);
    command.arg("--no-fail-fast");
    command.env("WIRESCOPE_CHROME", &browser.chrome).env("WIRESCOPE_CHROMEDRIVER", &browser.driver);
    command.env("WIRESCOPE_SERVER_BIN", run.workspace.binary("debug", "wirescope-server"));
    command.env("WIRESCOPE_DRIVEN", driven_page(run)?);
    let (limit, form) =
        if run.full { (FULL_LIMIT, "heap in its long form") } else { (TEST_LIMIT, "heap in its short form") };
    if run.full {
        command.env("WIRESCOPE_FULL", "1");
    } else {
        command.env_remove("WIRESCOPE_FULL");
    }
    let mut outcome = run.browser_tests(&mut command, limit)?;
    outcome.notes.push(form.to_owned());
    Ok(outcome)
}

/// Builds the page that is driven, and gives its folder.
fn driven_page(run: &Run) -> Result<PathBuf> {
    let workspace = &run.workspace;
    let mut build = run.toolbox.cargo(workspace);
    // A release, as users have it; the browser is also done sooner with compiling what runs often of it.
    build.args(["build", "--locked", "--release", "--package", "wirescope", "--example", "driven"]);
    build.args(["--target", WASM_TARGET]);
    run.step(&build);
    process::run(&mut build)?;
    let folder = workspace.state("driven");
    let wasm = workspace.target_dir.join(WASM_TARGET).join("release/examples/driven.wasm");
    bench::bind(&run.toolbox, &wasm, &folder, "driven")?;
    for (name, path) in page::files(&workspace.root.join("client/tests/driven"))? {
        if Path::new(&name).extension().is_some_and(|extension| extension == "html") {
            fs::copy(&path, folder.join(name)).with_context(|| format!("copying {}", path.display()))?;
        }
    }
    Ok(folder)
}

/// The library by the Rust that its manifest names.
pub(super) fn msrv(run: &Run) -> Result<Outcome> {
    let manifest = run.workspace.root.join("Cargo.toml");
    let manifest =
        fs::read_to_string(&manifest).with_context(|| format!("reading {}", manifest.display()))?;
    let version = rust_version(&manifest).context("Cargo.toml has no rust-version")?;
    let Some(toolchain) = toolchain(version) else {
        return Ok(Outcome::skipped(&format!("no Rust {version}: rustup toolchain install {version}")));
    };
    let mut command = run.toolbox.with_environment(Command::new("rustup"));
    command.current_dir(&run.workspace.root);
    command.args([
        "run",
        &toolchain,
        "cargo",
        "check",
        "--locked",
        "--package",
        "wirescope",
        "--all-features",
    ]);
    // What another Rust made is of no use to it, and what it makes is of none to others.
    command.env("CARGO_TARGET_DIR", run.workspace.target_dir.join("msrv"));
    // They say which Rust is meant, and that is not this one.
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    run.check(&mut command)
}

/// The toolchain of that version, by the name that rustup has for it.
fn toolchain(version: &str) -> Option<String> {
    let installed = process::capture(Command::new("rustup").args(["toolchain", "list"])).ok()?;
    let names = installed.lines().filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).find(|name| is_of_version(name, version))
}

/// Whether a toolchain such as `1.88.0-x86_64-unknown-linux-gnu` is of a version such as `1.88`.
fn is_of_version(toolchain: &str, version: &str) -> bool {
    let number = toolchain.split('-').next().unwrap_or_default();
    number == version || number.strip_prefix(version).is_some_and(|patch| patch.starts_with('.'))
}

fn rust_version(manifest: &str) -> Option<&str> {
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \""))?;
    line.strip_suffix('"')
}

/// The library for Wasm whose memory is shared between threads, which needs the standard library built so too.
pub(super) fn atomics(run: &Run) -> Result<Outcome> {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--print", "sysroot"]).current_dir(&run.workspace.root);
    let sources = PathBuf::from(process::capture(&mut rustc)?.trim()).join("lib/rustlib/src/rust/library");
    if !sources.join("Cargo.lock").is_file() {
        return Ok(Outcome::skipped("no sources of the standard library: rustup component add rust-src"));
    }
    let mut command = run.toolbox.cargo(&run.workspace);
    command.args(["build", "--locked", "--package", "wirescope", "--lib", "--all-features"]);
    command.args(["--target", WASM_TARGET, "-Z", "build-std=std,panic_abort"]);
    // A stable cargo and rustc that may be told what only a nightly may.
    command.env("RUSTC_BOOTSTRAP", "1");
    command.env("CARGO_TARGET_DIR", run.workspace.target_dir.join("atomics"));
    command.env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.env("RUSTFLAGS", "-C target-feature=+atomics,+bulk-memory");
    run.check(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_is_of_the_version_that_begins_its_name() {
        for name in ["1.88-x86_64-unknown-linux-gnu", "1.88.0-x86_64-unknown-linux-gnu", "1.88.2-aarch64"] {
            assert!(is_of_version(name, "1.88"), "{name}");
        }
        for name in ["1.8.0-x86_64-unknown-linux-gnu", "1.880.0-x86_64", "stable-x86_64-unknown-linux-gnu"] {
            assert!(!is_of_version(name, "1.88"), "{name}");
        }
    }

    #[test]
    fn the_version_is_the_manifests() {
        assert_eq!(rust_version("[workspace.package]\nrust-version = \"1.88\"\n"), Some("1.88"));
    }
}
