//! `handshake-delay` and `handshake-drip`: an answer that takes its time.

use std::time::Duration;

use http::Request;

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, Takes},
    query::Value as _,
};

pub(in crate::fault) const DELAY: Fault = Fault {
    name: "handshake-delay",
    group: Group::Handshake,
    takes: Takes::TIME,
    text: "The answer to the opening request comes so much later.",
    example: "handshake-delay=2s",
    make: |text| Some(Made::Opening(Box::new(Slow { delay: Duration::parse(text)?, ..Slow::NOT }))),
};

pub(in crate::fault) const DRIP: Fault = Fault {
    name: "handshake-drip",
    group: Group::Handshake,
    takes: Takes::TIME,
    text: "The answer to the opening request comes byte by byte, with so much time between two.",
    example: "handshake-drip=20ms",
    make: |text| Some(Made::Opening(Box::new(Slow { drip: Duration::parse(text)?, ..Slow::NOT }))),
};

struct Slow {
    delay: Duration,
    drip: Duration,
}

impl Slow {
    const NOT: Self = Self { delay: Duration::ZERO, drip: Duration::ZERO };
}

impl OpeningFault for Slow {
    fn strike(&self, _: &Request<()>, answer: &mut Answer, _: &mut Chance) {
        answer.delay += self.delay;
        answer.drip += self.drip;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn each_slows_what_it_says() {
        let (delay, drip) = (struck(&DELAY, "2s", &request()), struck(&DRIP, "20ms", &request()));
        assert_eq!((delay.delay, delay.drip), (Duration::from_secs(2), Duration::ZERO));
        assert_eq!((drip.delay, drip.drip), (Duration::ZERO, Duration::from_millis(20)));
        assert!(delay.opens() && drip.opens());
    }
}
