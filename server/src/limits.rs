//! How much of the server one peer, and all of them together, can have.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tracing::warn;

use crate::metrics::{Hit, Metrics};

/// How much a [`Server`](crate::Server) lets its peers have. Whenever one of these ends or refuses something, `/metrics`
/// counts it in `wirescope_limit_hits_total`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The most connections of any kind at once; one more is answered with 503. By default 90 % of the descriptors that
    /// the process may have, and at least 32 fewer, so that those who are connected can go on when others cannot come.
    pub connections: Option<usize>,
    /// The most connections from one address at once, an IPv6 network of 64 bits counting as one address; one more is
    /// answered with 429. Unless set, 100, and none for this machine.
    pub per_address: Limit<usize>,
    /// The longest head of a request, in bytes; a longer one is answered with 431. 16 KiB by default, and from 8 KiB to
    /// 1 MiB, which every smaller and larger value means.
    pub request_head: usize,
    /// The longest frame, in bytes; a longer one ends its connection with 1009. 16 MiB by default.
    pub frame: usize,
    /// The most messages, pings and pongs that a peer may send in a second; more end its connection with 1008. The
    /// second begins with a message, so up to twice as many can come in one that begins elsewhere. Unless set, 1,000,
    /// and none for this machine.
    pub messages_per_second: Limit<u32>,
    /// How many bytes wait for a peer that does not read them before nothing more is taken from it; the message that
    /// passes it is still taken. 64 KiB by default. A peer that then takes nothing for
    /// [`Timeouts::blocked`](crate::Timeouts::blocked) is closed with 1013.
    pub outbound_queue: usize,
    /// How long a WebSocket may live; at its end it is closed with 1001. Unless set, a day, and without end for this
    /// machine.
    pub lifetime: Limit<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            per_address: Limit::default(),
            request_head: 16 * 1024,
            frame: wirescope_protocol::limits::DEFAULT_MAX_MESSAGE,
            messages_per_second: Limit::default(),
            outbound_queue: 64 * 1024,
            lifetime: Limit::default(),
        }
    }
}

/// A limit that peers on this machine are not held to unless it was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limit<T> {
    /// Its default, for peers beyond this machine only.
    #[default]
    BeyondLoopback,
    /// None.
    Off,
    /// This, for every peer.
    At(T),
}

impl<T> Limit<T> {
    /// What a peer is held to.
    pub(crate) fn of(self, peer: IpAddr, default: T) -> Option<T> {
        match self {
            Self::At(limit) => Some(limit),
            Self::BeyondLoopback if !peer.to_canonical().is_loopback() => Some(default),
            Self::BeyondLoopback | Self::Off => None,
        }
    }
}

/// The defaults beyond this machine.
const PER_ADDRESS: usize = 100;
const MESSAGES_PER_SECOND: u32 = 1_000;
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The descriptors that are kept free: for the listener, the runtime, files, and peers that are being refused.
const SPARE_DESCRIPTORS: u64 = 32;

/// How many peers are told at once that there is no room. Any more are cut without a word.
const TOLD_AT_ONCE: usize = 16;

impl Limits {
    pub(crate) fn messages_per_second(&self, peer: IpAddr) -> Option<u32> {
        self.messages_per_second.of(peer, MESSAGES_PER_SECOND)
    }

    pub(crate) fn lifetime(&self, peer: IpAddr) -> Option<Duration> {
        self.lifetime.of(peer, LIFETIME)
    }

    fn most_connections(&self) -> usize {
        self.connections.unwrap_or_else(|| {
            let descriptors = descriptors();
            let most = (descriptors / 10 * 9).min(descriptors.saturating_sub(SPARE_DESCRIPTORS)).max(1);
            usize::try_from(most).unwrap_or(usize::MAX)
        })
    }
}

#[cfg(unix)]
fn descriptors() -> u64 {
    // Where it cannot be asked, what POSIX grants everyone at the least would be absurd; this is the usual soft limit.
    rlimit::Resource::NOFILE.get_soft().unwrap_or(1024)
}

#[cfg(not(unix))]
fn descriptors() -> u64 {
    // Sockets are no descriptors of the C runtime there, so nothing but memory bounds them.
    u64::from(u16::MAX)
}

/// Lets this process have as many descriptors as the system grants it, which is often many more than it begins with.
/// A program does it once at its start, and [`Limits::connections`] follows.
///
/// # Errors
///
/// What the system said.
pub fn raise_descriptor_limit() -> std::io::Result<()> {
    rlimit::increase_nofile_limit(u64::MAX).map(|_| ())
}

/// Who may come in.
#[derive(Debug)]
pub(crate) struct Admission {
    most: usize,
    per_address: Limit<usize>,
    open: AtomicUsize,
    told: AtomicUsize,
    is_full: AtomicBool,
    /// Only addresses that are held to a limit.
    addresses: Mutex<HashMap<IpAddr, usize>>,
    metrics: Arc<Metrics>,
}

/// A connection's place; dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Server,
    Address,
}

/// The turn to tell a peer that there is no place for it.
#[derive(Debug)]
pub(crate) struct Telling(Arc<Admission>);

impl Admission {
    pub(crate) fn new(limits: &Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            most: limits.most_connections(),
            per_address: limits.per_address,
            open: AtomicUsize::new(0),
            told: AtomicUsize::new(0),
            is_full: AtomicBool::new(false),
            addresses: Mutex::default(),
            metrics,
        }
    }

    /// How many connections there are.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Full> {
        if self.open.fetch_add(1, Relaxed) >= self.most {
            self.open.fetch_sub(1, Relaxed);
            self.metrics.hit(Hit::Connections);
            if !self.is_full.swap(true, Relaxed) {
                warn!(connections = self.most, "no more connections are taken until some end");
            }
            return Err(Full::Server);
        }
        self.is_full.store(false, Relaxed);
        // From here on the place's end gives back what was taken.
        let mut place = Place { admission: Arc::clone(self), address: None };
        if let Some(most) = self.per_address.of(peer, PER_ADDRESS) {
            let network = network(peer);
            let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
            let count = addresses.entry(network).or_default();
            if *count >= most {
                if *count == 0 {
                    addresses.remove(&network);
                }
                drop(addresses);
                self.metrics.hit(Hit::PerAddress);
                return Err(Full::Address);
            }
            *count += 1;
            place.address = Some(network);
        }
        Ok(place)
    }

    /// The turn to say so to a peer, while few others are being told.
    pub(crate) fn telling(self: &Arc<Self>) -> Option<Telling> {
        let telling = Telling(Arc::clone(self));
        (self.told.fetch_add(1, Relaxed) < TOLD_AT_ONCE).then_some(telling)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Relaxed);
        if let Some(address) = self.address {
            let mut addresses = self.admission.addresses.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = addresses.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    addresses.remove(&address);
                }
            }
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.told.fetch_sub(1, Relaxed);
    }
}

/// What counts as one address: a network of 64 bits is what one IPv6 subscriber has at the least.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

/// How often a peer sends. The clock is looked at only once as many came as a second may have.
#[derive(Debug)]
pub(crate) struct Rate {
    most: Option<u32>,
    count: u32,
    since: Instant,
}

impl Rate {
    pub(crate) fn new(most: Option<u32>) -> Self {
        Self { most, count: 0, since: Instant::now() }
    }

    /// Counts one, and says whether that is within the limit.
    pub(crate) fn take(&mut self) -> bool {
        let Some(most) = self.most else { return true };
        if self.count >= most {
            let now = Instant::now();
            if now.duration_since(self.since) < Duration::from_secs(1) {
                return false;
            }
            (self.count, self.since) = (0, now);
        }
        self.count += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(change: impl FnOnce(&mut Limits)) -> Arc<Admission> {
        let mut limits = Limits::default();
        change(&mut limits);
        Arc::new(Admission::new(&limits, Arc::default()))
    }

    #[test]
    fn a_place_that_is_left_is_free() {
        let admission = admission(|limits| limits.connections = Some(2));
        let peer = "127.0.0.1".parse().unwrap();
        let places = [admission.enter(peer).unwrap(), admission.enter(peer).unwrap()];
        assert_eq!(admission.enter(peer).unwrap_err(), Full::Server);
        assert_eq!(admission.open(), 2);
        drop(places);
        assert_eq!(admission.open(), 0);
        admission.enter(peer).unwrap();
        assert_eq!(admission.metrics.hits(Hit::Connections), 1);
    }

    #[test]
    fn an_address_has_its_places_and_this_machine_all() {
        let admission = admission(|_| {});
        let near = "::ffff:127.0.0.1".parse().unwrap();
        let near: Vec<_> = (0..200).map(|_| admission.enter(near).unwrap()).collect();
        let far = |n: u32| format!("2001:db8::{n:x}").parse().unwrap();
        let places: Vec<_> = (0..100).map(|n| admission.enter(far(n)).unwrap()).collect();
        assert_eq!(admission.enter(far(1)).unwrap_err(), Full::Address);
        assert_eq!(admission.open(), 300, "who is refused takes no place");
        admission.enter("2001:db8:0:1::1".parse().unwrap()).unwrap();
        drop((near, places));
        assert!(admission.addresses.lock().unwrap().is_empty());
    }

    #[test]
    fn a_limit_that_is_set_holds_for_everyone() {
        let near = "127.0.0.1".parse().unwrap();
        assert_eq!(Limit::At(1).of(near, 2), Some(1));
        assert_eq!(Limit::BeyondLoopback.of(near, 2), None);
        assert_eq!(Limit::BeyondLoopback.of("192.0.2.1".parse().unwrap(), 2), Some(2));
        assert_eq!(Limit::Off.of("192.0.2.1".parse().unwrap(), 2), None);
    }

    #[test]
    fn a_rate_counts_within_a_second() {
        let mut rate = Rate::new(Some(3));
        assert_eq!([rate.take(), rate.take(), rate.take(), rate.take()], [true, true, true, false]);
        rate.since -= Duration::from_secs(1);
        assert!(rate.take());
        assert!((0..10_000).all(|_| Rate::new(None).take()));
    }
}
