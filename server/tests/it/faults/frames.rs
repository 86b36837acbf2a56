use crate::support::{BINARY, FIN, Peer, frame, server};

/// The bytes that come at once on a connection.
async fn injected(choice: &str, count: usize) -> Vec<u8> {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), &format!("/echo?inject={choice}")).await;
    let mut bytes = vec![0; count];
    crate::support::soon(tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut bytes)).await.unwrap();
    bytes
}

#[tokio::test]
async fn each_breaks_its_rule() {
    let first = async |choice| injected(choice, 2).await;
    assert_eq!(first("rsv1").await[0] & 0x70, 0x40);
    assert_eq!(first("rsv2").await[0] & 0x70, 0x20);
    assert_eq!(first("rsv3").await[0] & 0x70, 0x10);
    assert_eq!(first("opcode3").await[0] & 0x0f, 3);
    assert_eq!(first("opcode11").await[0] & 0x0f, 11);
    assert_eq!(first("masked").await[1] & 0x80, 0x80);
    assert_eq!(first("fragmented-ping").await[0], 0x09);
    assert_eq!(injected("long-ping", 4).await, [0x89, 126, 0, 126]);
    assert_eq!(first("continuation").await[0], 0x80);
    assert_eq!(injected("interleaved", 6).await, b"\x01\x01a\x81\x01b");
    assert_eq!(injected("bad-close-code", 4).await, b"\x88\x02\x03\xed");
    assert_eq!(injected("short-close", 3).await, b"\x88\x01\x03");
    assert!(std::str::from_utf8(&injected("close-utf8", 5).await[4..]).is_err());
    assert!(std::str::from_utf8(&injected("bad-utf8", 5).await[2..]).is_err());
    assert!(std::str::from_utf8(&injected("cut-utf8", 5).await[2..]).is_err());
    assert_eq!(injected("lying-length", 3).await, b"\x81\x05x");
    assert_eq!(injected("non-minimal-length", 5).await, b"\x81\x7e\x00\x01x");
    assert_eq!(injected("huge-length", 3).await, b"\x82\x7f\x80");
    assert_eq!(injected("hex:00ff00", 3).await, b"\x00\xff\x00");
}

#[tokio::test]
async fn they_come_after_messages_and_between_them() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?inject=rsv1&after=1&inject.every=2").await;
    for text in ["1", "2", "3", "4", "5"] {
        peer.say(text).await;
    }
    let mut came = Vec::new();
    for _ in 0..7 {
        came.push(peer.hear().await);
    }
    assert_eq!(came, ["1", "2", "3", "rsv1", "4", "5", "rsv1"]);
    peer.part().await;
}

#[tokio::test]
async fn what_a_client_writes_goes_out_as_it_is() {
    let server = server().await;
    let mut peer = Peer::open_path(server.addr(), "/echo?raw").await;
    peer.send(frame(FIN | BINARY, b"\x82\x03abc\xff")).await;
    let mut bytes = [0; 6];
    crate::support::soon(tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"\x82\x03abc\xff");
    peer.part().await;
}
