//! `header`: any header with the answer.

use http::{HeaderName, HeaderValue, Request};

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, Takes},
};

pub(in crate::fault) const FAULT: Fault = Fault {
    name: "header",
    group: Group::Handshake,
    takes: Takes { kind: "text", allowed: "NAME:VALUE, such as X-Served-By:test; %0A is between two" },
    text: "The answer has this header too.",
    example: "header=X-Served-By:test",
    make: |text| {
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((HeaderName::try_from(name.trim()).ok()?, HeaderValue::from_str(value.trim()).ok()?))
        };
        let headers = text.split('\n').map(header).collect::<Option<_>>()?;
        Some(Made::Opening(Box::new(Header(headers))))
    },
};

struct Header(Vec<(HeaderName, HeaderValue)>);

impl OpeningFault for Header {
    fn strike(&self, _: &Request<()>, answer: &mut Answer, _: &mut Chance) {
        for (name, value) in &self.0 {
            answer.headers().append(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn it_comes_beside_the_others() {
        let policies =
            "Cross-Origin-Embedder-Policy: require-corp\nCross-Origin-Resource-Policy:cross-origin";
        let answer = struck(&FAULT, policies, &request());
        assert_eq!(answer.response.headers()["cross-origin-embedder-policy"], "require-corp");
        assert_eq!(answer.response.headers()["cross-origin-resource-policy"], "cross-origin");
        assert!(answer.opens());
        for wrong in ["", "no colon", "a b:c", "a:b\u{1}c"] {
            assert!((FAULT.make)(wrong).is_none(), "{wrong:?}");
        }
    }
}
