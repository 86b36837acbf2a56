//! `docs/web-platform-tests.md`: every address in it does answer, and as the table says.

use crate::support::{Peer, request, server};

#[tokio::test]
async fn every_address_of_the_table_answers_as_it_says() {
    let table = include_str!("../../../docs/web-platform-tests.md");
    let server = server().await;
    let mut rows = 0;
    for row in table.lines().filter(|line| line.contains("| `/")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let (path, answer) = (cells[2].trim_matches('`'), cells[3]);
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(request(path, &[("Sec-WebSocket-Protocol", "foobar, other")])).await;
        if answer == "none" {
            assert!(!peer.rest().await.starts_with(b"HTTP/"), "{path}");
        } else {
            let head = peer.head().await;
            assert!(head.starts_with(&format!("HTTP/1.1 {answer} ")), "{path}: {head}");
        }
        rows += 1;
    }
    assert!(rows > 30, "{rows} rows were found");
}
