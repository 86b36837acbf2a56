//! TCP echo for a connection that is not HTTP: `telnet`, type a line, get it back.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tracing::info;

use crate::{ending, server::Context, stream::Stream};

/// Sends back every byte until the peer ends its side, starting with what was already read.
pub(crate) async fn echo(
    mut stream: impl Stream,
    mut read: BytesMut,
    peer: SocketAddr,
    context: &Arc<Context>,
) {
    info!(%peer, "raw TCP echo opened");
    let opened = Instant::now();
    let mut echoed: u64 = 0;
    let ended = tokio::select! {
        ended = async {
            loop {
                echoed += read.len() as u64;
                stream.write_all(&read).await?;
                // TLS may have kept some of it.
                stream.flush().await?;
                read.clear();
                if stream.read_buf(&mut read).await? == 0 {
                    return std::io::Result::Ok("by the peer");
                }
            }
        } => ended,
        () = context.shutdown.begun() => Ok("by the server"),
    };
    let why = match &ended {
        Ok(why) => (*why).to_owned(),
        Err(error) => error.to_string(),
    };
    info!(%peer, bytes = echoed, lived = ?opened.elapsed(), ended = why, "raw TCP echo closed");
    if ended.is_ok() {
        ending::drain(stream, &context.config.timeouts).await;
    }
}
