//! What Wirescope's two ends agree on: close codes, subprotocol syntax, and limits.
//!
//! Nothing here does I/O or reads a clock, so every rule is tested natively once and holds in the browser and in
//! the server alike.
//!
//! * [`CloseCode`]: the status code of a Close frame, with its registered name (RFC 6455 section 7.4).
//! * [`subprotocol`]: which offers are valid and how the header that carries them is read (section 4.1).
//! * [`Text`]: how messages for people are made, and quote what somebody else wrote.
//! * [`limits`]: numbers that both ends enforce.

pub mod limits;
pub mod subprotocol;

mod close;
mod text;

pub use close::{CloseCode, ReasonTooLong, check_reason};
pub use text::Text;
