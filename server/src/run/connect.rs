//! The way to a server: TCP, TLS where the URL wants it, and the opening handshake.

use http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::{Error, client::IntoClientRequest as _, protocol::WebSocketConfig},
};
use wirescope_protocol::script::Connect;

use super::{Options, peer::Peer};

/// The largest message that is taken.
const MAX_MESSAGE: usize = 256 << 20;

/// What carries a connection's bytes.
pub(super) trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for T {}

/// Opens a connection, or says why it cannot.
pub(super) async fn open(connect: &Connect, options: &Options) -> Result<Peer, String> {
    let (scheme, rest) = connect.url.split_once("://").unwrap_or(("", &connect.url));
    let is_secure = matches!(&*scheme.to_ascii_lowercase(), "wss" | "https");
    let rest = rest.split('#').next().unwrap_or_default();
    let url = format!("{}://{rest}", if is_secure { "wss" } else { "ws" });
    let mut request = url.into_client_request().map_err(|error| error.to_string())?;
    if !connect.offers.is_empty() {
        let offers = HeaderValue::from_str(&connect.offers.join(", ")).map_err(|error| error.to_string())?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offers);
    }
    let host = request.uri().host().ok_or("the URL names no host")?.trim_matches(['[', ']']).to_owned();
    let port = request.uri().port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let stream = TcpStream::connect((&*host, port)).await.map_err(|error| error.to_string())?;
    let _ = stream.set_nodelay(true);
    let stream: Box<dyn Carrier> =
        if is_secure { secure(stream, host, options).await? } else { Box::new(stream) };

    let limits =
        WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let (stream, response) =
        client_async_with_config(request, stream, Some(limits)).await.map_err(|error| match error {
            Error::Http(response) => {
                let answered = format!("the server answered {}, not 101", response.status());
                match response.body().as_deref().map(reason) {
                    Some(reason) if !reason.is_empty() => format!("{answered}, and says: {reason}"),
                    _ => answered,
                }
            }
            error => error.to_string(),
        })?;
    let subprotocol = response.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|name| name.to_str().ok());
    Ok(Peer::new(stream, subprotocol.unwrap_or_default().to_owned()))
}

/// The beginning of what a server says with a status, without what a terminal would obey.
fn reason(body: &[u8]) -> String {
    const MOST: usize = 300;
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * MOST)]);
    let text: String = text.trim().chars().take(MOST).collect();
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(feature = "tls")]
async fn secure(stream: TcpStream, host: String, options: &Options) -> Result<Box<dyn Carrier>, String> {
    use std::sync::Arc;

    use tokio_rustls::{
        TlsConnector,
        rustls::{
            ClientConfig, RootCertStore,
            crypto::ring,
            pki_types::{CertificateDer, ServerName, pem::PemObject as _},
        },
    };

    let mut roots = RootCertStore::empty();
    // A certificate of the system's that cannot be read is one that is not trusted.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = &options.ca {
        let bad = |error: String| format!("--ca {}: {error}", file.display());
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| bad(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    Ok(Box::new(stream.map_err(|error| no_tls(&error))?))
}

/// Why TLS did not begin. What answers in another way has a port without TLS, as a rule.
#[cfg(feature = "tls")]
fn no_tls(error: &std::io::Error) -> String {
    use tokio_rustls::rustls;

    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidMessage(_)) => {
            "what answers there speaks no TLS: is it a ws: server?".to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(not(feature = "tls"))]
async fn secure(_: TcpStream, _: String, _: &Options) -> Result<Box<dyn Carrier>, String> {
    std::future::ready(Err("this program was built without TLS".to_owned())).await
}
