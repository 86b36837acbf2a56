//! What a connection runs on: TCP, or TLS over it.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// A byte stream to a peer.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static {
    /// The TCP connection beneath.
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

/// In a box, since it is large and a connection's task has room for it in many places.
#[cfg(feature = "tls")]
impl Stream for Box<tokio_rustls::server::TlsStream<TcpStream>> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Between whom a connection is, and how. Each request carries it in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) peer: SocketAddr,
    /// The server's own end, which says more than what is listened on when that is all addresses.
    pub(crate) local: SocketAddr,
    pub(crate) tls: bool,
}
