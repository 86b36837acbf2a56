//! How a TCP connection ends so that the peer can read all that was sent to it.

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use crate::Timeouts;

/// How much a peer may still send after the server ended its side.
const MAX_DRAIN: u64 = 1024 * 1024;

/// Ends the server's side, and reads and drops what the peer still sends until it ends its own: at most 1 MiB, and no
/// longer than [`Timeouts::drain`]. Closing a TCP socket that has unread data sends a reset, which can overtake what was
/// written last and destroy it on its way to the peer.
pub(crate) async fn drain<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, timeouts: &Timeouts) {
    let _ = timeout(timeouts.drain, async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(MAX_DRAIN), &mut tokio::io::sink()).await
    })
    .await;
}
