//! Faults of the opening handshake: what they make of the answer.

pub(super) mod accept;
pub(super) mod any_header;
pub(super) mod basic_auth;
pub(super) mod early_close;
pub(super) mod extension;
pub(super) mod garbage;
pub(super) mod redirect;
pub(super) mod set_cookie;
pub(super) mod slow;
pub(super) mod status;
pub(super) mod subprotocol;
pub(super) mod without;

use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode, header};

use crate::{chance::Chance, wire::Frame};

/// A fault of the opening handshake.
pub(crate) trait OpeningFault: Send {
    fn strike(&self, request: &Request<()>, answer: &mut Answer, chance: &mut Chance);
}

/// The answer to a request that opens a WebSocket, and how it leaves.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<String>,
    /// Instead of all that, these bytes.
    pub(crate) instead: Option<Vec<u8>>,
    /// A frame that leaves in the same write as the response.
    pub(crate) with: Option<Frame>,
    /// How long to wait before it.
    pub(crate) delay: Duration,
    /// How long to wait after each byte of it.
    pub(crate) drip: Duration,
}

impl Answer {
    pub(crate) fn new(response: Response<String>) -> Self {
        let (delay, drip) = (Duration::ZERO, Duration::ZERO);
        Self { response, instead: None, with: None, delay, drip }
    }

    /// Whether a WebSocket is open once this was sent. A client may see it otherwise.
    pub(crate) fn opens(&self) -> bool {
        self.instead.is_none()
            && self.with.is_none()
            && self.response.status() == StatusCode::SWITCHING_PROTOCOLS
    }

    /// Makes it a response of another status, which is not to look like a WebSocket's.
    fn refuse(&mut self, status: StatusCode, text: &str) {
        *self.response.status_mut() = status;
        self.response.body_mut().push_str(text);
        for name in [
            header::UPGRADE,
            header::CONNECTION,
            header::SEC_WEBSOCKET_ACCEPT,
            header::SEC_WEBSOCKET_PROTOCOL,
        ] {
            self.response.headers_mut().remove(name);
        }
    }

    fn headers(&mut self) -> &mut HeaderMap {
        self.response.headers_mut()
    }
}

/// For the tests: what a fault makes of a correct answer to a plain request.
#[cfg(test)]
mod testing {
    use super::super::{Fault, Made};
    use super::*;

    pub(super) fn struck(fault: &Fault, value: &str, request: &Request<()>) -> Answer {
        let Some(Made::Opening(made)) = (fault.make)(value) else { panic!("{value}: no fault") };
        let response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::UPGRADE, "websocket")
            .header(header::CONNECTION, "Upgrade")
            .header(header::SEC_WEBSOCKET_ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            .header(header::SEC_WEBSOCKET_PROTOCOL, "chat");
        let mut answer = Answer::new(response.body(String::new()).unwrap());
        made.strike(request, &mut answer, &mut Chance::new(42, fault.name, &[]));
        answer
    }

    pub(super) fn request() -> Request<()> {
        Request::get("/echo").body(()).unwrap()
    }
}
