//! How the servers that are compared listen: on a port that they say, and over TLS as this server has it, rustls with ring,
//! TLS 1.3 and 1.2, and a certificate that is made at the start.

use std::{env, sync::Arc};

use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer},
};

/// Listens, and says where.
pub(crate) async fn listen() -> anyhow::Result<(TcpListener, Option<TlsAcceptor>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let tls = tls()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    println!("listening on {scheme}://{}", listener.local_addr()?);
    Ok((listener, tls))
}

/// What makes TLS connections of TCP connections, where the command line asks for it.
fn tls() -> anyhow::Result<Option<TlsAcceptor>> {
    if !env::args().any(|argument| argument == "--tls") {
        return Ok(None);
    }
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
