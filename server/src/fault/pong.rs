//! Pongs that do not come, come late, or come unasked.

use std::time::Duration;

use bytes::Bytes;

use super::{ControlFault, Fault, Group, Made, Strike, Takes, bare};
use crate::query::Value as _;

pub(super) const NONE: Fault = Fault {
    name: "no-pong",
    group: Group::Control,
    takes: Takes::NOTHING,
    text: "Pings are not answered.",
    example: "no-pong",
    make: |text| bare(text, Made::Control(ControlFault::NoPong)),
};

pub(super) const LATE: Fault = Fault {
    name: "pong-delay",
    group: Group::Control,
    takes: Takes::TIME,
    text: "Pings are answered so much later.",
    example: "pong-delay=2s",
    make: |text| Some(Made::Control(ControlFault::LatePong(Duration::parse(text)?))),
};

pub(super) const UNSOLICITED: Fault = Fault {
    name: "unsolicited-pong",
    group: Group::Control,
    takes: Takes { kind: "time", allowed: "the time between two: 10ms or more, such as 1s" },
    text: "Pongs come that no ping asked for, which RFC 6455 section 5.5.3 allows.",
    example: "unsolicited-pong=1s",
    make: |text| {
        let every = Duration::parse(text).filter(|every| *every >= Duration::from_millis(10))?;
        Some(Made::Strike(Strike::Repeat { bytes: Bytes::from_static(b"\x8a\x08unsolici"), every }))
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsolicited_pong_has_its_length_and_a_floor() {
        let Some(Made::Strike(Strike::Repeat { bytes, .. })) = (UNSOLICITED.make)("1s") else { panic!() };
        assert_eq!(usize::from(bytes[1]), bytes.len() - 2);
        assert!((UNSOLICITED.make)("1ms").is_none());
    }
}
