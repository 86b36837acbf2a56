//! TLS on the same port, with a client that shares no code with the server's WebSockets.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName},
    },
};
use wirescope_server::{BindError, Config, Server, Tls};

use crate::{
    limits::until_counted,
    peers,
    support::{FIN, Frame, Peer, TEXT, frame, request, server_with, soon},
};

async fn self_signed() -> Server {
    server_with(|config| config.tls = Some(Tls::SelfSigned)).await
}

/// A TLS connection by a client that trusts this certificate and no other.
async fn trusting(
    server: &Server,
    certificate: Vec<u8>,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate)).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = soon(TcpStream::connect(server.addr())).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

async fn connect(server: &Server) -> TlsStream<TcpStream> {
    trusting(server, server.certificate().unwrap(), "localhost").await.unwrap()
}

/// Makes a certificate for `localhost` in these files, and gives it.
fn make(certificate: &Path, key: &Path) -> Vec<u8> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(certificate, made.cert.pem()).unwrap();
    std::fs::write(key, made.signing_key.serialize_pem()).unwrap();
    made.cert.der().to_vec()
}

/// A folder of this test's own.
fn folder(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test]
async fn a_websocket_over_tls_is_a_websocket() {
    let server = self_signed().await;
    assert!(server.url("/echo").starts_with("wss://127.0.0.1:"));
    let mut socket = soon(peers::open(connect(&server).await, server.addr())).await;
    peers::talk(&mut socket).await;
    until_counted(&server, "wirescope_open_connections 0").await;
}

#[tokio::test]
async fn the_certificate_is_for_every_name_the_server_has() {
    let server = server_with(|config| {
        config.tls = Some(Tls::SelfSigned);
        config.allow_hosts = vec!["tests.example".to_owned()];
    })
    .await;
    for name in ["localhost", "127.0.0.1", "::1", "tests.example"] {
        trusting(&server, server.certificate().unwrap(), name).await.unwrap();
    }
    assert!(trusting(&server, server.certificate().unwrap(), "other.example").await.is_err());
}

#[tokio::test]
async fn http_and_a_websocket_after_it_and_raw_echo_work_over_tls() {
    let server = self_signed().await;
    let mut stream = connect(&server).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"ok\n") {
        assert_ne!(soon(stream.read_buf(&mut read)).await.unwrap(), 0);
    }
    let early = frame(FIN | TEXT, "early");
    stream.write_all(&[request("/echo", &[]).as_bytes(), &early].concat()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\x81\x05early") {
        assert_ne!(soon(stream.read_buf(&mut answer)).await.unwrap(), 0);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "));

    let mut stream = connect(&server).await;
    let bytes = vec![b'x'; 1 << 20];
    let (mut reader, mut writer) = tokio::io::split(&mut stream);
    let write = async {
        writer.write_all(&bytes).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let mut echoed = Vec::new();
    let read = async { reader.read_to_end(&mut echoed).await.unwrap() };
    soon(async { tokio::join!(write, read) }).await;
    assert!(echoed == bytes);
}

#[tokio::test]
async fn plain_connections_of_this_machine_go_on_beside_tls() {
    let server = self_signed().await;
    let mut peer = Peer::open(&server).await;
    peer.send(frame(FIN | TEXT, "plain")).await;
    assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, "plain"));
    peer.part().await;
}

#[tokio::test]
async fn a_tls_handshake_that_is_never_finished_is_cut_in_time() {
    let server = server_with(|config| {
        config.tls = Some(Tls::SelfSigned);
        config.timeouts.request = Duration::from_millis(300);
        config.timeouts.first_byte = Duration::from_millis(300);
    })
    .await;
    let mut slow = Peer::connect(server.addr()).await;
    slow.send([0x16, 3, 1, 2, 0, 1]).await;
    let mut broken = Peer::connect(server.addr()).await;
    broken.send([0x16, 1, 2, 3, 4, 5, 6, 7, 8]).await;
    let mut silent = Peer::connect(server.addr()).await;
    for peer in [&mut slow, &mut broken, &mut silent] {
        let _ = soon(peer.stream.read_to_end(&mut Vec::new())).await;
    }
    until_counted(&server, "wirescope_limit_hits_total{limit=\"request_time\"} 1").await;
    until_counted(&server, "wirescope_open_connections 0").await;
}

#[tokio::test]
async fn certificates_are_read_again_and_bad_ones_change_nothing() {
    let folder = folder("reload");
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let first = make(&certificate, &key);
    let server = server_with(|config| {
        config.tls = Some(Tls::Files { certificate: certificate.clone(), key: key.clone() });
    })
    .await;
    let mut old = trusting(&server, first.clone(), "localhost").await.unwrap();
    let second = make(&certificate, &key);
    trusting(&server, first.clone(), "localhost").await.unwrap();
    server.reload_certificate().unwrap();
    assert!(trusting(&server, first, "localhost").await.is_err());
    trusting(&server, second.clone(), "localhost").await.unwrap();
    // A connection that was there before goes on.
    old.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    soon(old.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    std::fs::write(&certificate, "nothing").unwrap();
    let error = server.reload_certificate().unwrap_err().to_string();
    assert!(error.contains("certificate.pem"), "{error}");
    trusting(&server, second, "localhost").await.unwrap();
}

#[tokio::test]
async fn files_that_are_no_certificate_or_no_key_are_named_at_the_start() {
    let folder = folder("bad");
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    make(&certificate, &key);
    let (other, nothing) = (folder.join("other.pem"), folder.join("nothing.pem"));
    make(&folder.join("unused.pem"), &other);
    for (certificate, key, named) in [
        (&nothing, &key, "nothing.pem"),
        (&certificate, &nothing, "nothing.pem"),
        (&key, &key, "key.pem"),
        (&certificate, &other, "do not work"),
    ] {
        let mut config = Config::default();
        config.tls = Some(Tls::Files { certificate: certificate.clone(), key: key.clone() });
        let error = Server::bind(config).await.unwrap_err();
        assert!(matches!(error, BindError::Tls { .. }) && error.to_string().contains(named), "{error}");
    }
}
