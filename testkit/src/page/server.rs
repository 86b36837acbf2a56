use std::{
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time,
};

/// A `wirescope-server` process; dropping it kills the process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    url: String,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts the program, and returns when it listens there.
    pub async fn start(program: &Path, listen: &str) -> Self {
        Self::start_with(program, listen, &[]).await
    }

    /// Starts the program with these flags beside, and returns when it listens there.
    pub async fn start_with(program: &Path, listen: &str, flags: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(["--listen", listen])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                let mut log = kept.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        let first = time::timeout(Duration::from_secs(10), lines.next_line()).await;
        let first =
            first.expect("the server listens within 10 s").expect("its output is text").unwrap_or_default();
        let url = first.strip_prefix("listening on ").filter(|url| url.contains("://"));
        let url = url.unwrap_or_else(|| panic!("the server's first line is {first:?}")).to_owned();
        Self { child, url, log }
    }

    /// The address and port that it listens on.
    pub fn address(&self) -> &str {
        self.url.split_once("://").map_or("", |(_, address)| address)
    }

    /// The URL of its page, without a path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it wrote to standard error.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Kills it, as `kill -9` does, and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a child can be killed");
    }

    /// Asks it to end, as SIGTERM does, and waits until it has.
    pub async fn terminate(&mut self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).expect("it still runs");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("a child can be signalled");
        let status = time::timeout(Duration::from_secs(10), self.child.wait()).await;
        assert!(status.expect("the server ends within 10 s").expect("it is awaited").success());
    }
}
