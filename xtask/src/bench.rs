//! `cargo xtask bench client`: the client library against hand-written JavaScript and other crates, in one browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cli::BenchOptions;
use crate::page;
use crate::process;
use crate::report::Table;
use crate::serve;
use crate::size::{grouped, gzip_size};
use crate::suites::{self, PAGE_TEST, Run};
use crate::tools::{Need, Toolbox};
use crate::wasm_opt::WasmOpt;
use crate::workspace::{WASM_TARGET, Workspace};

const NEEDS: &[Need] = &[Need::WasmTarget, Need::WasmBindgen, Need::Browser];

/// A workspace of its own, with the crates that the library is compared with.
const MANIFEST: &str = "client/benches/Cargo.toml";
/// What `client/benches/Cargo.toml` calls its library, as a file.
const LIBRARY: &str = "wirescope_client_bench";

/// The smallest app of each library, as the table and as the manifest calls it.
const MINIMAL: [(&str, &str); 7] = [
    ("an async fn, no socket", "minimal_future"),
    ("web-sys callbacks", "minimal_callbacks"),
    ("wirescope EventSocket", "minimal_event_socket"),
    ("wirescope Socket", "minimal_socket"),
    ("wirescope Socket, stream", "minimal_stream"),
    ("gloo-net", "minimal_gloo_net"),
    ("ws_stream_wasm", "minimal_ws_stream_wasm"),
];

/// Builds everything as a release, measures the smallest apps, then the speed.
pub(crate) fn client(options: &BenchOptions) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let toolbox = Toolbox::prepare(&workspace, NEEDS);
    toolbox.require(NEEDS)?;
    let folder = workspace.target_dir.join("bench");

    let sizes = sizes(&workspace, &toolbox, &folder)?;
    print!("{sizes}");
    fs::write(folder.join("client-sizes.txt"), &sizes)?;
    if options.sizes {
        return Ok(ExitCode::SUCCESS);
    }

    let bundle = bundle(&workspace, &toolbox, &folder.join("client"))?;
    let server = serve::build_server(&workspace, &toolbox)?;
    let mut command = toolbox.cargo(&workspace);
    command.args(["run", "--quiet", "--package", "wirescope-testkit", "--bin", "bench_client", "--"]);
    command.arg("--bundle").arg(bundle).arg("--server").arg(server);
    command.arg("--json").arg(folder.join("client.json")).args(&options.driver);
    let browser = toolbox.browser()?;
    command.env("WIRESCOPE_CHROME", &browser.chrome).env("WIRESCOPE_CHROMEDRIVER", &browser.driver);
    eprintln!("measuring: {}", process::shown(&command));
    process::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the page and the server as a release, then measures them in the browser.
pub(crate) fn page(options: &[String]) -> Result<ExitCode> {
    let run = Run::prepare(PAGE_TEST, false)?;
    run.toolbox.require(PAGE_TEST)?;
    let folder = run.workspace.target_dir.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let mut command = run.toolbox.cargo(&run.workspace);
    command.args(["run", "--quiet", "--release", "--package", "wirescope-testkit"]);
    command.args(["--bin", "bench_page", "--", "--json"]).arg(folder.join("page.json")).args(options);
    suites::page_environment(&run, &mut command)?;
    eprintln!("measuring: {}", process::shown(&command));
    process::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// The page that holds every implementation. wasm-opt is left out: not everyone who uses the library has it.
fn bundle(workspace: &Workspace, toolbox: &Toolbox, to: &Path) -> Result<PathBuf> {
    build(workspace, toolbox, &["--lib", "--release"])?;
    let wasm = built(workspace, "release").join(format!("{LIBRARY}.wasm"));
    bind(toolbox, &wasm, to, "bench")?;
    let page = workspace.root.join("client/benches/page");
    for (name, path) in page::files(&page)? {
        fs::copy(&path, to.join(name)).with_context(|| format!("copying {}", path.display()))?;
    }
    Ok(to.to_owned())
}

/// A table of what the smallest app of each library makes a browser load: the Wasm and its JavaScript, each as gzip -9.
fn sizes(workspace: &Workspace, toolbox: &Toolbox, folder: &Path) -> Result<String> {
    build(workspace, toolbox, &["--examples", "--profile", "page"])?;
    let wasm_opt = WasmOpt::present(workspace);
    let mut table = Table::new(["the smallest app", "gzip", "Wasm", "JavaScript", "with wasm-opt"]);
    for (shown, name) in MINIMAL {
        let to = folder.join("minimal").join(name);
        let wasm = built(workspace, "page").join("examples").join(format!("{name}.wasm"));
        bind(toolbox, &wasm, &to, name)?;
        let bound = to.join(format!("{name}_bg.wasm"));
        let (mut javascript, wasm) = (0, gzip(&bound)?);
        for (file, path) in page::files(&to)? {
            if Path::new(&file).extension().is_some_and(|extension| extension == "js") {
                javascript += gzip(&path)?;
            }
        }
        let smaller = match &wasm_opt {
            Some(wasm_opt) => {
                wasm_opt.optimise(&bound)?;
                grouped(gzip(&bound)? + javascript)
            }
            None => "–".to_owned(),
        };
        table.row([
            shown.to_owned(),
            grouped(wasm + javascript),
            grouped(wasm),
            grouped(javascript),
            smaller,
        ]);
    }
    Ok(table.to_text())
}

fn build(workspace: &Workspace, toolbox: &Toolbox, what: &[&str]) -> Result<()> {
    let mut command = toolbox.cargo(workspace);
    command.args(["build", "--locked", "--manifest-path", MANIFEST, "--target", WASM_TARGET]).args(what);
    eprintln!("building the benchmark: {}", process::shown(&command));
    process::run(&mut command)
}

fn built(workspace: &Workspace, profile: &str) -> PathBuf {
    workspace.target_dir.join(WASM_TARGET).join(profile)
}

/// Makes the JavaScript of a Wasm file, in a folder that then holds nothing else.
pub(crate) fn bind(toolbox: &Toolbox, wasm: &Path, to: &Path, name: &str) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("emptying {}", to.display()))?;
    }
    if !wasm.is_file() {
        bail!("cargo left no {}", wasm.display());
    }
    let mut command: Command = toolbox.command("wasm-bindgen");
    command.args(["--target", "web", "--no-typescript", "--out-name", name, "--out-dir"]).arg(to).arg(wasm);
    process::run(&mut command)
}

fn gzip(path: &Path) -> Result<usize> {
    gzip_size(&fs::read(path).with_context(|| format!("reading {}", path.display()))?)
}
