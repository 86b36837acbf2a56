//! `subprotocol`: one that the client did not offer, or none although it did.

use http::{HeaderValue, Request, header};
use wirescope_protocol::subprotocol;

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, Takes},
};

pub(in crate::fault) const FAULT: Fault = Fault {
    name: "subprotocol",
    group: Group::Handshake,
    takes: Takes { kind: "text", allowed: "a subprotocol's name, or none" },
    text: "The 101 selects this subprotocol, whatever was offered, or none (RFC 6455 section 4.1).",
    example: "subprotocol=unasked",
    make: |text| {
        let name = match text {
            "none" => None,
            _ => {
                subprotocol::check_offers(&[text]).ok()?;
                Some(HeaderValue::from_str(text).ok()?)
            }
        };
        Some(Made::Opening(Box::new(Subprotocol(name))))
    },
};

struct Subprotocol(Option<HeaderValue>);

impl OpeningFault for Subprotocol {
    fn strike(&self, _: &Request<()>, answer: &mut Answer, _: &mut Chance) {
        match &self.0 {
            Some(name) => answer.headers().insert(header::SEC_WEBSOCKET_PROTOCOL, name.clone()),
            None => answer.headers().remove(header::SEC_WEBSOCKET_PROTOCOL),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn it_is_another_or_gone() {
        let other = struck(&FAULT, "unasked", &request());
        assert_eq!(other.response.headers()["sec-websocket-protocol"], "unasked");
        let none = struck(&FAULT, "none", &request());
        assert!(!none.response.headers().contains_key("sec-websocket-protocol"));
        assert!((FAULT.make)("no token").is_none());
    }
}
