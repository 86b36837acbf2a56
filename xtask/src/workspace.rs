//! Where things are: the repository, what cargo builds in it, and the versions its lock file names.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// The target that the client library and the page are compiled for.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The repository and its build directory.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds, `target` unless the user says otherwise.
    pub(crate) target_dir: PathBuf,
}

impl Workspace {
    /// The workspace that this program belongs to, whatever the current folder.
    pub(crate) fn find() -> Result<Self> {
        // As cargo says when it runs this program: one that is already built may be of a checkout that was moved, or of
        // another that builds into the same folder.
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root =
            Path::new(&manifest).parent().context("the xtask crate has no folder above it")?.to_owned();
        let mut command = cargo();
        command.args(["metadata", "--no-deps", "--format-version=1"]).current_dir(&root);
        let metadata = process::capture(&mut command)?;
        let target_dir = json_string(&metadata, "target_directory")
            .context("`cargo metadata` names no target_directory")?
            .into();
        Ok(Self { root, target_dir })
    }

    /// The page that trunk builds.
    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// A folder for what these commands leave behind, beside cargo's own.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.target_dir.join("xtask").join(name)
    }

    /// A program that cargo built, in the `debug` or `release` folder.
    pub(crate) fn binary(&self, profile: &str, name: &str) -> PathBuf {
        self.target_dir.join(profile).join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// The version of a package in `Cargo.lock`.
    pub(crate) fn locked_version(&self, package: &str) -> Result<String> {
        let path = self.root.join("Cargo.lock");
        let lock = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        locked_version(&lock, package)
            .with_context(|| format!("{} has no version of {package}", path.display()))
    }

    /// A path as a person would write it from the repository's root.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

/// The cargo that runs this program, or the one on `PATH`.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

fn locked_version(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.next()?;
    let version = lines.next()?.strip_prefix("version = \"")?;
    version.strip_suffix('"').map(str::to_owned)
}

/// The first string of that name in a JSON text: all this program needs of JSON.
fn json_string(json: &str, name: &str) -> Option<String> {
    let start = json.find(&format!("\"{name}\":\""))? + name.len() + 4;
    let mut text = String::new();
    let mut characters = json[start..].chars();
    loop {
        match characters.next()? {
            '"' => return Some(text),
            '\\' => text.push(characters.next()?),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_version_is_that_of_the_whole_name() {
        let lock = "version = 4\n\n[[package]]\nname = \"wasm-bindgen-test\"\nversion = \"0.3.76\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.126\"\nsource = \"registry\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").as_deref(), Some("0.2.126"));
        assert_eq!(locked_version(lock, "wasm-bindgen-test").as_deref(), Some("0.3.76"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }

    #[test]
    fn the_workspace_lock_names_wasm_bindgen() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned();
        let workspace = Workspace { target_dir: root.join("target"), root };
        let version = workspace.locked_version("wasm-bindgen").expect("a version");
        assert_eq!(version.split('.').count(), 3, "{version}");
    }

    #[test]
    fn a_json_string_may_hold_escapes() {
        let json = r#"{"packages":[],"target_directory":"C:\\work\\target","version":1}"#;
        assert_eq!(json_string(json, "target_directory").as_deref(), Some(r"C:\work\target"));
        assert_eq!(json_string(json, "workspace_root"), None);
    }
}
