//! The supervisor of servers: what a browser test asks when it wants a server started, killed or restarted.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{self, Guard};

/// A running supervisor, with a server that is always up. Both end when this is dropped.
#[derive(Debug)]
pub(crate) struct Supervisor {
    /// Where the supervisor listens, as `ADDR:PORT`.
    pub(crate) control: String,
    /// Where its server listens, as `ADDR:PORT`.
    pub(crate) server: String,
    // The supervisor may print more: the other end of its output stays open as long as it runs.
    _lines: Receiver<Vec<u8>>,
    _guard: Guard,
}

impl Supervisor {
    /// Starts the program and waits for its two lines. Its log goes to a file.
    pub(crate) fn start(program: &Path, server: &Path, log: &Path) -> Result<Self> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        let stderr = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let mut command = Command::new(program);
        command.arg("--server").arg(server);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().with_context(|| format!("running {}", program.display()))?;
        let stdout = child.stdout.take();
        let guard = Guard(child);
        let lines = process::lines(stdout.context("the supervisor has no standard output")?);
        let address = |prefix: &str| {
            next_address(&lines, prefix).with_context(|| {
                format!("{} did not say `{prefix}…`; its log: {}", program.display(), log.display())
            })
        };
        let control = address("listening on http://")?;
        let server = address("server on http://")?;
        Ok(Self { control, server, _lines: lines, _guard: guard })
    }
}

fn next_address(lines: &Receiver<Vec<u8>>, prefix: &str) -> Result<String> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let line = lines.recv_timeout(PATIENCE).context("nothing came")?;
    let line = String::from_utf8_lossy(&line);
    match line.trim().strip_prefix(prefix) {
        Some(address) => Ok(address.trim_end_matches('/').to_owned()),
        None => bail!("it said `{}`", line.trim()),
    }
}
