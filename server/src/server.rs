use std::{
    fmt,
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use ::http::Method;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::{
    Config, connection,
    control::Live,
    ending, handshake,
    http::{self, Served},
    opening::{self, Opening},
    raw, scenario,
    script::{Script, Scripts},
    trace::Traces,
};

/// How long to wait after the system had no descriptor or memory for a new connection: the old ones must end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long accepting must not have failed to be well again. Where descriptors are few it fails and works in turns.
const ACCEPT_WELL: Duration = Duration::from_secs(1);

/// A server that is listening. It stops when it is dropped: its port is free at once, and every connection is cut when
/// the runtime next runs. [`Server::shutdown`] stops it with a Close frame to each client instead.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    shutdown: CancellationToken,
    listener: Arc<Listener>,
    accepting: JoinHandle<()>,
    scripts: Arc<Scripts>,
}

/// What every connection of a server shares.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) shutdown: CancellationToken,
    pub(crate) router: axum::Router,
    pub(crate) traces: Traces,
    pub(crate) live: Live,
    pub(crate) scripts: Arc<Scripts>,
    pub(crate) scenarios: Arc<scenario::State>,
}

impl Context {
    pub(crate) fn new(config: Config, shutdown: CancellationToken) -> Self {
        let scenarios = Arc::new(scenario::State::new(shutdown.clone()));
        Self {
            config,
            shutdown,
            router: http::router(&scenarios),
            scenarios,
            traces: Traces::default(),
            live: Live::default(),
            scripts: Arc::default(),
        }
    }
}

impl Server {
    /// Listens on [`Config::listen`] and serves in tasks of the current Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`BindError`] when the address cannot be listened on.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime with I/O and time enabled.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let config = config.bounded();
        let failed = |source| BindError { addr: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        if !addr.ip().is_loopback() {
            warn!(%addr, "listening beyond this machine: whoever reaches this address can use the server");
        }
        let shutdown = CancellationToken::new();
        let context = Arc::new(Context::new(config, shutdown.clone()));
        let scripts = Arc::clone(&context.scripts);
        let listener = Arc::new(Listener(Mutex::new(Some(listener))));
        let accepting = tokio::spawn(accept(Arc::clone(&listener), context));
        Ok(Self { addr, shutdown, listener, accepting, scripts })
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
        Script::new(Arc::clone(&self.scripts), path)
    }

    /// The `ws:` URL of a path that starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.addr)
    }

    /// Takes no new connections, sends Close 1001 to every client, waits for the connections to end, at most
    /// [`Timeouts::shutdown`](crate::Timeouts::shutdown), and cuts the rest.
    pub async fn shutdown(mut self) {
        self.shutdown.cancel();
        // A panic of the accept loop was logged by the runtime; there is nothing left to stop then.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        // The task ends only when the runtime gets to it; the port must not wait for that.
        self.listener.close();
    }
}

/// The address could not be listened on.
#[derive(Debug)]
#[non_exhaustive]
pub struct BindError {
    /// The address.
    pub addr: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => write!(f, "cannot listen on {}: the port is in use", self.addr),
            io::ErrorKind::AddrNotAvailable => {
                write!(f, "cannot listen on {}: it is no address of this machine", self.addr)
            }
            _ => write!(f, "cannot listen on {}: {}", self.addr, self.source),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The listening socket, until it is closed.
#[derive(Debug)]
struct Listener(Mutex<Option<TcpListener>>);

impl Listener {
    /// The next connection; none ever once it is closed.
    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(listener) => listener.poll_accept(cx),
            None => Poll::Pending,
        })
        .await
    }

    fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Accepts until shutdown. It owns the connections' tasks, so aborting this one task ends them all.
async fn accept(listener: Arc<Listener>, context: Arc<Context>) {
    let mut connections = JoinSet::new();
    let mut failed: u64 = 0;
    let mut well_at = Instant::now();
    loop {
        tokio::select! {
            () = context.shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => report(ended),
            () = sleep_until(well_at), if failed > 0 => {
                warn!(failed, "connections are accepted again");
                failed = 0;
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(serve(stream, peer, Arc::clone(&context)));
                }
                Err(error) if is_the_peers(&error) => debug!(%error, "a connection ended before it was accepted"),
                Err(error) => {
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
    listener.close();
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

async fn serve(mut stream: TcpStream, peer: SocketAddr, context: Arc<Context>) {
    // Small frames must not wait for the acknowledgement of earlier ones. Where it cannot be set, all still works.
    let _ = stream.set_nodelay(true);
    let opening = tokio::select! {
        opening = opening::read(&mut stream, peer, &context.config) => opening,
        () = context.shutdown.cancelled() => return,
    };
    match opening {
        Ok(Opening::WebSocket { request, leftover }) => match handshake::check(&request, &context) {
            Ok(accepted) => {
                let answered = tokio::select! {
                    answered = handshake::answer(&mut stream, &request, &accepted) => answered,
                    () = context.shutdown.cancelled() => return,
                };
                match answered {
                    Ok(true) => connection::serve(stream, leftover, peer, accepted, &context).await,
                    Ok(false) => {
                        let (path, faults) = (&accepted.path, &accepted.plan);
                        info!(%peer, path, %faults, "no WebSocket was opened, as the URL asked");
                        ending::drain(stream, &context.config.timeouts).await;
                    }
                    Err(error) => debug!(%peer, %error, "lost in the opening handshake"),
                }
            }
            Err(rejection) => {
                let (status, why) = (rejection.status().as_u16(), rejection.why());
                info!(%peer, path = request.uri().path(), status, why, "opening handshake refused");
                let to_head = request.method() == Method::HEAD;
                opening::refuse(stream, &rejection.response(), to_head, &context.config.timeouts).await;
            }
        },
        Ok(Opening::Http { read }) => {
            if let Served::Upgraded { stream, leftover, accepted } =
                http::serve(stream, read, peer, &context).await
            {
                connection::serve(stream, leftover, peer, *accepted, &context).await;
            }
        }
        Ok(Opening::Raw { read }) => raw::echo(stream, read, peer, &context).await,
        Ok(Opening::Refused { response, to_head }) => {
            info!(%peer, status = response.status().as_u16(), why = response.body().trim_end(), "refused");
            opening::refuse(stream, &response, to_head, &context.config.timeouts).await;
        }
        Ok(Opening::Nothing) => debug!(%peer, "ended without a request"),
        Err(error) => debug!(%peer, %error, "lost before a request"),
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
