//! `raw`: payloads that go out without their frames, so that a client under test can be sent any bytes at all.

use super::{Fault, Flying, Group, MessageFault, Shape, Takes, share};
use crate::chance::Chance;

pub(super) const FAULT: Fault = Fault {
    name: "raw",
    group: Group::Frame,
    takes: Takes::PROBABILITY,
    text: "A message's payload is put on the wire as it is, without a frame around it: on /echo, whatever frames the \
           client writes into a message.",
    example: "raw",
    make: |text| share(text, Raw),
};

struct Raw;

impl MessageFault for Raw {
    fn strike(&mut self, message: Flying, _: &mut Chance, onward: &mut Vec<Flying>) {
        onward.push(Flying { shape: Shape::Raw, ..message });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::struck;
    use super::*;

    #[test]
    fn the_payload_stays_as_it_is() {
        let came = struck("", &FAULT, &["\u{1}\u{5}hello"]);
        assert_eq!((came[0].shape, &came[0].payload[..]), (Shape::Raw, &b"\x01\x05hello"[..]));
    }
}
