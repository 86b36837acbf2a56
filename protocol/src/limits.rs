//! Numbers that both ends enforce.

/// The longest reason a Close frame can carry, in bytes of UTF-8: a control frame's payload is at most 125 bytes
/// (RFC 6455 section 5.5), two of which are the code.
pub const MAX_CLOSE_REASON: usize = 123;

/// The largest message the server takes unless it is told otherwise, in bytes.
pub const DEFAULT_MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// The port the server listens on unless it is told otherwise.
pub const DEFAULT_PORT: u16 = 8080;
