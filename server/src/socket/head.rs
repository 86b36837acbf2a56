//! Heads of frames (RFC 6455 section 5.2).

/// The first byte of a message in one frame.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const PING: u8 = 0x89;

/// The longest head that a server sends, in bytes. A client's is longer by its key.
pub(crate) const LONGEST: usize = 10;

/// The head of a frame that a client sent, as far as frames are told apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) first: u8,
    pub(crate) key: Option<[u8; 4]>,
    /// Of the head, in bytes.
    pub(crate) size: usize,
    /// Of the payload.
    pub(crate) length: u64,
    /// Whether the length has its shortest form.
    pub(crate) is_shortest: bool,
}

impl Head {
    /// The head that the bytes begin with, once it is whole.
    #[inline]
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[first, second, ref rest @ ..] = bytes else { return None };
        let (extended, length, is_shortest) = match second & 0x7f {
            126 => {
                let length = u16::from_be_bytes(*rest.first_chunk()?);
                (2, u64::from(length), length > 125)
            }
            127 => {
                let length = u64::from_be_bytes(*rest.first_chunk()?);
                (8, length, length > 0xffff)
            }
            length => (0, u64::from(length), true),
        };
        let (key, size) = if second & 0x80 == 0 {
            (None, 2 + extended)
        } else {
            (Some(*rest.get(extended..)?.first_chunk()?), 6 + extended)
        };
        Some(Self { first, key, size, length, is_shortest })
    }
}

/// Appends a server's head.
#[inline]
pub(crate) fn put(to: &mut Vec<u8>, first: u8, length: usize) {
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..=125), _) => to.extend_from_slice(&[first, length]),
        (_, Ok(length)) => {
            let [high, low] = length.to_be_bytes();
            to.extend_from_slice(&[first, 126, high, low]);
        }
        _ => {
            to.extend_from_slice(&[first, 127]);
            to.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Takes a mask off, or puts it on.
#[inline]
pub(crate) fn mask(payload: &mut [u8], key: [u8; 4]) {
    let word = u128::from_ne_bytes(std::array::from_fn(|at| key[at % 4]));
    let (blocks, rest) = payload.as_chunks_mut::<16>();
    for block in blocks {
        *block = (u128::from_ne_bytes(*block) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(word.to_ne_bytes()) {
        *byte ^= key;
    }
}
