//! What came of a load run, as a person, a document and a program read it: pure.

use std::fmt::Write as _;

use super::{
    histogram::Histogram,
    plan::{Pace, Plan},
};
use crate::format;

#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) number: usize,
    pub(crate) url: String,
    pub(crate) plan: Plan,
    pub(crate) sent: u32,
    pub(crate) answered: u32,
    pub(crate) unanswered: u32,
    /// Which were not answered.
    pub(crate) missing: String,
    /// Due and never sent.
    pub(crate) unsent: u32,
    pub(crate) duplicated: u32,
    pub(crate) reordered: u32,
    pub(crate) changed: u32,
    /// Connections that ended or never opened.
    pub(crate) endings: u32,
    /// Microseconds from the beginning: to the end, to the last that was sent, and to the last answer.
    pub(crate) took: u32,
    pub(crate) sending: u32,
    pub(crate) answering: u32,
    /// The most bytes that were seen to wait with the browser.
    pub(crate) buffered: u64,
    /// How long there was no room.
    pub(crate) held_for: u64,
    pub(crate) was_stopped: bool,
    /// No connection was left before its time was over.
    pub(crate) cut_short: bool,
    pub(crate) from_due: Histogram,
    pub(crate) from_sent: Histogram,
}

/// The percentiles that are told, in a thousand.
pub(crate) const PERCENTILES: [(&str, u64); 4] = [("p50", 500), ("p90", 900), ("p99", 990), ("p99.9", 999)];

/// A cell in a run's column of the table.
pub(crate) struct Cell {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    /// Whether it says of trouble.
    pub(crate) is_bad: bool,
    /// Whether a group of lines begins with it.
    pub(crate) begins: bool,
}

impl Outcome {
    /// What it was asked to do, in a few words.
    pub(crate) fn plan(&self) -> String {
        let plan = &self.plan;
        let size = format::size(plan.size as u64);
        let kind = if plan.is_binary { "binary" } else { "text" };
        match plan.pace {
            Pace::Rate(rate) => format!("{}/s of {size} {kind}", format::count(rate.into())),
            Pace::InFlight(most) => format!("{} in flight, {size} {kind}", format::count(most.into())),
        }
    }

    pub(crate) fn on(&self) -> String {
        match self.plan.connections {
            0 => "this one".to_owned(),
            1 => "1 new".to_owned(),
            own => format!("{own} new"),
        }
    }

    /// Its column, the same cells for each run.
    pub(crate) fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::with_capacity(24);
        let mut add = |name, text, is_bad, begins| cells.push(Cell { name, text, is_bad, begins });
        add("load", self.plan(), false, false);
        add("connections", self.on(), false, false);
        add("sent", format::count(self.sent.into()), false, true);
        add("sent a second", rate(self.sent, self.sending), false, false);
        add("answered", format::count(self.answered.into()), false, false);
        add("answered a second", rate(self.answered, self.answering), false, false);
        let is_open = matches!(self.plan.pace, Pace::Rate(_));
        for (name, per_mille) in
            [("p50 from due", 500), ("p90 from due", 900), ("p99 from due", 990), ("p99.9 from due", 999)]
        {
            add(
                name,
                time(self.answered, is_open, self.from_due.per_mille(per_mille)),
                false,
                per_mille == 500,
            );
        }
        add("max from due", time(self.answered, is_open, self.from_due.max()), false, false);
        for (name, per_mille) in
            [("p50 from sent", 500), ("p90 from sent", 900), ("p99 from sent", 990), ("p99.9 from sent", 999)]
        {
            add(
                name,
                time(self.answered, true, self.from_sent.per_mille(per_mille)),
                false,
                per_mille == 500,
            );
        }
        add("max from sent", time(self.answered, true, self.from_sent.max()), false, false);
        for (name, count, begins) in [
            ("unanswered", self.unanswered, true),
            ("duplicated", self.duplicated, false),
            ("reordered", self.reordered, false),
            ("changed", self.changed, false),
            ("due, never sent", self.unsent, false),
            ("connections ended", self.endings, false),
        ] {
            add(name, format::count(count.into()), count > 0, begins);
        }
        add("most buffered", format::size(self.buffered), false, true);
        add("no room for", format::duration(self.held_for), self.held_for > 0, false);
        let took = format::duration(self.took.into());
        let took = if self.cut_short {
            format!("{took} of {}, then disconnected", format::duration(self.plan.lasts.into()))
        } else {
            took
        };
        add("took", took, self.cut_short, false);
        cells
    }

    /// One sentence or two for the log and for who does not see the table.
    pub(crate) fn summary(&self) -> String {
        let mut text = String::new();
        if self.cut_short {
            let (took, lasts) = (self.took.into(), self.plan.lasts.into());
            let (took, lasts) = (format::duration(took), format::duration(lasts));
            let _ = write!(text, "cut short after {took} of {lasts}, since no connection was left · ");
        }
        let _ = write!(
            text,
            "{} sent, {} answered, {} not",
            format::count(self.sent.into()),
            format::count(self.answered.into()),
            format::count(self.unanswered.into()),
        );
        if self.answered > 0 {
            let of = if matches!(self.plan.pace, Pace::Rate(_)) { &self.from_due } else { &self.from_sent };
            for (name, per_mille) in PERCENTILES {
                text.push_str(" · ");
                text.push_str(name);
                text.push(' ');
                text.push_str(&format::duration(of.per_mille(per_mille)));
            }
            text.push_str(" · max ");
            text.push_str(&format::duration(of.max()));
        }
        for (name, count) in [
            ("duplicated", self.duplicated),
            ("reordered", self.reordered),
            ("changed", self.changed),
            ("due and never sent", self.unsent),
        ] {
            if count > 0 {
                text.push_str(" · ");
                text.push_str(&format::count(count.into()));
                text.push(' ');
                text.push_str(name);
            }
        }
        text
    }

    fn to_json(&self) -> String {
        let plan = &self.plan;
        let (kind, pace) = match plan.pace {
            Pace::Rate(rate) => ("rate", rate),
            Pace::InFlight(most) => ("in_flight", most),
        };
        let mut text = format!(
            "{{\"run\":{},\"url\":{},\"connections\":{},\"{kind}\":{pace},\"size\":{},\"binary\":{},",
            self.number,
            quoted(&self.url),
            plan.connections,
            plan.size,
            plan.is_binary,
        );
        for (name, number) in [
            ("sent", u64::from(self.sent)),
            ("answered", self.answered.into()),
            ("unanswered", self.unanswered.into()),
            ("duplicated", self.duplicated.into()),
            ("reordered", self.reordered.into()),
            ("changed", self.changed.into()),
            ("due_not_sent", self.unsent.into()),
            ("connections_ended", self.endings.into()),
            ("took_us", self.took.into()),
            ("sending_us", self.sending.into()),
            ("answering_us", self.answering.into()),
            ("most_buffered", self.buffered),
            ("no_room_us", self.held_for),
        ] {
            let _ = write!(text, "\"{name}\":{number},");
        }
        let _ = write!(text, "\"stopped\":{},\"cut_short\":{}", self.was_stopped, self.cut_short);
        for (name, times) in [("from_due_us", &self.from_due), ("from_sent_us", &self.from_sent)] {
            let _ = write!(text, ",\"{name}\":{{\"count\":{},\"mean\":{}", times.count(), times.mean());
            for (percentile, per_mille) in PERCENTILES {
                let _ = write!(text, ",\"{percentile}\":{}", times.per_mille(per_mille));
            }
            let _ = write!(text, ",\"max\":{}}}", times.max());
        }
        text.push('}');
        text
    }
}

/// Runs as a table for a document.
pub(crate) fn markdown(runs: &[Outcome]) -> String {
    let columns: Vec<_> = runs.iter().map(Outcome::cells).collect();
    let mut text = String::from("| |");
    for run in runs {
        let _ = write!(text, " run {} |", run.number);
    }
    text.push_str("\n| --- |");
    text.push_str(&" ---: |".repeat(runs.len()));
    text.push_str("\n| url |");
    for run in runs {
        let _ = write!(text, " {} |", run.url.replace('|', "%7C"));
    }
    for (line, first) in columns.first().into_iter().flatten().enumerate() {
        let _ = write!(text, "\n| {} |", first.name);
        for column in &columns {
            let _ = write!(text, " {} |", column[line].text);
        }
    }
    text.push('\n');
    text
}

/// Runs for a program: an array, times in microseconds.
pub(crate) fn json(runs: &[Outcome]) -> String {
    let runs: Vec<_> = runs.iter().map(Outcome::to_json).collect();
    format!("[\n{}\n]\n", runs.join(",\n"))
}

/// How many there were in a second, of which the first was at once.
fn rate(count: u32, micros: u32) -> String {
    match u64::from(count.saturating_sub(1)) * 10_000_000 / u64::from(micros.max(1)) {
        _ if count < 2 || micros == 0 => "–".to_owned(),
        tenths @ 0..1000 => format!("{}.{}", tenths / 10, tenths % 10),
        tenths => format::count((tenths + 5) / 10),
    }
}

fn time(answered: u32, is_known: bool, micros: u64) -> String {
    if answered > 0 && is_known { format::duration(micros) } else { "–".to_owned() }
}

/// A text as JSON has it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '\0'..='\x1f' => {
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            '"' | '\\' => quoted.extend(['\\', c]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(pace: Pace) -> Outcome {
        let mut times = Histogram::default();
        for micros in 1..=100 {
            times.record(micros * 100);
        }
        Outcome {
            number: 3,
            url: "ws://h/echo?a=\"|".to_owned(),
            plan: Plan { pace, size: 32, is_binary: false, lasts: 1, messages: 9, connections: 0 },
            sent: 201,
            answered: 100,
            unanswered: 101,
            missing: "2, 4".to_owned(),
            unsent: 0,
            duplicated: 1,
            reordered: 0,
            changed: 0,
            endings: 0,
            took: 2_000_000,
            sending: 400_000,
            answering: 400_000,
            buffered: 2048,
            held_for: 0,
            was_stopped: false,
            cut_short: false,
            from_due: times.clone(),
            from_sent: times,
        }
    }

    fn cell(outcome: &Outcome, name: &str) -> (String, bool) {
        let cell = outcome.cells().into_iter().find(|cell| cell.name == name).unwrap();
        (cell.text, cell.is_bad)
    }

    #[test]
    fn a_run_is_told_in_a_column() {
        let run = outcome(Pace::Rate(500));
        assert_eq!(cell(&run, "load").0, "500/s of 32 B text");
        assert_eq!(cell(&run, "sent a second").0, "500");
        assert_eq!(cell(&run, "unanswered"), ("101".to_owned(), true));
        assert_eq!(cell(&run, "reordered"), ("0".to_owned(), false));
        assert_eq!(cell(&run, "p50 from due").0, "5.0 ms");
        assert_eq!(cell(&outcome(Pace::InFlight(8)), "p50 from due").0, "–");
        assert!(run.summary().starts_with("201 sent, 100 answered, 101 not · p50 5.0 ms"));
        assert_eq!(cell(&run, "took"), ("2.00 s".to_owned(), false));
    }

    #[test]
    fn a_run_that_was_cut_short_says_so() {
        let mut run = outcome(Pace::Rate(500));
        (run.cut_short, run.plan.lasts) = (true, 10_000_000);
        assert_eq!(cell(&run, "took"), ("2.00 s of 10.0 s, then disconnected".to_owned(), true));
        assert!(
            run.summary()
                .starts_with("cut short after 2.00 s of 10.0 s, since no connection was left · 201 sent")
        );
        assert!(json(&[run]).contains("\"cut_short\":true"));
    }

    #[test]
    fn runs_are_copied_as_a_table_and_as_json() {
        let runs = [outcome(Pace::Rate(500)), outcome(Pace::InFlight(8))];
        let table = markdown(&runs);
        assert!(
            table.starts_with("| | run 3 | run 3 |\n| --- | ---: | ---: |\n| url | ws://h/echo?a=\"%7C |")
        );
        assert!(table.lines().all(|line| line.matches('|').count() == 4), "{table}");
        let json = json(&runs);
        assert!(json.contains(r#""url":"ws://h/echo?a=\"|","connections":0,"rate":500,"#), "{json}");
        assert!(json.contains(r#""from_due_us":{"count":100,"mean":5050,"p50":"#), "{json}");
    }

    #[test]
    fn a_rate_is_between_the_first_and_the_last() {
        assert_eq!(rate(200, 398_000), "500");
        assert_eq!(rate(3, 4_000_000), "0.5");
        assert_eq!((rate(1, 5), rate(9, 0)), ("–".to_owned(), "–".to_owned()));
    }
}
