//! Scripts: what one side of a connection sends and what it expects, as a text file that people write, read and compare.
//!
//! ```text
//! connect ws://127.0.0.1:8080/echo chat.v1
//! # A line that begins with # says nothing.
//! send text hello
//! expect text hello within 2s
//! repeat 3
//!   send json {"ask": 1}
//!   expect contains "ask"
//!   wait 500ms
//! end
//! close 1000 done
//! expect close 1000
//! ```
//!
//! A step is a line, and its words are apart by white space. What is sent or expected is the rest of the line; a text that
//! begins with a quotation mark is a JSON string, for line breaks and all that would not be seen. An `expect` takes the next
//! message that comes, or the end of the connection, and fails if that is not what it says.
//!
//! [`Script`] is a file that was read, by [`Script::parse`], and [`Cursor`] walks through its repeats. Who runs a script has the
//! connection and the clock.

mod cursor;
mod parse;
mod write;

use std::time::Duration;

pub use self::{cursor::Cursor, parse::BadScript, write::duration};
use crate::CloseCode;

/// The most steps of a script.
pub const MAX_STEPS: usize = 100_000;

/// The most repeats within each other.
pub const MAX_DEPTH: usize = 8;

/// The most rounds of a repeat.
pub const MAX_ROUNDS: u32 = 1_000_000;

/// The longest time that a step can name.
pub const MAX_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A script, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What to connect to, if it says.
    pub connect: Option<Connect>,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// The line that says what to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// Which line, from 1.
    pub line: usize,
    /// The URL, which begins with `ws:`, `wss:`, `http:` or `https:`.
    pub url: String,
    /// The subprotocols to offer, best first.
    pub offers: Vec<String>,
}

/// One line that does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which line, from 1.
    pub line: usize,
    /// What it does.
    pub what: What,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Sends a message.
    Send(Data),
    /// Waits for what comes next, and fails if it is something else.
    Expect {
        /// What is to come.
        what: Expected,
        /// How long it may take; if it does not say, who runs the script does.
        within: Option<Duration>,
    },
    /// Does nothing for this long.
    Wait(Duration),
    /// Begins to close the connection.
    Close {
        /// A code that a browser can send; 1000 if it does not say.
        code: CloseCode,
        /// A reason that fits in a Close frame.
        reason: String,
    },
    /// Does what follows so many times.
    Repeat {
        /// How often, at least once.
        rounds: u32,
        /// The index of its [`What::End`].
        end: usize,
    },
    /// Ends a repeat.
    End {
        /// The index of its [`What::Repeat`].
        repeat: usize,
    },
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

/// What is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A text message with exactly this text.
    Text(String),
    /// A text message with this text somewhere in it.
    Contains(String),
    /// A binary message with exactly these bytes.
    Binary(Vec<u8>),
    /// Any message.
    Any,
    /// The end of the connection, with this code if it says.
    Close(Option<CloseCode>),
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// The end of the connection, with its code and reason.
    Closed(CloseCode, &'a str),
}

impl Expected {
    /// Whether what came is what was expected.
    pub fn accepts(&self, arrival: Arrival<'_>) -> bool {
        match (self, arrival) {
            (Self::Text(expected), Arrival::Text(text)) => expected == text,
            (Self::Contains(expected), Arrival::Text(text)) => text.contains(expected.as_str()),
            (Self::Binary(expected), Arrival::Binary(bytes)) => expected == bytes,
            (Self::Any, Arrival::Text(_) | Arrival::Binary(_)) | (Self::Close(None), Arrival::Closed(..)) => {
                true
            }
            (Self::Close(Some(expected)), Arrival::Closed(code, _)) => *expected == code,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
