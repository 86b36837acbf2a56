//! `cargo xtask serve` and `cargo xtask build`: the page, and the server with the page inside it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::page::{self, Page};
use crate::process;
use crate::size::PageSize;
use crate::tools::{self, Toolbox};
use crate::workspace::Workspace;

/// Builds what is out of date, then becomes the server.
pub(crate) fn serve(flags: &[String]) -> Result<ExitCode> {
    // Before minutes of building rather than after them.
    check_port_is_free(flags)?;
    let workspace = Workspace::find()?;
    let (_, server) = build_all(&workspace)?;
    let mut command = Command::new(server);
    command.args(flags);
    eprintln!("starting the server: open the address it prints; Ctrl-C ends it");
    become_program(command)
}

/// Builds the page and the release server, and says where they are.
pub(crate) fn build() -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let (page, server) = build_all(&workspace)?;
    let bytes = fs::metadata(&server).with_context(|| format!("reading {}", server.display()))?.len();
    print!("{}", PageSize::measure(&page)?.to_text());
    println!("the page:   {}", workspace.shown(&page.dist));
    println!(
        "the server: {}, {} KiB with the page inside; `cargo install --locked --path server` installs it",
        workspace.shown(&server),
        bytes / 1024
    );
    Ok(ExitCode::SUCCESS)
}

/// Builds the release server, which takes in the page that `dist` has now.
pub(crate) fn build_server(workspace: &Workspace, toolbox: &Toolbox) -> Result<PathBuf> {
    let mut command = toolbox.cargo(workspace);
    command.args(["build", "--release", "--package", "wirescope-server"]);
    eprintln!("building the server: {}", process::shown(&command));
    process::run(&mut command)?;
    Ok(workspace.binary("release", "wirescope-server"))
}

fn build_all(workspace: &Workspace) -> Result<(Page, PathBuf)> {
    let toolbox = Toolbox::prepare(workspace, tools::PAGE);
    toolbox.require(tools::WHOLE_PAGE)?;
    let page = page::build(workspace, &toolbox)?;
    let server = build_server(workspace, &toolbox)?;
    Ok((page, server))
}

fn check_port_is_free(flags: &[String]) -> Result<()> {
    let following = flags.iter().skip_while(|flag| *flag != "--listen").nth(1).map(String::as_str);
    let joined = flags.iter().find_map(|flag| flag.strip_prefix("--listen="));
    let address = following.or(joined).unwrap_or("127.0.0.1:8080");
    let Ok(parsed) = address.parse::<SocketAddr>() else {
        // The server knows better than this program what an address may look like.
        return Ok(());
    };
    if let Err(error) = TcpListener::bind(parsed) {
        bail!("cannot listen on {address}: {error}; choose another with `--listen 127.0.0.1:8081`");
    }
    Ok(())
}

/// The server takes this process's place, so that Ctrl-C and signals reach it and its exit status is ours.
#[cfg(unix)]
fn become_program(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).with_context(|| format!("running {}", command.get_program().display()))
}

#[cfg(not(unix))]
fn become_program(mut command: Command) -> Result<ExitCode> {
    let status = command.status().with_context(|| format!("running `{}`", process::shown(&command)))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
