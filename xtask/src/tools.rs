//! The tools that build and test the page: which versions, where they are found, how they are installed.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use crate::browser::{self, Browser};
use crate::process;
use crate::workspace::{WASM_TARGET, Workspace, cargo};

/// Every pinned version is in this table and the constant below it.
const TOOLS: [Tool; 5] = [
    Tool {
        need: Need::Trunk,
        krate: "trunk",
        version: Version::Pinned("0.21.14"),
        programs: &["trunk"],
        features: "",
        minutes: 4,
    },
    Tool {
        need: Need::WasmBindgen,
        krate: "wasm-bindgen-cli",
        // The tool reads what the library of the same version left in the Wasm file, and no other.
        version: Version::LockedAs("wasm-bindgen"),
        programs: &["wasm-bindgen", "wasm-bindgen-test-runner"],
        features: "",
        minutes: 2,
    },
    Tool {
        need: Need::WasmSplit,
        krate: "wasm_split_cli_support",
        version: Version::Pinned("0.2.4"),
        programs: &["wasm-split-cli"],
        features: "build-binary",
        minutes: 2,
    },
    Tool {
        need: Need::WasmPack,
        krate: "wasm-pack",
        version: Version::Pinned("0.15.1"),
        programs: &["wasm-pack"],
        features: "",
        minutes: 2,
    },
    Tool {
        need: Need::GeckoDriver,
        krate: "geckodriver",
        version: Version::Pinned("0.37.1"),
        programs: &["geckodriver"],
        features: "",
        minutes: 1,
    },
];

/// The npm package that holds wasm-opt, in the version to install.
pub(crate) const BINARYEN: &str = "132.0.0";

/// Something that a command cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Clippy and rustfmt.
    Lints,
    /// Rust's standard library for Wasm.
    WasmTarget,
    /// Builds the page.
    Trunk,
    /// Makes JavaScript for a Wasm file, and runs tests in a browser.
    WasmBindgen,
    /// Cuts the page's program in two.
    WasmSplit,
    /// Runs tests in a browser, by way of `wasm-bindgen`'s.
    WasmPack,
    /// Chromium and its driver.
    Browser,
    /// Firefox, whose driver is the next.
    Firefox,
    /// Firefox's driver, which Debian has no package of.
    GeckoDriver,
}

/// What building the page takes, and what it can do without.
pub(crate) const PAGE: &[Need] = &[Need::WasmTarget, Need::Trunk, Need::WasmBindgen, Need::WasmSplit];

/// What building the page cannot do without.
pub(crate) const WHOLE_PAGE: &[Need] = &[Need::WasmTarget, Need::Trunk, Need::WasmBindgen];

/// What was found or installed.
#[derive(Debug)]
pub(crate) struct Toolbox {
    /// `PATH` for everything that is run: this project's tools first.
    pub(crate) path: OsString,
    target_dir: PathBuf,
    browser: Option<Browser>,
    lacking: Vec<(Need, String)>,
}

impl Toolbox {
    /// Finds what is needed and installs what is missing; what cannot be had, [`Toolbox::require`] tells.
    pub(crate) fn prepare(workspace: &Workspace, needs: &[Need]) -> Self {
        let mut toolbox = Self {
            path: search_path(workspace),
            target_dir: workspace.target_dir.clone(),
            browser: None,
            lacking: Vec::new(),
        };
        // What can be answered without building anything comes first: a person who has to install a browser by
        // hand learns it now.
        for need in needs {
            let found = match need {
                Need::Lints => ensure_lints(workspace),
                Need::WasmTarget => ensure_wasm_target(workspace),
                Need::Browser => browser::ensure().map(|browser| toolbox.browser = Some(browser)),
                Need::Firefox => browser::ensure_firefox(),
                Need::Trunk | Need::WasmBindgen | Need::WasmSplit | Need::WasmPack | Need::GeckoDriver => {
                    Ok(())
                }
            };
            toolbox.note(*need, found);
        }
        let missing: Vec<_> = TOOLS
            .iter()
            .filter(|tool| needs.contains(&tool.need))
            .filter_map(|tool| match tool.version.resolve(workspace) {
                Ok(version) if toolbox.has(workspace, tool, &version) => None,
                found => Some((tool, found)),
            })
            .collect();
        for (at, (tool, version)) in missing.iter().enumerate() {
            let installed = match version {
                Ok(version) => {
                    toolbox.install(workspace, tool, version, &format!("{}/{}", at + 1, missing.len()))
                }
                Err(error) => Err(anyhow!("{error:#}")),
            };
            toolbox.note(tool.need, installed);
        }
        if !missing.is_empty() {
            let _ = fs::remove_dir_all(tools_dir(workspace).join("build"));
        }
        toolbox
    }

    /// Fails with what is lacking of these, one line each.
    pub(crate) fn require(&self, needs: &[Need]) -> Result<()> {
        let lacking: Vec<_> = self
            .lacking
            .iter()
            .filter(|(need, _)| needs.contains(need))
            .map(|(_, error)| error.as_str())
            .collect();
        if lacking.is_empty() { Ok(()) } else { bail!("{}", lacking.join("\n")) }
    }

    /// What cannot be had, one line each.
    pub(crate) fn lacking(&self) -> impl Iterator<Item = &str> {
        self.lacking.iter().map(|(_, error)| error.as_str())
    }

    /// The browser and its driver, of a toolbox prepared with [`Need::Browser`].
    pub(crate) fn browser(&self) -> Result<&Browser> {
        self.require(&[Need::Browser])?;
        self.browser.as_ref().context("no browser was looked for")
    }

    /// A command for a program found on [`Toolbox::path`], with that path.
    pub(crate) fn command(&self, program: &str) -> Command {
        let program = process::which(program, &self.path).unwrap_or_else(|| PathBuf::from(program));
        self.with_environment(Command::new(program))
    }

    /// Cargo, with [`Toolbox::path`].
    pub(crate) fn cargo(&self, workspace: &Workspace) -> Command {
        let mut command = self.with_environment(cargo());
        command.current_dir(&workspace.root);
        command
    }

    pub(crate) fn with_environment(&self, mut command: Command) -> Command {
        command.env("PATH", &self.path);
        // Everything is looked for where the workspace's own settings put it, in any folder cargo is run in.
        command.env("CARGO_TARGET_DIR", &self.target_dir).env_remove("CARGO_BUILD_TARGET");
        command
    }

    fn note(&mut self, need: Need, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.lacking.push((need, format!("{error:#}")));
        }
    }

    fn has(&self, workspace: &Workspace, tool: &Tool, version: &str) -> bool {
        tool.programs.iter().all(|program| has_version(program, &self.path, version))
            || is_installed(workspace, tool, version)
    }

    fn install(&self, workspace: &Workspace, tool: &Tool, version: &str, progress: &str) -> Result<()> {
        let krate = tool.krate;
        let folder = tools_dir(workspace);
        // An older version of ours would hide the right one on the user's `PATH`.
        for program in tool.programs {
            let _ = fs::remove_file(folder.join("bin").join(format!("{program}{}", env::consts::EXE_SUFFIX)));
        }
        if self.has(workspace, tool, version) {
            return Ok(());
        }
        let by_hand = format!("cargo install --locked {krate}@{version}");
        let started = Instant::now();

        if tool.features.is_empty() && process::which("cargo-binstall", &self.path).is_some() {
            eprintln!("[{progress}] installing {krate} {version} into target/tools with cargo binstall");
            let mut command = self.cargo(workspace);
            // When there is no binary to download, what follows compiles the tool, with our settings.
            command.args([
                "binstall",
                "--no-confirm",
                "--disable-strategies",
                "compile",
                "--force",
                "--root",
            ]);
            command.arg(&folder).args([krate, "--version", version]);
            match process::run(&mut command) {
                Ok(()) if self.has(workspace, tool, version) => return Ok(()),
                Ok(()) => eprintln!("note: cargo binstall did not bring {krate} {version}"),
                Err(error) => eprintln!("note: {error:#}"),
            }
        }

        eprintln!(
            "[{progress}] installing {krate} {version} into target/tools (about {} minutes on 2 cores; once)",
            tool.minutes
        );
        let mut command = self.cargo(workspace);
        command.args(["install", "--locked", "--force", "--root"]).arg(&folder);
        command.arg(format!("{krate}@{version}")).args(["--features", tool.features]);
        command.env("CARGO_TARGET_DIR", folder.join("build"));
        // Tools that work for a second at a time are not worth the minutes that trunk's own settings take.
        command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            command.env_remove(flags);
        }
        if let Err(error) = process::run(&mut command) {
            bail!("{krate} {version} cannot be installed ({error:#}); by hand: {by_hand}");
        }
        if !self.has(workspace, tool, version) {
            bail!("{krate} {version} is installed but does not say so by --version; by hand: {by_hand}");
        }
        eprintln!("[{progress}] installed {krate} {version} in {}", process::duration(started.elapsed()));
        Ok(())
    }
}

/// The folder for this project's own tools. It is in the repository even where cargo builds elsewhere, since
/// that place may be shared with projects that want other versions.
pub(crate) fn tools_dir(workspace: &Workspace) -> PathBuf {
    workspace.root.join("target").join("tools")
}

/// `PATH`, with this project's own tools first.
pub(crate) fn search_path(workspace: &Workspace) -> OsString {
    let own = tools_dir(workspace).join("bin");
    let user = process::path();
    env::join_paths(std::iter::once(own).chain(env::split_paths(&user))).unwrap_or(user)
}

/// A tool that cargo can install.
#[derive(Debug)]
struct Tool {
    need: Need,
    krate: &'static str,
    version: Version,
    /// The programs it consists of; each must be there.
    programs: &'static [&'static str],
    /// What its programs are built with, beside what its library is.
    features: &'static str,
    /// How long compiling it takes on two cores.
    minutes: u32,
}

#[derive(Debug)]
enum Version {
    Pinned(&'static str),
    /// As `Cargo.lock` has it for that package.
    LockedAs(&'static str),
}

impl Version {
    fn resolve(&self, workspace: &Workspace) -> Result<String> {
        match self {
            Self::Pinned(version) => Ok((*version).to_owned()),
            Self::LockedAs(package) => workspace.locked_version(package),
        }
    }
}

fn has_version(program: &str, path: &OsStr, version: &str) -> bool {
    process::which(program, path)
        .and_then(|program| process::capture(Command::new(program).arg("--version")).ok())
        .is_some_and(|said| says_version(&said, version))
}

/// Whether cargo keeps account of having installed it here: not every program says its version.
fn is_installed(workspace: &Workspace, tool: &Tool, version: &str) -> bool {
    let folder = tools_dir(workspace);
    let account = fs::read_to_string(folder.join(".crates.toml")).unwrap_or_default();
    account.contains(&format!("\"{} {version} ", tool.krate))
        && tool
            .programs
            .iter()
            .all(|program| folder.join("bin").join(format!("{program}{}", env::consts::EXE_SUFFIX)).is_file())
}

fn says_version(said: &str, version: &str) -> bool {
    said.split_whitespace().any(|word| word == version)
}

fn ensure_wasm_target(workspace: &Workspace) -> Result<()> {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc")));
    rustc.args(["--print", "target-libdir", "--target", WASM_TARGET]).current_dir(&workspace.root);
    let libraries = process::capture(&mut rustc)?;
    if PathBuf::from(libraries.trim()).is_dir() {
        return Ok(());
    }
    rustup(workspace, &["target", "add", WASM_TARGET])
}

fn ensure_lints(workspace: &Workspace) -> Result<()> {
    for (program, component) in [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        let mut command = Command::new(program);
        if process::capture(command.arg("--version").current_dir(&workspace.root)).is_err() {
            rustup(workspace, &["component", "add", component])?;
        }
    }
    Ok(())
}

fn rustup(workspace: &Workspace, args: &[&str]) -> Result<()> {
    let mut command = Command::new("rustup");
    command.args(args).current_dir(&workspace.root);
    let shown = process::shown(&command);
    eprintln!("installing a part of Rust: {shown}");
    match process::run(&mut command) {
        Ok(()) => Ok(()),
        Err(error) => {
            let part = args.last().unwrap_or(&"a part");
            bail!(
                "{part} of this Rust is missing ({error:#}); by hand: {shown}, or your distribution's package"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_whole_word() {
        assert!(says_version("wasm-bindgen 0.2.126\n", "0.2.126"));
        assert!(says_version("wasm-bindgen 0.2.126 (abc)\n", "0.2.126"));
        assert!(!says_version("wasm-bindgen 0.2.1265\n", "0.2.126"));
        assert!(!says_version("wasm-bindgen 0.2.12\n", "0.2.126"));
    }
}
