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
        allowed: "a cookie as the Set-Cookie header has it, such as id=1 or id=1; Secure; HttpOnly; %0A is between two",
    },
    text: "The 101 sets this cookie, with the attributes that it says.",
    example: "set-cookie=id=1;HttpOnly",
    make: |text| {
        let cookie = |line: &str| HeaderValue::from_str(line).ok().filter(|_| line.contains('='));
        let cookies = text.split('\n').map(cookie).collect::<Option<_>>()?;
        Some(Made::Opening(Box::new(SetCookie(cookies))))
    },
};

struct SetCookie(Vec<HeaderValue>);

impl OpeningFault for SetCookie {
    fn strike(&self, _: &Request<()>, answer: &mut Answer, _: &mut Chance) {
        for cookie in &self.0 {
            answer.headers().append(header::SET_COOKIE, cookie.clone());
        }
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
        let two = struck(&FAULT, "a=1\nb=2;SameSite=Lax", &request());
        let cookies: Vec<_> = two.response.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2;SameSite=Lax"]);
    }
}
