//! `fragment`: messages in many frames, as RFC 6455 section 5.4 allows.

use super::{Fault, Flying, Group, MessageFault, Shape, Takes, always};
use crate::{
    chance::Chance,
    query::{Size, Value},
};

const ALLOWED: Takes =
    Takes { kind: "size", allowed: "how many bytes each frame has: 1 or more, such as 16" };

pub(super) const FAULT: Fault = Fault {
    name: "fragment",
    group: Group::Message,
    takes: ALLOWED,
    text: "A message comes in frames of so many bytes, wherever that cuts a character.",
    example: "fragment=16",
    make: |text| fragments(text, false),
};

pub(super) const PINGS: Fault = Fault {
    name: "fragment-pings",
    group: Group::Message,
    takes: ALLOWED,
    text: "The same, with a ping between every two frames.",
    example: "fragment-pings=16",
    make: |text| fragments(text, true),
};

fn fragments(text: &str, pings: bool) -> Option<super::Made> {
    let size = usize::try_from(Size::parse(text)?.0).ok().filter(|size| *size > 0)?;
    Some(always(Fragment(Shape::Fragments { size, pings })))
}

struct Fragment(Shape);

impl MessageFault for Fragment {
    fn strike(&mut self, message: Flying, _: &mut Chance, onward: &mut Vec<Flying>) {
        onward.push(Flying { shape: self.0, ..message });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::struck;
    use super::*;

    #[test]
    fn the_message_stays_one() {
        let came = struck("2", &FAULT, &["hello"]);
        assert_eq!(came[0].shape, Shape::Fragments { size: 2, pings: false });
        assert_eq!(came[0].payload, "hello");
        assert!((FAULT.make)("0").is_none());
    }
}
