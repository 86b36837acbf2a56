//! What the server counts, and its text form on `/metrics`.
//!
//! Nothing here is on a message's way: a connection counts for itself in plain integers and adds them up here when it
//! next waits. All of it belongs to one server, since a process may have several.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use crate::tally::Count;

/// The media type of the text form: OpenMetrics 1.0, which Prometheus reads.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The most codes that are counted apart, since peers choose them; the rest count as `other`.
const MOST_CODES: usize = 64;

/// What ended or refused something because it was too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hit {
    Connections,
    PerAddress,
    Descriptors,
    RequestTime,
    RequestHead,
    Message,
    MessagesPerSecond,
    OutboundQueue,
    Pong,
    Lifetime,
}

impl Hit {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Connections, "connections"),
        (Self::PerAddress, "per_address"),
        (Self::Descriptors, "descriptors"),
        (Self::RequestTime, "request_time"),
        (Self::RequestHead, "request_head"),
        (Self::Message, "message"),
        (Self::MessagesPerSecond, "messages_per_second"),
        (Self::OutboundQueue, "outbound_queue"),
        (Self::Pong, "pong"),
        (Self::Lifetime, "lifetime"),
    ];
}

/// Why a request was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Host,
    Origin,
    Token,
}

impl Refusal {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Host, "host"), (Self::Origin, "origin"), (Self::Token, "token")];
}

/// What a connection turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    WebSocket,
    Http,
    Raw,
    Refused,
    Nothing,
}

impl Kind {
    const ALL: [(Self, &'static str); 5] = [
        (Self::WebSocket, "websocket"),
        (Self::Http, "http"),
        (Self::Raw, "raw"),
        (Self::Refused, "refused"),
        (Self::Nothing, "nothing"),
    ];
}

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    kinds: [AtomicU64; Kind::ALL.len()],
    hits: [AtomicU64; Hit::ALL.len()],
    refusals: [AtomicU64; Refusal::ALL.len()],
    open_websockets: AtomicU64,
    closes: Mutex<BTreeMap<(Option<u16>, &'static str), u64>>,
    received: Traffic,
    sent: Traffic,
    queued: AtomicU64,
    faults: Mutex<BTreeMap<&'static str, u64>>,
    pub(crate) handshake: Histogram,
    pub(crate) echo: Histogram,
}

#[derive(Debug, Default)]
struct Traffic {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Traffic {
    fn add(&self, count: Count) {
        self.messages.fetch_add(count.messages, Relaxed);
        self.bytes.fetch_add(count.bytes, Relaxed);
    }
}

impl Metrics {
    pub(crate) fn accepted(&self, kind: Kind) {
        self.kinds[kind as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn hit(&self, limit: Hit) {
        self.hits[limit as usize].fetch_add(1, Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn hits(&self, limit: Hit) -> u64 {
        self.hits[limit as usize].load(Relaxed)
    }

    pub(crate) fn denied(&self, refusal: Refusal) {
        self.refusals[refusal as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn opened(&self) {
        self.open_websockets.fetch_add(1, Relaxed);
    }

    /// Counts the end of what was [`Metrics::opened`].
    pub(crate) fn closed(&self, code: u16, by: &'static str) {
        self.open_websockets.fetch_sub(1, Relaxed);
        let mut closes = locked(&self.closes);
        let known = closes.len() < MOST_CODES || closes.contains_key(&(Some(code), by));
        *closes.entry((known.then_some(code), by)).or_default() += 1;
    }

    pub(crate) fn traffic(&self, received: Count, sent: Count) {
        self.received.add(received);
        self.sent.add(sent);
    }

    /// Says that so many bytes now wait for a peer that does not read, until the guard is dropped.
    pub(crate) fn queued(self: &Arc<Self>, bytes: u64) -> Queued {
        self.queued.fetch_add(bytes, Relaxed);
        Queued { metrics: Arc::clone(self), bytes }
    }

    /// Counts a fault that struck, by its name in URLs. It locks, which only connections with faults pay for.
    pub(crate) fn fault(&self, name: &'static str) {
        *locked(&self.faults).entry(name).or_default() += 1;
    }

    /// The text form; `connections` is how many there are now.
    pub(crate) fn encode(&self, connections: usize) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.encode_to(&mut text, connections);
        text
    }

    fn encode_to(&self, text: &mut String, connections: usize) -> fmt::Result {
        use prometheus_client::{collector::Collector, encoding::text::encode, registry::Registry};

        /// What the crate asks to be given, and asks at once.
        struct Snapshot(Vec<Family>);

        impl fmt::Debug for Snapshot {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("Snapshot")
            }
        }

        impl Collector for Snapshot {
            fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|family| family.encode(&mut encoder))
            }
        }

        let mut registry = Registry::with_prefix("wirescope");
        registry.register_collector(Box::new(Snapshot(self.families(connections))));
        encode(text, &registry)
    }

    fn families(&self, connections: usize) -> Vec<Family> {
        let direction = |received: &AtomicU64, sent: &AtomicU64| {
            Values::Counters(vec![
                (vec![("direction", "received".to_owned())], received.load(Relaxed)),
                (vec![("direction", "sent".to_owned())], sent.load(Relaxed)),
            ])
        };
        let closes = locked(&self.closes)
            .iter()
            .map(|((code, by), count)| {
                let code = code.map_or_else(|| "other".to_owned(), |code| code.to_string());
                (vec![("code", code), ("by", (*by).to_owned())], *count)
            })
            .collect();
        let faults = locked(&self.faults)
            .iter()
            .map(|(name, count)| (vec![("fault", (*name).to_owned())], *count))
            .collect();
        vec![
            Family::new("open_connections", "TCP connections now", Values::Gauge(connections as u64)),
            Family::new(
                "open_websockets",
                "WebSockets now",
                Values::Gauge(self.open_websockets.load(Relaxed)),
            ),
            Family::new(
                "queued_bytes",
                "Bytes that wait for peers that do not read",
                Values::Gauge(self.queued.load(Relaxed)),
            ),
            Family::new(
                "connections",
                "TCP connections, by what they turned out to be",
                by_name("kind", &Kind::ALL.map(|(_, name)| name), &self.kinds),
            ),
            Family::new("messages", "Data messages", direction(&self.received.messages, &self.sent.messages)),
            Family::new(
                "message_bytes",
                "Payload bytes of data messages",
                direction(&self.received.bytes, &self.sent.bytes),
            ),
            Family::new(
                "closes",
                "WebSockets that ended, by the code in the log and who closed",
                Values::Counters(closes),
            ),
            Family::new("faults", "Faults that were applied", Values::Counters(faults)),
            Family::new(
                "limit_hits",
                "What was refused or ended since it was too much",
                by_name("limit", &Hit::ALL.map(|(_, name)| name), &self.hits),
            ),
            Family::new(
                "denied",
                "Requests that were denied, by what was wrong with them",
                by_name("wrong", &Refusal::ALL.map(|(_, name)| name), &self.refusals),
            ),
            Family::new(
                "handshake_seconds",
                "From the first byte of a connection to its 101 response",
                self.handshake.values(),
            ),
            Family::new(
                "echo_seconds",
                "From a message's arrival on an idle /echo to its answer being written; one in 16 is measured",
                self.echo.values(),
            ),
        ]
    }
}

/// Bytes that wait, as long as this lives.
#[derive(Debug)]
pub(crate) struct Queued {
    metrics: Arc<Metrics>,
    bytes: u64,
}

impl Queued {
    /// Says that so many bytes wait by now.
    pub(crate) fn now(&mut self, bytes: u64) {
        // Wrapping makes one addition of both directions.
        self.metrics.queued.fetch_add(bytes.wrapping_sub(self.bytes), Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.metrics.queued.fetch_sub(self.bytes, Relaxed);
    }
}

/// How long something took, in classes.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One more than there are bounds, for what is past the last.
    classes: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// The upper bounds of the classes, in microseconds.
const BOUNDS: [u32; 17] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 5_000_000,
];

impl Histogram {
    pub(crate) fn observe(&self, took: Duration) {
        let class = BOUNDS.partition_point(|bound| u128::from(*bound) < took.as_micros());
        self.classes[class].fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    fn values(&self) -> Values {
        let counts = self.classes.each_ref().map(|class| class.load(Relaxed));
        let bounds = BOUNDS.iter().map(|bound| f64::from(*bound) / 1e6).chain([f64::INFINITY]);
        Values::Histogram {
            sum: Duration::from_nanos(self.nanoseconds.load(Relaxed)).as_secs_f64(),
            count: counts.iter().sum(),
            buckets: bounds.zip(counts).collect(),
        }
    }
}

type Labels = Vec<(&'static str, String)>;

/// What was counted under one name.
struct Family {
    name: &'static str,
    help: &'static str,
    values: Values,
}

enum Values {
    Gauge(u64),
    Counters(Vec<(Labels, u64)>),
    Histogram { sum: f64, count: u64, buckets: Vec<(f64, u64)> },
}

impl Family {
    fn new(name: &'static str, help: &'static str, values: Values) -> Self {
        Self { name, help, values }
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match self.values {
            Values::Gauge(_) => MetricType::Gauge,
            Values::Counters(_) => MetricType::Counter,
            Values::Histogram { .. } => MetricType::Histogram,
        };
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        match &self.values {
            Values::Gauge(value) => ConstGauge::new(i64::try_from(*value).unwrap_or(i64::MAX)).encode(metric),
            Values::Counters(counters) => counters.iter().try_for_each(|(labels, count)| {
                ConstCounter::new(*count).encode(metric.encode_family(labels)?)
            }),
            Values::Histogram { sum, count, buckets } => {
                metric.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)
            }
        }
    }
}

fn by_name(label: &'static str, names: &[&'static str], counts: &[AtomicU64]) -> Values {
    let values = names.iter().zip(counts);
    Values::Counters(
        values.map(|(name, count)| (vec![(label, (*name).to_owned())], count.load(Relaxed))).collect(),
    )
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_place_in_its_list() {
        assert!(Hit::ALL.iter().enumerate().all(|(index, (hit, _))| *hit as usize == index));
        assert!(Kind::ALL.iter().enumerate().all(|(index, (kind, _))| *kind as usize == index));
        assert!(Refusal::ALL.iter().enumerate().all(|(index, (why, _))| *why as usize == index));
    }

    #[test]
    fn what_was_counted_is_in_the_text() {
        let metrics = Arc::new(Metrics::default());
        metrics.accepted(Kind::WebSocket);
        metrics.opened();
        metrics.opened();
        metrics.closed(4001, "peer");
        metrics.hit(Hit::Message);
        metrics.denied(Refusal::Origin);
        metrics.fault("drop");
        metrics.fault("drop");
        metrics.traffic(Count { messages: 2, bytes: 10 }, Count { messages: 1, bytes: 5 });
        metrics.handshake.observe(Duration::from_micros(250));
        metrics.handshake.observe(Duration::from_secs(9));
        let mut queued = metrics.queued(70);
        queued.now(7);
        let text = metrics.encode(3);
        for line in [
            "wirescope_open_connections 3",
            "wirescope_open_websockets 1",
            "wirescope_queued_bytes 7",
            "wirescope_connections_total{kind=\"websocket\"} 1",
            "wirescope_messages_total{direction=\"received\"} 2",
            "wirescope_message_bytes_total{direction=\"sent\"} 5",
            "wirescope_closes_total{code=\"4001\",by=\"peer\"} 1",
            "wirescope_faults_total{fault=\"drop\"} 2",
            "wirescope_limit_hits_total{limit=\"message\"} 1",
            "wirescope_denied_total{wrong=\"origin\"} 1",
            "wirescope_handshake_seconds_bucket{le=\"0.0001\"} 0",
            "wirescope_handshake_seconds_bucket{le=\"0.00025\"} 1",
            "wirescope_handshake_seconds_bucket{le=\"5.0\"} 1",
            "wirescope_handshake_seconds_bucket{le=\"+Inf\"} 2",
            "wirescope_handshake_seconds_count 2",
            "wirescope_echo_seconds_count 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        drop(queued);
        assert!(metrics.encode(3).contains("wirescope_queued_bytes 0"));
    }

    #[test]
    fn codes_that_peers_choose_are_counted_apart_up_to_a_bound() {
        let metrics = Metrics::default();
        for code in 3000..4000 {
            metrics.opened();
            metrics.closed(code, "peer");
        }
        assert_eq!(locked(&metrics.closes).len(), MOST_CODES + 1);
        assert!(metrics.encode(0).contains("{code=\"other\",by=\"peer\"} 936"));
    }
}
