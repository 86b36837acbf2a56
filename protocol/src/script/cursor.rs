use super::{Script, Step, What};

/// Where in a script its run is: at a step that does something, or at the end.
#[derive(Clone, Debug)]
pub struct Cursor {
    at: usize,
    /// The how manyth round of each repeat around it this is, from 1.
    rounds: Vec<u32>,
}

impl Cursor {
    /// At the first step.
    pub fn new(script: &Script) -> Self {
        let mut cursor = Self { at: 0, rounds: Vec::new() };
        cursor.settle(script);
        cursor
    }

    /// The step to do, never one that begins or ends a repeat; `None` at the end.
    pub fn step<'a>(&self, script: &'a Script) -> Option<&'a Step> {
        script.steps.get(self.at)
    }

    /// The how manyth round of each repeat around the step this is, from 1, the outermost first.
    pub fn rounds(&self) -> &[u32] {
        &self.rounds
    }

    /// Goes on to the next step.
    pub fn advance(&mut self, script: &Script) {
        self.at += 1;
        self.settle(script);
    }

    /// Goes to the next step that does something. No repeat is empty, so it is near.
    fn settle(&mut self, script: &Script) {
        loop {
            match script.steps.get(self.at).map(|step| &step.what) {
                Some(What::Repeat { .. }) => self.rounds.push(1),
                Some(What::End { repeat }) => {
                    let rounds = match script.steps.get(*repeat).map(|step| &step.what) {
                        Some(What::Repeat { rounds, .. }) => *rounds,
                        _ => 1,
                    };
                    match self.rounds.last_mut() {
                        Some(round) if *round < rounds => {
                            *round += 1;
                            self.at = *repeat;
                        }
                        _ => {
                            self.rounds.pop();
                        }
                    }
                }
                _ => return,
            }
            self.at += 1;
        }
    }
}
