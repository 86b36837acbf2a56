//! TLS on the listening port, with certificates that can be read anew while the server runs.

use std::{
    fmt, io,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _},
    },
    server::TlsStream,
};

/// The first byte of a TLS connection: the content type of its first record (RFC 8446 section 5.1).
pub(crate) const FIRST_BYTE: u8 = 0x16;

/// With what certificate a [`Server`](crate::Server) speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tls {
    /// One from files, both in PEM.
    Files {
        /// The certificate, and after it those that lead to the authority.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// One that is made at the start, for development: for `localhost`, loopback addresses, the address that is listened
    /// on, and [`Config::allow_hosts`](crate::Config::allow_hosts). Nobody vouches for it.
    SelfSigned,
}

/// Why TLS cannot be had.
#[derive(Debug)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

/// What makes TLS connections of TCP connections.
#[derive(Debug)]
pub(crate) struct Acceptor {
    source: Tls,
    names: Vec<String>,
    current: RwLock<Current>,
}

#[derive(Clone, Debug)]
struct Current {
    config: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
}

impl Acceptor {
    /// `hosts` are the names by which the server is known beside loopback's.
    pub(crate) fn new(source: Tls, bound: IpAddr, hosts: &[String]) -> Result<Self, TlsError> {
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        if !bound.is_unspecified() {
            names.push(bound.to_string());
        }
        names.extend(hosts.iter().cloned());
        let current = RwLock::new(Current::load(&source, &names)?);
        Ok(Self { source, names, current })
    }

    /// Reads the files again; when they are no good, what was read before goes on. A certificate that was made here stays.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        if self.source == Tls::SelfSigned {
            return Ok(());
        }
        let current = Current::load(&self.source, &self.names)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(())
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<Box<TlsStream<TcpStream>>> {
        TlsAcceptor::from(self.current().config).accept(stream).await.map(Box::new)
    }

    /// The server's own certificate, in DER.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.current().certificate.to_vec()
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Current {
    fn load(source: &Tls, names: &[String]) -> Result<Self, TlsError> {
        let (chain, key) = match source {
            Tls::Files { certificate, key } => {
                let of_certificate = |error: &dyn fmt::Display| {
                    TlsError(format!("the certificate {}: {error}", certificate.display()))
                };
                let chain = CertificateDer::pem_file_iter(certificate)
                    .map_err(|error| of_certificate(&error))?
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|error| of_certificate(&error))?;
                if chain.is_empty() {
                    return Err(of_certificate(&"there is no PEM certificate in it"));
                }
                let key = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| TlsError(format!("the private key {}: {error}", key.display())))?;
                (chain, key)
            }
            Tls::SelfSigned => {
                let failed = |error: rcgen::Error| TlsError(format!("a certificate cannot be made: {error}"));
                let made = rcgen::generate_simple_self_signed(names).map_err(failed)?;
                let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
                (vec![made.cert.der().clone()], key)
            }
        };
        let certificate = chain[0].clone();
        let failed = |error| TlsError(format!("the certificate and its private key do not work: {error}"));
        // Named, since a process that embeds the server may have another provider for its own.
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(failed)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), certificate })
    }
}
