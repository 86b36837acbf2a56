//! The connection that a script is played on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, protocol::CloseFrame},
};
use wirescope_protocol::{
    CloseCode,
    script::{Arrival, Data},
};

use super::connect::Carrier;

/// How many bytes may wait for an `expect`; then the peer is not read any more.
const WAITING: u32 = 256 << 20;

/// What a message costs beside its payload.
const EACH: u32 = 128;

type Stream = WebSocketStream<Box<dyn Carrier>>;

/// What came, and is not expected yet.
pub(super) enum Arrived {
    Text(String),
    Binary(Vec<u8>),
    Closed(CloseCode, String),
}

impl Arrived {
    pub(super) fn as_arrival(&self) -> Arrival<'_> {
        match self {
            Self::Text(text) => Arrival::Text(text),
            Self::Binary(bytes) => Arrival::Binary(bytes),
            Self::Closed(code, reason) => Arrival::Closed(*code, reason),
        }
    }

    fn cost(&self) -> u32 {
        let payload = match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Closed(..) => 0,
        };
        u32::try_from(payload).unwrap_or(WAITING).saturating_add(EACH).min(WAITING)
    }
}

/// The other side. It is read all the time, so that pings are answered and nobody waits for this side to read.
pub(super) struct Peer {
    pub(super) subprotocol: String,
    sink: SplitSink<Stream, Message>,
    arrived: mpsc::UnboundedReceiver<Arrived>,
    room: Arc<Semaphore>,
    /// This side began to close; as in a browser, no message is given any more.
    closing: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

impl Peer {
    pub(super) fn new(stream: Stream, subprotocol: String) -> Self {
        let (sink, stream) = stream.split();
        let (told, arrived) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(WAITING as usize));
        let closing = Arc::new(AtomicBool::new(false));
        let reader = tokio::spawn(read(stream, told, Arc::clone(&room), Arc::clone(&closing)));
        Self { subprotocol, sink, arrived, room, closing, reader }
    }

    /// What comes next; `None` behind the end of the connection.
    pub(super) async fn next(&mut self) -> Option<Arrived> {
        let arrived = self.arrived.recv().await?;
        self.room.add_permits(arrived.cost() as usize);
        Some(arrived)
    }

    pub(super) async fn send(&mut self, data: &Data) -> Result<(), String> {
        if self.closing.load(Ordering::Relaxed) {
            return Err("the connection is closing".to_owned());
        }
        let message = match data {
            Data::Text(text) => Message::text(text.as_str()),
            Data::Binary(bytes) => Message::binary(bytes.clone()),
        };
        self.sink.send(message).await.map_err(|error| why(&error))
    }

    pub(super) async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), String> {
        self.closing.store(true, Ordering::Relaxed);
        let frame = CloseFrame { code: code.number().into(), reason: reason.into() };
        match self.sink.send(Message::Close(Some(frame))).await {
            // As in a browser, to close what is closed is nothing.
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_)) => Ok(()),
            Err(error) => Err(why(&error)),
        }
    }

    /// Ends the connection, and waits a while for the peer to do so too.
    pub(super) async fn part(mut self, patience: Duration) {
        let _ = timeout(patience, async {
            let _ = self.close(CloseCode::NORMAL, "").await;
            while let Some(arrived) = self.next().await {
                if matches!(arrived, Arrived::Closed(..)) {
                    break;
                }
            }
        })
        .await;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(
    mut stream: SplitStream<Stream>,
    told: mpsc::UnboundedSender<Arrived>,
    room: Arc<Semaphore>,
    closing: Arc<AtomicBool>,
) {
    let mut ending = Arrived::Closed(CloseCode::ABNORMAL, String::new());
    while let Some(Ok(message)) = stream.next().await {
        let arrived = match message {
            Message::Text(text) => Arrived::Text(text.as_str().to_owned()),
            Message::Binary(bytes) => Arrived::Binary(bytes.to_vec()),
            Message::Close(frame) => {
                ending = match frame {
                    Some(frame) => {
                        Arrived::Closed(u16::from(frame.code).into(), frame.reason.as_str().to_owned())
                    }
                    None => Arrived::Closed(CloseCode::NO_STATUS, String::new()),
                };
                continue;
            }
            _ => continue,
        };
        if closing.load(Ordering::Relaxed) {
            continue;
        }
        match room.acquire_many(arrived.cost()).await {
            Ok(taken) => taken.forget(),
            Err(_) => return,
        }
        if told.send(arrived).is_err() {
            return;
        }
    }
    let _ = told.send(ending);
}

fn why(error: &Error) -> String {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => "the connection is closed".to_owned(),
        Error::Protocol(error) => format!("the connection is closing ({error})"),
        error => error.to_string(),
    }
}
