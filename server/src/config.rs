use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use wirescope_protocol::limits::DEFAULT_MAX_MESSAGE;

#[cfg(feature = "tls")]
use crate::Tls;
use crate::{Limit, Limits, Token};

/// What a [`Server`](crate::Server) listens on and how far it goes along with its peers.
///
/// ```
/// let mut config = wirescope_server::Config::default();
/// config.max_message = 1024;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The address to listen on. Port 0, the default on 127.0.0.1, picks a free port.
    pub listen: SocketAddr,
    /// The largest message taken, in bytes; a longer one, or a frame that announces one, ends its connection with
    /// 1009. 16 MiB by default, and at most 1 GiB, which every larger value means: a frame gets the memory that it
    /// announces before it has come.
    pub max_message: usize,
    /// Whether a peer that is not on this machine may use the raw TCP echo. Off by default: it answers anything, so it
    /// can be made to talk to other services.
    pub raw_tcp: bool,
    /// Whether the paths below `/control` reach into live connections. Off by default: whoever may use the server may then
    /// cut the connections of all others. Every connection costs more with it, as one with a fault does.
    pub control: bool,
    /// The origins whose pages may use the server, beside loopback's and its own: `scheme://host[:port]`; `null`, which
    /// pages of files and sandboxed frames have, and so any page can; or `*` for any.
    pub allow_origins: Vec<String>,
    /// The names by which the server may be asked for, beside loopback's and the address that a connection came to. A
    /// request for any other is denied, since DNS rebinding would make one.
    pub allow_hosts: Vec<String>,
    /// What clients must show to use anything but the page and `/healthz`. A server that listens beyond this machine
    /// must have one, or [`Config::no_token`].
    pub token: Option<Token>,
    /// Whether the server may listen beyond this machine without a token. Off by default.
    pub no_token: bool,
    /// TLS on the same port. A plain connection is then taken from this machine only.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
    /// How much peers may have.
    pub limits: Limits,
    /// How long to wait for a peer: at most a year each, which every longer time means.
    pub timeouts: Timeouts,
}

/// What [`Config::max_message`] is at most.
const LARGEST_MESSAGE: usize = 1 << 30;

/// Between what [`Limits::request_head`] is: hyper reads no less at once.
const SHORTEST_HEAD: usize = 8 * 1024;
const LONGEST_HEAD: usize = 1 << 20;

/// What each of [`Timeouts`] is at most: the clock can be that far ahead without an overflow.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            max_message: DEFAULT_MAX_MESSAGE,
            raw_tcp: false,
            control: false,
            allow_origins: Vec::new(),
            allow_hosts: Vec::new(),
            token: None,
            no_token: false,
            #[cfg(feature = "tls")]
            tls: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}

impl Config {
    /// The same with every value within its bound.
    pub(crate) fn bounded(mut self) -> Self {
        self.max_message = self.max_message.min(LARGEST_MESSAGE);
        let Limits { request_head, frame, outbound_queue, lifetime, .. } = &mut self.limits;
        *request_head = (*request_head).clamp(SHORTEST_HEAD, LONGEST_HEAD);
        *frame = (*frame).min(LARGEST_MESSAGE);
        *outbound_queue = (*outbound_queue).min(LARGEST_MESSAGE);
        if let Limit::At(lifetime) = lifetime {
            *lifetime = (*lifetime).min(LONGEST_WAIT);
        }
        let Timeouts { first_byte, request, idle, pong, blocked, close, drain, shutdown } =
            &mut self.timeouts;
        for wait in [first_byte, request, idle, pong, blocked, close, drain, shutdown] {
            *wait = (*wait).min(LONGEST_WAIT);
        }
        self
    }
}

/// How long a [`Server`](crate::Server) waits for a peer before it goes on without it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Timeouts {
    /// For the first byte of a connection: 60 s, since a person may be typing it.
    pub first_byte: Duration,
    /// For the rest of a request that has begun like HTTP: 5 s. Also how long a kept-alive HTTP connection may idle, and
    /// how long a peer may take nothing of a response over HTTP.
    pub request: Duration,
    /// For anything from a peer before it is pinged: 25 s, below the minute after which many proxies cut a connection. A connection
    /// with faults is never pinged, nor is it held to `blocked`: what becomes of it is for its URL to say.
    pub idle: Duration,
    /// For anything from a peer that was pinged: 10 s. Then it is closed with 1011.
    pub pong: Duration,
    /// For a peer to read anything of what fills its [`Limits::outbound_queue`]: 30 s. Then it is closed with 1013.
    pub blocked: Duration,
    /// For the closing handshake once a Close frame was sent: 3 s. Also for the last of what was sent to a peer that ended
    /// its side without one, and for a response over HTTP that is under way when the server shuts down.
    pub close: Duration,
    /// For the peer to end its side of the TCP connection after the server ended its own: 1 s. At most 1 MiB of what
    /// still comes is read in that time, so that no reset overtakes the Close frame.
    pub drain: Duration,
    /// For all connections to end when the server shuts down: 5 s.
    pub shutdown: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(60),
            request: Duration::from_secs(5),
            idle: Duration::from_secs(25),
            pong: Duration::from_secs(10),
            blocked: Duration::from_secs(30),
            close: Duration::from_secs(3),
            drain: Duration::from_secs(1),
            shutdown: Duration::from_secs(5),
        }
    }
}
