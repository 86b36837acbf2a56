//! What is said of a link as it comes and goes: pure.

use wirescope::link::Phase;

use crate::format;

/// How a link stands, and for how long it was away.
#[derive(Debug, Default)]
pub(super) struct Standing {
    was_open: bool,
    /// When it was lost, in milliseconds.
    lost: Option<u64>,
}

/// What is shown: a word for the lamp, and a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) state: &'static str,
    pub(super) text: String,
    /// How long it was away, in milliseconds, when it has just come back.
    pub(super) back_after: Option<u64>,
}

impl Standing {
    pub(super) fn enter(&mut self, phase: &Phase, now: u64) -> Said {
        let said = |state, text: String| Said { state, text, back_after: None };
        match phase {
            Phase::Open => {
                self.was_open = true;
                match self.lost.take() {
                    None => said("open", "connected".to_owned()),
                    Some(lost) => {
                        let away = now.saturating_sub(lost);
                        let text = format!("back after {}", format::duration(away * 1000));
                        Said { back_after: Some(away), ..said("open", text) }
                    }
                }
            }
            Phase::Ended(_) => said("closed", "disconnected".to_owned()),
            _ => {
                if self.was_open {
                    self.lost.get_or_insert(now);
                }
                let lost = if self.lost.is_some() { "lost" } else { "not there" };
                match phase {
                    Phase::Connecting { attempt: 1 } if self.lost.is_none() => {
                        said("connecting", "connecting".to_owned())
                    }
                    Phase::Connecting { attempt } => {
                        said("connecting", format!("reconnecting, try {attempt}"))
                    }
                    Phase::Waiting { until } => {
                        let left = format::duration(until.saturating_sub(now) * 1000);
                        said("waiting", format!("{lost}, tries again in {left}"))
                    }
                    Phase::Offline => said("waiting", format!("{lost}, waits for a network")),
                    Phase::Hidden => said("waiting", format!("{lost}, waits to be seen")),
                    _ => said("waiting", format!("{lost}, waits")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_was_lost_says_so_and_says_when_it_is_back() {
        let mut standing = Standing::default();
        let mut said = |phase: &Phase, now| {
            let said = standing.enter(phase, now);
            (said.state, said.text, said.back_after)
        };
        let connecting = |attempt| Phase::Connecting { attempt };
        assert_eq!(said(&connecting(1), 0).1, "connecting");
        assert_eq!(said(&Phase::Waiting { until: 500 }, 0).1, "not there, tries again in 500 ms");
        assert_eq!(said(&connecting(2), 500).1, "reconnecting, try 2");
        assert_eq!(said(&Phase::Open, 1_000), ("open", "connected".to_owned(), None));
        assert_eq!(said(&Phase::Waiting { until: 6_000 }, 5_000).1, "lost, tries again in 1.00 s");
        assert_eq!(said(&connecting(1), 6_000).1, "reconnecting, try 1");
        assert_eq!(said(&Phase::Open, 7_100), ("open", "back after 2.10 s".to_owned(), Some(2_100)));
    }
}
