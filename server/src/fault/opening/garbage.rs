//! `garbage`: an answer that is not HTTP.

use http::Request;

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, Takes, bare},
};

pub(in crate::fault) const FAULT: Fault = Fault {
    name: "garbage",
    group: Group::Handshake,
    takes: Takes::NOTHING,
    text: "The opening handshake is answered with 256 bytes by chance, and the end of the connection.",
    example: "garbage",
    make: |text| bare(text, Made::Opening(Box::new(Garbage))),
};

struct Garbage;

impl OpeningFault for Garbage {
    fn strike(&self, _: &Request<()>, answer: &mut Answer, chance: &mut Chance) {
        answer.instead = Some((0..32).flat_map(|_| chance.next().to_le_bytes()).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn it_is_the_same_each_time() {
        let (one, other) = (struck(&FAULT, "", &request()), struck(&FAULT, "", &request()));
        assert_eq!(one.instead, other.instead);
        assert!(one.instead.is_some_and(|bytes| bytes.len() == 256 && !bytes.starts_with(b"HTTP")));
    }
}
