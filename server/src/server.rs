mod accept;

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use tokio::{net::TcpListener, task::JoinHandle};
use tracing::warn;

use self::accept::accept;
use crate::{
    Config,
    access::{Access, Denied},
    control::Live,
    http,
    limits::Admission,
    listener::Listener,
    metrics::Metrics,
    scenario,
    script::{Script, Scripts},
    shutdown::Shutdown,
    trace::Traces,
};
#[cfg(feature = "tls")]
use crate::{TlsError, tls};

/// A server that is listening. It stops when it is dropped: its port is free at once, and every connection is cut when
/// the runtime next runs. [`Server::shutdown`] stops it with a Close frame to each client instead.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    context: Arc<Context>,
    accepting: JoinHandle<()>,
}

/// What every connection of a server shares.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) shutdown: Shutdown,
    pub(crate) router: axum::Router,
    pub(crate) traces: Traces,
    pub(crate) live: Live,
    pub(crate) listener: Arc<Listener>,
    pub(crate) scripts: Arc<Scripts>,
    pub(crate) scenarios: Arc<scenario::State>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) access: Access,
    admission: Arc<Admission>,
    #[cfg(feature = "tls")]
    tls: Option<tls::Acceptor>,
}

impl Context {
    pub(crate) fn new(config: Config, shutdown: Shutdown) -> Result<Self, BindError> {
        let bound = config.listen.ip();
        if !bound.to_canonical().is_loopback() && config.token.is_none() && !config.no_token {
            return Err(BindError::NoToken { addr: config.listen });
        }
        let access = Access::new(&config.allow_origins, &config.allow_hosts, bound, config.token.clone());
        let access = access.map_err(|why| BindError::Config { why })?;
        #[cfg(feature = "tls")]
        let tls = match &config.tls {
            Some(tls) => {
                let tls = tls::Acceptor::new(tls.clone(), bound, &config.allow_hosts);
                Some(tls.map_err(|source| BindError::Tls { source })?)
            }
            None => None,
        };
        let metrics = Arc::<Metrics>::default();
        let admission = Arc::new(Admission::new(&config.limits, Arc::clone(&metrics)));
        let scenarios = Arc::new(scenario::State::new(shutdown.clone()));
        Ok(Self {
            config,
            shutdown,
            router: http::router(&scenarios),
            scenarios,
            traces: Traces::default(),
            live: Live::default(),
            listener: Arc::default(),
            scripts: Arc::default(),
            metrics,
            access,
            admission,
            #[cfg(feature = "tls")]
            tls,
        })
    }

    /// Checks from where a request comes and that it shows the token, where there is one.
    pub(crate) fn admit<B>(&self, request: &::http::Request<B>) -> Result<(), Denied> {
        let admitted = self.access.check(request).and_then(|()| self.access.check_token(request));
        admitted.inspect_err(|denied| self.metrics.denied(denied.refusal))
    }

    /// What `/metrics` says.
    pub(crate) fn counted(&self) -> String {
        self.metrics.encode(self.admission.open())
    }

    fn has_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }
}

impl Server {
    /// Listens on [`Config::listen`] and serves in tasks of the current Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`BindError`] when the address cannot be listened on, or the configuration does not allow it.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime with I/O and time enabled.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let config = config.bounded();
        let wanted = config.listen;
        let failed = |source| BindError::Listen { addr: wanted, source };
        let context = Arc::new(Context::new(config, Shutdown::default())?);
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        if !addr.ip().to_canonical().is_loopback() && context.config.token.is_none() {
            warn!(%addr, "listening beyond this machine without a token: whoever reaches this address can use the server");
        }
        context.listener.open(listener);
        let accepting = tokio::spawn(accept(Arc::clone(&context)));
        Ok(Self { addr, context, accepting })
    }

    /// The address it listens on, with the port that was picked.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A script for the next connection on a path that starts with a slash, one of the server's own or any other; it is in
    /// force once it is mounted.
    ///
    /// ```
    /// # use wirescope_server::{Config, Server};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::bind(Config::default()).await?;
    /// let script = server.script("/orders").expect_text("subscribe").send_text("order 1").cut().mount();
    /// // … the client under test connects to server.url("/orders") …
    /// # use futures_util::{SinkExt as _, StreamExt as _};
    /// # let (mut client, _) = tokio_tungstenite::client_async(server.url("/orders"),
    /// #     tokio::net::TcpStream::connect(server.addr()).await?).await?;
    /// # client.send("subscribe".into()).await?;
    /// # assert_eq!(client.next().await.unwrap()?.into_text()?, "order 1");
    /// script.verify().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn script(&self, path: &str) -> Script {
        Script::new(Arc::clone(&self.context.scripts), path)
    }

    /// The `ws:` URL of a path that starts with a slash, or `wss:` where [`Config::tls`](crate::Config) is set. Where all
    /// addresses are listened on, it leads to this machine's own.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.context.has_tls() { "wss" } else { "ws" };
        format!("{scheme}://{}{path}", reachable(self.addr))
    }

    /// The page's URL, as [`Server::url`] gives others'.
    pub fn page(&self) -> String {
        let scheme = if self.context.has_tls() { "https" } else { "http" };
        format!("{scheme}://{}", reachable(self.addr))
    }

    /// What `/metrics` says: the counts of this server since its start, in OpenMetrics' text form.
    pub fn metrics(&self) -> String {
        self.context.counted()
    }

    /// The certificate that the server shows, in DER; none without TLS.
    #[cfg(feature = "tls")]
    pub fn certificate(&self) -> Option<Vec<u8>> {
        self.context.tls.as_ref().map(tls::Acceptor::certificate)
    }

    /// Reads the certificate's files again: connections that come from then on get what is in them. When they are no good,
    /// what was read before goes on.
    ///
    /// # Errors
    ///
    /// [`TlsError`] says what is wrong with the files.
    #[cfg(feature = "tls")]
    pub fn reload_certificate(&self) -> Result<(), TlsError> {
        self.context.tls.as_ref().map_or(Ok(()), tls::Acceptor::reload)
    }

    /// Takes no new connections, sends Close 1001 to every client, waits for the connections to end, at most
    /// [`Timeouts::shutdown`](crate::Timeouts::shutdown), and cuts the rest.
    pub async fn shutdown(mut self) {
        self.context.shutdown.begin();
        // A panic of the accept loop was logged by the runtime; there is nothing left to stop then.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        // The task ends only when the runtime gets to it; the port must not wait for that.
        self.context.listener.close();
    }
}

/// An address that leads to the server from this machine: what is listened on, unless that is all addresses.
fn reachable(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(all) if all.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, all.port()).into(),
        SocketAddr::V6(all) if all.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, all.port()).into(),
        one => one,
    }
}

/// Why a server does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// The address could not be listened on.
    #[non_exhaustive]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address is beyond this machine, and there is neither a token nor the word that none is wanted.
    #[non_exhaustive]
    NoToken {
        /// The address.
        addr: SocketAddr,
    },
    /// A value of the configuration means nothing.
    #[non_exhaustive]
    Config {
        /// Which, and what would.
        why: String,
    },
    /// The certificate cannot be had.
    #[cfg(feature = "tls")]
    #[non_exhaustive]
    Tls {
        /// Why.
        source: TlsError,
    },
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { addr, source } => match source.kind() {
                io::ErrorKind::AddrInUse => write!(f, "cannot listen on {addr}: the port is in use"),
                io::ErrorKind::AddrNotAvailable => {
                    write!(f, "cannot listen on {addr}: it is no address of this machine")
                }
                _ => write!(f, "cannot listen on {addr}: {source}"),
            },
            Self::NoToken { addr } => write!(
                f,
                "{addr} can be reached from beyond this machine, so clients must show a token: --token-file FILE \
                 (openssl rand -hex 32 > FILE makes one); or let everyone in with --no-token"
            ),
            Self::Config { why } => f.write_str(why),
            #[cfg(feature = "tls")]
            Self::Tls { source } => source.fmt(f),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } => Some(source),
            _ => None,
        }
    }
}
