use std::{fmt, time::Duration};

use super::{CloseEvent, Initiator};

/// Silences that differ by less than this are taken for the same timer's.
const SAME_TIMER: Duration = Duration::from_secs(2);

/// A silence shorter than this is not taken for idleness.
const IDLE: Duration = Duration::from_secs(5);

/// What an ending probably means: the likely cause, what it rests on, and what to do.
///
/// Browsers hide why a connection failed, so that a page cannot scan a network. What is left is the close code, and what this
/// side saw: whether the connection ever opened, how long nothing had come, and how earlier connections ended. How long a
/// failed connect took is no evidence, because browsers delay connects after failures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The likely cause.
    pub cause: Cause,
    /// What the verdict rests on, in a sentence, and what it cannot tell apart.
    pub evidence: String,
    /// What to do about it.
    pub advice: &'static str,
    /// Whether trying again may help without anything being changed.
    pub retryable: bool,
}

/// The likely cause of an ending.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// This side closed the connection.
    ClosedHere,
    /// This side closed the connection, and the peer never answered with a Close frame of its own.
    CloseUnanswered,
    /// This side reads more slowly than the peer sends, so its inbound queue was full.
    SlowReader,
    /// This side gave up a peer that did not answer in time.
    PeerSilent,
    /// The peer closed it, and meant to: 1000 or no code.
    ClosedByPeer,
    /// It never opened, and the browser says no more.
    NeverOpened,
    /// It did not open again, though earlier ones did.
    ServerGone,
    /// It ended without a word after a silence, as a proxy's idle timeout does.
    IdleCutOff {
        /// How long nothing had come.
        silence: Duration,
        /// How many endings, this one included, came after the same silence.
        seen: usize,
    },
    /// It ended without a word while messages came.
    ConnectionLost,
    /// The server goes away or restarts: 1001, 1012.
    ServerGoingAway,
    /// The server has no room for now: 1013, 1014.
    TryAgainLater,
    /// The server's rules forbid it: 1008, and 4400 to 4499 by convention.
    Policy,
    /// A message was too big: 1009.
    TooBig,
    /// One side broke the protocol, or sent what the other cannot take: 1002, 1003, 1007, 1010.
    Protocol,
    /// The server failed: 1011.
    ServerError,
    /// A code that only the application knows: 3000 to 4999.
    Application,
    /// A code without a meaning here.
    Unknown,
}

/// Says what the last of these endings probably means, in the light of those before it; `None` when there is none.
///
/// ```
/// # use wirescope::socket::diagnose;
/// assert!(diagnose(&[]).is_none());
/// ```
#[must_use]
pub fn diagnose(endings: &[CloseEvent]) -> Option<Diagnosis> {
    let (last, earlier) = endings.split_last()?;
    let verdict =
        |cause, evidence: String, advice, retryable| Some(Diagnosis { cause, evidence, advice, retryable });
    if last.initiator == Initiator::Us {
        if last.had_opened() && last.unanswered {
            let evidence = "this side closed the connection, and no Close frame came in answer".to_owned();
            let advice = "Have the peer answer a Close frame with its own at once, as RFC 6455 requires. Until then each \
                          close takes as long as this side waits.";
            return verdict(Cause::CloseUnanswered, evidence, advice, true);
        }
        let evidence = "this side closed the connection".to_owned();
        return verdict(Cause::ClosedHere, evidence, "Nothing is wrong.", true);
    }
    if last.initiator == Initiator::Overflow {
        let before = earlier.iter().filter(|ending| ending.initiator == Initiator::Overflow).count();
        let again = if before > 0 { format!(", as for {before} before") } else { String::new() };
        let evidence = format!(
            "this side closed the connection since its inbound queue was full{again}. A burst that the queue is too short \
             for looks the same as a reader that never keeps up"
        );
        let advice = "Read without waiting for other things in between, raise `InboundLimits`, pick an `Overflow` rule that \
                      drops, or connect over `Transport::Stream`, where a slow reader slows the peer.";
        return verdict(Cause::SlowReader, evidence, advice, true);
    }
    if last.initiator == Initiator::Timeout {
        let what = if last.had_opened() { "a heartbeat" } else { "the opening handshake" };
        let evidence =
            format!("the peer did not answer {what} in time; a host that drops packets looks the same");
        let advice = "See that the server is not overloaded or stuck, and that the network between lets packets through.";
        return verdict(Cause::PeerSilent, evidence, advice, true);
    }
    if last.code.number() == 1006 {
        return Some(without_a_word(last, earlier));
    }
    let said = if last.reason.is_empty() {
        format!("the peer sent Close {}", last.code)
    } else {
        format!("the peer sent Close {} and said {:?}", last.code, last.reason)
    };
    let (cause, advice, retryable) = match last.code.number() {
        1000 | 1005 => (Cause::ClosedByPeer, "If you had more to say, connect again.", false),
        1001 | 1012 => (
            Cause::ServerGoingAway,
            "Try again, after a random wait so that not all clients come at once.",
            true,
        ),
        1013 | 1014 => (Cause::TryAgainLater, "Try again after a longer wait.", true),
        1008 | 4400..=4499 => (
            Cause::Policy,
            "Change what the server objects to, such as an expired token; trying again repeats it.",
            false,
        ),
        1009 => (Cause::TooBig, "Send smaller messages, or raise the limit of whichever side has it.", false),
        1002 | 1003 | 1007 | 1010 => (
            Cause::Protocol,
            "Find which side sent what the other cannot take; trying again repeats it.",
            false,
        ),
        1011 => {
            (Cause::ServerError, "Look at the server's log; trying again may meet another instance.", true)
        }
        3000..=4999 => (
            Cause::Application,
            "The code is the application's own: its documentation says what it means.",
            true,
        ),
        _ => (Cause::Unknown, "The code has no registered meaning; look at the server's log.", true),
    };
    verdict(cause, said, advice, retryable)
}

/// Code 1006: there was no Close frame.
fn without_a_word(last: &CloseEvent, earlier: &[CloseEvent]) -> Diagnosis {
    if !last.had_opened() {
        let before = earlier.iter().filter(|ending| ending.had_opened()).count();
        let evidence = match before {
            0 => "it never opened, and none before it did. A refused port, a host that does not exist, a server that \
                  does not speak WebSocket, one that refuses this origin, a bad certificate, and a subprotocol that was \
                  not selected all look like this to a page"
                .to_owned(),
            n => format!(
                "it never opened, though {} did: the server did accept this page, so it is probably down or out of reach now",
                if n == 1 { "one before it".to_owned() } else { format!("{n} before it") },
            ),
        };
        return Diagnosis {
            cause: if before == 0 { Cause::NeverOpened } else { Cause::ServerGone },
            evidence,
            advice: "Open the server's address in a tab, or with curl, which says what a page may not know.",
            retryable: true,
        };
    }
    // What this side gave up has the same code, and says nothing of what is between.
    let alike = |ending: &&CloseEvent| {
        ending.code == last.code
            && ending.initiator == Initiator::Nobody
            && ending.had_opened()
            && ending.silence.abs_diff(last.silence) < SAME_TIMER
    };
    let seen = 1 + earlier.iter().filter(alike).count();
    let seconds = last.silence.as_secs();
    if last.silence < IDLE {
        let millis = u64::try_from(last.silence.as_millis()).unwrap_or(u64::MAX);
        // It is counted from the opening where no message came.
        let after = if last.silence.max(Duration::from_millis(1)) < last.lived {
            "the last message"
        } else {
            "it opened"
        };
        return Diagnosis {
            cause: Cause::ConnectionLost,
            evidence: format!(
                "it ended without a Close frame {millis} ms after {after}. A killed server, a lost network and a broken frame \
                 all look like this to a page"
            ),
            advice: "Try again. If it stays, look at the server's log for that moment.",
            retryable: true,
        };
    }
    let again = match seen - 1 {
        0 => String::new(),
        1 => ", as one before it did after the same silence".to_owned(),
        before => format!(", as {before} before it did after the same silence"),
    };
    let doubt = if seen > 1 { "" } else { ". Once is weak evidence: a lost network looks the same" };
    Diagnosis {
        cause: Cause::IdleCutOff { silence: last.silence, seen },
        evidence: format!(
            "it ended without a Close frame after {seconds} s in which nothing came{again}{doubt}"
        ),
        advice: "Send something more often than that, as a heartbeat does, or raise the idle timeout of the proxy.",
        retryable: true,
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}. {}", self.cause, self.evidence, self.advice)
    }
}

#[cfg(test)]
mod tests {
    use wirescope_protocol::CloseCode;

    use super::*;

    fn ending(code: u16, lived: u64, silence: u64) -> CloseEvent {
        CloseEvent {
            code: CloseCode::new(code),
            was_clean: code != 1006,
            initiator: if code == 1006 { Initiator::Nobody } else { Initiator::Peer },
            ..CloseEvent::abandoned(Initiator::Us, Duration::from_secs(lived), Duration::from_secs(silence))
        }
    }

    fn cause(endings: &[CloseEvent]) -> Cause {
        diagnose(endings).expect("there is an ending").cause
    }

    #[test]
    fn codes_say_what_they_say() {
        for (code, expected, retryable) in [
            (1000, Cause::ClosedByPeer, false),
            (1001, Cause::ServerGoingAway, true),
            (1012, Cause::ServerGoingAway, true),
            (1013, Cause::TryAgainLater, true),
            (1008, Cause::Policy, false),
            (4401, Cause::Policy, false),
            (1009, Cause::TooBig, false),
            (1002, Cause::Protocol, false),
            (1011, Cause::ServerError, true),
            (4000, Cause::Application, true),
            (2000, Cause::Unknown, true),
        ] {
            let diagnosis = diagnose(&[ending(code, 10, 1)]).unwrap();
            assert_eq!((diagnosis.cause, diagnosis.retryable), (expected, retryable), "{code}");
            assert!(diagnosis.evidence.contains(&code.to_string()), "{}", diagnosis.evidence);
        }
    }

    #[test]
    fn one_that_never_opened_is_not_claimed_to_be_more() {
        let alone = diagnose(&[ending(1006, 0, 0)]).unwrap();
        assert_eq!(alone.cause, Cause::NeverOpened);
        assert!(
            alone.evidence.contains("origin") && alone.evidence.contains("refused"),
            "{}",
            alone.evidence
        );
        let later = diagnose(&[ending(1006, 60, 1), ending(1006, 0, 0)]).unwrap();
        assert_eq!(later.cause, Cause::ServerGone);
        assert!(later.evidence.contains("one before it did"), "{}", later.evidence);
    }

    #[test]
    fn the_same_silence_again_and_again_is_a_timer() {
        assert_eq!(cause(&[ending(1006, 90, 1)]), Cause::ConnectionLost);
        let once = [ending(1006, 90, 60)];
        assert_eq!(cause(&once), Cause::IdleCutOff { silence: Duration::from_secs(60), seen: 1 });
        assert!(diagnose(&once).unwrap().evidence.contains("weak"));
        let thrice =
            [ending(1006, 90, 60), ending(1006, 300, 61), ending(1001, 60, 60), ending(1006, 61, 60)];
        assert_eq!(cause(&thrice), Cause::IdleCutOff { silence: Duration::from_secs(60), seen: 3 });
    }

    #[test]
    fn what_this_side_closed_needs_no_cause() {
        let abandoned = |initiator| [CloseEvent::abandoned(initiator, Duration::ZERO, Duration::ZERO)];
        assert_eq!(cause(&abandoned(Initiator::Us)), Cause::ClosedHere);
        assert_eq!(cause(&abandoned(Initiator::Timeout)), Cause::PeerSilent);
    }

    #[test]
    fn a_close_that_was_never_answered_is_told() {
        let given_up = CloseEvent::abandoned(Initiator::Us, Duration::from_secs(9), Duration::ZERO);
        assert_eq!(cause(std::slice::from_ref(&given_up)), Cause::ClosedHere);
        let unanswered = CloseEvent { unanswered: true, ..given_up };
        let diagnosis = diagnose(std::slice::from_ref(&unanswered)).unwrap();
        assert_eq!(diagnosis.cause, Cause::CloseUnanswered);
        assert!(diagnosis.evidence.contains("no Close frame came"), "{}", diagnosis.evidence);
        // An attempt that is given up has no peer to answer.
        assert_eq!(cause(&[CloseEvent { lived: Duration::ZERO, ..unanswered }]), Cause::ClosedHere);
    }

    #[test]
    fn the_time_is_since_the_last_message_or_since_it_opened() {
        let evidence = |silence| {
            let lost = CloseEvent::abandoned(
                Initiator::Nobody,
                Duration::from_millis(30),
                Duration::from_millis(silence),
            );
            diagnose(&[lost]).unwrap().evidence
        };
        assert!(evidence(28).contains("28 ms after the last message"), "{}", evidence(28));
        assert!(evidence(30).contains("30 ms after it opened"), "{}", evidence(30));
    }

    #[test]
    fn what_this_side_gave_up_is_no_evidence_of_a_proxy() {
        let s = Duration::from_secs;
        let endings = [
            CloseEvent::abandoned(Initiator::Us, s(300), s(60)),
            CloseEvent::abandoned(Initiator::Timeout, s(300), s(60)),
            CloseEvent::abandoned(Initiator::Overflow, s(300), s(60)),
            ending(1006, 90, 60),
        ];
        assert_eq!(cause(&endings), Cause::IdleCutOff { silence: s(60), seen: 1 });
    }

    #[test]
    fn a_full_inbound_queue_is_a_slow_reader_whatever_the_peer_answers() {
        let full = CloseEvent::abandoned(Initiator::Overflow, Duration::from_secs(9), Duration::ZERO);
        let answered = CloseEvent { code: CloseCode::new(4009), was_clean: true, ..full.clone() };
        let once = diagnose(std::slice::from_ref(&answered)).unwrap();
        assert_eq!((once.cause, once.retryable), (Cause::SlowReader, true));
        let again = diagnose(&[answered, full]).unwrap();
        assert_eq!(again.cause, Cause::SlowReader);
        assert!(again.evidence.contains("1 before"), "{}", again.evidence);
        assert!(again.advice.contains("InboundLimits"), "{}", again.advice);
    }
}
