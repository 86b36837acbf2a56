//! `status`: the handshake refused with a status of HTTP.

use http::{Request, StatusCode};

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, Takes},
    query::Value as _,
};

pub(in crate::fault) const FAULT: Fault = Fault {
    name: "status",
    group: Group::Handshake,
    takes: Takes { kind: "status", allowed: "a status of HTTP from 200 to 599, such as 503" },
    text: "The opening handshake is answered with this status instead of 101.",
    example: "status=503",
    make: |text| {
        let status = u64::parse(text).filter(|status| (200..600).contains(status))?;
        let status = StatusCode::from_u16(status.try_into().ok()?).ok()?;
        Some(Made::Opening(Box::new(Status(status))))
    },
};

struct Status(StatusCode);

impl OpeningFault for Status {
    fn strike(&self, _: &Request<()>, answer: &mut Answer, _: &mut Chance) {
        answer.refuse(self.0, "the URL asked for this status\n");
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn it_no_longer_looks_like_a_websocket() {
        let answer = struck(&FAULT, "503", &request());
        assert_eq!(answer.response.status(), 503);
        assert!(answer.response.headers().is_empty());
        assert!(!answer.opens());
        for wrong in ["101", "600", "abc", ""] {
            assert!((FAULT.make)(wrong).is_none(), "{wrong}");
        }
    }
}
