//! `/echo`: every message back as it came.

use std::convert::Infallible;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::connection::{Connection, Ending};

pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(connection: &mut Connection<S>) -> Ending {
    async fn forever<S: AsyncRead + AsyncWrite + Unpin>(
        connection: &mut Connection<S>,
    ) -> Result<Infallible, Ending> {
        loop {
            let message = connection.recv().await?;
            connection.send(message).await?;
        }
    }
    match forever(connection).await {
        Err(ending) => ending,
    }
}
