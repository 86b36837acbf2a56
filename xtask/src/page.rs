//! The page: trunk builds it into `dist`, wasm-opt makes it smaller where there is one.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::process;
use crate::split;
use crate::tools::{self, Need, Toolbox};
use crate::wasm_opt::WasmOpt;
use crate::workspace::Workspace;

/// A page that has been built.
#[derive(Debug)]
pub(crate) struct Page {
    /// The folder with everything the page loads.
    pub(crate) dist: PathBuf,
    /// A copy of the Wasm files as they were before wasm-opt, if it changed them.
    pub(crate) before: Option<PathBuf>,
    /// What made the Wasm smaller, or why nothing did.
    pub(crate) optimised: String,
}

/// Builds the page, unless what is in `dist` was made from what is here now.
pub(crate) fn build(workspace: &Workspace, toolbox: &Toolbox) -> Result<Page> {
    toolbox.require(tools::WHOLE_PAGE)?;
    let cuts = toolbox.require(&[Need::WasmSplit]);
    let dist = workspace.dist();
    let stamp = workspace.state("page.stamp");
    let before = workspace.state("before-wasm-opt");

    // Of the sources as they are now: what is edited while trunk runs is for the next time.
    let sources = inputs(workspace, toolbox)?;
    let mark = |wasm_opt: Option<&WasmOpt>| -> Result<String> {
        let wasm_opt = wasm_opt.map_or("without wasm-opt".to_owned(), WasmOpt::name);
        Ok(format!("{sources:016x} {:016x} {wasm_opt}\n", digest(&files(&dist)?)?))
    };
    let last = fs::read_to_string(&stamp).unwrap_or_default();
    if let Some(optimised) = last.strip_prefix(&mark(WasmOpt::present(workspace).as_ref())?) {
        eprintln!("the page in dist is up to date");
        let before = Some(before).filter(|folder| folder.exists());
        return Ok(Page { dist, before, optimised: optimised.to_owned() });
    }

    let _ = fs::remove_file(&stamp);
    let mut trunk = trunk(toolbox);
    if cuts.is_ok() {
        split::prepare(&mut trunk);
    }
    eprintln!("building the page: {}", process::shown(&trunk));
    process::run(trunk.current_dir(&workspace.root))?;
    match cuts {
        Ok(()) => split::split(workspace, toolbox)?,
        Err(error) => eprintln!("note: the page's program stays in one piece, and loads at once: {error:#}"),
    }
    let wasm_opt = WasmOpt::ensure(workspace);
    let outcome = match &wasm_opt {
        Some(wasm_opt) => optimise(&dist, &before, wasm_opt),
        None => {
            let _ = fs::remove_dir_all(&before);
            Err(anyhow!("no wasm-opt on PATH or to be had from npm"))
        }
    };
    let (optimised, before) = match outcome {
        Ok(name) => (name, Some(before)),
        Err(error) => {
            eprintln!("note: the page is not optimised: {error:#}");
            (format!("not optimised: {}", error.to_string().lines().next().unwrap_or_default()), None)
        }
    };
    write(&stamp, &(mark(wasm_opt.as_ref())? + &optimised))?;
    Ok(Page { dist, before, optimised })
}

/// All files below a folder that may matter to a build, each with its path from there, in order.
pub(crate) fn files(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    if folder.is_dir() {
        collect(folder, folder, &mut found)?;
    }
    Ok(found)
}

fn trunk(toolbox: &Toolbox) -> Command {
    let mut command = toolbox.command("trunk");
    command.args(["build", "--release", "--skip-version-check"]);
    // Standard output is for what was asked for: the server's address, a table.
    command.stdout(io::stderr());
    // trunk reads this variable as a bool and stops at any other value, such as the usual 1.
    if env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        command.env("NO_COLOR", "true");
    } else {
        command.env_remove("NO_COLOR");
    }
    command
}

/// Keeps a copy of each Wasm file, then makes it smaller.
fn optimise(dist: &Path, before: &Path, wasm_opt: &WasmOpt) -> Result<String> {
    let _ = fs::remove_dir_all(before);
    fs::create_dir_all(before).with_context(|| format!("creating {}", before.display()))?;
    let is_wasm = |name: &String| Path::new(name).extension().is_some_and(|extension| extension == "wasm");
    let modules: Vec<_> = files(dist)?.into_iter().filter(|(name, _)| is_wasm(name)).collect();
    if modules.is_empty() {
        bail!("trunk left no .wasm file in {}", dist.display());
    }
    for (name, path) in modules {
        let copy = before.join(name);
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&path, &copy).with_context(|| format!("copying {}", path.display()))?;
        if let Err(error) = wasm_opt.optimise(&path) {
            let _ = fs::remove_dir_all(before);
            return Err(error);
        }
    }
    Ok(wasm_opt.name())
}

/// A number that changes when anything does that the page is made from.
fn inputs(workspace: &Workspace, toolbox: &Toolbox) -> Result<u64> {
    let mut sources = BTreeMap::new();
    for name in
        ["index.html", "Trunk.toml", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo/config.toml"]
    {
        let path = workspace.root.join(name);
        if path.is_file() {
            sources.insert(name.to_owned(), path);
        }
    }
    for krate in ["client", "protocol"] {
        for (name, path) in files(&workspace.root.join(krate))? {
            // What is only tested or measured is not in the page.
            if !name.starts_with("tests/") && !name.starts_with("benches/") {
                sources.insert(format!("{krate}/{name}"), path);
            }
        }
    }
    // What the page's head points to, wherever it is.
    let html = fs::read_to_string(workspace.root.join("index.html")).unwrap_or_default();
    for href in html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let path = workspace.root.join(href);
        if path.is_file() {
            sources.insert(href.to_owned(), path);
        } else if !href.is_empty() && path.is_dir() {
            sources.extend(files(&path)?.into_iter().map(|(name, path)| (format!("{href}/{name}"), path)));
        }
    }
    let mut hasher = DefaultHasher::new();
    digest(&sources)?.hash(&mut hasher);
    for (program, flag) in [("rustc", "-vV"), ("trunk", "--version"), ("wasm-bindgen", "--version")] {
        process::capture(toolbox.command(program).arg(flag).current_dir(&workspace.root))?.hash(&mut hasher);
    }
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS"] {
        env::var_os(flags).hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// A number that changes when a name or a content does.
fn digest(files: &BTreeMap<String, PathBuf>) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for (name, path) in files {
        name.hash(&mut hasher);
        fs::read(path).with_context(|| format!("reading {}", path.display()))?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn collect(top: &Path, folder: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let name = path.strip_prefix(top).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        // Editors' and trunk's own passing files.
        if name.rsplit('/').next().is_some_and(|last| last.starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            collect(top, &path, found)?;
        } else {
            found.insert(name, path);
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
