//! What was sent before, for the arrow keys: kept as long as the page.

use super::draft::Format;

const MOST: usize = 200;

#[derive(Debug, Default)]
pub(crate) struct History {
    sent: Vec<(Format, String)>,
    /// Which of them is shown; none while the reader writes something new.
    shown: Option<usize>,
    /// What was being written before any was shown.
    draft: (Format, String),
}

impl History {
    /// Takes what was sent now. The same again is not kept twice.
    pub(crate) fn add(&mut self, format: Format, text: &str) {
        self.shown = None;
        if self.sent.last().is_some_and(|(last, same)| *last == format && same == text) {
            return;
        }
        if self.sent.len() == MOST {
            self.sent.remove(0);
        }
        self.sent.push((format, text.to_owned()));
    }

    /// The one before what is shown, which is this now.
    pub(crate) fn older(&mut self, format: Format, text: &str) -> Option<&(Format, String)> {
        let place = match self.shown {
            None => self.sent.len().checked_sub(1)?,
            Some(place) => place.checked_sub(1)?,
        };
        if self.shown.is_none() {
            self.draft = (format, text.to_owned());
        }
        self.shown = Some(place);
        self.sent.get(place)
    }

    /// The one after what is shown, at last what was being written.
    pub(crate) fn newer(&mut self) -> Option<&(Format, String)> {
        let place = self.shown? + 1;
        self.shown = (place < self.sent.len()).then_some(place);
        Some(self.sent.get(place).unwrap_or(&self.draft))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_back_and_forth_and_keeps_the_draft() {
        let mut history = History::default();
        assert_eq!(history.older(Format::Text, ""), None);
        assert_eq!(history.newer(), None);
        for (format, text) in [(Format::Text, "a"), (Format::Hex, "00"), (Format::Hex, "00")] {
            history.add(format, text);
        }
        assert_eq!(history.older(Format::Text, "dra"), Some(&(Format::Hex, "00".into())));
        assert_eq!(history.older(Format::Hex, "00"), Some(&(Format::Text, "a".into())));
        assert_eq!(history.older(Format::Text, "a"), None, "it is the oldest");
        assert_eq!(history.newer(), Some(&(Format::Hex, "00".into())));
        assert_eq!(history.newer(), Some(&(Format::Text, "dra".into())));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn the_oldest_go() {
        let mut history = History::default();
        (0..=MOST).for_each(|n| history.add(Format::Text, &n.to_string()));
        assert_eq!((history.sent.len(), &*history.sent[0].1), (MOST, "1"));
    }
}
