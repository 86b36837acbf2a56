//! `/inspect`: the request as the server saw it.

use serde_json::{Value, json};

use crate::support::{FIN, Peer, TEXT, frame, request, server};

async fn inspected(path: &str, changes: &[(&str, &str)]) -> Value {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request(path, changes)).await;
    let head = peer.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let seen = peer.json().await;
    assert_eq!(seen["peer"], peer.stream.local_addr().unwrap().to_string());
    // And again for every message.
    peer.send([frame(FIN | TEXT, "again"), frame(FIN | TEXT, "")].concat()).await;
    assert_eq!(peer.json().await, seen);
    assert_eq!(peer.json().await, seen);
    peer.part().await;
    seen
}

#[tokio::test]
async fn the_request_is_shown_as_it_came() {
    let headers = [
        ("X-First", "1"),
        ("origin", "http://localhost:3000"),
        ("x-FIRST", "2"),
        ("Cookie", "wirescope-test=1; sid=secret"),
        ("Sec-WebSocket-Protocol", "chat.v2, chat.v1"),
    ];
    let seen = inspected("/inspect?a=b%20c&d", &headers).await;
    assert_eq!(seen["method"], "GET");
    assert_eq!(seen["target"], "/inspect?a=b%20c&d");
    assert_eq!(seen["version"], "HTTP/1.1");
    assert_eq!(seen["path"], "/inspect");
    assert_eq!(seen["query"], "a=b%20c&d");
    assert_eq!(seen["parameters"], json!([["a", "b c"], ["d", ""]]));
    assert_eq!(
        seen["headers"],
        json!([
            ["Host", "127.0.0.1"],
            ["Upgrade", "websocket"],
            ["Connection", "Upgrade"],
            ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
            ["Sec-WebSocket-Version", "13"],
            ["X-First", "1"],
            ["origin", "http://localhost:3000"],
            ["x-FIRST", "2"],
            ["Cookie", "wirescope-test=1; sid=[redacted]"],
            ["Sec-WebSocket-Protocol", "chat.v2, chat.v1"],
        ])
    );
    assert_eq!(seen["origin"], "http://localhost:3000");
    assert_eq!(seen["cookies"], json!([["wirescope-test", "1"], ["sid", "[redacted]"]]));
    assert_eq!(seen["subprotocols"], json!({"offered": ["chat.v2", "chat.v1"], "selected": "chat.v2"}));
    assert_eq!(seen["tls"], false);

    let seen = inspected("/inspect", &[]).await;
    assert_eq!((&seen["query"], &seen["origin"]), (&Value::Null, &Value::Null));
    assert_eq!(seen["subprotocols"], json!({"offered": [], "selected": null}));
}

#[tokio::test]
async fn no_secret_is_shown() {
    const SECRET: &str = "c2VjcmV0LXNlY3JldA";
    let offers = format!("wirescope.token.{SECRET}, wirescope.v1");
    let headers = [
        ("Authorization", &*format!("Bearer {SECRET}")),
        ("proxy-authorization", SECRET),
        ("Cookie", &*format!("sid={SECRET}; {SECRET}")),
        ("Sec-WebSocket-Protocol", &*offers),
    ];
    let seen = inspected("/inspect", &headers).await;
    assert!(!seen.to_string().contains(SECRET), "{seen}");
    assert_eq!(
        seen["subprotocols"],
        json!({"offered": ["wirescope.token.[redacted]", "wirescope.v1"], "selected": "wirescope.v1"})
    );
    assert!(seen["headers"].as_array().unwrap().contains(&json!(["Authorization", "Bearer [redacted]"])));
}

#[tokio::test]
async fn over_http_it_is_the_response() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(
        "GET /inspect?x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic c2VjcmV0\r\nX-A: é\r\nConnection: close\r\n\r\n",
    )
    .await;
    let answer = peer.response().await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.contains("content-type: application/json\r\n"),
        "{head}"
    );
    let seen: Value = serde_json::from_str(body).unwrap();
    assert_eq!(seen["target"], "/inspect?x");
    assert_eq!(seen["peer"], peer.stream.local_addr().unwrap().to_string());
    assert!(seen["headers"].as_array().unwrap().contains(&json!(["authorization", "Basic [redacted]"])));
}

#[tokio::test]
async fn it_is_read_with_get() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send("POST /inspect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .await;
    assert!(peer.response().await.starts_with("HTTP/1.1 405 "));
}

#[tokio::test]
async fn on_a_connection_that_was_used_before_it_is_the_same_in_lower_case() {
    let server = server().await;
    let mut peer = Peer::connect(server.addr()).await;
    peer.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    peer.head().await;
    let mut body = [0; 3];
    tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut body).await.unwrap();
    peer.send(request("/inspect", &[("X-Any", "1"), ("Authorization", "Basic c2VjcmV0")])).await;
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    let seen = peer.json().await;
    let headers = seen["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["x-any", "1"])), "{seen}");
    assert!(headers.contains(&json!(["authorization", "Basic [redacted]"])), "{seen}");
    peer.part().await;
}
