//! What the README promises of the tests.
#![cfg(not(target_arch = "wasm32"))]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The table of guarantees: between this heading and the next.
const HEADING: &str = "## What it guarantees";

#[test]
fn every_test_that_the_readme_names_is_there() {
    let client = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = Vec::new();
    for folder in [client.join("src"), client.join("tests"), client.join("../testkit/tests")] {
        for path in sources(&folder) {
            let source =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            tests.extend(tests_of(&source));
        }
    }
    let readme = fs::read_to_string(client.join("README.md")).expect("the README is there");
    let (_, table) = readme.split_once(HEADING).expect("the README has the table's heading");
    let table = table.split("\n## ").next().unwrap_or_default();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 10, "there are {} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        let named: Vec<&str> = cells[2].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test is named in {row}");
        for name in named {
            assert!(tests.iter().any(|test| test == name), "no test is called {name}");
        }
    }
}

/// All Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The names of a file's tests: of each function right beneath an attribute that makes it one, and in `proptest!`; and of
/// those that `over_both!` lists, which makes tests of them.
fn tests_of(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut is_test, mut is_listed) = (false, false);
    for line in source.lines().map(str::trim) {
        if is_listed {
            is_listed = line != "}";
            names.extend(line.strip_suffix(',').map(str::to_owned));
        } else if line == "over_both! {" {
            is_listed = true;
        } else if line.starts_with("#[test]") || line.starts_with("#[wasm_bindgen_test") {
            is_test = true;
        } else if let Some((_, signature)) = line.split_once("fn ").filter(|_| is_test) {
            names.extend(signature.split('(').next().map(str::to_owned));
            is_test = false;
        }
    }
    names
}
