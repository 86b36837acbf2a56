//! The connection itself: silent, stalled, cut, in small pieces, or slow.

use std::time::Duration;

use super::{ByteFault, Fault, Group, Made, Strike, Takes, bare};
use crate::query::{Size, Value as _};

pub(super) const HALF_OPEN: Fault = Fault {
    name: "half-open",
    group: Group::Connection,
    takes: Takes::NOTHING,
    text: "The connection stays up, and the server neither reads nor writes any more.",
    example: "half-open",
    make: |text| bare(text, Made::Strike(Strike::HalfOpen)),
};

pub(super) const STALL: Fault = Fault {
    name: "stall",
    group: Group::Connection,
    takes: Takes { kind: "time", allowed: "a time up to 10m with its unit, such as 2s" },
    text: "The server reads nothing for so long; then a text message reports as JSON how long that was, how many bytes \
           wait, and for how long no more came: a client that has more to send was blocked for that long.",
    example: "stall=2s",
    make: |text| {
        let time = Duration::parse(text).filter(|time| *time <= Duration::from_secs(600))?;
        Some(Made::Strike(Strike::Stall(time)))
    },
};

pub(super) const CHUNK: Fault = Fault {
    name: "chunk",
    group: Group::Connection,
    takes: Takes { kind: "size", allowed: "how many bytes at once: 1 or more, such as 1" },
    text: "What the server sends leaves in pieces of so many bytes, a millisecond apart, wherever that cuts a frame.",
    example: "chunk=1",
    make: |text| {
        let size = usize::try_from(Size::parse(text)?.0).ok().filter(|size| *size > 0)?;
        Some(Made::Bytes(ByteFault::Chunk(size)))
    },
};

pub(super) const BANDWIDTH: Fault = Fault {
    name: "bandwidth",
    group: Group::Connection,
    takes: Takes { kind: "size", allowed: "bytes in a second: 1 or more, such as 64KiB" },
    text: "What the server sends leaves at no more than so many bytes in a second.",
    example: "bandwidth=64KiB",
    make: |text| {
        let rate = Size::parse(text)?.0;
        #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
        (rate > 0).then(|| Made::Bytes(ByteFault::Bandwidth(rate as f64)))
    },
};

pub(super) const IDLE: Fault = Fault {
    name: "idle-cutoff",
    group: Group::Connection,
    takes: Takes::TIME,
    text: "The TCP connection is ended without a Close frame once no byte has come or gone for so long, as proxies do.",
    example: "idle-cutoff=60s",
    make: |text| Some(Made::IdleCutoff(Duration::parse(text)?)),
};

pub(super) const FIN: Fault = Fault {
    name: "fin",
    group: Group::Connection,
    takes: Takes::NOTHING,
    text: "The server ends the TCP connection without a Close frame: browsers report 1006.",
    example: "fin",
    make: |text| bare(text, Made::Strike(Strike::Fin)),
};

pub(super) const RESET: Fault = Fault {
    name: "rst",
    group: Group::Connection,
    takes: Takes::NOTHING,
    text: "The server resets the TCP connection.",
    example: "rst",
    make: |text| bare(text, Made::Strike(Strike::Reset)),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_takes_a_value_that_it_does_not_use() {
        for fault in [HALF_OPEN, FIN, RESET] {
            assert!((fault.make)("").is_some());
            assert!((fault.make)("yes").is_none());
        }
        assert!((CHUNK.make)("0").is_none() && (BANDWIDTH.make)("0").is_none());
    }

    #[test]
    fn a_time_needs_its_unit() {
        assert!(
            matches!((STALL.make)("2s"), Some(Made::Strike(Strike::Stall(time))) if time == Duration::from_secs(2))
        );
        assert!((STALL.make)("2").is_none());
    }
}
