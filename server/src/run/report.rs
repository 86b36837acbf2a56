use std::{io::Write as _, time::Duration};

use wirescope_protocol::{
    Text,
    script::{Connect, Step, What},
};

/// How much of a step's line is printed.
const SHOWN: usize = 300;

/// What is printed of a run.
pub(super) struct Report {
    quiet: bool,
    steps: u64,
}

impl Report {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, steps: 0 }
    }

    pub(super) fn round(&self, round: u32, of: u32) {
        self.detail(&format!("round {round} of {of}"));
    }

    pub(super) fn opened(&self, connect: &Connect, subprotocol: &str, after: Duration) {
        let subprotocol = match subprotocol {
            "" => String::new(),
            name => format!(", subprotocol {name}"),
        };
        let line = place(connect.line, &[]);
        self.detail(&format!("{line}connect {}: open after {}{subprotocol}", connect.url, time(after)));
    }

    pub(super) fn step(&mut self, step: &Step, rounds: &[u32], took: Duration) {
        self.steps += 1;
        let what = match step.what {
            What::Send(_) => "sent",
            What::Expect { .. } => "ok",
            _ => "done",
        };
        self.detail(&format!("{}{}: {what} after {}", place(step.line, rounds), shown(step), time(took)));
    }

    pub(super) fn failed(&self, step: &Step, rounds: &[u32], instead: &str) {
        let mut expected = Text::new();
        print(&format!("{}{}: FAILED", place(step.line, rounds), shown(step)));
        if let What::Expect { what, .. } = &step.what {
            what.add_to(&mut expected);
            print(&format!("  expected  {}", cut(expected.as_str())));
        }
        print(&format!("  got       {instead}"));
        print(&format!("failed at line {}, after {} steps that passed", step.line, self.steps));
    }

    pub(super) fn passed(&self, took: Duration) {
        print(&format!("passed: {} steps in {}", self.steps, time(took)));
    }

    #[expect(clippy::unused_self, reason = "all that is printed goes through the report")]
    pub(super) fn never(&self, why: &str) {
        let _ = writeln!(std::io::stderr(), "wirescope-server: {why}");
    }

    fn detail(&self, line: &str) {
        if !self.quiet {
            print(line);
        }
    }
}

/// Whoever reads only the beginning has read enough; the exit status says how it ended.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn place(line: usize, rounds: &[u32]) -> String {
    if line == 0 {
        return String::new();
    }
    let rounds: Vec<String> = rounds.iter().map(u32::to_string).collect();
    if rounds.is_empty() {
        format!("line {line}: ")
    } else {
        format!("line {line}, round {}: ", rounds.join("."))
    }
}

fn shown(step: &Step) -> String {
    let mut text = Text::new();
    step.add_to(&mut text);
    cut(text.as_str())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn time(time: Duration) -> String {
    let micros = time.as_micros();
    if micros < 10_000 {
        format!("{}.{} ms", micros / 1000, micros / 100 % 10)
    } else if micros < 1_000_000 {
        format!("{} ms", micros / 1000)
    } else {
        format!("{}.{:02} s", micros / 1_000_000, micros / 10_000 % 100)
    }
}
