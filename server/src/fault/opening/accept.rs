//! `accept`: no `Sec-WebSocket-Accept`, or one that is not derived from the client's key.

use http::{HeaderValue, Request, header};

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, Takes},
};

pub(in crate::fault) const FAULT: Fault = Fault {
    name: "accept",
    group: Group::Handshake,
    takes: Takes { kind: "choice", allowed: "none or wrong" },
    text: "The 101 has no Sec-WebSocket-Accept, or one that does not fit the key (RFC 6455 section 4.1).",
    example: "accept=wrong",
    make: |text| match text {
        "none" => Some(Made::Opening(Box::new(Accept::None))),
        "wrong" => Some(Made::Opening(Box::new(Accept::Wrong))),
        _ => None,
    },
};

enum Accept {
    None,
    Wrong,
}

impl OpeningFault for Accept {
    fn strike(&self, _: &Request<()>, answer: &mut Answer, _: &mut Chance) {
        answer.headers().remove(header::SEC_WEBSOCKET_ACCEPT);
        if let Self::Wrong = self {
            let wrong = HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
            answer.headers().insert(header::SEC_WEBSOCKET_ACCEPT, wrong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn it_is_wrong_or_gone() {
        let none = struck(&FAULT, "none", &request());
        assert!(!none.response.headers().contains_key("sec-websocket-accept"));
        let wrong = struck(&FAULT, "wrong", &request());
        assert_eq!(wrong.response.headers()["sec-websocket-accept"].len(), 28);
        assert_ne!(wrong.response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
