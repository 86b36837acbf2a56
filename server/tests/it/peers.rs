//! A client that shares no code with the server: fastwebsockets.

use std::net::SocketAddr;

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, handshake};
use http_body_util::Empty;
use hyper::{Request, body::Bytes, header, upgrade::Upgraded};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::support::{server, soon};

/// Opens a WebSocket on `/echo` over a stream.
pub(crate) async fn open<S>(stream: S, addr: SocketAddr) -> FragmentCollector<TokioIo<Upgraded>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let request = Request::builder()
        .uri("/echo")
        .header(header::HOST, addr.to_string())
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_KEY, handshake::generate_key())
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let (socket, _) = handshake::client(&TokioExecutor::new(), request, stream).await.unwrap();
    FragmentCollector::new(socket)
}

#[tokio::test]
async fn fastwebsockets_gets_its_messages_back_and_a_clean_close() {
    let server = server().await;
    let stream = TcpStream::connect(server.addr()).await.unwrap();
    talk(&mut soon(open(stream, server.addr())).await).await;
}

/// Fails the test unless every kind and size of message comes back, and a Close with its code and reason.
pub(crate) async fn talk(socket: &mut FragmentCollector<TokioIo<Upgraded>>) {
    for length in [0, 1, 125, 126, 70_000, 1_000_000] {
        let text = "é".repeat(length / 2);
        socket.write_frame(Frame::text(Payload::Borrowed(text.as_bytes()))).await.unwrap();
        let answer = soon(socket.read_frame()).await.unwrap();
        assert_eq!(answer.opcode, OpCode::Text);
        assert!(answer.payload == text.as_bytes(), "{length}");

        let bytes = vec![0xa5; length];
        socket.write_frame(Frame::binary(Payload::Borrowed(&bytes))).await.unwrap();
        let answer = soon(socket.read_frame()).await.unwrap();
        assert_eq!(answer.opcode, OpCode::Binary);
        assert!(answer.payload == bytes.as_slice(), "{length}");
    }
    // In fragments, and the answer is whole.
    socket.write_frame(Frame::new(false, OpCode::Text, None, Payload::Borrowed(b"one "))).await.unwrap();
    socket
        .write_frame(Frame::new(true, OpCode::Continuation, None, Payload::Borrowed(b"two")))
        .await
        .unwrap();
    assert!(soon(socket.read_frame()).await.unwrap().payload == b"one two".as_slice());

    socket.write_frame(Frame::close(4001, b"enough")).await.unwrap();
    let close = soon(socket.read_frame()).await.unwrap();
    assert_eq!(close.opcode, OpCode::Close);
    assert!(close.payload == [&4001_u16.to_be_bytes()[..], b"enough"].concat().as_slice());
}
