//! Gives what the page's program imports short names.
//!
//! wasm-bindgen names an import by what it is and 16 digits, once in the Wasm file and once in the JavaScript beside it. Some
//! 280 of them are a tenth of what the first view loads, and they do not compress.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};

/// What the JavaScript is called in the Wasm file instead.
const MODULE: &str = "w";

/// The id of a module's import section (WebAssembly core specification, 5.5.5).
const IMPORTS: u8 = 2;

/// The same Wasm file and JavaScript, in which they mean the same by shorter names. `module` is what the JavaScript is called
/// in the Wasm file.
pub(crate) fn shorten(wasm: &[u8], javascript: &str, module: &str) -> Result<(Vec<u8>, String)> {
    let (wasm, names) = renamed(wasm, module).context("the program's imports cannot be read")?;
    let quoted = format!("\"{module}\"");
    if names.is_empty() || !javascript.contains(&quoted) {
        bail!("the program imports nothing from {module}");
    }
    let mut shorter = String::with_capacity(javascript.len());
    let mut is_comment = false;
    for line in javascript.lines() {
        let line = line.trim();
        // What is said there is said to who reads it.
        is_comment |= line.starts_with("/**");
        if !is_comment && !line.is_empty() && !line.starts_with("//") {
            shorter.push_str(&with_short_name(line, &names));
            shorter.push('\n');
        }
        is_comment &= !line.ends_with("*/");
    }
    Ok((wasm, shorter.replace(&quoted, &format!("\"{MODULE}\""))))
}

/// A line of JavaScript; if it defines an import, by its short name.
fn with_short_name(line: &str, names: &HashMap<String, String>) -> String {
    let end = line.find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    match names.get(name).filter(|_| rest.starts_with(": function") || rest.starts_with('(')) {
        Some(short) => format!("{short}{rest}"),
        None => line.to_owned(),
    }
}

/// The Wasm file with short names, and the short names by what they stand for.
fn renamed(wasm: &[u8], module: &str) -> Option<(Vec<u8>, HashMap<String, String>)> {
    let (header, mut rest) = wasm.split_at_checked(8)?;
    let (mut out, mut names) = (header.to_vec(), HashMap::new());
    while let Some((&id, after)) = rest.split_first() {
        rest = after;
        let length = number(&mut rest)?;
        let section = take(&mut rest, length)?;
        let section = if id == IMPORTS { imports(section, module, &mut names)? } else { section.to_vec() };
        out.push(id);
        add_number(&mut out, section.len());
        out.extend(section);
    }
    Some((out, names))
}

fn imports(mut section: &[u8], module: &str, names: &mut HashMap<String, String>) -> Option<Vec<u8>> {
    let count = number(&mut section)?;
    let mut out = Vec::new();
    add_number(&mut out, count);
    for _ in 0..count {
        let length = number(&mut section)?;
        let from = take(&mut section, length)?;
        let length = number(&mut section)?;
        let name = take(&mut section, length)?;
        let description = section;
        skip_description(&mut section)?;
        let description = &description[..description.len() - section.len()];
        if from == module.as_bytes() {
            let short = short(names.len());
            add_name(&mut out, MODULE.as_bytes());
            add_name(&mut out, short.as_bytes());
            names.insert(String::from_utf8(name.to_vec()).ok()?, short);
        } else {
            add_name(&mut out, from);
            add_name(&mut out, name);
        }
        out.extend(description);
    }
    section.is_empty().then_some(out)
}

/// Passes over what an import is: a function, a table, a memory or a global.
fn skip_description(section: &mut &[u8]) -> Option<()> {
    let limits = |section: &mut &[u8]| {
        let flags = number(section)?;
        number(section)?;
        if flags & 1 == 1 {
            number(section)?;
        }
        Some(())
    };
    match take(section, 1)? {
        [0] => number(section).map(drop),
        [1] => take(section, 1).and_then(|_| limits(section)),
        [2] => limits(section),
        [3] => take(section, 2).map(drop),
        _ => None,
    }
}

/// A name of letters: the how manyth it is.
fn short(place: usize) -> String {
    const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
    // Three of them are also a word of the language at times, so the last is a capital.
    let mut name = String::new();
    let mut left = place / 26;
    while left > 0 {
        name.push(char::from(LETTERS[left % 26]));
        left /= 26;
    }
    name.push(char::from(LETTERS[place % 26].to_ascii_uppercase()));
    name
}

fn take<'a>(from: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(count)?;
    *from = rest;
    Some(taken)
}

/// An unsigned number in LEB128.
fn number(from: &mut &[u8]) -> Option<usize> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = *take(from, 1)?.first()?;
        number |= usize::from(byte & 0x7f).checked_shl(shift).filter(|_| shift < 35)?;
        if byte < 0x80 {
            return Some(number);
        }
        shift += 7;
    }
}

fn add_number(to: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

fn add_name(to: &mut Vec<u8>, name: &[u8]) {
    add_number(to, name.len());
    to.extend(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module that imports two functions and a memory from the JavaScript, and a global from elsewhere.
    fn module() -> Vec<u8> {
        let mut imports = vec![4];
        for (from, name, description) in [
            ("./page_bg.js", "__wbg_open_0123456789abcdef", &[0, 0x80, 1][..]),
            ("./page_bg.js", "__wbg_close_0123456789abcdef", &[0, 3]),
            ("./page_bg.js", "memory", &[2, 1, 17, 0x80, 0x80, 1]),
            ("./other.js", "base", &[3, 0x7f, 0]),
        ] {
            add_name(&mut imports, from.as_bytes());
            add_name(&mut imports, name.as_bytes());
            imports.extend(description);
        }
        let mut wasm = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0".to_vec();
        wasm.push(IMPORTS);
        add_number(&mut wasm, imports.len());
        wasm.extend(imports);
        wasm.extend([10, 1, 0]);
        wasm
    }

    #[test]
    fn imports_have_short_names_in_both_files() {
        let javascript = "/**\n * Opens.\n */\nconst import0 = {\n    __wbg_open_0123456789abcdef: function(a) {\n        \
            b.__wbg_open_0123456789abcdef(a);\n    },\n    __wbg_close_0123456789abcdef(a) {},\n};\n\
            return {\n    \"./page_bg.js\": import0,\n};\n";
        let (wasm, javascript) = shorten(&module(), javascript, "./page_bg.js").expect("shorter");
        assert_eq!(
            javascript,
            "const import0 = {\nA: function(a) {\nb.__wbg_open_0123456789abcdef(a);\n},\nB(a) {},\n};\n\
             return {\n\"w\": import0,\n};\n"
        );
        let names = renamed(&wasm, "w").expect("a module").1;
        let mut keys: Vec<_> = names.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["A", "B", "C"]);
        assert!(wasm.windows(4).any(|bytes| bytes == b"base") && wasm.ends_with(&[3, 0x7f, 0, 10, 1, 0]));
    }

    #[test]
    fn what_is_cut_is_not_read() {
        let wasm = module();
        for end in 0..wasm.len() {
            let _ = renamed(&wasm[..end], "./page_bg.js");
        }
        assert!(renamed(&wasm[..20], "./page_bg.js").is_none());
        assert!(shorten(&wasm, "", "./page_bg.js").is_err());
    }

    #[test]
    fn short_names_are_all_different() {
        let names: std::collections::HashSet<_> = (0..2_000).map(short).collect();
        assert_eq!(names.len(), 2_000);
        assert_eq!([0, 25, 26, 701].map(short), ["A", "Z", "bA", "abZ"]);
    }
}
