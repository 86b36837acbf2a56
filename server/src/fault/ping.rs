//! `ping-flood`: more pings than anybody needs.

use std::time::Duration;

use bytes::Bytes;

use super::{Fault, Group, Made, Strike, Takes};
use crate::query::{PerSecond, Value as _};

/// It amplifies: one request makes many frames.
const MOST: f64 = 1000.0;

pub(super) const FLOOD: Fault = Fault {
    name: "ping-flood",
    group: Group::Control,
    takes: Takes { kind: "rate", allowed: "how many in a second: more than 0 and at most 1000, such as 100" },
    text: "So many pings come in a second.",
    example: "ping-flood=100",
    make: |text| {
        let rate = PerSecond::parse(text).filter(|rate| (0.001..=MOST).contains(&rate.0))?;
        let every = Duration::from_secs_f64(1.0 / rate.0);
        Some(Made::Strike(Strike::Repeat { bytes: Bytes::from_static(b"\x89\x05flood"), every }))
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_ceiling() {
        assert!((FLOOD.make)("1000").is_some());
        for wrong in ["1001", "0", "0.0001", ""] {
            assert!((FLOOD.make)(wrong).is_none(), "{wrong}");
        }
    }
}
