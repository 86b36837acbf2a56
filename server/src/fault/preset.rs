//! Sets of faults that have a name.

/// A set of faults, as a query.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) query: &'static str,
    pub(crate) text: &'static str,
}

/// All presets. What a URL says itself wins over what its preset says.
pub(crate) const PRESETS: &[Preset] = &[
    Preset {
        name: "mobile",
        query: "delay=80ms&jitter=120ms&bandwidth=96KiB",
        text: "A phone on the move: latency that varies, and little bandwidth.",
    },
    Preset {
        name: "flaky-proxy",
        query: "jitter=40ms&chunk=512&fin&fin.chance=2%",
        text: "A proxy that cuts messages into small pieces and ends one connection in fifty messages.",
    },
    Preset {
        name: "idle-cutoff-60s",
        query: "idle-cutoff=60s",
        text: "A proxy that ends connections on which nothing happened for a minute.",
    },
    Preset {
        name: "restart",
        query: "close=1012&reason=service%20restart&after=10s",
        text: "A server that restarts ten seconds after the connection opened.",
    },
    Preset {
        name: "lossy",
        query: "drop=2%&duplicate=1%&reorder=1%",
        text: "Messages that are lost, doubled and out of order: what a client must notice by itself.",
    },
    Preset {
        name: "slow-consumer",
        query: "stall=30s",
        text: "A server that does not read for half a minute: what a client sends piles up.",
    },
];
