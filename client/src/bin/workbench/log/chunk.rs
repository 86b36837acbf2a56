//! A piece of the log's memory: payloads from its beginning, and what is known of each from its end.

use super::{Delivery, Kind, Moment, Origin, entry::Partner};

/// How large a chunk is, whatever it holds.
pub(super) const SIZE: usize = 256 * 1024;
/// A payload beyond this keeps the memory it came in.
const LARGE: usize = 64 * 1024;
/// A chunk takes no more when it and its large payloads come to this.
const FULL: usize = 4 * 1024 * 1024;

/// How much memory a payload takes beside a chunk's own.
pub(super) fn beside(payload: usize) -> usize {
    if payload > LARGE { payload } else { 0 }
}

/// What is known of an entry besides its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) origin: Origin,
    pub(super) when: Moment,
    pub(super) since: Option<u64>,
    pub(super) kind: Kind,
    pub(super) delivery: Option<Delivery>,
    pub(super) partner: Option<Partner>,
    pub(super) form: Form,
}

/// What the payload's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Note,
    Text,
    Binary,
}

#[derive(Debug)]
pub(super) struct Chunk {
    /// The number of its first entry.
    pub(super) first: u64,
    count: usize,
    memory: Box<[u8]>,
    used: usize,
    large: Vec<Vec<u8>>,
    large_bytes: usize,
}

impl Chunk {
    pub(super) fn new(first: u64) -> Self {
        let memory = vec![0; SIZE].into_boxed_slice();
        Self { first, count: 0, memory, used: 0, large: Vec::new(), large_bytes: 0 }
    }

    /// Empties it, for other entries.
    pub(super) fn reuse(self, first: u64) -> Self {
        Self { first, count: 0, used: 0, large: Vec::new(), large_bytes: 0, ..self }
    }

    /// How much memory it takes.
    pub(super) fn size(&self) -> usize {
        SIZE + self.large_bytes
    }

    pub(super) fn next(&self) -> u64 {
        self.first + self.count as u64
    }

    /// Whether there is room for one more entry with such a payload.
    pub(super) fn has_room(&self, payload: usize) -> bool {
        let beside = beside(payload);
        let here = if beside == 0 { payload } else { 0 };
        self.used + here + Record::SIZE * (self.count + 1) <= SIZE
            && (self.count == 0 || beside == 0 || self.size() + beside <= FULL)
    }

    /// Adds an entry, which there is room for, and gives how much memory it took beyond the chunk's own.
    pub(super) fn push(&mut self, head: &Head, payload: Bytes<'_>) -> usize {
        let length = payload.as_slice().len();
        let mut taken = 0;
        let (place, is_large) = if beside(length) > 0 {
            let own = payload.into_vec();
            taken = own.capacity();
            self.large_bytes += taken;
            self.large.push(own);
            (self.large.len() - 1, true)
        } else {
            let place = self.used;
            self.memory[place..place + length].copy_from_slice(payload.as_slice());
            self.used += length;
            (place, false)
        };
        self.count += 1;
        Record::write(self.record_mut(self.count - 1), head, place, length, is_large);
        taken
    }

    pub(super) fn get(&self, number: u64) -> Option<(Head, &[u8])> {
        let index = self.index(number)?;
        let record = Record(self.record(index));
        let (place, length) = (record.place(), record.length());
        let bytes = if record.is_large() {
            self.large.get(place)?.as_slice()
        } else {
            self.memory.get(place..place + length)?
        };
        Some((record.head()?, bytes))
    }

    /// Changes what is known of an entry.
    pub(super) fn amend(&mut self, number: u64, change: impl FnOnce(&mut Head)) -> bool {
        let Some(index) = self.index(number) else { return false };
        let record = Record(self.record(index));
        let (place, length, is_large) = (record.place(), record.length(), record.is_large());
        let Some(mut head) = record.head() else { return false };
        change(&mut head);
        Record::write(self.record_mut(index), &head, place, length, is_large);
        true
    }

    fn index(&self, number: u64) -> Option<usize> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        (index < self.count).then_some(index)
    }

    fn record(&self, index: usize) -> &[u8] {
        let end = SIZE - index * Record::SIZE;
        &self.memory[end - Record::SIZE..end]
    }

    fn record_mut(&mut self, index: usize) -> &mut [u8] {
        let end = SIZE - index * Record::SIZE;
        &mut self.memory[end - Record::SIZE..end]
    }
}

/// A payload on its way in: its owner's, or borrowed.
pub(super) enum Bytes<'a> {
    Owned(Vec<u8>),
    Borrowed(&'a [u8]),
}

impl Bytes<'_> {
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Borrowed(bytes) => bytes,
        }
    }

    fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Borrowed(bytes) => bytes.to_owned(),
        }
    }
}

/// A head as bytes: numbers of fixed sizes, the lowest byte first.
struct Record<'a>(&'a [u8]);

impl Record<'_> {
    const SIZE: usize = 60;
    const NONE: u64 = u64::MAX;

    fn write(to: &mut [u8], head: &Head, place: usize, length: usize, is_large: bool) {
        #[expect(clippy::cast_possible_truncation, reason = "Wasm's memory ends at 4 GiB")]
        let (place, length) = (place as u32, length as u32);
        let partner = head.partner.map_or((Self::NONE, 0, false), |partner| {
            (partner.number, u32::try_from(partner.lag).unwrap_or(u32::MAX), partner.same)
        });
        let form = match head.form {
            Form::Note => 0,
            Form::Text => 1,
            Form::Binary => 2,
        };
        let kind = KINDS.iter().position(|kind| *kind == head.kind).unwrap_or(0);
        let delivery = head.delivery.and_then(|it| DELIVERIES.iter().position(|other| *other == it));
        #[expect(clippy::cast_possible_truncation, reason = "there are few of each")]
        let bytes = [
            kind as u8,
            delivery.map_or(u8::MAX, |delivery| delivery as u8),
            form | u8::from(is_large) << 2 | u8::from(partner.2) << 3,
        ];
        let mut rest = to;
        let mut put = |bytes: &[u8]| {
            let (here, after) = std::mem::take(&mut rest).split_at_mut(bytes.len());
            here.copy_from_slice(bytes);
            rest = after;
        };
        put(&head.when.wall.to_le_bytes());
        put(&head.when.mono.to_le_bytes());
        put(&head.since.unwrap_or(Self::NONE).to_le_bytes());
        put(&partner.0.to_le_bytes());
        put(&partner.1.to_le_bytes());
        put(&place.to_le_bytes());
        put(&length.to_le_bytes());
        put(&head.origin.socket.to_le_bytes());
        put(&head.origin.ordinal.to_le_bytes());
        put(&head.origin.connection.to_le_bytes());
        put(&bytes);
    }

    fn head(&self) -> Option<Head> {
        let flags = self.0[56];
        let partner = self.long(24);
        let since = self.long(16);
        Some(Head {
            origin: Origin {
                connection: u16::from_le_bytes([self.0[52], self.0[53]]),
                socket: self.word(44),
                ordinal: self.word(48),
            },
            when: Moment { wall: self.long(0), mono: self.long(8) },
            since: (since != Self::NONE).then_some(since),
            kind: *KINDS.get(usize::from(self.0[54]))?,
            delivery: DELIVERIES.get(usize::from(self.0[55])).copied(),
            partner: (partner != Self::NONE).then(|| Partner {
                number: partner,
                lag: self.word(32).into(),
                same: flags & 8 != 0,
            }),
            form: match flags & 3 {
                0 => Form::Note,
                1 => Form::Text,
                _ => Form::Binary,
            },
        })
    }

    fn place(&self) -> usize {
        self.word(36) as usize
    }

    fn length(&self) -> usize {
        self.word(40) as usize
    }

    fn is_large(&self) -> bool {
        self.0[56] & 4 != 0
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap_or_default())
    }

    fn long(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap_or_default())
    }
}

const KINDS: [Kind; 10] = [
    Kind::Connecting,
    Kind::Open,
    Kind::Sent,
    Kind::Received,
    Kind::Waiting,
    Kind::Closing,
    Kind::Closed,
    Kind::Unclean,
    Kind::Measured,
    Kind::Error,
];
const DELIVERIES: [Delivery; 5] =
    [Delivery::Queued, Delivery::HandedOver, Delivery::Drained, Delivery::Lost, Delivery::Dropped];
