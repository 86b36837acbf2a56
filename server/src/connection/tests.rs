use super::*;
use crate::{Config, handshake, shutdown::Shutdown};
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use wirescope_protocol::limits::MAX_CLOSE_REASON;

/// A connection, the other end of its TCP connection, and its server's context.
async fn connection() -> (Connection<TcpStream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    let context = Arc::new(Context::new(Config::default(), Shutdown::default()).unwrap());
    let accepted = handshake::check(&request(), &context).unwrap();
    (Connection::open(stream, b"", peer, &accepted, &context), client)
}

fn request() -> ::http::Request<()> {
    let request = ::http::Request::get("/echo")
        .header("Host", "localhost")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    request.body(()).unwrap()
}

/// A masked frame with a key of zeros and a short payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = 0x80 | u8::try_from(payload.len()).unwrap();
    [&[first, length, 0, 0, 0, 0][..], payload].concat()
}

fn text(number: u32) -> Message {
    Message::Text(number.to_string().into())
}

/// As a scenario does that also listens to something else: what it waits for is dropped again and again, at whatever
/// point it has come to.
async fn cancelled_often<T>(mut wait: impl AsyncFnMut() -> T) -> T {
    for polls in (0_u32..).map(|round| round % 3) {
        let mut left = polls;
        let mut waiting = std::pin::pin!(wait());
        let polled = poll_fn(|cx| match waiting.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => {
                left -= 1;
                Poll::Pending
            }
        });
        if let Ok(Some(done)) = timeout(Duration::from_millis(5), polled).await {
            return done;
        }
        tokio::task::yield_now().await;
    }
    unreachable!("the rounds have no end")
}

#[tokio::test]
async fn nothing_is_lost_where_waiting_is_given_up() {
    const COUNT: u32 = 640;
    for way in 0..3 {
        let (mut connection, client) = connection().await;
        let (mut reader, mut writer) = client.into_split();
        let peer = tokio::spawn(async move {
            let mut answers = Vec::new();
            // The first half at once, so that pauses are made within it, and the rest in pieces. A ping now and then,
            // so that a pong is owed in between.
            let write = async {
                let mut sent = Vec::new();
                for number in 0..COUNT {
                    sent.extend(frame(0x81, number.to_string().as_bytes()));
                    if number % 50 == 0 {
                        sent.extend(frame(0x89, b"?"));
                    }
                    if number > COUNT / 2 && number % 20 == 0 {
                        writer.write_all(&std::mem::take(&mut sent)).await.unwrap();
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                }
                sent.extend(frame(0x88, b"\x03\xe8"));
                writer.write_all(&sent).await.unwrap();
            };
            tokio::join!(write, async { reader.read_to_end(&mut answers).await.unwrap() });
            answers
        });
        let mut came = Vec::new();
        let ending = loop {
            let received = cancelled_often(async || match way {
                0 => connection.recv().await.map(Some),
                1 => connection.recv_or_ready().await,
                _ => connection.recv_or_written().await,
            });
            match received.await {
                Ok(Some(message)) => {
                    came.push(message.clone());
                    connection.send(message).await.unwrap();
                }
                Ok(None) => tokio::task::yield_now().await,
                Err(ending) => break ending,
            }
        };
        assert!(matches!(ending, Ending::Closed { .. }), "{ending:?}");
        assert!(came == (0..COUNT).map(text).collect::<Vec<_>>(), "lost or out of order in way {way}");
        connection.end(ending).await;
        // Pongs come in between, so the answers are picked out of the rest.
        let answers = peer.await.unwrap();
        let mut answers = answers.as_slice();
        let (mut echoed, mut pongs) = (Vec::new(), 0);
        while let [first, length, rest @ ..] = answers {
            let (payload, rest) = rest.split_at((*length).into());
            match first {
                0x81 => echoed.push(std::str::from_utf8(payload).unwrap().parse::<u32>().unwrap()),
                0x8a => pongs += 1,
                other => assert_eq!(*other, 0x88),
            }
            answers = rest;
        }
        assert_eq!(echoed, (0..COUNT).collect::<Vec<_>>());
        assert_eq!(pongs, COUNT.div_ceil(50));
    }
}

#[tokio::test]
async fn a_last_word_is_said_before_the_answer_to_a_close_frame() {
    for (close, answer) in
        [(&b"\x03\xe8bye"[..], &b"\x81\x04last\x88\x08\x03\xe8reason"[..]), (b"", b"\x81\x04last\x88\x00")]
    {
        let (mut connection, mut client) = connection().await;
        client.write_all(&frame(0x88, close)).await.unwrap();
        let ending = connection.recv().await.unwrap_err();
        connection.say_at_close(Message::Text("last".into()), "reason".to_owned());
        let ((), answers) = tokio::join!(connection.end(ending), async {
            let mut answers = Vec::new();
            client.read_to_end(&mut answers).await.unwrap();
            client.shutdown().await.unwrap();
            answers
        });
        assert_eq!(answers, answer);
    }
}

#[tokio::test]
async fn a_reason_that_does_not_fit_is_not_given() {
    let (mut connection, mut client) = connection().await;
    client.write_all(&frame(0x88, b"\x03\xe8bye")).await.unwrap();
    let ending = connection.recv().await.unwrap_err();
    connection.say_at_close(Message::Binary(Bytes::new()), "x".repeat(MAX_CLOSE_REASON + 1));
    let ((), answers) = tokio::join!(connection.end(ending), async {
        let mut answers = Vec::new();
        client.read_to_end(&mut answers).await.unwrap();
        client.shutdown().await.unwrap();
        answers
    });
    assert_eq!(answers, b"\x82\x00\x88\x05\x03\xe8bye");
}

/// The same through a whole server depends on when the system tells of the end.
#[tokio::test]
async fn messages_are_answered_when_the_end_of_the_peers_side_is_seen_right_after_them() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    client.shutdown().await.unwrap();
    stream.readable().await.unwrap();

    let context = Arc::new(Context::new(Config::default(), Shutdown::default()).unwrap());
    let accepted = handshake::check(&request(), &context).unwrap();
    let messages = [&[0x81, 0x83, 0, 0, 0, 0][..], b"one", &[0x82, 0x83, 0, 0, 0, 0], b"two"].concat();
    serve(stream, messages, peer, accepted, &context).await;

    let mut answers = Vec::new();
    client.read_to_end(&mut answers).await.unwrap();
    assert_eq!(answers, b"\x81\x03one\x82\x03two");
}
