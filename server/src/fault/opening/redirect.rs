//! `redirect`: the handshake answered with another address, which browsers do not follow.

use http::{HeaderValue, Request, StatusCode, header};

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, Takes},
};

pub(in crate::fault) const FAULT: Fault = Fault {
    name: "redirect",
    group: Group::Handshake,
    takes: Takes { kind: "text", allowed: "an address for the Location header, such as /echo" },
    text: "The opening handshake is answered with 302 and this address.",
    example: "redirect=/echo",
    make: |text| {
        let location = HeaderValue::from_str(text).ok().filter(|value| !value.is_empty())?;
        Some(Made::Opening(Box::new(Redirect(location))))
    },
};

struct Redirect(HeaderValue);

impl OpeningFault for Redirect {
    fn strike(&self, _: &Request<()>, answer: &mut Answer, _: &mut Chance) {
        answer.refuse(StatusCode::FOUND, "");
        answer.headers().insert(header::LOCATION, self.0.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn it_says_where() {
        let answer = struck(&FAULT, "ws://127.0.0.1/echo", &request());
        assert_eq!(answer.response.status(), 302);
        assert_eq!(answer.response.headers()["location"], "ws://127.0.0.1/echo");
        assert!((FAULT.make)("a\r\nb: c").is_none(), "no header can be smuggled in");
    }
}
