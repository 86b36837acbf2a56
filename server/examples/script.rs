//! A reconnecting client's test: the first connection is cut in the middle, and nothing may be lost.
//!
//! `cargo run -p wirescope-server --example script`. In a test suite the body of `main` is a `#[tokio::test]`, with
//! `wirescope-server = { version = "0.1", default-features = false }` among the dev-dependencies.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::{client_async, tungstenite::Message};
use wirescope_server::{Config, Server};

/// The client under test: asks for all orders after the last one it has, again and again until it has three.
async fn orders(server: &Server) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut orders: Vec<String> = Vec::new();
    while orders.len() < 3 {
        let stream = TcpStream::connect(server.addr()).await?;
        let (mut socket, _) = client_async(server.url("/orders"), stream).await?;
        socket.send(Message::text(format!("after {}", orders.len()))).await?;
        while orders.len() < 3 {
            match socket.next().await {
                Some(Ok(Message::Text(order))) => orders.push(order.to_string()),
                // The connection is gone: the outer loop opens another.
                _ => break,
            }
        }
    }
    Ok(orders)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::bind(Config::default()).await?;
    let first = server.script("/orders").expect_text("after 0").send_text("order 1").cut().mount();
    let second = server
        .script("/orders")
        .expect_text("after 1")
        .send_text("order 2")
        .send_text("order 3")
        .expect_end()
        .mount();

    assert_eq!(orders(&server).await?, ["order 1", "order 2", "order 3"]);
    first.verify().await;
    second.verify().await;
    println!("nothing was lost");
    Ok(())
}
