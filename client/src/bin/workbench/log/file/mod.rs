//! The log as a file: saved, opened again, and replayed.
//!
//! * `json`, `ndjson`, `har`: how entries are written, a piece at a time. `scan`: which. `split`: what of a HAR is read.
//! * `save`, `open`, `replay`: the three jobs, of which one runs at a time, in slices. `panel`: how they are asked for.

mod har;
mod json;
mod ndjson;
mod open;
mod panel;
mod replay;
mod save;
mod scan;
mod split;

pub(super) use self::panel::FilePanel;
