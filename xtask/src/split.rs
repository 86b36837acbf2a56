//! Cuts the page's program in two: what the first view takes, and what is loaded when a hand comes near the page.
//!
//! `wasm-split-cli` reads what the linker left about which function calls which, and cuts where late.rs says. The first part
//! is bound to JavaScript as the whole would be; the second shares its memory and its functions.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::imports;
use crate::page;
use crate::process;
use crate::tools::Toolbox;
use crate::workspace::{WASM_TARGET, Workspace};

/// What the compiler is told beside what the user tells it.
const FLAGS: [&str; 3] = ["--cfg", "wirescope_split", "-Clink-arg=--emit-relocs"];

/// What the tool calls the two files that it makes beside the first part.
const LINK: &str = "__wasm_split.js";
const SECOND: &str = "split_hand.wasm";

/// What the name of a file that is not loaded with the first view has in it.
pub(crate) const LATER: &str = "-hand.wasm";

/// Has a build leave what is needed to cut what it makes.
pub(crate) fn prepare(trunk: &mut Command) {
    if let Ok(flags) = env::var("CARGO_ENCODED_RUSTFLAGS") {
        let flags = flags.split('\u{1f}').chain(FLAGS).filter(|flag| !flag.is_empty());
        trunk.env("CARGO_ENCODED_RUSTFLAGS", flags.collect::<Vec<_>>().join("\u{1f}"));
    } else {
        let own = env::var("RUSTFLAGS").unwrap_or_default();
        trunk.env("RUSTFLAGS", format!("{own} {}", FLAGS.join(" ")).trim());
    }
    // Its functions are told apart by their names, which are dropped afterwards.
    trunk.env("CARGO_PROFILE_PAGE_STRIP", "none");
}

/// Puts the two parts in the place of the program that trunk left.
pub(crate) fn split(workspace: &Workspace, toolbox: &Toolbox) -> Result<()> {
    let dist = workspace.dist();
    let name = page::files(&dist)?
        .into_keys()
        .find_map(|name| Some(name.strip_suffix("_bg.wasm")?.to_owned()))
        .with_context(|| format!("trunk left no program in {}", dist.display()))?;
    let parts = workspace.state("parts");
    let bound = workspace.state("bound");
    for folder in [&parts, &bound] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }

    let program = workspace.target_dir.join(WASM_TARGET).join("page/workbench.wasm");
    let mut split = toolbox.command("wasm-split-cli");
    split.arg(&program).arg(&parts).args(["--target", "web", "--out-name", &name]);
    process::capture(&mut split)?;
    if !parts.join(SECOND).is_file() {
        bail!("{} was not cut: {} is missing", program.display(), parts.join(SECOND).display());
    }

    let mut bind = toolbox.command("wasm-bindgen");
    bind.args([
        "--target",
        "web",
        "--no-typescript",
        "--keep-lld-exports",
        "--remove-name-section",
        "--remove-producers-section",
    ]);
    bind.arg("--out-dir").arg(&bound).args(["--out-name", &name]).arg(parts.join(format!("{name}.wasm")));
    process::capture(&mut bind)?;

    let (first, link, second) = (format!("{name}.js"), format!("{name}-parts.js"), format!("{name}{LATER}"));
    let wasm = format!("{name}_bg.wasm");
    let (program, javascript) = imports::shorten(
        &fs::read(bound.join(&wasm)).with_context(|| format!("reading {wasm}"))?,
        &fs::read_to_string(bound.join(&first)).with_context(|| format!("reading {first}"))?,
        &format!("./{name}_bg.js"),
    )?;
    fs::write(dist.join(&wasm), program).with_context(|| format!("writing {wasm}"))?;
    fs::write(dist.join(&first), javascript).with_context(|| format!("writing {first}"))?;
    // The Wasm file knows it by the old name.
    let from = |name: &str| format!("from \"./{name}\"");
    rename_in(&dist.join(&first), &dist.join(&first), &from(LINK), &from(&link))?;
    copy(&parts.join(SECOND), &dist.join(&second))?;
    rename_in(&parts.join(LINK), &dist.join(&link), SECOND, &second)?;
    // So that the browser asks for all of the first part at once, and the service worker knows of the second.
    let html = dist.join("index.html");
    let head = format!(
        "<link rel=\"modulepreload\" href=\"./{link}\"><meta name=\"wirescope-later\" content=\"{second}\"></head>"
    );
    rename_in(&html, &html, "</head>", &head)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Writes a text with another name in it.
fn rename_in(from: &Path, to: &Path, old: &str, new: &str) -> Result<()> {
    let text = fs::read_to_string(from).with_context(|| format!("reading {}", from.display()))?;
    if !text.contains(old) {
        bail!("{} has no {old}", from.display());
    }
    fs::write(to, text.replace(old, new)).with_context(|| format!("writing {}", to.display()))
}
