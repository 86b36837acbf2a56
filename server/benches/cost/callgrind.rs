//! Instructions of the server's own program, under valgrind.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::load::{Result, Socket};

const PROGRAM: &str = env!("CARGO_BIN_EXE_wirescope-server");
/// It only guards against hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why instructions cannot be counted here.
pub(crate) fn obstacle(kept_by: &str) -> Option<String> {
    if said("valgrind").is_none() {
        return Some("no valgrind".to_owned());
    }
    let compiler = compiler();
    (compiler != kept_by).then(|| format!("kept are those of {kept_by:?}, and this is {compiler:?}"))
}

/// The compiler, and for what it compiles: the numbers are for no other.
pub(crate) fn compiler() -> String {
    let version = said("rustc").unwrap_or_default();
    format!("{} {}", version.trim(), env::consts::ARCH)
}

fn said(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The instructions that a message takes by itself and in a burst, each from the difference that more of them make.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer")]
pub(crate) fn instructions(folder: &Path, size: u16, burst: usize) -> Result<(f64, f64)> {
    const MORE: usize = 500;
    let (few, bursts) = (20, MORE.div_ceil(burst));
    let run = |single, in_bursts| run(folder, size, [(1, single), (burst, in_bursts)]);
    let least = run(few, few)?;
    let each = |total: u64, messages: usize| total.saturating_sub(least) as f64 / messages as f64;
    Ok((each(run(few + MORE, few)?, MORE), each(run(few, few + bursts)?, bursts * burst)))
}

/// The instructions of a whole life of the server, in which it echoes so many at once so often.
fn run(folder: &Path, size: u16, loads: [(usize, usize); 2]) -> Result<u64> {
    let out = folder.join("callgrind.out");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(PROGRAM).args(["--listen", "127.0.0.1:0"]);
    // With more, what they do to find work depends on the moment.
    command.env("TOKIO_WORKER_THREADS", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Ended(command.spawn()?);
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().ok_or("no standard output")?).read_line(&mut line)?;
    let address =
        line.trim().strip_prefix("listening on http://").ok_or_else(|| format!("it said {line:?}"))?;
    let mut socket = Socket::open(address.parse()?)?;
    for (at_once, times) in loads {
        socket.echo(size, at_once, times)?;
    }
    server.stop()?;
    let text = fs::read_to_string(&out)?;
    let total =
        text.lines().find_map(|line| line.strip_prefix("totals: ")).ok_or("callgrind wrote no totals")?;
    Ok(total.trim().parse()?)
}

/// A process that does not outlive this.
struct Ended(Child);

impl Ended {
    /// Asks it to end, and waits.
    fn stop(&mut self) -> Result<()> {
        // By the shell's own, since the standard library sends no signal but the one that leaves nothing written.
        Command::new("sh").args(["-c", "kill -TERM \"$1\"", "sh", &self.0.id().to_string()]).status()?;
        let asked = Instant::now();
        while self.0.try_wait()?.is_none() {
            if asked.elapsed() > PATIENCE {
                return Err("the server does not end".into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
