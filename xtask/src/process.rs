//! Running other programs: output that is shown and also kept, time limits, and children that end with us.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What a program that was watched did.
#[derive(Debug)]
pub(crate) struct Watched {
    /// It ended by itself and reported success.
    pub(crate) success: bool,
    /// How it ended, in words.
    pub(crate) ending: String,
    /// Everything it wrote to standard output.
    pub(crate) stdout: String,
}

/// Runs a program to its end, its output going where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("running `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs a program and gives what it wrote to standard output. Its other output is part of the error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("running `{}`", shown(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}\n{}", shown(command), output.status, said.trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program, passing on its standard output line by line and keeping it too. A program that is still
/// running at the end of `limit` is killed, with everything it started.
pub(crate) fn watch(command: &mut Command, limit: Duration) -> Result<Watched> {
    watch_onto(&mut io::stdout(), command, limit)
}

/// As [`watch`], with the output shown elsewhere.
pub(crate) fn watch_onto(
    shown_on: &mut impl Write,
    command: &mut Command,
    limit: Duration,
) -> Result<Watched> {
    const PULSE: Duration = Duration::from_millis(200);
    // How long the output of a program that has ended may stay open in the hands of its children.
    const GRACE: Duration = Duration::from_secs(5);

    let started = Instant::now();
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("running `{}`", shown(command)))?;
    let lines = lines(child.stdout.take().context("a child has no standard output")?);
    let mut guard = Guard(child);
    let mut stdout = Vec::new();
    let mut ended = None;
    let mut killed = false;
    loop {
        match lines.recv_timeout(PULSE) {
            Ok(line) => {
                // A reader of ours that has gone away is no reason to stop a test.
                let _ = shown_on.write_all(&line).and_then(|()| shown_on.flush());
                stdout.extend_from_slice(&line);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if !killed && started.elapsed() > limit {
            killed = true;
            kill_tree(&mut guard.0);
        }
        if ended.is_none() && guard.0.try_wait()?.is_some() {
            ended = Some(Instant::now());
        }
        if ended.is_some_and(|ended| ended.elapsed() > GRACE) {
            break;
        }
    }
    let status = guard.0.wait()?;
    Ok(Watched {
        success: status.success() && !killed,
        ending: if killed { format!("killed after {}", duration(limit)) } else { ending(status) },
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
    })
}

/// The lines of a child's output, each with its line feed, read by a thread of their own.
pub(crate) fn lines(output: impl io::Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        loop {
            let mut line = Vec::new();
            match output.read_until(b'\n', &mut line) {
                Ok(1..) if sender.send(line).is_ok() => {}
                _ => return,
            }
        }
    });
    receiver
}

/// A child that is ended when this is dropped: first by closing its standard input, then by killing it.
#[derive(Debug)]
pub(crate) struct Guard(pub(crate) Child);

impl Drop for Guard {
    fn drop(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        if self.0.stdin.take().is_some() {
            let asked = Instant::now();
            while asked.elapsed() < PATIENCE && matches!(self.0.try_wait(), Ok(None)) {
                thread::sleep(Duration::from_millis(20));
            }
        }
        if matches!(self.0.try_wait(), Ok(None)) {
            kill_tree(&mut self.0);
        }
        let _ = self.0.wait();
    }
}

/// Where a program of this name is, on a search path such as `PATH`.
pub(crate) fn which(name: &str, search: &std::ffi::OsStr) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(search).map(|folder| folder.join(&file)).find(|path| is_program(path))
}

/// The user's own `PATH`.
pub(crate) fn path() -> std::ffi::OsString {
    env::var_os("PATH").unwrap_or_default()
}

/// Whether this is a file that may be run.
pub(crate) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && may_run(&metadata))
}

/// A command line as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    // The path of a program that is not in the way of understanding: `cargo`, not where rustup keeps it.
    let program = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| {
            let word = word.to_string_lossy();
            if word.is_empty() || word.contains([' ', '"', '\'']) { format!("{word:?}") } else { word.into() }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// A span of time in words: `0.4 s`, `12 s`, `3 min 5 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round();
    if duration < Duration::from_secs(10) {
        format!("{:.1} s", duration.as_secs_f64())
    } else if seconds < 60.0 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", (seconds / 60.0).floor(), seconds % 60.0)
    }
}

fn ending(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => status.to_string(),
    }
}

/// Kills a child and everything it started: a driver and its browser outlive a cargo that is only killed.
fn kill_tree(child: &mut Child) {
    let descendants = descendants(child.id());
    let _ = child.kill();
    if !descendants.is_empty() {
        // The shell's own `kill` is there even where no package provides a program of that name.
        let _ = Command::new("sh")
            .args(["-c", "kill -KILL \"$@\"", "sh"])
            .args(descendants.iter().map(ToString::to_string))
            .stderr(Stdio::null())
            .status();
    }
}

/// The processes below this one, from Linux's `/proc`; none on other systems.
fn descendants(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The program's name is in parentheses and may hold anything; the state and the parent follow it.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.remove(0);
    found
}

#[cfg(unix)]
fn may_run(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn may_run(_: &fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command.args(["test", "--", "two words"]);
        assert_eq!(shown(&command), "cargo test -- \"two words\"");
    }

    #[test]
    fn time_is_told_in_words() {
        assert_eq!(duration(Duration::from_millis(440)), "0.4 s");
        assert_eq!(duration(Duration::from_millis(59_400)), "59 s");
        assert_eq!(duration(Duration::from_secs(185)), "3 min 5 s");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_out_of_time_is_killed_with_what_it_started() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo begun; sleep 600 & echo $!; wait"]);
        let watched = watch_onto(&mut io::sink(), &mut command, Duration::from_millis(300)).expect("a run");
        assert!(!watched.success, "{watched:?}");
        assert_eq!(watched.ending, "killed after 0.3 s");
        let mut lines = watched.stdout.lines();
        assert_eq!(lines.next(), Some("begun"));
        let sleeper = lines.next().expect("the id of the sleeper").to_owned();
        let gone = || match fs::read_to_string(format!("/proc/{sleeper}/stat")) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        let asked = Instant::now();
        while !gone() {
            assert!(asked.elapsed() < Duration::from_secs(10), "process {sleeper} is still there");
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_dropped_guard_first_closes_the_input() {
        let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("cat");
        let started = Instant::now();
        drop(Guard(child));
        assert!(started.elapsed() < Duration::from_secs(4), "cat had to be killed");
    }
}
