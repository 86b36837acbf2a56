//! What is plain HTTP: the page, `/healthz`, and an answer for everything else.

use std::{
    future::Future as _,
    io::{self, Cursor, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context as Task, Poll, ready},
    time::{Duration, Instant},
};

use ::http::{HeaderMap, StatusCode, Uri, Version, header};
use axum::{
    Json, Router,
    body::Body,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{any, get},
};
use bytes::BytesMut;
use hyper::{server::conn::http1, service::service_fn, upgrade::OnUpgrade};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWrite, Chain, Join, join},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::{Sleep, sleep, timeout},
};
use tower_http::compression::CompressionLayer;
use tracing::debug;

use crate::{
    control, fault,
    handshake::{self, Accepted},
    opening, page,
    scenario::{self, Meter, Metered},
    server::Context,
};

/// The most bytes of a request's head, as for a connection's first request.
const MAX_HEAD: usize = 16 * 1024;

/// A stream whose first bytes were read already, and are read again.
type Replayed = Metered<Join<Chain<Cursor<BytesMut>, OwnedReadHalf>, Patient>>;

/// The address of the other end of the TCP connection: an extension of each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddr(pub(crate) SocketAddr);

/// How an HTTP connection ended.
pub(crate) enum Served {
    /// As HTTP.
    Done,
    /// A later request on it opened a WebSocket, and was answered.
    Upgraded { stream: TcpStream, leftover: Vec<u8>, accepted: Box<Accepted> },
}

/// Everything that is served over plain HTTP.
pub(crate) fn router(scenarios: &Arc<scenario::State>) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/faults", get(faults))
        .route("/faults.json", get(async || Json(fault::docs::json())))
        .merge(control::router());
    for about in scenario::ALL {
        if let Some(http) = about.http {
            router = router.merge(http(scenarios));
            continue;
        }
        for path in about.routes() {
            let required = async move |uri: Uri| handshake::upgrade_required(uri.path()).response();
            router = router.route(&path, any(required));
        }
    }
    router
        .fallback(page::asset)
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn(one_host))
        .layer(middleware::from_fn(log))
}

/// The faults' documentation: text for people, JSON for a program that accepts it.
async fn faults(headers: HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepts.contains("application/json") {
        Json(fault::docs::json()).into_response()
    } else {
        fault::docs::text().into_response()
    }
}

/// Serves a connection whose first request is not a WebSocket's; `read` is what was read of it.
pub(crate) async fn serve(
    stream: TcpStream,
    read: BytesMut,
    peer: SocketAddr,
    context: &Arc<Context>,
) -> Served {
    let (reader, writer) = stream.into_split();
    let timeouts = context.config.timeouts;
    let meter = Meter::default();
    let writer = Patient { writer, patience: timeouts.request, blocked: None };
    let io = TokioIo::new(meter.stream(join(Cursor::new(read).chain(reader), writer)));
    let upgrade = Mutex::new(None);
    let service = service_fn(|mut request: hyper::Request<hyper::body::Incoming>| {
        let answer = if handshake::is_upgrade(&request) {
            Err(match handshake::check_later(&request, context) {
                Ok(accepted) => {
                    let response = accepted.response().map(Body::from);
                    let pending = (hyper::upgrade::on(&mut request), accepted);
                    *upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
                    response
                }
                Err(rejection) => rejection.response().map(Body::from),
            })
        } else {
            meter.begin();
            request.extensions_mut().insert(PeerAddr(peer));
            request.extensions_mut().insert(meter.clone());
            Ok(context.router.clone())
        };
        async move {
            match answer {
                Ok(mut router) => {
                    request.extensions_mut().insert(Arc::clone(context));
                    tower_service::Service::call(&mut router, request.map(Body::new)).await
                }
                Err(response) => Ok(response),
            }
        }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(timeouts.request)
            .max_buf_size(MAX_HEAD)
            .serve_connection(io, service)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = meter.time(connection.as_mut()) => ended,
        () = context.shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match timeout(timeouts.close, meter.time(connection)).await {
                Ok(ended) => ended,
                Err(_) => {
                    debug!(%peer, "HTTP connection did not end in time");
                    return Served::Done;
                }
            }
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "HTTP connection failed");
    }
    let upgrade = upgrade.lock().unwrap_or_else(PoisonError::into_inner).take();
    match upgrade {
        Some((pending, accepted)) => upgraded(pending, accepted).await.unwrap_or(Served::Done),
        None => Served::Done,
    }
}

/// The TCP stream out of hyper's hands, so that a WebSocket pays nothing for having begun there.
async fn upgraded(pending: OnUpgrade, accepted: Accepted) -> Option<Served> {
    let parts = pending.await.ok()?.downcast::<TokioIo<Replayed>>().ok()?;
    let (reader, writer) = parts.io.into_inner().into_inner().into_inner();
    let (replayed, reader) = reader.into_inner();
    let stream = reader.reunite(writer.writer).ok()?;
    // What hyper has read and not used comes before what it has not read of the replay.
    let unread = usize::try_from(replayed.position()).ok()?;
    let leftover = [&parts.read_buf, replayed.get_ref().get(unread..)?].concat();
    Some(Served::Upgraded { stream, leftover, accepted: Box::new(accepted) })
}

/// Fails when the peer takes nothing for so long that it must be taken for gone: one that asks and never reads would hold
/// its connection for ever.
#[derive(Debug)]
struct Patient {
    writer: OwnedWriteHalf,
    patience: Duration,
    blocked: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn timed<T>(&mut self, task: &mut Task<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.blocked = None;
            return written;
        }
        let patience = self.patience;
        ready!(self.blocked.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(task));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read the response")))
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.writer).poll_write(task, bytes);
        self.timed(task, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.writer).poll_write_vectored(task, slices);
        self.timed(task, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.writer.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(task)
    }
}

/// Refuses a request without a Host header, which HTTP/1.1 must have, and one with several (RFC 9112 section 3.2).
async fn one_host(request: Request, next: Next) -> Response {
    match request.headers().get_all(header::HOST).iter().count() {
        1 => next.run(request).await,
        0 if request.version() == Version::HTTP_10 => next.run(request).await,
        _ => opening::text(StatusCode::BAD_REQUEST, "the request must have one Host header").into_response(),
    }
}

async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = Instant::now();
    let response = next.run(request).await;
    debug!(%method, path, status = response.status().as_u16(), took = ?started.elapsed(), "HTTP request");
    response
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt as _, net::TcpListener};
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn what_was_read_with_the_first_request_follows_a_later_one_into_its_websocket() {
        let first = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        let upgrade = "GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        // More than hyper reads at once.
        let frames: Vec<u8> = (0..=250).cycle().take(100_000).collect();
        let read = [first.as_bytes(), upgrade.as_bytes(), &frames].concat();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        client.write_all(b"later").await.unwrap();
        let context = Arc::new(Context::new(crate::Config::default(), CancellationToken::new()));
        let served = serve(stream, BytesMut::from(&read[..]), peer, &context).await;
        let Served::Upgraded { leftover, .. } = served else { panic!("no WebSocket was opened") };
        let unread = leftover.strip_prefix(&frames[..]).expect("all that was read, in order");
        assert!(b"later".starts_with(unread));
    }
}
