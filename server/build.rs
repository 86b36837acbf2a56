//! Has the crate rebuilt when the page is.

use std::path::Path;

const PAGE: &str = "../dist";

fn main() {
    // A release build holds the page. A debug build reads its folder each time it serves a file, but has to have seen the
    // folder when it was compiled. Cargo takes one that is missing for changed, and so looks again at each build.
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let watched = if release || !Path::new(PAGE).exists() { PAGE } else { "build.rs" };
    println!("cargo::rerun-if-changed={watched}");

    // What `trunk serve` leaves behind reloads itself from a server that is not there.
    let index = std::fs::read_to_string(Path::new(PAGE).join("index.html")).unwrap_or_default();
    if release && index.contains("__TRUNK_ADDRESS__") {
        println!(
            "cargo::warning=the page in dist is `trunk serve`'s own; build it anew with cargo xtask build"
        );
    }
}
