//! wasm-opt makes the page's Wasm smaller. The page is complete without it, so nothing here is an error.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;

use crate::browser;
use crate::process;
use crate::tools::{self, BINARYEN};
use crate::workspace::Workspace;

/// A wasm-opt that is recent enough.
#[derive(Debug)]
pub(crate) struct WasmOpt {
    program: PathBuf,
    version: u32,
}

/// Older ones do not read what today's Rust writes.
const OLDEST: u32 = 118;

/// What Rust's wasm32 target enables by default. Never `--all-features`: browsers refuse a file that declares
/// what they do not have yet.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

impl WasmOpt {
    /// The one that is on `PATH`, or that was installed before.
    pub(crate) fn present(workspace: &Workspace) -> Option<Self> {
        let npm = npm_folder(workspace).join("node_modules/.bin/wasm-opt");
        process::which("wasm-opt", &process::path()).and_then(Self::at).or_else(|| Self::at(npm))
    }

    /// The one that is present, else npm's, else the system's.
    pub(crate) fn ensure(workspace: &Workspace) -> Option<Self> {
        Self::present(workspace)
            .or_else(|| {
                from_npm(workspace);
                Self::present(workspace)
            })
            .or_else(|| {
                from_debian();
                Self::present(workspace)
            })
    }

    /// Its name and version.
    pub(crate) fn name(&self) -> String {
        format!("wasm-opt {}", self.version)
    }

    /// Makes a Wasm file smaller, in place. On failure the file is as it was.
    pub(crate) fn optimise(&self, wasm: &Path) -> Result<()> {
        let smaller = wasm.with_extension("wasm-opt");
        let mut command = Command::new(&self.program);
        command
            .args(["-Oz", "--strip-debug", "--strip-producers"])
            .args(FEATURES)
            .arg("-o")
            .arg(&smaller)
            .arg(wasm);
        let outcome = process::capture(&mut command).and_then(|_| Ok(fs::rename(&smaller, wasm)?));
        let _ = fs::remove_file(&smaller);
        outcome
    }

    fn at(program: PathBuf) -> Option<Self> {
        let said = process::capture(Command::new(&program).arg("--version")).ok()?;
        let version = version(&said).filter(|version| *version >= OLDEST)?;
        Some(Self { program, version })
    }
}

fn npm_folder(workspace: &Workspace) -> PathBuf {
    tools::tools_dir(workspace).join("npm")
}

fn from_npm(workspace: &Workspace) {
    // A registry that does not answer must not hold up a page that needs nothing from it.
    const LIMIT: Duration = Duration::from_secs(120);

    let Some(npm) = process::which("npm", &process::path()) else {
        return;
    };
    eprintln!("installing wasm-opt {BINARYEN} into target/tools/npm (a few seconds; once)");
    let mut command = Command::new(npm);
    command.arg("install").arg("--prefix").arg(npm_folder(workspace));
    command.args(["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]);
    command.arg(format!("binaryen@{BINARYEN}")).stdin(Stdio::null());
    match process::watch_onto(&mut io::sink(), &mut command, LIMIT) {
        Ok(npm) if npm.success => {}
        Ok(npm) => eprintln!("note: `{}`: {}", process::shown(&command), npm.ending),
        Err(error) => eprintln!("note: {error:#}"),
    }
}

fn from_debian() {
    let Some(mut commands) = browser::debian_install(&["binaryen"]) else {
        return;
    };
    let offered = process::capture(Command::new("apt-cache").args(["show", "--no-all-versions", "binaryen"]));
    if offered.is_ok_and(|package| debian_version(&package).is_some_and(|version| version >= OLDEST)) {
        eprintln!("installing wasm-opt with apt-get (a few seconds; once)");
        if let Err(error) = browser::debian_run(&mut commands) {
            eprintln!("note: {error:#}");
        }
    }
}

/// The number in `wasm-opt version 132 (version_132)`.
fn version(said: &str) -> Option<u32> {
    said.split_whitespace().nth(2)?.parse().ok()
}

/// The number in a package's `Version: 120-4`.
fn debian_version(package: &str) -> Option<u32> {
    let version = package.lines().find_map(|line| line.strip_prefix("Version: "))?;
    version.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(version("wasm-opt version 132 (version_132)\n"), Some(132));
        assert_eq!(version("wasm-opt version 108\n"), Some(108));
        assert_eq!(version("no such thing"), None);
        assert_eq!(debian_version("Package: binaryen\nVersion: 120-4+b1\n"), Some(120));
        assert_eq!(debian_version("Package: binaryen\n"), None);
    }
}
