//! The real servers: child processes on ports of their own.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
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
    sync::Mutex as AsyncMutex,
    time::{Instant, sleep, sleep_until, timeout},
};
use wirescope_testkit::tap::{Connection, Tap};

/// The most servers that are known at a time.
const MAX_SERVERS: usize = 32;

/// How long a server is known after it was last asked for something; then it is killed if a test forgot it.
const LIFETIME: Duration = Duration::from_secs(300);

/// How long a server may take to print its address.
const START: Duration = Duration::from_secs(10);

/// How long a restart tries to bind the port that the server had before.
const REBIND: Duration = Duration::from_secs(5);

/// How long a server may take to end after SIGTERM; it says itself that it drains for at most 5 s.
const STOP: Duration = Duration::from_secs(10);

/// The servers that tests asked for, by number.
#[derive(Debug)]
pub(crate) struct Servers {
    binary: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    last: u32,
    servers: HashMap<u32, Entry>,
}

#[derive(Debug)]
struct Entry {
    server: Arc<AsyncMutex<Server>>,
    asked: Instant,
}

/// One server, running or ended.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// In front of it, if a test asked for one.
    tap: Option<Tap>,
}

impl Servers {
    pub(crate) fn new(binary: PathBuf) -> Self {
        Self { binary, known: Mutex::default() }
    }

    /// Starts the server that no request can end.
    pub(crate) async fn start_lasting(&self) -> Result<Server, String> {
        self.spawn(0).await
    }

    /// Starts a server on a free port, and gives its number and address.
    pub(crate) async fn start(self: &Arc<Self>) -> Result<(u32, SocketAddr), String> {
        if self.known().servers.len() >= MAX_SERVERS {
            return Err(format!(
                "{MAX_SERVERS} servers were started in the last minutes, which is the limit"
            ));
        }
        let server = self.spawn(0).await?;
        let address = server.address;
        let number = {
            let mut known = self.known();
            known.last += 1;
            let number = known.last;
            let server = Arc::new(AsyncMutex::new(server));
            known.servers.insert(number, Entry { server, asked: Instant::now() });
            number
        };
        tokio::spawn(Arc::clone(self).forget(number));
        Ok((number, address))
    }

    /// Kills a server once nobody has asked for it for a while.
    async fn forget(self: Arc<Self>, number: u32) {
        loop {
            let asked = self.known().servers.get(&number).map(|entry| entry.asked);
            let Some(asked) = asked else { return };
            if asked.elapsed() < LIFETIME {
                sleep_until(asked + LIFETIME).await;
            } else {
                // Dropping its handle kills it.
                self.known().servers.remove(&number);
            }
        }
    }

    /// Puts a tap in front of a server, and gives the tap's address.
    pub(crate) async fn tap(&self, number: u32) -> Result<SocketAddr, String> {
        let found = self.find(number)?;
        let mut server = found.lock().await;
        let tap = Tap::start(server.address).await.map_err(|error| format!("no port for a tap: {error}"))?;
        Ok(server.tap.insert(tap).address())
    }

    /// What the tap in front of a server heard.
    pub(crate) async fn heard(&self, number: u32) -> Result<Vec<Connection>, String> {
        let found = self.find(number)?;
        let server = found.lock().await;
        server.tap.as_ref().ok_or_else(|| format!("server {number} has no tap"))?.connections()
    }

    /// Ends a server with SIGKILL, and says how it ended.
    pub(crate) async fn kill(&self, number: u32) -> Result<String, String> {
        Ok(self.find(number)?.lock().await.kill().await)
    }

    /// Ends a server with SIGTERM, and says how it ended.
    pub(crate) async fn stop(&self, number: u32) -> Result<String, String> {
        self.find(number)?.lock().await.stop().await
    }

    /// Starts a server again on the port that it had, and ends it first if it still runs.
    pub(crate) async fn restart(&self, number: u32) -> Result<SocketAddr, String> {
        let found = self.find(number)?;
        let mut server = found.lock().await;
        server.kill().await;
        let deadline = Instant::now() + REBIND;
        loop {
            match self.spawn(server.address.port()).await {
                Ok(started) => {
                    *server = Server { tap: server.tap.take(), ..started };
                    return Ok(server.address);
                }
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Ends every server.
    pub(crate) async fn kill_all(&self) {
        let servers = std::mem::take(&mut self.known().servers);
        for entry in servers.into_values() {
            entry.server.lock().await.kill().await;
        }
    }

    async fn spawn(&self, port: u16) -> Result<Server, String> {
        let binary = self.binary.display();
        let mut child = Command::new(&self.binary)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {binary}: {error}"))?;
        let output = child.stdout.take().ok_or("the server's standard output is not piped")?;
        let mut lines = BufReader::new(output).lines();
        let line = timeout(START, lines.next_line())
            .await
            .map_err(|_| format!("{binary} printed nothing for {} s", START.as_secs()))?
            .map_err(|error| format!("cannot read what {binary} prints: {error}"))?
            .ok_or_else(|| format!("{binary} ended before it printed its address"))?;
        let address = line
            .strip_prefix("listening on http://")
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| format!("{binary} printed {line:?} instead of `listening on http://ADDRESS`"))?;
        // What else it prints is read away, so that it never meets a full or a closed pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Server { child, address, tap: None })
    }

    fn find(&self, number: u32) -> Result<Arc<AsyncMutex<Server>>, String> {
        let mut known = self.known();
        let entry = known.servers.get_mut(&number).ok_or_else(|| {
            format!("no server {number}: it never was, or was not asked for in {} s", LIFETIME.as_secs())
        })?;
        entry.asked = Instant::now();
        Ok(Arc::clone(&entry.server))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resolves when the server has ended, and says how.
    pub(crate) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => describe(status),
            Err(error) => format!("its exit status cannot be read: {error}"),
        }
    }

    pub(crate) async fn kill(&mut self) -> String {
        // It fails only when the server has ended already, which `ended` tells.
        let _ = self.child.start_kill();
        self.ended().await
    }

    async fn stop(&mut self) -> Result<String, String> {
        // No number: it was waited for already.
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            kill(Pid::from_raw(id), Signal::SIGTERM)
                .map_err(|error| format!("cannot send SIGTERM: {error}"))?;
        }
        timeout(STOP, self.ended())
            .await
            .map_err(|_| format!("the server still runs {} s after SIGTERM", STOP.as_secs()))
    }
}

/// `exit 0` or `signal 9`.
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
