//! What the page costs to load: every file, gzip -9, and those that the first view takes against a budget.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::page::{self, Page};
use crate::report::Table;
use crate::split::LATER;

/// What everything the first view loads may come to, in gzip bytes.
pub(crate) const BUDGET: usize = 100 * 1024;

/// The same where there is no wasm-opt: what it was when it was last looked at, and a little more.
pub(crate) const BUDGET_BEFORE: usize = 105 * 1024;

/// One file of the page.
#[derive(Debug)]
pub(crate) struct FileSize {
    name: String,
    raw: usize,
    gzip: usize,
    /// The file's gzip size before wasm-opt, if that changed it.
    gzip_before: Option<usize>,
    /// It is loaded when a hand comes near the page.
    is_later: bool,
}

/// The page's files.
#[derive(Debug)]
pub(crate) struct PageSize {
    files: Vec<FileSize>,
    optimised: String,
}

impl PageSize {
    /// Reads and compresses every file of a page.
    pub(crate) fn measure(page: &Page) -> Result<Self> {
        let files = page::files(&page.dist)?
            .into_iter()
            .map(|(name, path)| {
                let (raw, gzip) = sizes(&path)?;
                let before =
                    page.before.as_ref().map(|folder| folder.join(&name)).filter(|path| path.is_file());
                let gzip_before = before.map(|path| sizes(&path)).transpose()?.map(|(_, gzip)| gzip);
                // The examples' sources are there to be read.
                let is_later = name.contains(LATER) || name.starts_with("src/");
                Ok(FileSize { name, raw, gzip, gzip_before, is_later })
            })
            .collect::<Result<_>>()?;
        Ok(Self { files, optimised: page.optimised.clone() })
    }

    /// Gzip bytes of everything the first view loads.
    pub(crate) fn gzip(&self) -> usize {
        self.first().map(|file| file.gzip).sum()
    }

    /// The same before wasm-opt: the page of a machine that has none.
    pub(crate) fn gzip_before(&self) -> usize {
        self.first().map(|file| file.gzip_before.unwrap_or(file.gzip)).sum()
    }

    fn first(&self) -> impl Iterator<Item = &FileSize> {
        self.files.iter().filter(|file| !file.is_later)
    }

    /// All files and their sums, as a table and a line beneath it.
    pub(crate) fn to_text(&self) -> String {
        let mut table = Table::new(["file", "bytes", "gzip -9"]);
        for file in self.first() {
            table.row([file.name.clone(), grouped(file.raw), grouped(file.gzip)]);
        }
        table.row([
            "the first view".to_owned(),
            grouped(self.first().map(|file| file.raw).sum()),
            grouped(self.gzip()),
        ]);
        for file in self.files.iter().filter(|file| file.is_later) {
            table.row([format!("later: {}", file.name), grouped(file.raw), grouped(file.gzip)]);
        }
        let wasm = match self.gzip_before() {
            before if before == self.gzip() => self.optimised.clone(),
            before => format!("{}; without it {}", self.optimised, grouped(before)),
        };
        let gzip = self.gzip();
        format!("{}{} of {} bytes ({wasm})\n", table.to_text(), grouped(gzip), grouped(BUDGET))
    }
}

fn sizes(path: &PathBuf) -> Result<(usize, usize)> {
    let content = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Ok((content.len(), gzip_size(&content)?))
}

/// The size of this as `gzip -9` makes it.
pub(crate) fn gzip_size(content: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.len())
}

/// A number with its thousands apart: `61,440`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_sizes_count_header_and_trailer() {
        // `gzip -9n` makes 20 bytes of nothing and 29 of these thousand; this library is a few off at times.
        assert_eq!(gzip_size(b"").expect("gzip"), 20);
        let repeated = gzip_size(&[b'a'; 1000]).expect("gzip");
        assert!((25..=40).contains(&repeated), "{repeated}");
    }

    #[test]
    fn a_page_is_the_sum_of_what_its_first_view_loads() {
        let folder = std::env::temp_dir().join(format!("xtask-size-{}", std::process::id()));
        let (dist, before) = (folder.join("dist"), folder.join("before"));
        fs::create_dir_all(dist.join("assets")).expect("a folder");
        fs::create_dir_all(&before).expect("a folder");
        fs::write(dist.join("index.html"), "<p>").expect("a file");
        fs::write(dist.join("assets/page.wasm"), "small").expect("a file");
        fs::write(dist.join("page-hand.wasm"), "not loaded at once").expect("a file");
        fs::create_dir_all(before.join("assets")).expect("a folder");
        fs::write(before.join("assets/page.wasm"), "larger than it").expect("a file");
        let page = Page { dist, before: Some(before), optimised: "wasm-opt 1".to_owned() };

        let size = PageSize::measure(&page).expect("sizes");
        let gzip = |text: &str| gzip_size(text.as_bytes()).expect("gzip");
        assert_eq!(size.gzip(), gzip("<p>") + gzip("small"));
        assert_eq!(size.gzip_before(), gzip("<p>") + gzip("larger than it"));
        let text = size.to_text();
        assert!(
            text.contains("assets/page.wasm") && text.contains("of 102,400 bytes (wasm-opt 1; without"),
            "{text}"
        );
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [0, 999, 1000, 61_440, 1_234_567].map(grouped),
            ["0", "999", "1,000", "61,440", "1,234,567"]
        );
    }
}
