//! `early-close`: the 101 and a Close frame in one packet, which clients have been found to stumble over.

use http::Request;

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, close},
};

pub(in crate::fault) const FAULT: Fault = Fault {
    name: "early-close",
    group: Group::Handshake,
    takes: close::CODE,
    text: "A Close frame with this code comes in the same packet as the 101.",
    example: "early-close=1000",
    make: |text| Some(Made::Opening(Box::new(EarlyClose(close::code(text)?)))),
};

struct EarlyClose(u16);

impl OpeningFault for EarlyClose {
    fn strike(&self, _: &Request<()>, answer: &mut Answer, _: &mut Chance) {
        let [high, low] = self.0.to_be_bytes();
        answer.with.extend([0x88, 2, high, low]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn the_frame_follows_the_response() {
        let answer = struck(&FAULT, "1001", &request());
        assert_eq!(answer.with, b"\x88\x02\x03\xe9");
        assert!(!answer.opens());
    }
}
