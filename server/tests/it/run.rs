//! `wirescope-server run`, as a process, against this server.

use std::{
    io::Write as _,
    net::SocketAddr,
    process::{Command, Output, Stdio},
};

use wirescope_server::Server;

use crate::support::{server, soon};

/// Plays a script with these flags, and gives what came of it.
async fn run(script: &str, flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirescope-server"));
    command.args(["run", "-"]).args(flags);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let script = script.to_owned();
    // Not on this thread: the server runs on it.
    let played = tokio::task::spawn_blocking(move || {
        stdin.write_all(script.as_bytes()).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    });
    soon(played).await.unwrap()
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

async fn against(server: &Server, path: &str, script: &str, flags: &[&str]) -> (i32, String, String) {
    let url = server.url(path);
    said(&run(script, &[&["--url", &url], flags].concat()).await)
}

const ALL: &str = r#"# every step there is
send text hello
expect text hello within 10s
send text "two\nlines"
expect contains lines
send json {"ask": [1, 2]}
expect text {"ask": [1, 2]}
repeat 2
  send hex 00 ff
  expect hex 00ff
  repeat 2
    send base64 Zm9v
    expect any
  end
end
wait 1ms
close 4001 "that was all"
expect close 4001
"#;

#[tokio::test]
async fn every_step_passes_against_an_echo_and_says_so() {
    let server = server().await;
    let (status, out, err) = against(&server, "/echo", ALL, &[]).await;
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    for line in [
        "line 2: send text hello: sent after ",
        "line 3: expect text hello within 10s: ok after ",
        "line 4: send text \"two\\nlines\": sent after ",
        "line 9, round 2: send hex 00 ff: sent after ",
        "line 13, round 2.2: expect any: ok after ",
        "line 16: wait 1ms: done after ",
        "line 18: expect close 4001: ok after ",
        "passed: 21 steps in ",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    assert!(out.starts_with(&format!("connect {}: open after ", server.url("/echo"))), "{out}");
}

#[tokio::test]
async fn the_script_may_say_what_to_connect_to() {
    let server = server().await;
    let script = format!("connect {} chat.v2 chat.v1\nsend text a\nexpect text a\n", server.url("/echo"));
    let (status, out, err) = said(&run(&script, &[]).await);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("line 1: connect ws://") && out.contains(", subprotocol chat.v2"), "{out}");
    // What is given on the command line goes first, and the offers stay.
    let other = server.url("/reply?text=b");
    let (status, out, _) = said(&run(&script, &["--url", &other]).await);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("got       text \"b\""), "{out}");
}

#[tokio::test]
async fn a_step_that_fails_is_named_with_what_came_instead() {
    let server = server().await;
    for (path, script, expected) in [
        (
            "/echo",
            "send text a\nexpect text b",
            ["line 2: expect text b: FAILED", "expected  text b", "got       text \"a\""],
        ),
        (
            "/echo",
            "send hex 01\nexpect contains a",
            ["line 2: expect contains a: FAILED", "expected  contains a", "got       hex 01"],
        ),
        (
            "/echo",
            "expect any within 20ms",
            ["line 1: expect any within 20ms: FAILED", "expected  any", "got       nothing within 20ms"],
        ),
        (
            "/echo?close=4000&reason=no&after=1",
            "send text a\nexpect any\nexpect any",
            ["line 3: expect any: FAILED", "expected  any", "got       close 4000 application's own \"no\""],
        ),
        (
            "/echo?rst&after=1",
            "send text a\nexpect any\nexpect close 1000",
            [
                "line 3: expect close 1000: FAILED",
                "expected  close 1000",
                "got       close 1006 abnormal closure: the connection ended without a Close frame",
            ],
        ),
        (
            "/echo",
            "close\nexpect close\nexpect close",
            ["line 3: expect close: FAILED", "expected  close", "got       nothing more"],
        ),
        (
            "/echo",
            "close\nsend text late",
            [
                "line 2: send text late: FAILED",
                "got       the connection is closing",
                "failed at line 2, after 1 steps",
            ],
        ),
    ] {
        let (status, out, err) = against(&server, path, script, &["--quiet"]).await;
        assert_eq!((status, err.as_str()), (1, ""), "{script}\n{out}");
        for part in expected {
            assert!(out.contains(part), "{part}\n{out}");
        }
        assert!(!out.contains(": sent after"), "it is quiet: {out}");
    }
}

#[tokio::test]
async fn the_end_of_a_connection_can_be_what_is_expected() {
    let server = server().await;
    for (path, script) in [
        ("/echo?close=4000&after=1", "send text a\nexpect text a\nexpect close 4000"),
        ("/echo?rst&after=1", "send text a\nexpect text a\nexpect close 1006"),
        ("/source?count=2&size=60", "expect any\nexpect any\nexpect any\nexpect close 1000"),
        ("/echo", "close 1000 bye\nexpect close 1000 within 5s"),
    ] {
        let (status, out, err) = against(&server, path, script, &[]).await;
        assert_eq!((status, err.as_str()), (0, ""), "{script}\n{out}");
    }
}

#[tokio::test]
async fn it_is_played_as_often_as_asked() {
    let server = server().await;
    let (status, out, _) = against(&server, "/echo", "send text a\nexpect text a", &["--repeat", "3"]).await;
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("round 3 of 3") && out.contains("passed: 6 steps in "), "{out}");
    assert_eq!(out.matches("open after").count(), 3);
}

#[tokio::test]
async fn what_cannot_be_played_is_said_and_is_status_2() {
    let server = server().await;
    let free: SocketAddr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("ws://{free}/");
    let (refused, unknown) = (server.url("/echo?status=503"), server.url("/echo?dorp=1"));
    let no_tls = server.url("/echo").replace("ws:", "wss:");
    for (script, flags, says) in [
        ("send txt a", vec![], "-: line 1, column 6: \"txt\" is nothing to send: text, json, hex or base64"),
        ("send text a", vec![], "does not say what to connect to: add --url"),
        ("send text a", vec!["--url", "ftp://x"], "--url: \"ftp://x\" is no URL"),
        ("send text a", vec!["--url", "ws://x a"], "--url takes a URL and nothing more"),
        ("send text a", vec!["--url", &nobody], "cannot connect to ws://"),
        ("send text a", vec!["--url", &refused], "the server answered 503 Service Unavailable, not 101"),
        ("send text a", vec!["--url", &unknown], "not 101, and says: there is no parameter \"dorp\" here"),
        #[cfg(feature = "tls")]
        ("send text a", vec!["--url", &no_tls], "what answers there speaks no TLS: is it a ws: server?"),
        ("send text a", vec!["--repeat", "0"], "--repeat"),
    ] {
        let (status, out, err) = said(&run(script, &flags).await);
        assert_eq!((status, out.as_str()), (2, ""), "{script} {flags:?}: {err}");
        assert!(err.contains(says), "{says}\n{err}");
    }
    let missing =
        Command::new(env!("CARGO_BIN_EXE_wirescope-server")).args(["run", "no such file"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(said(&missing).2.contains("no such file cannot be read"));
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", silent.local_addr().unwrap());
    let (status, _, err) = said(&run("send text a", &["--url", &url, "--timeout", "50ms"]).await);
    assert_eq!(status, 2);
    assert!(err.contains("it did not open within 50ms"), "{err}");
}

#[tokio::test]
async fn a_script_may_be_larger_than_what_waits_anywhere() {
    let server = server().await;
    // More than all buffers between hold is on its way before the first answer is looked at.
    let script = format!("repeat 400\nsend text {}\nend\nrepeat 400\nexpect any\nend", "x".repeat(100_000));
    let (status, out, err) = against(&server, "/echo", &script, &["--quiet"]).await;
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("passed: 800 steps in "), "{out}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn over_tls_it_trusts_whom_it_is_told_to() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("run-tls");
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server = crate::support::server_with(|config| {
        config.tls = Some(wirescope_server::Tls::Files { certificate: certificate.clone(), key });
    })
    .await;
    let url = format!("wss://localhost:{}/echo", server.addr().port());
    let script = "send text a\nexpect text a";
    let (status, out, err) =
        said(&run(script, &["--url", &url, "--ca", certificate.to_str().unwrap()]).await);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    let (status, _, err) = said(&run(script, &["--url", &url]).await);
    assert_eq!(status, 2);
    assert!(err.contains("certificate"), "{err}");
}
