//! The client library's tests in a browser, against servers that a supervisor starts and ends.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{FULL_LIMIT, Outcome, Run, TEST_LIMIT};
use crate::process;
use crate::supervisor::Supervisor;

/// What browser tests may need, as their `cfg` names it: a server to kill, and a browser with `WebSocketStream`.
pub(super) const SUPERVISOR: &str = "wirescope_supervisor";
pub(super) const STREAM: &str = "wirescope_stream";

/// The browser tests that have a browser of their own, with nothing in it that others left or began.
const OWN_BROWSER: [&str; 2] = ["cases::leaks", "cases::chaos"];

pub(super) fn chromium(run: &Run) -> Result<Outcome> {
    let browser = run.toolbox.browser()?;
    let mut command = run.toolbox.command("wasm-pack");
    command.args(["test", "--mode", "no-install", "--headless", "--chrome", "--chromedriver"]);
    command.arg(&browser.driver);
    if browser.chosen {
        command.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities(run)?);
    }
    library_tests(run, &mut command, &[SUPERVISOR, STREAM])
}

pub(super) fn firefox(run: &Run) -> Result<Outcome> {
    let mut command = run.toolbox.command("wasm-pack");
    command.args(["test", "--mode", "no-install", "--headless", "--firefox"]);
    library_tests(run, &mut command, &[SUPERVISOR])
}

/// Runs the library's tests in a browser, against servers that a supervisor starts and ends as the tests ask.
fn library_tests(run: &Run, command: &mut Command, with: &[&str]) -> Result<Outcome> {
    let mut build = run.toolbox.cargo(&run.workspace);
    build.args(["build", "--locked", "--package", "wirescope-testkit", "--bin", "supervisor"]);
    build.args(["--package", "wirescope-server", "--bin", "wirescope-server"]);
    run.step(&build);
    process::run(&mut build)?;

    let workspace = &run.workspace;
    let program = |name| workspace.binary("debug", name);
    let log = workspace.state("supervisor.log");
    let supervisor = Supervisor::start(&program("supervisor"), &program("wirescope-server"), &log)?;

    command.arg("client").current_dir(&workspace.root);
    // The tests have no environment in the browser: they read these two as they are compiled.
    command.env("WIRESCOPE_TEST_SERVER", &supervisor.server).env("WIRESCOPE_SUPERVISOR", &supervisor.control);
    with_tests_of(command, with);
    let limit = if run.full { FULL_LIMIT } else { TEST_LIMIT };
    if run.full {
        command.env("WIRESCOPE_FULL", "1");
    } else {
        command.env_remove("WIRESCOPE_FULL");
    }
    command.env("WASM_BINDGEN_TEST_TIMEOUT", (limit.as_secs() / 3).to_string());
    let form = if run.full { "long" } else { "short" };
    let mut outcome: Option<Outcome> = None;
    for filter in std::iter::once(None).chain(OWN_BROWSER.map(Some)) {
        let mut command = cloned(command);
        command.arg("--");
        match filter {
            None => command.args(OWN_BROWSER.iter().flat_map(|own| ["--skip", own])),
            Some(own) => command.arg(own),
        };
        let mut part =
            if run.full { run.tests(&mut command, limit)? } else { run.browser_tests(&mut command, limit)? };
        if let Some(own) = filter {
            let name = own.rsplit("::").next().unwrap_or(own);
            let ran = part.counts.passed + part.counts.failed;
            part.notes.push(format!("{name}: {ran} in a browser of their own, in their {form} form"));
        }
        outcome = Some(match outcome {
            None => part,
            Some(before) => before.and(part),
        });
    }
    let mut outcome = outcome.context("no tests were run")?;
    if outcome.counts.failed > 0 {
        outcome.notes.push(format!("the servers' log: {}", workspace.shown(&log)));
    }
    Ok(outcome)
}

/// The same command once more, which a command itself cannot be asked for.
fn cloned(command: &Command) -> Command {
    let mut other = Command::new(command.get_program());
    other.args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        other.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other
}

/// Compiles the browser tests that need these too; the others are ignored, and counted so.
pub(super) fn with_tests_of(command: &mut Command, needs: &[&str]) {
    const FOR_TARGET: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
    // Cargo takes flags from one variable only, and this one comes last: the user's own have to move into it.
    let user = env::var("RUSTFLAGS").or_else(|_| env::var(FOR_TARGET)).unwrap_or_default();
    let flags: String = needs.iter().map(|need| format!(" --cfg {need}")).collect();
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.env(FOR_TARGET, format!("{user}{flags}").trim());
}

/// The browser tests' capabilities with the user's own browser in them, which no flag can name.
fn capabilities(run: &Run) -> Result<PathBuf> {
    let source = run.workspace.root.join("client/webdriver.json");
    let text = fs::read_to_string(&source).with_context(|| format!("reading {}", source.display()))?;
    let chrome = run.toolbox.browser()?.chrome.display().to_string();
    let text = with_binary(&text, &chrome)
        .with_context(|| format!("{} has no goog:chromeOptions to name CHROME in", source.display()))?;
    let path = run.workspace.state("webdriver.json");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

fn with_binary(capabilities: &str, chrome: &str) -> Option<String> {
    let options = capabilities.find("\"goog:chromeOptions\"")?;
    let inside = options + capabilities[options..].find('{')? + 1;
    let (before, after) = capabilities.split_at(inside);
    let comma = if after.trim_start().starts_with('}') { "" } else { "," };
    let chrome = chrome.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("{before}\n    \"binary\": \"{chrome}\"{comma}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_browser_joins_the_capabilities() {
        let capabilities = r#"{ "goog:chromeOptions": { "args": ["--no-sandbox"] } }"#;
        let with = with_binary(capabilities, "/opt/chrome").expect("options");
        assert_eq!(
            with.replace(['\n', ' '], ""),
            r#"{"goog:chromeOptions":{"binary":"/opt/chrome","args":["--no-sandbox"]}}"#
        );
        assert_eq!(with_binary("{}", "/opt/chrome"), None);
    }
}
