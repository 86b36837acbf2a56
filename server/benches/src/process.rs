//! The servers as processes: where they run, what they cost by the operating system's own account.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::{
    process::{Resource, Rlimit},
    thread::CpuSet,
};

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Whether it has `/chat`.
    pub(crate) chats: bool,
    /// What makes it speak TLS, if something does.
    pub(crate) tls: Option<&'static str>,
}

/// Which core is whose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) load: usize,
}

/// A running server; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

/// What a process has in memory, in KiB: its share of what it shares with others.
pub(crate) type KiB = f64;

impl Kind {
    /// Starts it on a port of its own, over TLS or not, and waits until it listens.
    pub(crate) fn start(&self, cores: Option<Cores>, tls: bool) -> Result<Server> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .args(self.tls.filter(|_| tls))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        // A child runs where the thread may that starts it, and libraries count the cores that they may use.
        let spawned = thread::scope(|scope| {
            let spawning = scope.spawn(|| -> Result<Child> {
                if let Some(cores) = cores {
                    pin(cores.server)?;
                }
                command.spawn().with_context(|| format!("starting {}", self.program.display()))
            });
            spawning.join()
        });
        let Ok(child) = spawned else { bail!("the thread that starts {} panicked", self.name) };
        let mut server = Server { child: child?, address: String::new() };
        let output = server.child.stdout.take().context("no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let scheme = if tls { "https" } else { "http" };
        let address = line.trim().strip_prefix(&format!("listening on {scheme}://"));
        let address = address.with_context(|| format!("{} said {line:?}", self.name))?;
        address.trim_end_matches('/').clone_into(&mut server.address);
        Ok(server)
    }
}

impl Server {
    /// The time that its threads have had a core, in microseconds.
    pub(crate) fn cpu(&self) -> Result<f64> {
        cpu(&self.child.id().to_string())
    }

    pub(crate) fn memory(&self) -> Result<KiB> {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The time that this process has had a core, in microseconds.
pub(crate) fn own_cpu() -> Result<f64> {
    cpu("self")
}

fn cpu(process: &str) -> Result<f64> {
    scheduled(process).or_else(|_| ticks(process))
}

/// By the scheduler's account, which is in nanoseconds.
fn scheduled(process: &str) -> Result<f64> {
    let mut nanoseconds = 0.0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end between the list and the look.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        nanoseconds += text.split(' ').next().context("schedstat is empty")?.parse::<f64>()?;
    }
    ensure!(nanoseconds > 0.0, "schedstat counts nothing");
    Ok(nanoseconds / 1e3)
}

/// By the clock's ticks, a hundred a second, which is coarse.
fn ticks(process: &str) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may have spaces in it. The user's and the system's time are fields 14 and 15.
    let fields = stat.rsplit_once(')').context("stat has no name")?.1.split_whitespace().skip(11).take(2);
    let ticks: f64 = fields.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks * 1e4)
}

/// Chooses a core for the server and another for the load, and pins this thread. `None` where there is only one.
pub(crate) fn separate() -> Result<Option<Cores>> {
    let may = rustix::thread::sched_getaffinity(None)?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&core| may.is_set(core)).collect();
    let (Some(&server), Some(&load)) = (cores.first(), cores.last()) else { bail!("no core to run on") };
    if server == load {
        return Ok(None);
    }
    pin(load)?;
    Ok(Some(Cores { server, load }))
}

fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    rustix::thread::sched_setaffinity(None, &set).with_context(|| format!("pinning to core {core}"))
}

/// Raises the limit of open files as far as it goes, for this process and the servers, and gives it.
pub(crate) fn raise_open_files() -> Result<u64> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .context("raising the limit of open files")?;
    Ok(most)
}
