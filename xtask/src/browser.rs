//! Chromium with its driver, and Firefox: found, or installed where that is Debian's packages and the user may.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;

/// A browser and the WebDriver server that drives it.
#[derive(Debug)]
pub(crate) struct Browser {
    /// The browser's program.
    pub(crate) chrome: PathBuf,
    /// The driver's program.
    pub(crate) driver: PathBuf,
    /// The user chose the browser with `CHROME`, so the driver would not find it by itself.
    pub(crate) chosen: bool,
}

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const MAC_BROWSER: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
const BY_HAND: &str = "install Chromium and its ChromeDriver with your system's packages (Debian: apt-get install \
                       chromium chromium-driver), or name them in CHROME and CHROMEDRIVER";

const FIREFOXES: [&str; 2] = ["firefox", "firefox-esr"];
const MAC_FIREFOX: &str = "/Applications/Firefox.app/Contents/MacOS/firefox";
const FIREFOX_BY_HAND: &str =
    "install Firefox with your system's packages (Debian: apt-get install firefox-esr)";

/// Finds the browser and its driver, or installs them.
pub(crate) fn ensure() -> Result<Browser> {
    if let Some(browser) = find()? {
        return Ok(browser);
    }
    let Some(mut commands) = debian_install(&["chromium", "chromium-driver"]) else {
        bail!("the browser tests find no Chromium with a driver: {BY_HAND}");
    };
    eprintln!("installing chromium and chromium-driver with apt-get (about a minute; once)");
    if let Err(error) = debian_run(&mut commands) {
        bail!("Chromium cannot be installed ({error:#}): {BY_HAND}");
    }
    find()?.with_context(|| format!("apt-get installed Chromium, but it is not on PATH: {BY_HAND}"))
}

/// Finds Firefox, or installs it. Its driver looks for it on `PATH` by itself.
pub(crate) fn ensure_firefox() -> Result<()> {
    let is_there = || FIREFOXES.iter().any(|name| process::which(name, &process::path()).is_some());
    if is_there() || process::is_program(MAC_FIREFOX.as_ref()) {
        return Ok(());
    }
    let Some(mut commands) = debian_install(&["firefox-esr"]) else {
        bail!("the browser tests find no Firefox: {FIREFOX_BY_HAND}");
    };
    eprintln!("installing firefox-esr with apt-get (about a minute; once)");
    if let Err(error) = debian_run(&mut commands) {
        bail!("Firefox cannot be installed ({error:#}): {FIREFOX_BY_HAND}");
    }
    if is_there() {
        Ok(())
    } else {
        bail!("apt-get installed Firefox, but it is not on PATH: {FIREFOX_BY_HAND}")
    }
}

/// Firefox's program, which its driver does not find under every name.
pub(crate) fn firefox() -> Option<PathBuf> {
    let mac = process::is_program(MAC_FIREFOX.as_ref()).then(|| MAC_FIREFOX.into());
    FIREFOXES.iter().find_map(|name| process::which(name, &process::path())).or(mac)
}

/// The commands that install packages, on Debian and its like, for a user who may.
pub(crate) fn debian_install(packages: &[&str]) -> Option<[Command; 2]> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !is_debian(&release) || process::which("apt-get", &process::path()).is_none() {
        return None;
    }
    let says = |command: &mut Command| process::capture(command).ok();
    let root = says(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0");
    let sudo = || says(Command::new("sudo").args(["-n", "true"])).is_some();
    let apt = |args: &[&str]| {
        let words = ["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"];
        let mut command = Command::new(if root { "env" } else { "sudo" });
        command.args(if root { &[][..] } else { &["-n", "env"][..] }).args(words).args(args);
        command
    };
    (root || sudo()).then(|| {
        let mut install = apt(&["install", "--yes", "--no-install-recommends"]);
        install.args(packages);
        [apt(&["update"]), install]
    })
}

/// Runs what [`debian_install`] gave.
pub(crate) fn debian_run([update, install]: &mut [Command; 2]) -> Result<()> {
    // One source of packages that does not answer says nothing about the one that is needed.
    if let Err(error) = process::run(update.stdout(Stdio::null())) {
        eprintln!("note: {error:#}");
    }
    process::run(install.stdout(Stdio::null()))
}

fn find() -> Result<Option<Browser>> {
    let path = process::path();
    let chosen = named("CHROME")?;
    let on_path = || BROWSERS.iter().find_map(|name| process::which(name, &path));
    let on_mac = || Some(PathBuf::from(MAC_BROWSER)).filter(|path| process::is_program(path));
    let driver = match named("CHROMEDRIVER")? {
        Some(driver) => Some(driver),
        None => process::which("chromedriver", &path),
    };
    let (Some(chrome), Some(driver)) = (chosen.clone().or_else(on_path).or_else(on_mac), driver) else {
        return Ok(None);
    };
    // A driver refuses a browser of another major version, at length and in the middle of the tests.
    let version = |program: &PathBuf| major(&process::capture(Command::new(program).arg("--version")).ok()?);
    if let (Some(browser), Some(driver_is)) = (version(&chrome), version(&driver))
        && browser != driver_is
    {
        bail!(
            "{} is version {driver_is}, but {} is version {browser}: install the driver that belongs to the \
             browser, or name a pair in CHROME and CHROMEDRIVER",
            driver.display(),
            chrome.display()
        );
    }
    Ok(Some(Browser { chrome, driver, chosen: chosen.is_some() }))
}

fn named(variable: &str) -> Result<Option<PathBuf>> {
    let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(None);
    };
    if !process::is_program(&path) {
        bail!("{variable} names {}, which is not a program", path.display());
    }
    Ok(Some(path))
}

fn is_debian(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .any(|ids| ids.trim_matches('"').split_whitespace().any(|id| id == "debian"))
}

/// The first number of a version such as `Chromium 156.0.8078.79 built on Debian 12.4`.
fn major(said: &str) -> Option<u32> {
    said.split_whitespace().find_map(|word| word.split_once('.')?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_is_known_by_itself_and_by_its_like() {
        assert!(is_debian("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n"));
        assert!(is_debian("ID=ubuntu\nID_LIKE=debian\n"));
        assert!(is_debian("ID=mint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian("NAME=\"not debian\"\nID=fedora\n"));
    }

    #[test]
    fn a_major_version_is_read_from_either_program() {
        assert_eq!(major("Chromium 156.0.8078.79 built on Debian 12.4"), Some(156));
        assert_eq!(major("ChromeDriver 156.0.8078.79 (abcdef-refs/branch-heads/8078@{#1})"), Some(156));
        assert_eq!(major("no version"), None);
    }
}
