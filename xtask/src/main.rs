//! `cargo xtask serve | build | test | bench | screenshot`: the commands a person types and CI runs, in one program.

mod bench;
mod bench_server;
mod browser;
mod cli;
mod imports;
mod libtest;
mod page;
mod process;
mod report;
mod screenshot;
mod serve;
mod size;
mod split;
mod suites;
mod supervisor;
mod test;
mod tools;
mod wasm_opt;
mod workspace;

use std::process::ExitCode;

use crate::cli::Command;

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(usage) => {
            eprintln!("error: {usage}");
            return ExitCode::from(2);
        }
    };
    let outcome = match command {
        Command::Help => {
            print!("{}", cli::HELP);
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve { server } => serve::serve(&server),
        Command::Build => serve::build(),
        Command::Test(options) => test::test(&options),
        Command::BenchClient(options) => bench::client(&options),
        Command::BenchServer(options) => bench_server::server(&options),
        Command::BenchPage(options) => bench::page(&options),
        Command::CheckServer { renew } => bench_server::check(renew),
        Command::Screenshot => screenshot::screenshot(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
