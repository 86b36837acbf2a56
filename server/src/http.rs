//! What is plain HTTP: the page, `/healthz`, and an answer for everything else.

use std::{
    future::Future as _,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context as Task, Poll, ready},
    time::{Duration, Instant},
};

use ::http::{HeaderMap, HeaderValue, StatusCode, Uri, Version, header};
use axum::{
    Extension, Json, Router,
    body::Body,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{any, get},
};
use bytes::{Buf as _, BytesMut};
use hyper::{server::conn::http1, service::service_fn, upgrade::OnUpgrade};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep, timeout},
};
use tower_http::{
    compression::CompressionLayer,
    cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer},
};
use tracing::{debug, info};

use crate::{
    access::Denied,
    control, fault,
    handshake::{self, Accepted},
    metrics, opening, page,
    scenario::{self, Meter, Metered},
    server::Context,
    stream::{Arrival, Stream},
};

/// How long a browser may remember that a page of another origin may ask.
const PREFLIGHT: Duration = Duration::from_secs(600);

/// How an HTTP connection ended.
pub(crate) enum Served<S> {
    /// As HTTP.
    Done,
    /// A later request on it opened a WebSocket, and was answered.
    Upgraded { stream: S, leftover: Vec<u8>, accepted: Box<Accepted> },
}

/// Everything that is served over plain HTTP.
pub(crate) fn router(scenarios: &Arc<scenario::State>) -> Router {
    let mut router = Router::new()
        .route("/metrics", get(metrics))
        .route("/faults", get(faults))
        .route("/faults.json", get(faults_json))
        .route("/check/{*path}", get(check))
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
    // What is above asks for the token. What is below does not: a page has to be there before it can show one, and who
    // looks whether the server is well may have none.
    router
        .route_layer(middleware::from_fn(token))
        .route("/healthz", get(async || "ok\n"))
        .fallback(page::asset)
        .layer(CompressionLayer::new())
        .layer(cors())
        .layer(middleware::from_fn(origin_and_host))
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

/// The same for a program, with what it may do here beside.
async fn faults_json(Extension(context): Extension<Arc<Context>>) -> Response {
    let mut table = fault::docs::json();
    table["control"] = context.config.control.into();
    Json(table).into_response()
}

/// Whether a WebSocket of this path and query would be opened, and if not, why.
async fn check(uri: Uri, Extension(context): Extension<Arc<Context>>) -> Response {
    let path = uri.path().strip_prefix("/check").unwrap_or_default();
    let refused = handshake::refusal(path, uri.query().unwrap_or_default(), &context);
    Json(serde_json::json!({ "refused": refused })).into_response()
}

/// What the server counts.
async fn metrics(Extension(context): Extension<Arc<Context>>) -> Response {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], context.counted()).into_response()
}

/// Lets pages of other origins read the answers: all that come this far are allowed. No cookies, since there are none.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .allow_private_network(true)
        .max_age(PREFLIGHT)
}

/// Serves a connection whose first request is not a WebSocket's; `read` is what was read of it.
pub(crate) async fn serve<S: Stream>(
    stream: S,
    read: BytesMut,
    arrival: Arrival,
    context: &Arc<Context>,
) -> Served<S> {
    let peer = arrival.peer;
    let timeouts = context.config.timeouts;
    let meter = Meter::default();
    let replayed = Replayed { unread: read, stream, patience: timeouts.request, blocked: None };
    let io = TokioIo::new(meter.stream(replayed));
    let upgrade = Mutex::new(None);
    let service = service_fn(|mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(arrival);
        let answer = if handshake::is_upgrade(&request) {
            Err(match handshake::check_later(&request, context) {
                Ok(accepted) => {
                    let response = accepted.response().map(Body::from);
                    let pending = (hyper::upgrade::on(&mut request), accepted);
                    *upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
                    response
                }
                Err(rejection) => {
                    let (status, why) = (rejection.status().as_u16(), rejection.why());
                    info!(%peer, path = request.uri().path(), status, why, "opening handshake refused");
                    rejection.response().map(Body::from)
                }
            })
        } else {
            meter.begin();
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
            .max_buf_size(context.config.limits.request_head)
            .serve_connection(io, service)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = meter.time(connection.as_mut()) => ended,
        () = context.shutdown.begun() => {
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

/// The stream out of hyper's hands, so that a WebSocket pays nothing for having begun there.
async fn upgraded<S: Stream>(pending: OnUpgrade, accepted: Accepted) -> Option<Served<S>> {
    let parts = pending.await.ok()?.downcast::<TokioIo<Metered<Replayed<S>>>>().ok()?;
    let Replayed { unread, stream, .. } = parts.io.into_inner().into_inner();
    // What hyper has read and not used comes before what it has not read of the replay.
    let leftover = [&parts.read_buf[..], &unread].concat();
    Some(Served::Upgraded { stream, leftover, accepted: Box::new(accepted) })
}

/// A stream whose first bytes were read already, and are read again. Writing fails when the peer takes nothing for so long
/// that it must be taken for gone: one that asks and never reads would hold its connection for ever.
#[derive(Debug)]
struct Replayed<S> {
    unread: BytesMut,
    stream: S,
    patience: Duration,
    blocked: Option<Pin<Box<Sleep>>>,
}

impl<S: Stream> Replayed<S> {
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

impl<S: Stream> AsyncRead for Replayed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        read: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.stream).poll_read(task, read);
        }
        let count = self.unread.len().min(read.remaining());
        read.put_slice(&self.unread[..count]);
        self.unread.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: Stream> AsyncWrite for Replayed<S> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(task, bytes);
        self.timed(task, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(task, slices);
        self.timed(task, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        // TLS writes when it is flushed.
        let flushed = Pin::new(&mut self.stream).poll_flush(task);
        self.timed(task, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(task);
        self.timed(task, ended)
    }
}

/// Refuses what comes from a page, or by a name, that is not allowed.
async fn origin_and_host(
    Extension(context): Extension<Arc<Context>>,
    request: Request,
    next: Next,
) -> Response {
    match context.access.check(&request) {
        Ok(()) => next.run(request).await,
        Err(denied) => deny(&request, &denied, &context),
    }
}

/// Refuses what does not show the token.
async fn token(Extension(context): Extension<Arc<Context>>, request: Request, next: Next) -> Response {
    match context.access.check_token(&request) {
        Ok(()) => next.run(request).await,
        Err(denied) => deny(&request, &denied, &context),
    }
}

fn deny(request: &Request, denied: &Denied, context: &Context) -> Response {
    context.metrics.denied(denied.refusal);
    let peer = request.extensions().get::<Arrival>().map(|arrival| arrival.peer);
    let (path, status) = (request.uri().path(), denied.status());
    info!(?peer, path, status = status.as_u16(), why = denied.text, "HTTP request refused");
    let mut response = opening::text(status, denied.text.as_str());
    if let Some((name, value)) = denied.header() {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.into_response()
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
    use crate::shutdown::Shutdown;
    use tokio::{
        io::AsyncWriteExt as _,
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[tokio::test]
    async fn what_was_read_with_the_first_request_follows_a_later_one_into_its_websocket() {
        let first = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let upgrade = "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        // More than hyper reads at once.
        let frames: Vec<u8> = (0..=250).cycle().take(100_000).collect();
        let read = [first.as_bytes(), upgrade.as_bytes(), &frames].concat();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        client.write_all(b"later").await.unwrap();
        let context = Context::new(crate::Config::default(), Shutdown::default()).unwrap();
        let arrival = Arrival { peer, local: stream.local_addr().unwrap(), tls: false };
        let served = serve(stream, BytesMut::from(&read[..]), arrival, &Arc::new(context)).await;
        let Served::Upgraded { leftover, .. } = served else { panic!("no WebSocket was opened") };
        let unread = leftover.strip_prefix(&frames[..]).expect("all that was read, in order");
        assert!(b"later".starts_with(unread));
    }
}
