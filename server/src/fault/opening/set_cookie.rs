//! `set-cookie`: a cookie with the 101.

use http::{HeaderValue, Request, header};

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, Takes},
};

pub(in crate::fault) const FAULT: Fault = Fault {
    name: "set-cookie",
    group: Group::Handshake,
    takes: Takes {
        kind: "text",
        allowed: "a cookie as the Set-Cookie header has it, such as id=1 or id=1; Secure; HttpOnly",
    },
    text: "The 101 sets this cookie, with the attributes that it says.",
    example: "set-cookie=id=1;HttpOnly",
    make: |text| {
        let value = HeaderValue::from_str(text).ok().filter(|_| text.contains('='))?;
        Some(Made::Opening(Box::new(SetCookie(value))))
    },
};

struct SetCookie(HeaderValue);

impl OpeningFault for SetCookie {
    fn strike(&self, _: &Request<()>, answer: &mut Answer, _: &mut Chance) {
        answer.headers().append(header::SET_COOKIE, self.0.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn it_comes_with_its_attributes() {
        let answer = struck(&FAULT, "id=1; Secure; HttpOnly", &request());
        assert_eq!(answer.response.headers()["set-cookie"], "id=1; Secure; HttpOnly");
        assert!(answer.opens());
        assert!((FAULT.make)("a=b\r\nx: y").is_none());
    }
}
