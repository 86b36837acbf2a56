//! The command line.

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs as _},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use clap::Parser;
use wirescope_protocol::limits::DEFAULT_PORT;
use wirescope_server::{Config, Limit, Limits, Timeouts, Token};

const ABOUT: &str = "\
A WebSocket test server: point a client at ws://127.0.0.1:8080/echo, or a browser at http://127.0.0.1:8080.

The first line on standard output is the address, \"listening on http://ADDR:PORT\"; the log goes to standard error. \
SIGINT and SIGTERM send every client Close 1001 and end the server within five seconds, with status 0.";

const RUN: &str = "\
A script is a text file, a step a line:

  connect ws://127.0.0.1:8080/echo chat.v1     optional, and first
  send text|json|hex|base64 …                  \"a\\nb\" is a JSON string
  expect text|contains|hex … [within 2s]       takes the next message that comes
  expect any|close [CODE] [within 2s]
  wait 500ms
  close [CODE [REASON]]
  repeat 3 … end
  # says nothing

The status is 0 if every step passed, 1 if one failed, and 2 if the script cannot be read or the server not be connected to.";

/// What to do instead of serving.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print every fault that a URL can ask for.
    Faults {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Play a script against any WebSocket server; the exit status says how it went.
    #[command(after_help = RUN)]
    Run(crate::run::Options),
}

/// What the command line says.
#[derive(Debug, Parser)]
#[command(version, about = ABOUT, max_term_width = 100, after_help = paths())]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The address to listen on; port 0 picks a free one.
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen, default_value_t = SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)))]
    listen: SocketAddr,

    /// Let peers beyond this machine use the raw TCP echo as well.
    #[arg(long)]
    raw_tcp: bool,

    /// Serve /control, which changes and cuts live connections: for test suites that need a trigger.
    #[arg(long)]
    control: bool,

    /// Open the page in the default browser.
    #[arg(long)]
    pub(crate) open: bool,

    /// What to log: error, warn, info, debug (a line per message), trace or off; or module=level pairs.
    #[arg(long, value_name = "FILTER", default_value = crate::log::DEFAULT, env = "RUST_LOG")]
    pub(crate) log: String,

    #[command(flatten)]
    access: Access,

    #[cfg(feature = "tls")]
    #[command(flatten)]
    tls: Tls,

    #[command(flatten)]
    limits: LimitFlags,

    #[command(flatten)]
    times: Times,
}

/// Who may use the server.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Who may use it")]
struct Access {
    /// Let pages of this origin in, such as `https://example.com`, beside those of this machine and the server's own.
    /// Repeatable; * is any, null what pages of files have.
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,

    /// A name by which the server may be asked for, beside localhost and its addresses. Repeatable.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,

    /// The file with the token that clients must show for all but the page and /healthz: Authorization: Bearer TOKEN, or
    /// the subprotocols wirescope.v1 and wirescope.token.BASE64URL. Must be there to listen beyond this machine.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Listen beyond this machine without a token: whoever reaches the address can use the server.
    #[arg(long, conflicts_with = "token_file")]
    no_token: bool,
}

/// TLS.
#[cfg(feature = "tls")]
#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "TLS, on the same port (plain connections are then taken from this machine only)"
)]
struct Tls {
    /// The certificate and its chain, in PEM; SIGHUP reads it again.
    #[arg(long = "tls-cert", value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,

    /// The certificate's private key, in PEM.
    #[arg(long = "tls-key", value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,

    /// Make a certificate that nobody vouches for, for development.
    #[arg(long = "tls-self-signed", conflicts_with = "certificate")]
    self_signed: bool,
}

/// How much peers may have.
#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "Limits (those marked * are off for peers on this machine unless they are set)"
)]
#[expect(clippy::struct_field_names, reason = "they are named as their flags")]
struct LimitFlags {
    /// The most connections at once; one more gets 503 [default: 90% of the file descriptors].
    #[arg(long, value_name = "COUNT")]
    max_connections: Option<usize>,

    /// The most connections from one address; one more gets 429 [default: * 100].
    #[arg(long, value_name = "COUNT|off")]
    max_per_address: Option<Ceiling<usize>>,

    /// The longest head of a request, 8KiB at least; a longer one gets 431.
    #[arg(long, value_name = "SIZE", default_value_t = Size(Limits::default().request_head))]
    max_head: Size,

    /// The largest message taken; a longer one ends its connection with 1009.
    #[arg(long, value_name = "SIZE", default_value_t = Size(Config::default().max_message))]
    max_message: Size,

    /// The largest frame taken; a longer one ends its connection with 1009.
    #[arg(long, value_name = "SIZE", default_value_t = Size(Limits::default().frame))]
    max_frame: Size,

    /// The most messages in a second; more end their connection with 1008 [default: * 1000].
    #[arg(long, value_name = "COUNT|off")]
    max_rate: Option<Ceiling<u32>>,

    /// How much waits for a peer that does not read before nothing more is taken from it.
    #[arg(long, value_name = "SIZE", default_value_t = Size(Limits::default().outbound_queue))]
    max_queue: Size,

    /// How long a WebSocket may live; then it is closed with 1001 [default: * 1day].
    #[arg(long, value_name = "TIME|off")]
    max_lifetime: Option<Ceiling<Time>>,
}

/// How long to wait.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Times")]
struct Times {
    /// For the rest of a request that has begun, and for a TLS handshake.
    #[arg(long, value_name = "TIME", default_value_t = Time(Timeouts::default().request))]
    handshake_timeout: Time,

    /// For anything from a peer before it is pinged.
    #[arg(long, value_name = "TIME|off", default_value_t = Ceiling::At(Time(Timeouts::default().idle)))]
    ping_interval: Ceiling<Time>,

    /// For anything from a peer that was pinged; then it is closed with 1011.
    #[arg(long, value_name = "TIME", default_value_t = Time(Timeouts::default().pong))]
    pong_timeout: Time,

    /// For a peer to read anything while its queue is full; then it is closed with 1013.
    #[arg(long, value_name = "TIME", default_value_t = Time(Timeouts::default().blocked))]
    slow_timeout: Time,
}

/// What there is to connect to, for `--help`.
fn paths() -> String {
    format!(
        "Paths:\n{}\nA connection whose first line is not HTTP is raw TCP echo: telnet 127.0.0.1 8080\n\n\
         A SIZE is in bytes, or with KiB or MiB; a TIME has its unit, as in 500ms, 25s or 1h. \"off\" is no limit.",
        wirescope_server::paths()
    )
}

/// An address with a port; of a name, the first that it stands for, IPv4 before IPv6.
fn listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let form = "an address is such as 127.0.0.1:8080, [::1]:8080 or localhost:8080";
    if text.rsplit_once(':').is_none_or(|(name, port)| name.is_empty() || port.parse::<u16>().is_err()) {
        return Err(form.to_owned());
    }
    let mut all: Vec<_> = text.to_socket_addrs().map_err(|error| format!("{error}; {form}"))?.collect();
    all.sort_by_key(SocketAddr::is_ipv6);
    all.first().copied().ok_or_else(|| format!("the name stands for no address; {form}"))
}

impl Flags {
    /// # Errors
    ///
    /// A sentence that says what is wrong with the token's file.
    pub(crate) fn config(&self) -> Result<Config, String> {
        let mut config = Config::default();
        config.listen = self.listen;
        config.raw_tcp = self.raw_tcp;
        config.control = self.control;
        let Access { allow_origin, allow_host, token_file, no_token } = &self.access;
        config.allow_origins.clone_from(allow_origin);
        config.allow_hosts.clone_from(allow_host);
        config.no_token = *no_token;
        if let Some(file) = token_file {
            config.token = Some(Token::read(file).map_err(|error| format!("--token-file: {error}"))?);
        }
        #[cfg(feature = "tls")]
        {
            config.tls = self.tls.config();
        }
        let given = &self.limits;
        config.max_message = given.max_message.0;
        config.limits.connections = given.max_connections;
        config.limits.per_address = limit(given.max_per_address);
        config.limits.request_head = given.max_head.0;
        config.limits.frame = given.max_frame.0;
        config.limits.messages_per_second = limit(given.max_rate);
        config.limits.outbound_queue = given.max_queue.0;
        config.limits.lifetime = limit(given.max_lifetime.map(|most| most.map(|time| time.0)));
        config.timeouts.request = self.times.handshake_timeout.0;
        config.timeouts.idle = match self.times.ping_interval {
            Ceiling::At(time) => time.0,
            Ceiling::Off => Duration::MAX,
        };
        config.timeouts.pong = self.times.pong_timeout.0;
        config.timeouts.blocked = self.times.slow_timeout.0;
        Ok(config)
    }

    /// Whether there are certificates to be read again.
    pub(crate) fn has_certificate_files(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.certificate.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }
}

#[cfg(feature = "tls")]
impl Tls {
    fn config(&self) -> Option<wirescope_server::Tls> {
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                Some(wirescope_server::Tls::Files { certificate: certificate.clone(), key: key.clone() })
            }
            _ => self.self_signed.then_some(wirescope_server::Tls::SelfSigned),
        }
    }
}

fn limit<T>(given: Option<Ceiling<T>>) -> Limit<T> {
    match given {
        Some(Ceiling::At(most)) => Limit::At(most),
        Some(Ceiling::Off) => Limit::Off,
        None => Limit::BeyondLoopback,
    }
}

/// A limit, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ceiling<T> {
    Off,
    At(T),
}

impl<T> Ceiling<T> {
    fn map<U>(self, convert: impl FnOnce(T) -> U) -> Ceiling<U> {
        match self {
            Self::Off => Ceiling::Off,
            Self::At(most) => Ceiling::At(convert(most)),
        }
    }
}

impl<T: FromStr<Err: fmt::Display>> FromStr for Ceiling<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            text => text.parse().map(Self::At).map_err(|error| format!("{error}, and neither is it off")),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Ceiling<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(most) => most.fmt(f),
        }
    }
}

/// A time, more than none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match humantime::parse_duration(text) {
            Ok(Duration::ZERO) => Err("a time is more than none".to_owned()),
            Ok(time) => Ok(Self(time)),
            Err(_) => Err("a time has its unit, as in 500ms, 25s or 1h".to_owned()),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// A number of bytes, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(usize);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unit = match unit {
            "" | "B" => 1,
            "KiB" => 1024,
            "MiB" => 1024 * 1024,
            _ => return Err("a size is a number of bytes, or with a unit: 65536, 64KiB, 16MiB".to_owned()),
        };
        match number.parse::<usize>().ok().and_then(|number| number.checked_mul(unit)) {
            Some(size @ 1..=0x4000_0000) => Ok(Self(size)),
            _ => Err("a size is from 1 byte to 1024MiB".to_owned()),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            size if size % (1024 * 1024) == 0 => write!(f, "{}MiB", size / 1024 / 1024),
            size if size % 1024 == 0 => write!(f, "{}KiB", size / 1024),
            size => write!(f, "{size}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse_with_and_without_units() {
        assert_eq!("16MiB".parse(), Ok(Size(16 * 1024 * 1024)));
        assert_eq!("1500".parse(), Ok(Size(1500)));
        assert_eq!(Size(64 * 1024).to_string(), "64KiB");
        for wrong in ["", "MiB", "0", "-1", "1.5MiB", "16MB", "99999999999999999999"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_are_numbers_times_or_off() {
        assert_eq!("off".parse(), Ok(Ceiling::<usize>::Off));
        assert_eq!("7".parse(), Ok(Ceiling::At(7)));
        assert_eq!("1h 30m".parse(), Ok(Ceiling::At(Time(Duration::from_secs(5_400)))));
        for wrong in ["", "0s", "5", "never", "-1s"] {
            assert!(wrong.parse::<Ceiling<Time>>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_flag_at_all_is_the_default() {
        let config = Flags::parse_from(["wirescope-server"]).config().unwrap();
        let mut default = Config::default();
        default.listen = config.listen;
        assert_eq!(format!("{config:?}"), format!("{default:?}"));
    }

    #[test]
    fn a_name_may_be_listened_on() {
        assert_eq!(listen("127.0.0.1:0"), Ok(([127, 0, 0, 1], 0).into()));
        let local = listen("localhost:80").unwrap();
        assert!(local.ip().is_loopback() && local.port() == 80, "{local}");
        for wrong in ["localhost", "127.0.0.1", ":80", "8080", "127.0.0.1:http"] {
            assert!(listen(wrong).unwrap_err().contains("such as 127.0.0.1:8080"), "{wrong}");
        }
    }

    #[test]
    fn the_flags_are_consistent() {
        <Flags as clap::CommandFactory>::command().debug_assert();
    }
}
