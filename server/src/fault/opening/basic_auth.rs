//! `basic-auth`: a user and a password (RFC 7617).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, StatusCode, header};

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, Takes},
};

pub(in crate::fault) const FAULT: Fault = Fault {
    name: "basic-auth",
    group: Group::Handshake,
    takes: Takes { kind: "text", allowed: "USER:PASSWORD, such as user:secret" },
    text: "The opening handshake is answered with 401 unless it has this user and password as basic authentication. It \
           protects nothing, since it is in the URL.",
    example: "basic-auth=user:secret",
    make: |text| text.contains(':').then(|| Made::Opening(Box::new(BasicAuth(text.to_owned())))),
};

struct BasicAuth(String);

impl BasicAuth {
    fn is_given(&self, request: &Request<()>) -> bool {
        let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, credentials)) = given.and_then(|given| given.split_once(' ')) else { return false };
        scheme.eq_ignore_ascii_case("basic")
            && STANDARD.decode(credentials.trim()).is_ok_and(|given| given == self.0.as_bytes())
    }
}

impl OpeningFault for BasicAuth {
    fn strike(&self, request: &Request<()>, answer: &mut Answer, _: &mut Chance) {
        if !self.is_given(request) {
            answer.refuse(StatusCode::UNAUTHORIZED, "the URL asks for basic authentication\n");
            let challenge = HeaderValue::from_static("Basic realm=\"wirescope\", charset=\"UTF-8\"");
            answer.headers().insert(header::WWW_AUTHENTICATE, challenge);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn only_the_right_pair_opens() {
        let refused = struck(&FAULT, "user:secret", &request());
        assert_eq!(refused.response.status(), 401);
        for (given, opens) in [("dXNlcjpzZWNyZXQ=", true), ("dXNlcjp3cm9uZw==", false), ("!", false)] {
            let mut request = request();
            let value = HeaderValue::try_from(format!("Basic {given}")).unwrap();
            request.headers_mut().insert(header::AUTHORIZATION, value);
            assert_eq!(struck(&FAULT, "user:secret", &request).opens(), opens, "{given}");
        }
    }
}
