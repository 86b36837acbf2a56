//! A frame as a drawing: its head bit by bit, its payload byte by byte.

use web_sys::Element;
use wirescope_protocol::hex;

use super::{
    anatomy::{Field, Frame},
    strip,
    trace::{Event, Kind, Trace},
};
use crate::{
    dom::{self, append, element},
    format, json,
};

/// How many bytes of a payload are drawn.
const COLUMNS: usize = 32;

/// Draws what an event is.
pub(super) fn event(place: &Element, trace: &Trace, event: &Event) {
    let json = &*event.json;
    match event.kind {
        Kind::Frame => {
            let frame = Frame::read(json);
            faults(place, trace, event);
            draw(place, &frame, change(trace, event, &frame).as_ref(), false);
        }
        Kind::Raw => {
            faults(place, trace, event);
            raw(place, event.out, json);
        }
        Kind::Bent => {
            append(place, &element("p", "struck-here", &strip::sentence(trace, event)));
            if let Some(was) = json::member(json, "was") {
                draw(place, &Frame::withheld(event.out, was), None, true);
            }
        }
        _ => {}
    }
}

/// Each fault that bent the message, in a sentence.
fn faults(place: &Element, trace: &Trace, event: &Event) {
    if event.message > 0 {
        for fault in trace.faults(event.out, event.message) {
            append(place, &element("p", "struck-here", &strip::sentence(trace, fault)));
        }
    }
}

/// What a message of the server was before a fault changed its bytes, if it is all in this frame.
fn change(trace: &Trace, event: &Event, frame: &Frame) -> Option<Frame> {
    let mut was = None;
    if event.out && event.message > 0 && frame.fin() && frame.opcode() != 0 {
        for fault in trace.faults(event.out, event.message) {
            let name = json::text(&fault.json, "fault");
            if was.is_none() && (name == "corrupt" || name == "truncate") {
                was = json::member(&fault.json, "was").map(|was| Frame::withheld(event.out, was));
            }
        }
    }
    was
}

/// Bytes that a fault put on the wire: as frames, as far as they are some.
fn raw(place: &Element, out: bool, json: &str) {
    let bytes = super::anatomy::bytes(&json::text(json, "payload"));
    let length = json::number(json, "length").unwrap_or_default();
    let (frames, mut rest) = Frame::all_in(out, &bytes);
    for frame in &frames {
        draw(place, frame, None, false);
    }
    // A head may be all that there is of a frame, or say more than there is.
    if let Some(head) = Frame::head_of(out, rest) {
        append(place, &element("p", "struck-here", "This says more bytes than came with it."));
        rest = &rest[head.head.len()..];
        draw(place, &Frame { payload: rest.to_vec(), ..head }, None, false);
    } else if !rest.is_empty() {
        let text = format!("{} that are no frame: {}", format::size(rest.len() as u64), hex::write(rest));
        append(place, &element("p", "loose", &text));
    }
    if length > bytes.len() as u64 {
        let more =
            format!("and {} more, which the trace leaves out", format::size(length - bytes.len() as u64));
        append(place, &element("p", "hint", &more));
    }
}

fn draw(place: &Element, frame: &Frame, was: Option<&Frame>, is_ghost: bool) {
    let figure = element("div", if is_ghost { "anatomy ghost" } else { "anatomy" }, "");
    append(&figure, &element("p", "summary", &frame.summary()));
    let head = element("div", "head-bytes", "");
    let fields = frame.fields();
    let mut at = 0;
    while let Some(first) = fields.iter().find(|field| field.bytes.0 == at) {
        let end = first.bytes.1;
        let byte = element("div", "byte", "");
        let shown = hex::write(frame.head.get(at..end).unwrap_or_default());
        append(&byte, &element("span", "octet", &shown));
        let bits = element("div", "bits", "");
        for own in fields.iter().filter(|field| field.bytes.0 == at) {
            append(&bits, &cell(own));
        }
        append(&byte, &bits);
        append(&head, &byte);
        at = end;
    }
    append(&figure, &head);
    payload(&figure, frame, was);
    append(place, &figure);
}

/// A field: its bits, its name, what it says in a word, and in sentences where it is looked at.
fn cell(field: &Field) -> Element {
    let cell = element("button", if field.is_bad { "bit bad" } else { "bit" }, "");
    dom::set_attribute(&cell, "type", "button");
    let is_octets = field.bits.contains(' ') || field.bytes.1 - field.bytes.0 > 1;
    // The bytes of a field that is whole bytes are above it already.
    append(&cell, &element("b", "", if is_octets { "" } else { &field.bits }));
    append(&cell, &element("span", "field-name", field.name));
    append(&cell, &element("span", "field-says", &field.short));
    append(&cell, &element("span", "tip", &field.text));
    cell
}

/// The payload, a column for each byte: as it was on the wire, the key, as it was meant.
fn payload(figure: &Element, frame: &Frame, was: Option<&Frame>) {
    if frame.length == 0 && was.is_none() {
        return append(figure, &element("p", "hint", "No payload."));
    }
    let shown = frame.payload.len().min(COLUMNS);
    let scroll = element("div", "payload", "");
    dom::set_attribute(&scroll, "tabindex", "0");
    dom::set_attribute(&scroll, "role", "region");
    dom::set_attribute(&scroll, "aria-label", "Payload, byte by byte");
    let table = element("table", "", "");
    let key = frame.key();
    if let Some(key) = key {
        let wire = frame.on_the_wire();
        let on_the_wire: Vec<_> = wire[..shown].iter().map(|byte| hex::write(&[*byte])).collect();
        row(&table, "wire", "on the wire", &on_the_wire, &[]);
        let keys: Vec<_> = key.iter().cycle().take(shown).map(|byte| hex::write(&[*byte])).collect();
        row(&table, "mask-key", "⊕ key", &keys, &[]);
    }
    let plain = &frame.payload[..shown];
    // Where it differs from what it was, and what is missing of that.
    let before = was.map_or(&[][..], |was| &was.payload[..was.payload.len().min(COLUMNS)]);
    let changed: Vec<usize> =
        (0..shown).filter(|at| before.get(*at).is_some_and(|byte| *byte != plain[*at])).collect();
    let cut =
        before.get(shown..).filter(|_| was.is_some_and(|was| was.length > frame.length)).unwrap_or_default();
    let mut bytes: Vec<_> = plain.iter().map(|byte| hex::write(&[*byte])).collect();
    let mut letters: Vec<_> = plain.iter().map(|byte| letter(*byte)).collect();
    bytes.extend(cut.iter().map(|byte| hex::write(&[*byte])));
    letters.extend(cut.iter().map(|byte| letter(*byte)));
    let marks: Vec<_> = changed
        .iter()
        .map(|at| (*at, "changed"))
        .chain((shown..shown + cut.len()).map(|at| (at, "cut")))
        .collect();
    row(&table, "plain", if key.is_some() { "= payload" } else { "payload" }, &bytes, &marks);
    row(&table, "letters", "as text", &letters, &marks);
    if !changed.is_empty() {
        let were: Vec<_> = (0..shown)
            .map(|at| if changed.contains(&at) { letter(before[at]) } else { String::new() })
            .collect();
        row(&table, "were", "it was", &were, &[]);
    }
    append(&scroll, &table);
    append(figure, &scroll);
    if frame.length > shown as u64 {
        let more = format!("The first {shown} of {} bytes.", format::count(frame.length));
        append(figure, &element("p", "hint", &more));
    }
}

fn row(table: &Element, class: &str, name: &str, cells: &[String], marks: &[(usize, &str)]) {
    let row = element("tr", class, "");
    let head = element("th", "", name);
    dom::set_attribute(&head, "scope", "row");
    append(&row, &head);
    for (place, text) in cells.iter().enumerate() {
        let mark = marks.iter().find(|(at, _)| *at == place).map_or("", |(_, mark)| *mark);
        append(&row, &element("td", mark, text));
    }
    append(table, &row);
}

fn letter(byte: u8) -> String {
    match byte {
        b' ' => "␣".to_owned(),
        b'!'..=b'~' => char::from(byte).to_string(),
        b'\n' => "⏎".to_owned(),
        _ => "·".to_owned(),
    }
}
