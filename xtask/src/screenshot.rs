//! `cargo xtask screenshot`: the README's picture, taken of the real page on the real server.

use std::process::ExitCode;

use anyhow::Result;

use crate::process;
use crate::suites::{self, PAGE_TEST, Run};

/// Builds the page and the server, and runs the program that takes the picture.
pub(crate) fn screenshot() -> Result<ExitCode> {
    let run = Run::prepare(PAGE_TEST, false)?;
    run.toolbox.require(PAGE_TEST)?;
    let mut command = run.toolbox.cargo(&run.workspace);
    command.args(["run", "--package", "wirescope-testkit", "--bin", "screenshot"]);
    suites::page_environment(&run, &mut command)?;
    eprintln!("taking the picture: {}", process::shown(&command));
    process::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
