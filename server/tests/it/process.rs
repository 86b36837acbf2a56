//! The binary: its first line, its flags' errors, its log, and how it stops.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use tokio::io::AsyncWriteExt as _;

use crate::support::{CLOSE, FIN, Frame, Peer, TEXT, close_payload, frame, request, soon};

/// A running server, killed when the test ends, however it ends.
struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    scheme: String,
    addr: SocketAddr,
}

impl Process {
    fn start(flags: &[&str]) -> Self {
        Self::spawn(&mut command(flags))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let url = first.trim_end().strip_prefix("listening on ").expect(&first);
        let (scheme, addr) = url.split_once("://").expect(&first);
        let (scheme, addr) = (scheme.to_owned(), addr.parse().expect(&first));
        Self { child, stdout, scheme, addr }
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the process, which must end within the time that it promises and a little for a busy machine.
    fn ended(&mut self) -> ExitStatus {
        let patience = Instant::now() + Duration::from_secs(15);
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return status,
                None if Instant::now() > patience => panic!("it does not end"),
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    fn log(&mut self) -> String {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirescope-server"));
    command.args(["--listen", "127.0.0.1:0"]).args(flags);
    piped(&mut command);
    command
}

fn piped(command: &mut Command) {
    command.env_remove("RUST_LOG");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

fn fails(flags: &[&str]) -> String {
    let output = command(&[]).args(flags).output().unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn it_echoes_logs_both_ends_of_a_connection_and_stops_at_a_signal() {
    for signal in ["-INT", "-TERM"] {
        let mut process = Process::start(&["--log", "debug"]);
        let mut peer = Peer::open_at(process.addr).await;
        peer.send(frame(FIN | TEXT, "hello")).await;
        assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, "hello"));
        peer.send(frame(FIN | CLOSE, close_payload(4001, "enough"))).await;
        assert_eq!(peer.frames().await, [Frame::close(4001, "enough")]);
        let mut telnet = Peer::connect(process.addr).await;
        telnet.send("four\n").await;
        telnet.stream.shutdown().await.unwrap();
        assert_eq!(telnet.rest().await, b"four\n");
        process.signal(signal);
        assert!(process.ended().success());
        let log = process.log();
        for part in [
            "connection opened",
            "path=\"/echo\"",
            "received peer=",
            "kind=\"text\" bytes=5",
            "connection closed",
            "received=1/5B sent=1/5B code=4001 reason=\"enough\" by=\"peer\" clean=true",
            "raw TCP echo closed",
            "bytes=5",
            "shutting down",
        ] {
            assert!(log.contains(part), "{part} is missing:\n{log}");
        }
        let mut rest = String::new();
        process.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "standard output has one line");
    }
}

#[tokio::test]
async fn the_log_says_who_ended_a_connection_and_never_that_a_broken_one_was_clean() {
    let mut process = Process::start(&[]);
    for broken in [frame(FIN | TEXT, [0xff]), frame(FIN | CLOSE, close_payload(1015, "mine"))] {
        let mut peer = Peer::open_at(process.addr).await;
        peer.send(broken).await;
        peer.frames().await;
    }
    let mut peer = Peer::open_at(process.addr).await;
    peer.send(frame(FIN | CLOSE, close_payload(1002, "yours"))).await;
    assert_eq!(peer.frames().await, [Frame::close(1002, "yours")]);
    process.signal("-TERM");
    assert!(process.ended().success());
    let log = process.log();
    let closed: Vec<&str> = log.lines().filter(|line| line.contains("connection closed")).collect();
    for (line, parts) in closed.iter().zip([
        ["code=1007", "by=\"server\" clean=false"],
        ["code=1002", "by=\"server\" clean=false"],
        ["code=1002 reason=\"yours\"", "by=\"peer\" clean=true"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{parts:?}: {line}");
    }
    assert_eq!(closed.len(), 3, "{log}");
}

#[tokio::test]
async fn control_characters_of_a_peer_do_not_reach_the_log() {
    let mut process = Process::start(&["--log", "debug"]);
    for path in ["/\u{9b}2J", "/echo?\u{9b}2J"] {
        let mut peer = Peer::connect(process.addr).await;
        peer.send(request(path, &[("Sec-WebSocket-Protocol", "\t\u{9b}2J, a b")])).await;
        assert!(peer.response().await.starts_with("HTTP/1.1 40"));
    }
    process.signal("-TERM");
    assert!(process.ended().success());
    let log = process.log();
    assert!(log.contains("status=404 why=\"no WebSocket is served on /\\u{9b}2J"), "{log}");
    assert!(!log.contains(|c: char| c.is_control() && c != '\n'), "{log:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn that_no_connection_can_be_accepted_is_logged_once_and_so_is_that_they_are_again() {
    let mut few = Command::new("sh");
    few.args([
        "-c",
        "ulimit -n 24 && exec \"$0\" --listen 127.0.0.1:0 --max-connections 1000",
        env!("CARGO_BIN_EXE_wirescope-server"),
    ]);
    piped(&mut few);
    let mut process = Process::spawn(&mut few);
    let mut peers = Vec::new();
    for _ in 0..40 {
        peers.push(Peer::connect(process.addr).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(peers);
    Peer::open_at(process.addr).await.part().await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    process.signal("-TERM");
    assert!(process.ended().success());
    let log = process.log();
    assert_eq!(log.matches("cannot accept connections").count(), 1, "{log}");
    let again: Vec<&str> = log.lines().filter(|line| line.contains("accepted again")).collect();
    let [line] = again[..] else { panic!("{log}") };
    let failed: u32 = line.split("failed=").nth(1).unwrap().trim().parse().unwrap();
    assert!((2..=20).contains(&failed), "{line}");
}

/// With few descriptors, new connections are told so and old ones go on; the soft limit alone does not make them few.
#[cfg(unix)]
#[tokio::test]
async fn a_shortage_of_descriptors_refuses_new_connections_and_keeps_the_old() {
    let mut few = Command::new("sh");
    few.args([
        "-c",
        "ulimit -Sn 20 && ulimit -Hn 64 && exec \"$0\" --listen 127.0.0.1:0",
        env!("CARGO_BIN_EXE_wirescope-server"),
    ]);
    piped(&mut few);
    let mut process = Process::spawn(&mut few);
    let mut peers = Vec::new();
    let refusal = loop {
        let mut peer = Peer::connect(process.addr).await;
        peer.send(request("/echo", &[])).await;
        let head = peer.head().await;
        if !head.starts_with("HTTP/1.1 101 ") {
            break head;
        }
        peers.push(peer);
    };
    assert!(refusal.starts_with("HTTP/1.1 503 "), "{refusal}");
    assert_eq!(peers.len(), 32, "32 of 64 are kept free");
    // Many more come and go, and those that were there do not notice.
    for _ in 0..100 {
        let mut late = Peer::connect(process.addr).await;
        let _ = soon(tokio::io::AsyncReadExt::read_to_end(&mut late.stream, &mut Vec::new())).await;
    }
    for peer in &mut peers {
        peer.send(frame(FIN | TEXT, "still here")).await;
        assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, "still here"));
    }
    for peer in peers {
        peer.part().await;
    }
    Peer::open_at(process.addr).await.part().await;
    process.signal("-TERM");
    assert!(process.ended().success());
    let log = process.log();
    assert!(log.contains("no more connections are taken until some end connections=32"), "{log}");
}

#[tokio::test]
async fn all_addresses_are_said_to_be_listened_on_with_one_that_can_be_opened() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirescope-server"));
    command.args(["--listen", "0.0.0.0:0"]);
    piped(&mut command);
    let refused = command.output().unwrap();
    assert!(!refused.status.success());
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("--token-file") && error.contains("--no-token"), "{error}");
    command.arg("--no-token");
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let (address, rest) =
        first.trim_end().strip_prefix("listening on http://").unwrap().split_once(' ').unwrap();
    let mut peer = Peer::open_at(address.parse().unwrap()).await;
    peer.send(frame(FIN | TEXT, "x")).await;
    assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, "x"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(address.starts_with("127.0.0.1:") && rest.contains("(0.0.0.0:"), "{first}");
}

#[tokio::test]
async fn a_token_is_read_from_its_file_and_never_logged() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (file, short) = (folder.join("token"), folder.join("short-token"));
    std::fs::write(&file, "  not-to-be-seen-anywhere\n").unwrap();
    std::fs::write(&short, "short-and-secret").unwrap();
    let mut process = Process::start(&["--token-file", file.to_str().unwrap(), "--log", "trace"]);
    let offers = "wirescope.v1, wirescope.token.bm90LXRvLWJlLXNlZW4tYW55d2hlcmU";
    for (headers, status) in [
        (&[("Authorization", "Bearer not-to-be-seen-anywhere")][..], "101"),
        (&[("Sec-WebSocket-Protocol", offers)], "101"),
        (&[("Sec-WebSocket-Protocol", "wirescope.token.bm90LXRvLWJlLXNlZW4tYW55d2hlcm, a, a")], "401"),
    ] {
        let mut peer = Peer::connect(process.addr).await;
        peer.send(request("/echo", headers)).await;
        assert_eq!(peer.head().await.split(' ').nth(1), Some(status), "{headers:?}");
    }
    process.signal("-TERM");
    assert!(process.ended().success());
    let log = process.log();
    assert!(!log.contains("not-to-be-seen") && !log.contains("bm90LXRvLWJl"), "{log}");
    std::fs::write(&short, "secret").unwrap();
    let error = fails(&["--token-file", short.to_str().unwrap()]);
    assert!(error.contains("short-token") && error.contains("16 characters"), "{error}");
    assert!(error.contains("openssl rand") && !error.contains("secret;"), "{error}");
}

#[cfg(all(unix, feature = "tls"))]
#[tokio::test]
async fn sighup_reads_the_certificate_again_and_the_first_line_says_https() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (certificate, key) = (folder.join("hup-certificate.pem"), folder.join("hup-key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let flags = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let mut process = Process::start(&flags);
    assert_eq!(process.scheme, "https");
    let mut log = BufReader::new(process.child.stderr.take().unwrap()).lines().map_while(Result::ok);
    process.signal("-HUP");
    assert!(log.any(|line| line.contains("the certificate was read again")));
    std::fs::write(&certificate, "nothing").unwrap();
    process.signal("-HUP");
    assert!(log.any(|line| line.contains("the one before goes on") && line.contains("hup-certificate.pem")));
    Peer::open_at(process.addr).await.part().await;
    process.signal("-TERM");
    assert!(process.ended().success());
}

#[tokio::test]
async fn a_signal_under_load_says_1001_to_everyone_and_exits_0() {
    let mut process = Process::start(&["--log", "warn"]);
    let mut clients = Vec::new();
    for _ in 0..20 {
        let peer = Peer::open_at(process.addr).await;
        clients.push(tokio::spawn(async move {
            let (mut reader, mut writer) = peer.stream.into_split();
            let write = async move {
                while writer.write_all(&frame(FIN | TEXT, "load")).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            let mut all = Vec::new();
            let read = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut all);
            // Reading first: once the server has ended its side there is nothing to write for.
            tokio::select! {
                _ = read => {}
                () = write => {}
            }
            all
        }));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    process.signal("-TERM");
    for client in clients {
        let all = soon(client).await.unwrap();
        let reason = b"server is shutting down";
        assert!(all.ends_with(reason), "the last frame is {:?}", &all[all.len().saturating_sub(30)..]);
    }
    assert!(process.ended().success());
}

#[test]
fn a_port_in_use_is_one_line_that_names_it_and_the_flag() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output =
        Command::new(env!("CARGO_BIN_EXE_wirescope-server")).args(["--listen", &addr]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains(&addr) && error.contains("in use") && error.contains("--listen"), "{error}");
}

#[test]
fn flags_that_make_no_sense_say_what_does() {
    assert!(fails(&["--max-message", "16MB"]).contains("64KiB"));
    assert!(fails(&["--log", "warn,server=louder"]).contains("debug"));
    assert!(fails(&["--log", "loud"]).contains("\"loud\" is no level"));
    assert!(fails(&["--ping-interval", "25"]).contains("25s"));
    assert!(fails(&["--allow-origin", "example.com"]).contains("scheme://host"));
    assert!(fails(&["--lisen", "x"]).contains("--listen"));
}

/// Neither standard error nor standard output is read here, and the log is as loud as it gets.
#[tokio::test]
async fn a_reader_of_the_log_that_stalls_never_stalls_the_server() {
    let mut process = Process::start(&["--log", "debug"]);
    let mut peer = Peer::open_at(process.addr).await;
    // Two lines a message, some 150 bytes each: many times what the pipe and the queue hold.
    let burst: Vec<u8> = (0..1_000).flat_map(|_| frame(FIN | TEXT, "x")).collect();
    for _ in 0..30 {
        peer.send(&burst).await;
        for _ in 0..1_000 {
            assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, "x"));
        }
    }
    peer.part().await;
    // Once somebody reads, a line says how many were lost.
    let stderr = process.child.stderr.take().unwrap();
    let lost = BufReader::new(stderr)
        .lines()
        .map_while(Result::ok)
        .find(|line| line.contains("log lines were lost"));
    let line = lost.expect("a line that counts what was lost");
    let count: u64 = line.split("in_all=").nth(1).unwrap().trim().parse().unwrap();
    assert!(count > 10_000, "{line}");
    process.signal("-TERM");
    assert!(process.ended().success());
}

#[tokio::test]
async fn a_stalled_log_does_not_keep_the_server_from_ending() {
    let mut process = Process::start(&["--log", "debug"]);
    let mut peer = Peer::open_at(process.addr).await;
    let burst: Vec<u8> = (0..20_000).flat_map(|_| frame(FIN | TEXT, "")).collect();
    peer.send(&burst).await;
    for _ in 0..20_000 {
        peer.frame().await;
    }
    process.signal("-INT");
    assert_eq!(peer.frame().await.code(), Some(1001));
    drop(peer);
    assert!(process.ended().success());
}
