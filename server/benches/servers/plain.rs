//! tokio-tungstenite as its echo example shows it.

mod listening;

use futures_util::{StreamExt as _, TryStreamExt as _, future};
use tokio::io::{AsyncRead, AsyncWrite};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (listener, tls) = listening::listen().await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let tls = tls.clone();
        tokio::spawn(async move {
            // A connection that fails is over; the load notices.
            let _ = match tls {
                None => echo(stream).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => echo(stream).await,
                    Err(error) => Err(error.into()),
                },
            };
        });
    }
}

async fn echo(stream: impl AsyncRead + AsyncWrite + Unpin) -> anyhow::Result<()> {
    let socket = tokio_tungstenite::accept_async(stream).await?;
    let (write, read) = socket.split();
    read.try_filter(|message| future::ready(message.is_text() || message.is_binary())).forward(write).await?;
    Ok(())
}
