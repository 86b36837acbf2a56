//! `/reply`: the same answer to every message.

use std::convert::Infallible;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{About, Scenario};
use crate::connection::{Connection, Ending, Message, Text};

pub(super) const ABOUT: About = About {
    path: "/reply",
    text: "answers every message with a fixed text",
    parameters: &[("text", "the answer; Message received unless given")],
    any_parameter: false,
    http: None,
    parse: |_, query| {
        let text = query.take_text("text").unwrap_or_else(|| "Message received".to_owned());
        Ok(Scenario::Reply(Reply { text: text.into() }))
    },
};

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    text: Text,
}

impl Reply {
    pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
    ) -> Result<Infallible, Ending> {
        loop {
            connection.recv().await?;
            connection.send(Message::Text(self.text.clone())).await?;
        }
    }
}
