use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ::http::{Method, StatusCode};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};
use tracing::{debug, error, info, warn};

use crate::{
    Config,
    access::{Access, Denied},
    connection,
    control::Live,
    ending, handshake,
    http::{self, Served},
    limits::{Admission, Full, Place, Telling},
    listener::Listener,
    metrics::{Hit, Kind, Metrics},
    opening::{self, Opening},
    raw, scenario,
    script::{Script, Scripts},
    shutdown::Shutdown,
    stream::{Arrival, Stream},
    trace::Traces,
};
#[cfg(feature = "tls")]
use crate::{TlsError, tls};

/// How long to wait after the system had no descriptor or memory for a new connection: the old ones must end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long accepting must not have failed to be well again. Where descriptors are few it fails and works in turns.
const ACCEPT_WELL: Duration = Duration::from_secs(1);

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

/// Accepts until shutdown. It owns the connections' tasks, so aborting this one task ends them all.
async fn accept(context: Arc<Context>) {
    let mut connections = JoinSet::new();
    let mut failed: u64 = 0;
    let mut well_at = Instant::now();
    loop {
        tokio::select! {
            () = context.shutdown.begun() => break,
            Some(ended) = connections.join_next() => report(ended),
            () = sleep_until(well_at), if failed > 0 => {
                warn!(failed, "connections are accepted again");
                failed = 0;
            }
            accepted = context.listener.accept() => match accepted {
                Ok((stream, peer)) => match context.admission.enter(peer.ip()) {
                    Ok(place) => {
                        connections.spawn(serve(stream, peer, Arc::clone(&context), place));
                    }
                    Err(full) => {
                        debug!(%peer, ?full, "no room for a connection");
                        if let Some(telling) = context.admission.telling() {
                            connections.spawn(turn_away(stream, full, Arc::clone(&context), telling));
                        }
                    }
                },
                Err(error) if is_the_peers(&error) => debug!(%error, "a connection ended before it was accepted"),
                Err(error) => {
                    context.metrics.hit(Hit::Descriptors);
                    if failed == 0 {
                        error!(%error, "cannot accept connections; trying until it works");
                    }
                    failed += 1;
                    sleep(ACCEPT_PAUSE).await;
                    well_at = Instant::now() + ACCEPT_WELL;
                }
            },
        }
    }
    context.listener.close();
    info!(connections = connections.len(), "shutting down");
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if timeout(context.config.timeouts.shutdown, all_ended).await.is_err() {
        warn!(connections = connections.len(), "cutting the connections that have not ended");
    }
}

/// Tells a peer that there is no room, whatever it came for.
async fn turn_away(stream: TcpStream, full: Full, context: Arc<Context>, _telling: Telling) {
    let (status, text) = match full {
        Full::Server => (StatusCode::SERVICE_UNAVAILABLE, "this server has as many connections as it may"),
        Full::Address => {
            (StatusCode::TOO_MANY_REQUESTS, "your address has as many connections as it may here")
        }
    };
    // In TLS it would not be understood.
    if !context.has_tls() {
        opening::refuse(stream, &opening::text(status, text), false, &context.config.timeouts).await;
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, context: Arc<Context>, _place: Place) {
    // Small frames must not wait for the acknowledgement of earlier ones. Where it cannot be set, all still works.
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().unwrap_or(context.config.listen);
    let arrival = Arrival { peer, local, tls: false };
    #[cfg(feature = "tls")]
    if let Some(tls) = &context.tls {
        // Boxed, so that the task of a plain connection is no larger for it.
        return Box::pin(serve_either(stream, arrival, tls, &context)).await;
    }
    serve_stream(stream, arrival, &context).await;
}

/// Serves a connection that may speak TLS.
#[cfg(feature = "tls")]
async fn serve_either(stream: TcpStream, arrival: Arrival, tls: &tls::Acceptor, context: &Arc<Context>) {
    let (peer, timeouts, metrics) = (arrival.peer, &context.config.timeouts, &context.metrics);
    let accepted = async {
        if opening::is_tls(&stream, timeouts).await? {
            timeout(timeouts.request, tls.accept(stream)).await?.map(Ok)
        } else {
            Ok(Err(stream))
        }
    };
    let accepted = tokio::select! {
        accepted = accepted => accepted,
        () = context.shutdown.begun() => return,
    };
    match accepted {
        Ok(Ok(stream)) => serve_stream(stream, Arrival { tls: true, ..arrival }, context).await,
        // A token, or anything else, is not to cross a network in the open where it need not.
        Ok(Err(stream)) if !peer.ip().to_canonical().is_loopback() => {
            metrics.accepted(Kind::Refused);
            let text = "this server speaks TLS beyond its own machine: use wss:// or https://";
            let response = opening::text(StatusCode::FORBIDDEN, text);
            opening::refuse(stream, &response, false, timeouts).await;
        }
        Ok(Err(stream)) => serve_stream(stream, arrival, context).await,
        Err(error) => {
            metrics.accepted(Kind::Nothing);
            if error.kind() == io::ErrorKind::TimedOut {
                metrics.hit(Hit::RequestTime);
            }
            debug!(%peer, %error, "lost before a request");
        }
    }
}

async fn serve_stream<S: Stream>(mut stream: S, arrival: Arrival, context: &Arc<Context>) {
    let peer = arrival.peer;
    let opening = tokio::select! {
        opening = opening::read(&mut stream, arrival, &context.config) => opening,
        () = context.shutdown.begun() => return,
    };
    let metrics = &context.metrics;
    match opening {
        Ok(Opening::WebSocket { request, leftover, begun }) => match handshake::check(&request, context) {
            Ok(accepted) => {
                metrics.accepted(Kind::WebSocket);
                let answered = tokio::select! {
                    answered = handshake::answer(&mut stream, &request, &accepted, metrics) => answered,
                    () = context.shutdown.begun() => return,
                };
                match answered {
                    Ok(true) => {
                        metrics.handshake.observe(begun.elapsed());
                        // Some 2 KiB that an idle connection need not keep.
                        drop(request);
                        connection::serve(stream, leftover, peer, accepted, context).await;
                    }
                    Ok(false) => {
                        let (path, faults) = (&accepted.path, &accepted.plan);
                        info!(%peer, path, %faults, "no WebSocket was opened, as the URL asked");
                        ending::drain(stream, &context.config.timeouts).await;
                    }
                    Err(error) => debug!(%peer, %error, "lost in the opening handshake"),
                }
            }
            Err(rejection) => {
                metrics.accepted(Kind::Refused);
                let (status, why) = (rejection.status().as_u16(), rejection.why());
                info!(%peer, path = request.uri().path(), status, why, "opening handshake refused");
                let to_head = request.method() == Method::HEAD;
                opening::refuse(stream, &rejection.response(), to_head, &context.config.timeouts).await;
            }
        },
        Ok(Opening::Http { read }) => {
            metrics.accepted(Kind::Http);
            // In a box, so that the task of a WebSocket is no larger for it; so is what ends one.
            let served = Box::pin(http::serve(stream, read, arrival, context)).await;
            if let Served::Upgraded { stream, leftover, accepted } = served {
                connection::serve(stream, leftover, peer, *accepted, context).await;
            }
        }
        Ok(Opening::Raw { read }) => {
            metrics.accepted(Kind::Raw);
            raw::echo(stream, read, peer, context).await;
        }
        Ok(Opening::Refused { response, to_head, hit }) => {
            metrics.accepted(Kind::Refused);
            if let Some(hit) = hit {
                metrics.hit(hit);
            }
            info!(%peer, status = response.status().as_u16(), why = response.body().trim_end(), "refused");
            opening::refuse(stream, &response, to_head, &context.config.timeouts).await;
        }
        Ok(Opening::Nothing) => {
            metrics.accepted(Kind::Nothing);
            debug!(%peer, "ended without a request");
        }
        Err(error) => {
            metrics.accepted(Kind::Nothing);
            debug!(%peer, %error, "lost before a request");
        }
    }
}

/// Errors of `accept` that concern one connection only, such as one that was reset while it waited.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a connection's task failed; this is a defect of the server");
    }
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "tls")]
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Each idle connection keeps its task, with room for all that it may come to.
    #[tokio::test]
    async fn the_task_of_a_connection_is_small() {
        let context = Arc::new(Context::new(Config::default(), Shutdown::default()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let peer = listener.local_addr().unwrap();
        let place = context.admission.enter(peer.ip()).unwrap();
        let size = size_of_val(&serve(stream, peer, Arc::clone(&context), place));
        assert!(size <= 3 * 1024, "{size} bytes");
    }

    /// No test has an address beyond its own machine, so the peer's is made up.
    #[cfg(feature = "tls")]
    #[tokio::test]
    async fn where_there_is_tls_a_plain_connection_is_for_this_machine() {
        let config = Config { tls: Some(crate::Tls::SelfSigned), ..Config::default() };
        let context = Arc::new(Context::new(config, Shutdown::default()).unwrap());
        for (peer, status) in
            [("127.0.0.1:1000", "200"), ("[::ffff:127.0.0.1]:1000", "200"), ("192.0.2.1:1000", "403")]
        {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            client.write_all(request).await.unwrap();
            let place = context.admission.enter([127, 0, 0, 1].into()).unwrap();
            tokio::spawn(serve(stream, peer.parse().unwrap(), Arc::clone(&context), place));
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer.split(' ').nth(1), Some(status), "{peer}: {answer}");
        }
    }
}
