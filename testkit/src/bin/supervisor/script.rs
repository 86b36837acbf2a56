//! What a connection to the misbehaving peer asks for, in its path: steps one after another.

use std::time::Duration;

/// The most bytes of payload that one `say` or `feed` may send, each message counted as one at least.
const MAX_SAY: usize = 64 * 1024 * 1024;

/// A path and query, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) opening: Opening,
    pub(crate) steps: Vec<Step>,
    /// The name under which the connection's ending is reported.
    pub(crate) report: Option<String>,
}

/// What becomes of the opening handshake.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// It is completed, without a subprotocol.
    Accept,
    /// It gets no answer.
    Hang,
    /// It is answered with this status.
    Status(u16),
}

/// What is done on the open connection. After the last step the peer is well-behaved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Sends this many text messages at once: their numbers from 0, zero-padded to this many characters.
    Say { count: usize, size: u16 },
    /// Sends as many one by one, and reports how many the system had taken when a write first waited for a second.
    Feed { count: usize, size: u16 },
    /// Does nothing for a while.
    Wait(Duration),
    /// Ends the TCP connection without a Close frame.
    Cut,
    /// Resets the TCP connection.
    Reset,
    /// Sends a Close frame, and ends the TCP connection when it is answered. Without a code the frame is empty.
    Close(Option<(u16, String)>),
    /// Reads at most so many bytes each tenth of a second, and says nothing.
    Sip(usize),
    /// Reads what comes and never says anything more, not even to a Close frame.
    Mute,
}

impl Script {
    /// Reads `/say/10/100/cut?report=NAME` and the like.
    pub(crate) fn parse(target: &str) -> Result<Self, String> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let report = query.strip_prefix("report=").map(str::to_owned);
        let mut words = path.split('/').filter(|word| !word.is_empty()).peekable();
        let mut script = Self { opening: Opening::Accept, steps: Vec::new(), report };
        while let Some(word) = words.next() {
            match word {
                "hang" => script.opening = Opening::Hang,
                "status" => script.opening = Opening::Status(to_u16(number(&mut words, "status")?)?),
                "say" | "feed" => {
                    let count = number(&mut words, "the count of messages")?;
                    let size = to_u16(number(&mut words, "the size of messages")?)?;
                    if count.saturating_mul(usize::from(size.max(1))) > MAX_SAY {
                        return Err(format!("{word} {count} of {size} bytes is over {MAX_SAY} bytes"));
                    }
                    let is_say = word == "say";
                    script.steps.push(if is_say {
                        Step::Say { count, size }
                    } else {
                        Step::Feed { count, size }
                    });
                }
                "wait" => {
                    let milliseconds = number(&mut words, "wait")? as u64;
                    script.steps.push(Step::Wait(Duration::from_millis(milliseconds)));
                }
                "cut" => script.steps.push(Step::Cut),
                "reset" => script.steps.push(Step::Reset),
                "close" if words.peek().is_none() => script.steps.push(Step::Close(None)),
                "close" => {
                    let code = to_u16(number(&mut words, "close's code")?)?;
                    let reason = decoded(words.next().unwrap_or_default());
                    script.steps.push(Step::Close(Some((code, reason))));
                }
                "sip" => script.steps.push(Step::Sip(number(&mut words, "sip")?)),
                "mute" => script.steps.push(Step::Mute),
                other => {
                    return Err(format!(
                        "{other:?} is none of hang, status, say, feed, wait, cut, reset, close, sip and mute"
                    ));
                }
            }
        }
        Ok(script)
    }
}

fn number<'a>(words: &mut impl Iterator<Item = &'a str>, what: &str) -> Result<usize, String> {
    let word = words.next().unwrap_or_default();
    word.parse().map_err(|_| format!("{what} is {word:?}, which is not a number"))
}

/// A word of the path with its percent-encoded characters, all ASCII, as they were.
fn decoded(word: &str) -> String {
    let mut parts = word.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(u8::is_ascii);
        match code {
            Some(code) => {
                decoded.push(code.into());
                decoded.push_str(&part[2..]);
            }
            None => decoded.extend(["%", part]),
        }
    }
    decoded
}

fn to_u16(number: usize) -> Result<u16, String> {
    u16::try_from(number).map_err(|_| format!("{number} is over {}", u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_in_the_paths_order() {
        assert_eq!(
            Script::parse("/say/10/100/wait/50/close/4001/bye?report=a1"),
            Ok(Script {
                opening: Opening::Accept,
                steps: vec![
                    Step::Say { count: 10, size: 100 },
                    Step::Wait(Duration::from_millis(50)),
                    Step::Close(Some((4001, "bye".to_owned()))),
                ],
                report: Some("a1".to_owned()),
            })
        );
    }

    #[test]
    fn close_alone_has_no_code() {
        assert_eq!(Script::parse("/close").map(|script| script.steps), Ok(vec![Step::Close(None)]));
    }

    #[test]
    fn a_reason_may_be_percent_encoded() {
        let close = Step::Close(Some((1012, "{\"a\":1}".to_owned())));
        assert_eq!(Script::parse("/close/1012/%7B%22a%22:1%7D").map(|script| script.steps), Ok(vec![close]));
    }

    #[test]
    fn what_is_no_step_is_named() {
        assert!(Script::parse("/explode").is_err_and(|error| error.contains("explode")));
        assert!(Script::parse("/say/many/1").is_err_and(|error| error.contains("many")));
        assert!(Script::parse("/say/1000000/1000").is_err());
        assert!(Script::parse("/close/70000").is_err());
    }
}
