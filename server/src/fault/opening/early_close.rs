//! `early-close`: the 101 and a Close frame in one packet, which clients have been found to stumble over.

use bytes::Bytes;
use http::Request;

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, close},
    wire::Frame,
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
        let payload = Bytes::copy_from_slice(&self.0.to_be_bytes());
        answer.with = Some(Frame { head: Bytes::from_static(b"\x88\x02"), payload });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn the_frame_follows_the_response() {
        let answer = struck(&FAULT, "1001", &request());
        let frame = answer.with.as_ref().unwrap();
        assert_eq!([&frame.head[..], &frame.payload].concat(), b"\x88\x02\x03\xe9");
        assert!(!answer.opens());
    }
}
