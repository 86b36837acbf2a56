//! Close frames: with any code, unanswered, or late.

use std::time::Duration;

use super::{ControlFault, Fault, Group, Made, Strike, Takes, bare};
use crate::query::Value as _;

/// The code of a Close frame's payload.
pub(super) fn code(text: &str) -> Option<u16> {
    u64::parse(text)?.try_into().ok()
}

pub(super) const CODE: Takes = Takes {
    kind: "code",
    allowed: "a status code from 0 to 65535, such as 1011; also one that no correct server sends, such as 1006",
};

pub(super) const CLOSE: Fault = Fault {
    name: "close",
    group: Group::Control,
    takes: CODE,
    text: "The server sends a Close frame with this code, and the parameter reason as its reason, at once or when after \
           says.",
    example: "close=1011",
    make: |text| Some(Made::Strike(Strike::Close { code: code(text)? })),
};

pub(super) const NO_REPLY: Fault = Fault {
    name: "no-close-reply",
    group: Group::Control,
    takes: Takes::NOTHING,
    text: "The client's Close frame is not answered, and the connection stays up.",
    example: "no-close-reply",
    make: |text| bare(text, Made::Control(ControlFault::NoCloseReply)),
};

pub(super) const LATE: Fault = Fault {
    name: "close-delay",
    group: Group::Control,
    takes: Takes::TIME,
    text: "Every Close frame of the server goes out so much later, also its answer to the client's.",
    example: "close-delay=1s",
    make: |text| Some(Made::Control(ControlFault::LateClose(Duration::parse(text)?))),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_code_that_fits_in_two_bytes_may_be_sent() {
        assert_eq!((code("0"), code("1006"), code("65535")), (Some(0), Some(1006), Some(65_535)));
        assert_eq!((code("65536"), code("-1"), code("")), (None, None, None));
    }
}
