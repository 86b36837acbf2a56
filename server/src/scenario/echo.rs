//! `/echo`: every message back as it came.

use std::convert::Infallible;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{About, Scenario};
use crate::connection::{Connection, Ending};

pub(super) const ABOUT: About = About {
    path: "/echo",
    text: "sends every message back: text as text, binary as binary",
    parameters: &[],
    any_parameter: false,
    http: None,
    parse: |_, _| Ok(Scenario::Echo),
};

pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
) -> Result<Infallible, Ending> {
    loop {
        let message = connection.recv().await?;
        connection.send(message).await?;
    }
}
