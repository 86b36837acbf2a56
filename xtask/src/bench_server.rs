//! `cargo xtask bench server`: the server against a bare loop and other WebSocket libraries, on loopback.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::process;
use crate::serve;
use crate::suites;
use crate::tools::Toolbox;
use crate::workspace::Workspace;

/// A workspace of its own, with the crates that the server is compared with.
const FOLDER: &str = "server/benches";

/// Builds everything as a release, then measures.
pub(crate) fn server(options: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let toolbox = Toolbox::prepare(&workspace, &[]);
    let folder = workspace.target_dir.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let server = serve::build_server(&workspace, &toolbox)?;

    let mut command = toolbox.cargo(&workspace);
    command.args(["build", "--release", "--locked", "--manifest-path"]).arg(format!("{FOLDER}/Cargo.toml"));
    eprintln!("building the benchmark: {}", process::shown(&command));
    process::run(&mut command)?;

    let peers = workspace.target_dir.join("release");
    let load = workspace.binary("release", "load");
    let mut command = toolbox.command(&load.display().to_string());
    command.arg("--server").arg(server).arg("--peers").arg(&peers);
    command.arg("--json").arg(folder.join("server.json")).args(options);
    match node(&workspace, &toolbox, &folder) {
        Ok(script) => drop(command.arg("--node").arg(script)),
        Err(error) => eprintln!("Node's ws is left out: {error:#}"),
    }
    eprintln!("measuring: {}", process::shown(&command));
    process::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// Counts what a message costs, and fails where it is more than is kept.
pub(crate) fn check(renew: bool) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut command = counting(&workspace, &Toolbox::prepare(&workspace, &[]));
    if renew {
        command.args(["--", "--renew"]);
    }
    process::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// What counts. The packages and features are those of the suite `native`, so that what that has built is not built again.
pub(crate) fn counting(workspace: &Workspace, toolbox: &Toolbox) -> Command {
    let mut command = toolbox.cargo(workspace);
    command.args(suites::NATIVE).args(["--locked", "--bench", "cost"]);
    command
}

/// Installs what the lock file pins, beside a copy of the script, and gives the copy.
fn node(workspace: &Workspace, toolbox: &Toolbox, folder: &Path) -> Result<PathBuf> {
    process::capture(toolbox.command("node").arg("--version"))?;
    let to = folder.join("node");
    fs::create_dir_all(&to).with_context(|| format!("making {}", to.display()))?;
    for name in ["package.json", "package-lock.json", "ws.mjs"] {
        let from = workspace.root.join(FOLDER).join("node").join(name);
        fs::copy(&from, to.join(name)).with_context(|| format!("copying {}", from.display()))?;
    }
    let mut npm = toolbox.command("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]);
    process::capture(npm.current_dir(&to))?;
    Ok(to.join("ws.mjs"))
}
