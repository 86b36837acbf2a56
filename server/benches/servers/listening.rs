//! TLS for the servers that are compared, as this server has it: rustls with ring, TLS 1.3 and 1.2, and a certificate that is
//! made at the start.

use std::{env, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer},
};

/// What makes TLS connections of TCP connections, where the command line asks for it.
pub(crate) fn wanted() -> anyhow::Result<Option<TlsAcceptor>> {
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

pub(crate) fn scheme(tls: Option<&TlsAcceptor>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}
