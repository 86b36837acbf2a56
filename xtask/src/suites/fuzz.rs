//! The server against bytes that a fuzzer makes up.

use std::fs;

use anyhow::{Context, Result};

use super::{FULL_LIMIT, Outcome, Run};
use crate::libtest::Counts;
use crate::process;

/// What `server/fuzz` has a target for.
const TARGETS: [&str; 3] = ["query", "handshake", "frames"];

/// For how long each is run, in seconds.
const EACH: u32 = 60;

/// Runs each target for a minute, from its corpus in the repository; what it finds is kept below `target/fuzz`.
pub(super) fn fuzz(run: &Run) -> Result<Outcome> {
    if !run.full {
        return Ok(Outcome::skipped("a minute for each target: with --full only"));
    }
    if process::which("cargo-fuzz", &run.toolbox.path).is_none() {
        return Ok(Outcome::skipped("cargo-fuzz is not on PATH: cargo install --locked cargo-fuzz"));
    }
    let folder = run.workspace.target_dir.join("fuzz");
    let mut counts = Counts::default();
    for target in TARGETS {
        // The fuzzer adds what it learns to the first of its folders, and only reads the others.
        let learnt = folder.join("corpus").join(target);
        fs::create_dir_all(&learnt).with_context(|| format!("creating {}", learnt.display()))?;
        let mut command = run.toolbox.cargo(&run.workspace);
        command.current_dir(run.workspace.root.join("server"));
        // Sanitizers need a nightly Rust; what is looked for here is panics and hangs.
        command.args(["fuzz", "run", "--sanitizer", "none", "--target-dir"]).arg(&folder).arg(target);
        command.arg(&learnt).arg(run.workspace.root.join("server/fuzz/corpus").join(target));
        command.args(["--", "-timeout=10", "-max_len=4096"]).arg(format!("-max_total_time={EACH}"));
        run.step(&command);
        if process::watch(&mut command, FULL_LIMIT)?.success {
            counts.passed += 1;
        } else {
            counts.failed += 1;
            counts.failures.push(target.to_owned());
        }
    }
    let notes = vec![format!("{EACH} s each, without sanitizers")];
    Ok(Outcome { counts, notes })
}
