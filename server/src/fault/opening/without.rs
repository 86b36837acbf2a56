//! `without`: a 101 that lacks a header it must have.

use http::{HeaderName, Request, header};

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, Takes},
};

pub(in crate::fault) const FAULT: Fault = Fault {
    name: "without",
    group: Group::Handshake,
    takes: Takes { kind: "choice", allowed: "upgrade or connection" },
    text: "The 101 lacks this header (RFC 6455 section 4.2.2).",
    example: "without=upgrade",
    make: |text| match text {
        "upgrade" => Some(Made::Opening(Box::new(Without(header::UPGRADE)))),
        "connection" => Some(Made::Opening(Box::new(Without(header::CONNECTION)))),
        _ => None,
    },
};

struct Without(HeaderName);

impl OpeningFault for Without {
    fn strike(&self, _: &Request<()>, answer: &mut Answer, _: &mut Chance) {
        answer.headers().remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn only_that_header_is_gone() {
        let answer = struck(&FAULT, "upgrade", &request());
        assert!(!answer.response.headers().contains_key("upgrade"));
        assert!(answer.response.headers().contains_key("connection"));
    }
}
