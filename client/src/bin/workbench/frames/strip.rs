//! What was on the wire, in its order: what the strip beside a frame shows of a trace.

use wirescope_protocol::hex;

use super::{
    anatomy::Frame,
    trace::{Event, Kind, Trace},
};
use crate::{format, json};

/// A line of the strip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The event's number.
    pub(crate) number: u64,
    pub(crate) look: Look,
    pub(crate) out: bool,
    pub(crate) micros: u64,
    /// What it is, in a word.
    pub(crate) what: String,
    /// What it says.
    pub(crate) text: String,
    pub(crate) faults: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A frame, or bytes, that can be looked at.
    Frame,
    /// One that a fault kept off the wire.
    Ghost,
    /// Anything else that happened.
    Note,
}

/// How much of a payload a line has.
const PREVIEW: usize = 40;

/// The line of an event; `None` of one that is told with another.
pub(crate) fn line(trace: &Trace, number: u64) -> Option<Line> {
    let event = trace.get(number)?;
    let json = &*event.json;
    let (look, what, text, faults) = match event.kind {
        Kind::Frame => {
            let frame = Frame::read(json);
            let mut what = frame.name().to_owned();
            if !frame.fin() {
                what.push_str(" …");
            }
            (Look::Frame, what, preview(&frame), faults(trace, event))
        }
        Kind::Raw => {
            let length = format::size(json::number(json, "length").unwrap_or_default());
            let bytes = super::anatomy::bytes(&json::text(json, "payload"));
            let first = Frame::all_in(event.out, &bytes).0.into_iter().next();
            let what =
                first.or_else(|| Frame::head_of(event.out, &bytes)).map_or("bytes", |frame| frame.name());
            let text = format!("{length}, put on the wire by a fault");
            (Look::Frame, what.to_owned(), text, faults(trace, event))
        }
        Kind::Bent => {
            let fault = json::text(json, "fault");
            let was = json::member(json, "was");
            if event.message > 0 && (!event.out || trace.went(event.out, event.message)) {
                return None;
            }
            match was {
                Some(was) => {
                    let frame = Frame::withheld(event.out, was);
                    (Look::Ghost, frame.name().to_owned(), preview(&frame), vec![fault])
                }
                None => {
                    let later = json::micros(json, "later_ms").unwrap_or_default();
                    (Look::Note, fault, format!("{} later", format::duration(later)), Vec::new())
                }
            }
        }
        Kind::Struck => (Look::Note, "fault".to_owned(), String::new(), vec![json::text(json, "fault")]),
        Kind::Plan => {
            let plan = json::text(json, "plan");
            let text = if plan.is_empty() {
                "none from here on".to_owned()
            } else {
                format!("{plan}, from here on")
            };
            (Look::Note, "faults".to_owned(), text, Vec::new())
        }
        Kind::Handshake => {
            let text = json::text(json, "text");
            (
                Look::Note,
                "handshake".to_owned(),
                text.lines().next().unwrap_or_default().to_owned(),
                Vec::new(),
            )
        }
        Kind::Verdict => (Look::Note, "over".to_owned(), json::text(json, "over"), Vec::new()),
        Kind::Missed => {
            let count = json::number(json, "count").unwrap_or_default();
            (
                Look::Note,
                "gone".to_owned(),
                format!("{} events: the server keeps the newest 2 MiB", format::count(count)),
                Vec::new(),
            )
        }
    };
    Some(Line { number, look, out: event.out, micros: event.micros, what, text, faults })
}

/// The names of the faults that bent a frame's message, with what they added to its time.
fn faults(trace: &Trace, event: &Event) -> Vec<String> {
    if event.message == 0 {
        return Vec::new();
    }
    let named = trace.faults(event.out, event.message).map(|fault| {
        let name = json::text(&fault.json, "fault");
        match json::micros(&fault.json, "later_ms").unwrap_or_default() {
            0 => name,
            later => format!("{name} +{}", format::duration(later)),
        }
    });
    named.collect()
}

/// What a fault did to the message of a frame, in a sentence.
pub(crate) fn sentence(trace: &Trace, fault: &Event) -> String {
    let name = json::text(&fault.json, "fault");
    let was = json::member(&fault.json, "was");
    let was_length = was.and_then(|was| json::number(was, "length")).unwrap_or_default();
    let later = json::micros(&fault.json, "later_ms").unwrap_or_default();
    let mine = |event: &&Event| {
        matches!(event.kind, Kind::Frame | Kind::Raw)
            && (event.out, event.message) == (fault.out, fault.message)
    };
    let went = trace.events().any(|(_, event)| mine(&event));
    let text = match (&*name, fault.out) {
        ("drop", true) => "the server said this, and it never was on the wire.".to_owned(),
        ("drop", false) => "it came, and the server behind the wire was not given it.".to_owned(),
        ("corrupt", _) => "one byte was changed; the mark below shows which.".to_owned(),
        ("truncate", true) => format!("its end is missing: it had {}.", format::size(was_length)),
        ("truncate", false) => format!("of its {}, the server was given a part.", format::size(was_length)),
        ("duplicate", true) => "it was put on the wire twice.".to_owned(),
        ("duplicate", false) => "the server was given it twice.".to_owned(),
        ("reorder", _) if went => "it went after the message that followed it.".to_owned(),
        ("reorder", _) => "it is held back until another follows it.".to_owned(),
        ("fragment" | "fragment-pings", _) => "the message was cut into several frames.".to_owned(),
        ("raw", _) => "its payload was put on the wire without a frame around it.".to_owned(),
        ("no-pong", _) => "the Ping stays unanswered: this Pong was not sent.".to_owned(),
        ("no-close-reply", _) => "this Close was not sent, so the closing handshake never ends.".to_owned(),
        _ if later > 0 => format!("held back for {}.", format::duration(later)),
        _ => "it struck here and changed nothing.".to_owned(),
    };
    format!("{name}: {text}")
}

fn preview(frame: &Frame) -> String {
    let mut text = match frame.opcode() {
        8 => match frame.close() {
            Some((Some(code), reason)) => format!("{code} {reason}"),
            _ => "no code".to_owned(),
        },
        1 | 0 | 9 | 10 => String::from_utf8_lossy(&frame.payload).chars().take(PREVIEW).collect(),
        _ => hex::write(&frame.payload[..frame.payload.len().min(PREVIEW / 3)]),
    };
    if frame.length > PREVIEW as u64 {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> Trace {
        let mut trace = Trace::default();
        for event in [
            r#"{"dir":"in","event":"frame","fin":true,"head":"818200000000","length":2,"message":1,"ms":1.0,"opcode":1,"payload":"6869"}"#,
            r#"{"dir":"out","event":"fault","fault":"drop","later_ms":0.0,"message":1,"ms":1.1,"was":{"length":2,"opcode":1,"payload":"6869"}}"#,
            r#"{"dir":"out","event":"fault","fault":"delay","later_ms":50.0,"message":2,"ms":2.0}"#,
            r#"{"dir":"out","event":"frame","fin":true,"head":"8102","length":2,"message":2,"ms":52.0,"opcode":1,"payload":"6869"}"#,
            r#"{"dir":"out","event":"fault","fault":"rst","message":2,"ms":53.0}"#,
            r#"{"event":"verdict","over":"reset","ms":54.0}"#,
        ] {
            trace.push(event);
        }
        trace
    }

    #[test]
    fn each_fault_is_told_where_it_struck() {
        let trace = trace();
        let lines: Vec<_> = (0..trace.len()).filter_map(|number| line(&trace, number)).collect();
        let told: Vec<_> =
            lines.iter().map(|line| (line.look, &*line.what, &*line.text, line.faults.join(" "))).collect();
        assert_eq!(
            told,
            [
                (Look::Frame, "text", "hi", String::new()),
                (Look::Ghost, "text", "hi", "drop".to_owned()),
                (Look::Frame, "text", "hi", "delay +50 ms".to_owned()),
                (Look::Note, "fault", "", "rst".to_owned()),
                (Look::Note, "over", "reset", String::new()),
            ]
        );
        assert_eq!(
            sentence(&trace, trace.get(1).unwrap()),
            "drop: the server said this, and it never was on the wire."
        );
        assert_eq!(sentence(&trace, trace.get(2).unwrap()), "delay: held back for 50 ms.");
    }
}
