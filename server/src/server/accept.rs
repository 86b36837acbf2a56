//! Connections, from when they are accepted: each is a task, and goes to what its first bytes ask for.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use ::http::{Method, StatusCode};
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tracing::{debug, error, info, warn};

use super::Context;
#[cfg(feature = "tls")]
use crate::tls;
use crate::{
    connection, ending, handshake,
    http::{self, Served},
    limits::{Full, Place, Telling},
    metrics::{Hit, Kind},
    opening::{self, Opening},
    raw,
    stream::{Arrival, Stream},
};

/// How long to wait after the system had no descriptor or memory for a new connection: the old ones must end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long accepting must not have failed to be well again. Where descriptors are few it fails and works in turns.
const ACCEPT_WELL: Duration = Duration::from_secs(1);

/// Accepts until shutdown. It owns the connections' tasks, so aborting this one task ends them all.
pub(super) async fn accept(context: Arc<Context>) {
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

    use tokio::net::TcpListener;

    use super::*;
    use crate::{Config, shutdown::Shutdown};

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
