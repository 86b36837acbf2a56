//! What Wirescope's two ends agree on: close codes, subprotocol syntax, and limits.
//!
//! Nothing here does I/O or reads a clock, so every rule is tested natively once and holds in the browser and in
//! the server alike.
//!
//! * [`CloseCode`]: the status code of a Close frame, with its registered name (RFC 6455 section 7.4).
//! * [`subprotocol`]: which offers are valid and how the header that carries them is read (section 4.1).
//! * [`Text`]: how messages for people are made, and quote what somebody else wrote.
//! * [`script`]: conversations as files, which the workbench and `wirescope-server run` play. [`json`], [`hex`] and [`base64`]
//!   are how payloads are written there, and in the workbench's fields.
//! * [`limits`]: numbers that both ends enforce.

pub mod base64;
pub mod hex;
pub mod json;
pub mod limits;
pub mod script;
pub mod subprotocol;

mod close;
mod text;

pub use close::{CloseCode, ReasonTooLong, check_reason};
pub use text::Text;

/// The line and the column, in characters and from 1, of a byte of a text.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (1 + before.matches('\n').count(), 1 + before[line_start..].chars().count())
}
