use std::{io::Cursor, sync::Arc, task::Wake};

use proptest::prelude::*;
use tokio::io::ReadBuf;
use tokio_tungstenite::tungstenite::protocol::WebSocket;

use super::*;

const BOUNDS: Bounds = Bounds { message: 70_000, frame: 66_000, queue: 64 * 1024 };

/// A stream of which so much can be read at a time, and no more until it is polled again.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    /// The lengths of the pieces, again and again; after one of zero there is a pause.
    lengths: Vec<usize>,
    next: usize,
    written: Vec<u8>,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        read: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.lengths[self.next % self.lengths.len()];
        self.next += 1;
        if length == 0 {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let count = length.min(read.remaining()).min(self.bytes.len() - self.at);
        read.put_slice(&self.bytes[self.at..][..count]);
        self.at += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let length = self.lengths[self.next % self.lengths.len()];
        self.next += 1;
        if length == 0 {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let count = length.min(bytes.len());
        self.written.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.poll_write(task, &all)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Polls until it is ready: what it waits for comes with the next poll.
fn poll<T>(mut done: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Arc::new(Nobody).into();
    let mut task = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(done) = done(&mut task) {
            return done;
        }
    }
}

/// What a peer's bytes come to: what was received up to the end or an error, and what was answered. Each message is sent
/// back.
type Outcome = (Vec<String>, Vec<u8>);

fn ours(bytes: &[u8], lengths: &[usize], leftover: usize) -> Outcome {
    let (leftover, bytes) = bytes.split_at(leftover.min(bytes.len()));
    let stream =
        Pieces { bytes: bytes.to_vec(), at: 0, lengths: lengths.to_vec(), next: 0, written: Vec::new() };
    let mut socket = Socket::new(stream, leftover, BOUNDS);
    let mut came = Vec::new();
    loop {
        match poll(|task| socket.poll_next(task)) {
            Ok(Received::Message(message)) => {
                came.push(format!("{} {:?}", message.kind(), message.payload()));
                poll(|task| socket.poll_ready(task)).unwrap();
                socket.send(&message);
            }
            Ok(Received::Ping) => came.push("ping".to_owned()),
            Ok(Received::Pong) => came.push("pong".to_owned()),
            Ok(Received::Close(frame)) => came.push(format!("close {frame:?}")),
            Err(ending) => {
                came.push(format!("{ending:?}"));
                break;
            }
        }
        poll(|task| socket.poll_flush(task)).unwrap();
    }
    assert_eq!(socket.waiting(), 0);
    (came, socket.into_inner().written)
}

struct Plain(Cursor<Vec<u8>>, Vec<u8>);

impl Read for Plain {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tungstenites(bytes: &[u8]) -> Outcome {
    let config =
        WebSocketConfig::default().max_message_size(Some(BOUNDS.message)).max_frame_size(Some(BOUNDS.frame));
    let stream = Plain(Cursor::new(bytes.to_vec()), Vec::new());
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
    let mut came = Vec::new();
    loop {
        match socket.read() {
            Ok(message @ (WsMessage::Text(_) | WsMessage::Binary(_))) => {
                let kind = if message.is_text() { "text" } else { "binary" };
                came.push(format!("{kind} {:?}", message.clone().into_data()));
                socket.write(message).unwrap();
            }
            Ok(WsMessage::Ping(_)) => came.push("ping".to_owned()),
            Ok(WsMessage::Pong(_) | WsMessage::Frame(_)) => came.push("pong".to_owned()),
            Ok(WsMessage::Close(frame)) => came.push(format!("close {frame:?}")),
            Err(WsError::ConnectionClosed | WsError::AlreadyClosed) => {
                came.push(format!("{:?}", over()));
                break;
            }
            Err(error) => {
                came.push(format!("{:?}", failed(&error)));
                break;
            }
        }
        let _ = socket.flush();
    }
    (came, std::mem::take(&mut socket.get_mut().1))
}

/// A frame with its head in any form, right or wrong.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => Just(head::TEXT),
        8 => Just(head::BINARY),
        2 => Just(0x01),
        1 => Just(0x02),
        3 => Just(0x00),
        3 => Just(0x80),
        2 => Just(head::PING),
        1 => Just(0x8a),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        8 => "[a-z]{0,20}".prop_map(String::into_bytes),
        4 => "\\PC{0,200}".prop_map(String::into_bytes),
        2 => (0_usize..70_000).prop_map(|length| b"x".repeat(length)),
        2 => (0_usize..17_000).prop_map(|length| "мир".as_bytes().iter().copied().cycle().take(length).collect()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => (1000_u16..5000).prop_map(|code| code.to_be_bytes().to_vec()),
    ];
    (first, payload, any::<[u8; 4]>(), 0..40_u8).prop_map(|(first, mut payload, key, oddity)| {
        let length = payload.len();
        let mut frame = Vec::new();
        match oddity {
            // Longer forms of the length than it needs.
            0 if length <= 0xffff => {
                frame.extend([first, 126]);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            1 => {
                frame.extend([first, 127]);
                frame.extend((length as u64).to_be_bytes());
            }
            // A length that nothing has.
            2 => {
                frame.extend([first, 127]);
                frame.extend((u64::MAX - length as u64).to_be_bytes());
            }
            _ => head::put(&mut frame, first, length),
        }
        if oddity != 3 {
            frame[1] |= 0x80;
            frame.extend(key);
            head::mask(&mut payload, key);
        }
        frame.extend(payload);
        frame
    })
}

/// What is told of a socket that waits.
fn assert_holds_nothing<S>(socket: &Socket<S>) {
    assert_eq!(socket.inward.capacity(), 0);
    assert!(!socket.outward.holds_memory());
    assert!(socket.tungstenite.is_none());
}

#[test]
fn a_socket_that_waits_holds_no_buffer() {
    let (mut long, mut ping, mut fragments) = (Vec::new(), Vec::new(), Vec::new());
    frame_of(&mut long, head::BINARY, &[7; 16 * 1024]);
    frame_of(&mut ping, head::PING, b"?");
    frame_of(&mut fragments, 0x01, b"a");
    frame_of(&mut fragments, 0x80, b"b");
    for (frames, answers) in [(&long, 16 * 1024 + 4), (&ping, 3), (&fragments, 4)] {
        let mut stream = Pieces {
            bytes: frames.clone(),
            at: 0,
            lengths: vec![frames.len() / 2, 0, frames.len(), frames.len(), 0],
            next: 0,
            written: Vec::new(),
        };
        let mut socket = Socket::new(&mut stream, b"", BOUNDS);
        let received = poll(|task| socket.poll_next(task)).unwrap();
        if let Received::Message(message) = &received {
            socket.send(message);
        }
        drop(received);
        poll(|task| socket.poll_flush(task)).unwrap();
        let waker = Arc::new(Nobody).into();
        assert!(socket.poll_next(&mut Context::from_waker(&waker)).is_pending());
        assert_holds_nothing(&socket);
        assert_eq!(socket.into_inner().written.len(), answers);
    }
}

#[test]
fn a_frame_that_is_waited_for_is_held_without_what_is_shared() {
    let mut frame = Vec::new();
    frame_of(&mut frame, head::BINARY, &[7; 1000]);
    let stream = Pieces { bytes: frame, at: 0, lengths: vec![100, 0], next: 0, written: Vec::new() };
    let mut socket = Socket::new(stream, b"", BOUNDS);
    let waker = Arc::new(Nobody).into();
    assert!(socket.poll_next(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(socket.inward.capacity(), 1008);
}

/// Appends a client's frame.
fn frame_of(to: &mut Vec<u8>, first: u8, payload: &[u8]) {
    let start = to.len();
    head::put(to, first, payload.len());
    to[start + 1] |= 0x80;
    to.extend([0; 4]);
    to.extend(payload);
}

proptest! {
    /// Whatever comes and however it is cut: the same as tungstenite alone makes of it.
    #[test]
    fn a_socket_is_tungstenite(
        frames in prop::collection::vec(frame(), 0..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
        lengths in prop_oneof![
            Just(vec![usize::MAX]),
            Just(vec![usize::MAX, 0]),
            prop::collection::vec(prop_oneof![Just(0), 1_usize..20, 1_usize..100_000], 0..8)
                .prop_map(|mut lengths| { lengths.push(10_000); lengths }),
        ],
        leftover in prop_oneof![Just(0), 0_usize..300],
    ) {
        let mut bytes = frames.concat();
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        prop_assert_eq!(ours(&bytes, &lengths, leftover), tungstenites(&bytes));
    }

    #[test]
    fn a_mask_is_taken_off_by_the_byte(payload: Vec<u8>, key: [u8; 4]) {
        let expected: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        let mut masked = payload;
        head::mask(&mut masked, key);
        prop_assert_eq!(masked, expected);
    }
}
