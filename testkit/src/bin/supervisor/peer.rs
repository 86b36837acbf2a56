//! A WebSocket peer that does what its [path](crate::script) says, above all what a server must not.

use std::{fmt::Write as _, io, pin::pin, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{Role, frame::CloseFrame},
    },
};

use crate::{
    reports::Reports,
    script::{Opening, Script, Step},
};

/// The most connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 256;

/// How long a connection may last.
const LIFETIME: Duration = Duration::from_secs(120);

/// The longest request head that is read, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// How long a peer that sips waits between two.
const SIP: Duration = Duration::from_millis(100);

/// How long an opening request goes unanswered that is to hang: longer than any test's page waits for it.
const HANG: Duration = Duration::from_secs(4);

/// How long a write waits that counts as stopped by the client.
const STALL: Duration = Duration::from_secs(1);

/// How long the answer to a Close frame is waited for.
const CLOSE_ANSWER: Duration = Duration::from_secs(5);

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;

/// Serves connections for as long as it is polled.
pub(crate) async fn run(listener: TcpListener, reports: Arc<Reports>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let reports = Arc::clone(&reports);
                tokio::spawn(async move {
                    // What fails here is the connection of a test that breaks connections.
                    let _ = timeout(LIFETIME, serve(stream, &reports)).await;
                    drop(place);
                });
            }
            // Out of file descriptors, most likely: some will be free again.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(mut stream: TcpStream, reports: &Reports) -> io::Result<()> {
    let head = read_head(&mut stream).await?;
    let target = head.split(' ').nth(1).unwrap_or_default();
    let script = match Script::parse(target) {
        Ok(script) => script,
        Err(why) => return answer(&mut stream, 400, &why).await,
    };
    let ending = match script.opening {
        Opening::Status(status) => return answer(&mut stream, status, "as the path asks").await,
        Opening::Hang => {
            if let Some(name) = &script.report {
                reports.put(&format!("{name}-begun"), "hangs".to_owned());
            }
            // Firefox keeps an attempt that its page gave up, and opens no other to this address, until it is answered.
            timeout(HANG, until_the_end(&mut stream)).await.unwrap_or_else(|_| Ok("hung".to_owned()))
        }
        Opening::Accept => match header(&head, "sec-websocket-key") {
            Some(key) => {
                accept(&mut stream, key).await?;
                let stalled = |taken: usize| {
                    if let Some(name) = &script.report {
                        reports.put(&format!("{name}-stalled"), taken.to_string());
                    }
                };
                play(stream, script.steps, stalled).await
            }
            None => return answer(&mut stream, 426, "this is a WebSocket peer").await,
        },
    };
    if let Some(name) = script.report {
        reports.put(&name, ending.unwrap_or_else(|error| format!("failed: {error}")));
    }
    Ok(())
}

/// Does each step, then answers a Close frame as one should; says how the connection ended.
async fn play(mut stream: TcpStream, steps: Vec<Step>, stalled: impl Fn(usize)) -> io::Result<String> {
    for step in steps {
        match step {
            Step::Say { count, size } => {
                let size = usize::from(size);
                let mut frames = Vec::with_capacity(count * (size + 10));
                for number in 0..count {
                    push_frame(&mut frames, TEXT, format!("{number:0>size$}").as_bytes());
                }
                stream.write_all(&frames).await?;
            }
            Step::Feed { count, size } => {
                let size = usize::from(size);
                for number in 0..count {
                    let mut frame = Vec::with_capacity(size + 10);
                    push_frame(&mut frame, TEXT, format!("{number:0>size$}").as_bytes());
                    let mut write = pin!(stream.write_all(&frame));
                    match timeout(STALL, &mut write).await {
                        Ok(written) => written?,
                        Err(_) => {
                            stalled(number);
                            write.await?;
                        }
                    }
                }
            }
            Step::Wait(time) => sleep(time).await,
            Step::Cut => {
                stream.shutdown().await?;
                return Ok("was cut".to_owned());
            }
            Step::Reset => {
                stream.set_zero_linger()?;
                return Ok("was reset".to_owned());
            }
            Step::Close(status) => {
                let mut payload = Vec::new();
                if let Some((code, reason)) = status {
                    payload.extend(code.to_be_bytes());
                    payload.extend(reason.as_bytes());
                }
                let mut frame = Vec::new();
                push_frame(&mut frame, CLOSE, &payload);
                stream.write_all(&frame).await?;
                let mut scratch = [0; 256];
                // The answer is small and comes alone, since nothing else was asked.
                let _ = timeout(CLOSE_ANSWER, stream.read(&mut scratch)).await;
                stream.shutdown().await?;
                return Ok("was closed".to_owned());
            }
            Step::Sip(bytes) => {
                let mut scratch = vec![0; bytes];
                while stream.read(&mut scratch).await? > 0 {
                    sleep(SIP).await;
                }
                return Ok("gone".to_owned());
            }
            Step::Mute => return until_the_end(&mut stream).await,
        }
    }
    Ok(listen(stream).await)
}

/// Reads until the client closes, with a Close frame or without.
async fn listen(stream: TcpStream) -> String {
    let mut messages = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let mut ending = "gone without a Close frame".to_owned();
    // tungstenite answers the Close frame while the stream is read to its end.
    while let Some(Ok(message)) = messages.next().await {
        if let Message::Close(frame) = message {
            ending = match frame {
                Some(CloseFrame { code, reason }) => format!("close {} {reason}", u16::from(code)),
                None => "close".to_owned(),
            };
        }
    }
    ending.trim_end().to_owned()
}

/// Reads and ignores until the client is gone.
async fn until_the_end(stream: &mut TcpStream) -> io::Result<String> {
    let mut scratch = [0; 4096];
    while stream.read(&mut scratch).await? > 0 {}
    Ok("gone".to_owned())
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD || stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    String::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

async fn accept(stream: &mut TcpStream, key: &str) -> io::Result<()> {
    let mut response = String::from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
    let key = derive_accept_key(key.as_bytes());
    let _ = write!(response, "Connection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n\r\n");
    stream.write_all(response.as_bytes()).await
}

async fn answer(stream: &mut TcpStream, status: u16, text: &str) -> io::Result<()> {
    let length = text.len();
    let response =
        format!("HTTP/1.1 {status} Refused\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}");
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await
}

/// Appends a server's frame: final, unmasked, its length in the shortest form (RFC 6455 section 5.2).
fn push_frame(frames: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    frames.push(0x80 | opcode);
    let length = payload.len();
    if let Ok(short @ ..=125) = u8::try_from(length) {
        frames.push(short);
    } else if let Ok(medium) = u16::try_from(length) {
        frames.push(126);
        frames.extend(medium.to_be_bytes());
    } else {
        frames.push(127);
        frames.extend((length as u64).to_be_bytes());
    }
    frames.extend(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_their_shortest_form() {
        let head = |length: usize| {
            let mut frame = Vec::new();
            push_frame(&mut frame, TEXT, &vec![b'x'; length]);
            frame.truncate(frame.len() - length);
            frame
        };
        assert_eq!(head(125), [0x81, 125]);
        assert_eq!(head(126), [0x81, 126, 0, 126]);
        assert_eq!(head(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
