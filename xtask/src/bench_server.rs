//! `cargo xtask bench server`: the server against a bare loop and other WebSocket libraries, on loopback.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::process;
use crate::serve;
use crate::suites::{self, interop};
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
    match uwebsockets(&workspace, &toolbox, &folder) {
        Ok(program) => drop(command.arg("--uwebsockets").arg(program)),
        Err(error) => eprintln!("uWebSockets is left out: {error:#}"),
    }
    eprintln!("measuring: {}", process::shown(&command));
    process::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// Compiles the sources that a crate carries, without what uWebSockets can do without: TLS and compression.
fn uwebsockets(workspace: &Workspace, toolbox: &Toolbox, folder: &Path) -> Result<PathBuf> {
    const C: [&str; 6] = ["bsd.c", "context.c", "loop.c", "socket.c", "udp.c", "eventing/epoll_kqueue.c"];
    let mut metadata = toolbox.cargo(workspace);
    metadata.args([
        "metadata",
        "--format-version=1",
        "--locked",
        "--features",
        "uwebsockets",
        "--manifest-path",
    ]);
    let metadata = process::capture(metadata.arg(format!("{FOLDER}/Cargo.toml")))?;
    let sources = sources(&metadata, "libuwebsockets-sys").context("cargo does not know its sources")?;
    let sources = sources.join("uWebSockets");
    let sockets = sources.join("uSockets/src");

    let to = folder.join("uwebsockets");
    fs::create_dir_all(&to).with_context(|| format!("making {}", to.display()))?;
    let mut compiler = toolbox.command("cc");
    compiler.args(["-std=c11", "-O3", "-DLIBUS_NO_SSL", "-c", "-I"]).arg(&sockets);
    compiler.args(C.map(|file| sockets.join(file)));
    process::capture(compiler.current_dir(&to))?;
    let program = to.join("uwebsockets");
    let mut compiler = toolbox.command("c++");
    compiler.args(["-std=c++20", "-O3", "-DLIBUS_NO_SSL", "-DUWS_NO_ZLIB", "-I"]).arg(sources.join("src"));
    compiler.arg("-I").arg(&sockets).arg("-o").arg(&program);
    compiler.arg(workspace.root.join(FOLDER).join("servers/uwebsockets.cpp"));
    for file in C {
        let object = Path::new(file).with_extension("o");
        compiler.arg(object.file_name().unwrap_or_default());
    }
    process::capture(compiler.current_dir(&to))?;
    Ok(program)
}

/// The folder of a package, of what `cargo metadata` says.
fn sources(metadata: &str, package: &str) -> Option<PathBuf> {
    let mut manifests =
        metadata.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let manifest = manifests.find(|manifest| manifest.contains(package))?;
    Some(Path::new(manifest).parent()?.to_owned())
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
    interop::npm_ci(toolbox, &to)?;
    Ok(to.join("ws.mjs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packages_sources_are_where_its_manifest_is() {
        let metadata = r#"{"packages":[{"manifest_path":"/a/one-1.0/Cargo.toml"},{"manifest_path":"/a/two-1.0/Cargo.toml"}]}"#;
        assert_eq!(sources(metadata, "two"), Some(PathBuf::from("/a/two-1.0")));
        assert_eq!(sources(metadata, "three"), None);
    }
}
