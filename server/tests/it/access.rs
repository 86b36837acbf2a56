//! Who may use the server: pages by their origin, names by `Host`, and the token.

use wirescope_server::{BindError, Config, Server, Token};

use crate::support::{FIN, Frame, Peer, TEXT, frame, request, server, server_with};

const TOKEN: &str = "a-token-of-the-tests";

/// What a new connection answers to this, to its end.
async fn answer(server: &Server, request: &str) -> String {
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request).await;
    peer.response().await
}

fn get(path: &str, headers: &[(&str, &str)]) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n")
}

/// Fails the test unless the WebSocket opens and answers.
async fn opens(server: &Server, headers: &[(&str, &str)]) {
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request("/echo", headers)).await;
    let head = peer.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{headers:?}: {head}");
    peer.send(frame(FIN | TEXT, "in")).await;
    assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, "in"));
    peer.part().await;
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_is_refused_and_told_how_to_get_in() {
    let server = server().await;
    for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example"] {
        for answer in [
            answer(&server, &request("/echo", &[("Origin", origin)])).await,
            answer(&server, &get("/healthz", &[("Host", "127.0.0.1"), ("Origin", origin)])).await,
            answer(&server, &get("/metrics", &[("Host", "127.0.0.1"), ("Origin", origin)])).await,
        ] {
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
            assert!(answer.contains("--allow-origin") && answer.contains(origin), "{answer}");
            assert!(!answer.contains("access-control-allow-origin"), "{answer}");
        }
    }
}

#[tokio::test]
async fn pages_of_this_machine_and_of_listed_origins_are_let_in_and_so_is_what_is_no_page() {
    let server = server_with(|config| {
        config.allow_origins = vec!["https://page.example".to_owned(), "null".to_owned()];
    })
    .await;
    for origin in
        ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:1", "https://page.example", "null", ""]
    {
        opens(&server, &[("Origin", origin)]).await;
    }
}

#[tokio::test]
async fn a_foreign_name_is_refused_for_a_websocket_and_for_http() {
    let server = server_with(|config| config.allow_hosts = vec!["tests.example".to_owned()]).await;
    for host in ["evil.example", "evil.example:8080", "192.0.2.1", "localhost.evil.example"] {
        // As a page that was rebound asks: its origin is its own name.
        let origin = format!("http://{host}");
        for answer in [
            answer(&server, &request("/echo", &[("Host", host), ("Origin", &origin)])).await,
            answer(&server, &get("/", &[("Host", host)])).await,
            answer(&server, &get("/metrics", &[("Host", host), ("Origin", &origin)])).await,
            answer(&server, &get(&format!("http://{host}/healthz"), &[("Host", "localhost")])).await,
        ] {
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
            assert!(answer.contains("--allow-host"), "{answer}");
        }
    }
    for host in ["localhost", "LocalHost:1", "127.0.0.1:8080", "[::1]", "tests.example", "tests.example:81"] {
        opens(&server, &[("Host", host), ("Origin", &format!("http://{host}"))]).await;
    }
}

#[tokio::test]
async fn each_request_of_a_kept_alive_connection_is_checked() {
    let server = server().await;
    for (refused, why) in [
        (request("/echo", &[("Origin", "https://evil.example")]), "--allow-origin"),
        (request("/echo", &[("Host", "evil.example")]), "--allow-host"),
        (get("/healthz", &[("Host", "localhost"), ("Origin", "https://evil.example")]), "--allow-origin"),
        (get("/healthz", &[("Host", "evil.example")]), "--allow-host"),
    ] {
        let mut peer = Peer::connect(server.addr()).await;
        peer.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(peer.head().await.starts_with("HTTP/1.1 200 "));
        let mut body = [0; 3];
        tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut body).await.unwrap();
        peer.send(&refused).await;
        let head = peer.head().await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{refused}{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut text = vec![0; length.parse().unwrap()];
        tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut text).await.unwrap();
        assert!(String::from_utf8(text).unwrap().contains(why), "{refused}");
    }
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_read_answers() {
    let server = server_with(|config| {
        config.allow_origins = vec!["https://page.example".to_owned()];
        config.token = Some(Token::new(TOKEN).unwrap());
    })
    .await;
    let from = [("Host", "localhost"), ("Origin", "https://page.example")];
    for path in ["/healthz", "/nothing", "/metrics"] {
        let answer = answer(&server, &get(path, &from)).await;
        assert!(answer.contains("access-control-allow-origin: https://page.example\r\n"), "{path}: {answer}");
        assert!(answer.to_lowercase().contains("vary: origin"), "{path}: {answer}");
    }
    // A preflight carries no token, and is answered all the same.
    let preflight = "OPTIONS /metrics HTTP/1.1\r\nHost: localhost\r\nOrigin: https://page.example\r\n\
        Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: authorization\r\n\
        Access-Control-Request-Private-Network: true\r\nConnection: close\r\n\r\n";
    let allowed = answer(&server, preflight).await;
    assert!(allowed.starts_with("HTTP/1.1 200 "), "{allowed}");
    for header in [
        "access-control-allow-origin: https://page.example",
        "access-control-allow-methods: GET",
        "access-control-allow-headers: authorization",
        "access-control-allow-private-network: true",
    ] {
        assert!(allowed.contains(&format!("{header}\r\n")), "{header}: {allowed}");
    }
    let foreign = answer(&server, &preflight.replace("page.example", "evil.example")).await;
    assert!(foreign.starts_with("HTTP/1.1 403 ") && !foreign.contains("access-control"), "{foreign}");
}

#[tokio::test]
async fn a_token_is_asked_for_by_all_but_the_page_and_healthz() {
    let server = server_with(|config| config.token = Some(Token::new(TOKEN).unwrap())).await;
    let host = ("Host", "localhost");
    assert!(answer(&server, &get("/healthz", &[host])).await.starts_with("HTTP/1.1 200 "));
    let page = answer(&server, &get("/", &[host])).await;
    assert!(page.starts_with("HTTP/1.1 200 ") || page.starts_with("HTTP/1.1 503 "), "{page}");
    let wrong = format!("Bearer {TOKEN}x");
    for headers in [&[host][..], &[host, ("Authorization", &wrong)], &[host, ("Authorization", "Bearer ")]] {
        for path in ["/metrics", "/echo"] {
            let answer = answer(&server, &get(path, headers)).await;
            assert!(answer.starts_with("HTTP/1.1 401 "), "{path}: {answer}");
            assert!(answer.contains("www-authenticate: Bearer"), "{path}: {answer}");
            assert!(
                answer.contains("wirescope.token.BASE64URL") && !answer.contains(TOKEN),
                "{path}: {answer}"
            );
        }
    }
    let right = format!("Bearer {TOKEN}");
    let answer = answer(&server, &get("/metrics", &[host, ("Authorization", &right)])).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_websocket_shows_the_token_in_a_header_or_in_an_offer() {
    let token = Token::new(TOKEN).unwrap();
    let server = server_with(|config| config.token = Some(token.clone())).await;
    for headers in [
        &[][..],
        &[("Authorization", "Bearer another-token-altogether")],
        &[("Sec-WebSocket-Protocol", "wirescope.v1, wirescope.token.YW5vdGhlci10b2tlbg")],
        &[("Sec-WebSocket-Protocol", "wirescope.v1")],
    ] {
        let answer = answer(&server, &request("/echo", headers)).await;
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("Bearer"), "{headers:?}: {answer}");
    }
    opens(&server, &[("Authorization", &format!("Bearer {TOKEN}"))]).await;
    let [public, secret] = token.offers();
    for (offers, selected) in [
        (format!("{public}, {secret}"), "wirescope.v1"),
        (format!("chat, {secret}, {public}"), "wirescope.v1"),
        (format!("{secret}, chat"), "chat"),
    ] {
        let mut peer = Peer::connect(server.addr()).await;
        peer.send(request("/echo", &[("Sec-WebSocket-Protocol", &offers)])).await;
        let head = peer.head().await;
        assert!(head.contains(&format!("\r\nsec-websocket-protocol: {selected}\r\n")), "{offers}: {head}");
        peer.part().await;
    }
    let mut peer = Peer::connect(server.addr()).await;
    peer.send(request("/echo", &[("Sec-WebSocket-Protocol", &secret)])).await;
    let head = peer.head().await;
    assert!(head.starts_with("HTTP/1.1 101 ") && !head.contains("sec-websocket-protocol"), "{head}");
    // What is wrong beside it is told without it.
    let twice =
        answer(&server, &request("/echo", &[("Sec-WebSocket-Protocol", &format!("a, {secret}, a"))])).await;
    assert!(twice.starts_with("HTTP/1.1 400 ") && !twice.contains("wirescope.token."), "{twice}");
}

#[tokio::test]
async fn beyond_loopback_a_server_starts_with_a_token_or_the_word_that_there_is_none() {
    let all = |change: fn(&mut Config)| {
        let mut config = Config::default();
        config.listen = "0.0.0.0:0".parse().unwrap();
        change(&mut config);
        Server::bind(config)
    };
    let error = all(|_| {}).await.unwrap_err();
    assert!(matches!(error, BindError::NoToken { .. }));
    let text = error.to_string();
    assert!(text.contains("--token-file") && text.contains("--no-token"), "{text}");
    let server = all(|config| config.no_token = true).await.unwrap();
    assert!(server.url("/echo").starts_with("ws://127.0.0.1:"), "{}", server.url("/echo"));
    let token = all(|config| config.token = Some(Token::new(TOKEN).unwrap())).await.unwrap();
    let mut peer = Peer::connect(([127, 0, 0, 1], token.addr().port()).into()).await;
    peer.send(request("/echo", &[])).await;
    assert!(peer.response().await.starts_with("HTTP/1.1 401 "), "this machine shows it as well");
}

#[tokio::test]
async fn what_is_no_origin_and_no_host_is_named_at_the_start() {
    let mut config = Config::default();
    config.allow_origins = vec!["page.example".to_owned()];
    let error = Server::bind(config).await.unwrap_err().to_string();
    assert!(error.contains("\"page.example\"") && error.contains("scheme://host"), "{error}");
    let mut config = Config::default();
    config.allow_hosts = vec!["a b".to_owned()];
    assert!(Server::bind(config).await.unwrap_err().to_string().contains("\"a b\""));
}
