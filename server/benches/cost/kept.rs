//! The numbers that are kept in the repository, and what is counted beside them.

use std::{env, fmt::Write as _, fs, path::PathBuf};

use crate::load::Result;

const HEAD: &str = "\
# What an echo costs the server, counted and not timed. `cargo xtask bench server --check` counts anew, and fails where it is
# more than what is kept here and what is allowed beyond it. `cargo xtask bench server --check --renew` writes what it
# counts in here; what is allowed beyond stays. Instructions are those of an unoptimised build by this compiler:
";
const COMPILER: &str = "# ";

/// What is kept of one number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    name: String,
    kept: f64,
    beyond: f64,
}

/// All that is kept.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Kept {
    pub(crate) compiler: String,
    rows: Vec<Row>,
}

/// What became of one number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// At most what is allowed.
    Kept,
    /// Less than what is kept, by more than what is allowed beyond it.
    Better(String),
    /// More than is allowed, or never kept.
    Worse(String),
}

impl Kept {
    pub(crate) fn read() -> Result<Self> {
        Ok(Self::parse(&fs::read_to_string(path())?)?)
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let mut kept = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(comment) = line.strip_prefix(COMPILER) {
                // The last comment names the compiler.
                comment.clone_into(&mut kept.compiler);
                continue;
            }
            let row = line.rsplit_once(" = ").and_then(|(name, numbers)| {
                let (number, beyond) = numbers.split_once(" + ")?;
                Some(Row { name: name.to_owned(), kept: number.parse().ok()?, beyond: beyond.parse().ok()? })
            });
            kept.rows.push(row.ok_or_else(|| format!("`{line}` is not `what = number + number`"))?);
        }
        Ok(kept)
    }

    /// Compares what was counted with what is kept.
    pub(crate) fn judge(&self, name: &str, counted: f64) -> Verdict {
        let Some(row) = self.row(name) else {
            return Verdict::Worse(format!("{name} is kept nowhere yet"));
        };
        let (from, to, most) = (number(row.kept), number(counted), number(row.kept + row.beyond));
        if counted > row.kept + row.beyond {
            Verdict::Worse(format!("{name} got worse: from {from} to {to}, and {most} is allowed"))
        } else if counted < row.kept - row.beyond {
            Verdict::Better(format!("{name} got better: from {from} to {to}"))
        } else {
            Verdict::Kept
        }
    }

    /// How much is kept of this number, and how much is allowed.
    pub(crate) fn bounds(&self, name: &str) -> Option<(f64, f64)> {
        self.row(name).map(|row| (row.kept, row.kept + row.beyond))
    }

    /// Puts a number in, with what is allowed beyond it if nothing is kept of it yet.
    pub(crate) fn renew(&mut self, name: &str, counted: f64, beyond: f64) {
        match self.rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.kept = counted,
            None => self.rows.push(Row { name: name.to_owned(), kept: counted, beyond }),
        }
    }

    pub(crate) fn write(&self) -> Result<()> {
        Ok(fs::write(path(), self.to_text())?)
    }

    fn to_text(&self) -> String {
        let mut text = format!("{HEAD}{COMPILER}{}\n\n", self.compiler);
        for Row { name, kept, beyond } in &self.rows {
            let _ = writeln!(text, "{name} = {} + {}", number(*kept), number(*beyond));
        }
        text
    }

    fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }
}

/// With as many digits as tell something.
pub(crate) fn number(number: f64) -> String {
    if number < 100.0 { format!("{number:.2}") } else { format!("{number:.0}") }
}

fn path() -> PathBuf {
    // As cargo says when it runs this program: one that is already built may be of a checkout that was moved.
    let folder = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(folder).join("benches/cost/kept.txt")
}

/// Checks itself, since a program without a test harness has no tests.
pub(crate) fn check_itself() -> std::result::Result<(), String> {
    let mut kept = Kept { compiler: "rustc 1.0".to_owned(), rows: Vec::new() };
    kept.renew("writes a burst", 1.0, 0.1);
    kept.renew("bytes", 4_096.0, 100.0);
    if Kept::parse(&kept.to_text()).as_ref() != Ok(&kept) {
        return Err(format!("what is written is not what is read: {}", kept.to_text()));
    }
    let judged = [("writes a burst", 1.05), ("writes a burst", 0.5), ("writes a burst", 64.0), ("new", 1.0)]
        .map(|(name, counted)| kept.judge(name, counted));
    let [Verdict::Kept, Verdict::Better(_), Verdict::Worse(worse), Verdict::Worse(_)] = &judged else {
        return Err(format!("judged wrongly: {judged:?}"));
    };
    let wanted = "writes a burst got worse: from 1.00 to 64.00, and 1.10 is allowed";
    if worse == wanted { Ok(()) } else { Err(format!("{worse:?} is not {wanted:?}")) }
}
