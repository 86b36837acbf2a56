//! `extension`: one that the client did not ask for, or that the server does not do.

use http::{HeaderValue, Request, header};

use super::{Answer, OpeningFault};
use crate::{
    chance::Chance,
    fault::{Fault, Group, Made, Takes},
};

pub(in crate::fault) const FAULT: Fault = Fault {
    name: "extension",
    group: Group::Handshake,
    takes: Takes {
        kind: "text",
        allowed: "the text of a Sec-WebSocket-Extensions header, such as x-unasked",
    },
    text: "The 101 says that this extension is in use, which it is not (RFC 6455 section 4.1).",
    example: "extension=x-unasked",
    make: |text| {
        let value = HeaderValue::from_str(text).ok().filter(|value| !value.is_empty())?;
        Some(Made::Opening(Box::new(Extension(value))))
    },
};

struct Extension(HeaderValue);

impl OpeningFault for Extension {
    fn strike(&self, _: &Request<()>, answer: &mut Answer, _: &mut Chance) {
        answer.headers().insert(header::SEC_WEBSOCKET_EXTENSIONS, self.0.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{request, struck};
    use super::*;

    #[test]
    fn it_is_said_to_be_in_use() {
        let answer = struck(&FAULT, "permessage-deflate", &request());
        assert_eq!(answer.response.headers()["sec-websocket-extensions"], "permessage-deflate");
        assert!((FAULT.make)("").is_none());
    }
}
