use super::*;

fn parse(text: &str) -> Script {
    Script::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn says(text: &str) -> String {
    match Script::parse(text) {
        Err(error) => error.to_string(),
        Ok(script) => panic!("{text} is a script: {script:?}"),
    }
}

fn only(line: &str) -> What {
    let mut steps = parse(line).steps;
    assert_eq!(steps.len(), 1, "{line}");
    steps.remove(0).what
}

fn expect(what: Expected, within: Option<u64>) -> What {
    What::Expect { what, within: within.map(Duration::from_millis) }
}

#[test]
fn every_step_is_read() {
    let text = |text: &str| What::Send(Data::Text(text.to_owned()));
    let code = |code| Some(CloseCode::new(code));
    for (line, what) in [
        ("send text hello  world ", text("hello  world")),
        ("  send\ttext \"a\\nb \"", text("a\nb ")),
        ("send text \"\"", text("")),
        ("send text # no comment", text("# no comment")),
        ("send json {\"a\": [1]}", text("{\"a\": [1]}")),
        ("send json \"a\"", text("\"a\"")),
        ("send hex 00ff 0x41", What::Send(Data::Binary(vec![0, 255, 65]))),
        ("send hex", What::Send(Data::Binary(vec![]))),
        ("send base64 Zm9v", What::Send(Data::Binary(b"foo".to_vec()))),
        ("expect text hello", expect(Expected::Text("hello".into()), None)),
        ("expect text I come within  2s", expect(Expected::Text("I come".into()), Some(2000))),
        ("expect text \"I come within 2s\"", expect(Expected::Text("I come within 2s".into()), None)),
        ("expect text \"x\" within 5ms", expect(Expected::Text("x".into()), Some(5))),
        ("expect contains lo within 1m", expect(Expected::Contains("lo".into()), Some(60_000))),
        ("expect hex 00 ff within 2s", expect(Expected::Binary(vec![0, 255]), Some(2000))),
        ("expect any", expect(Expected::Any, None)),
        ("expect any within 0ms", expect(Expected::Any, Some(0))),
        ("expect close", expect(Expected::Close(None), None)),
        ("expect close within 3s", expect(Expected::Close(None), Some(3000))),
        ("expect close 1006 within 3s", expect(Expected::Close(code(1006)), Some(3000))),
        ("wait 500ms", What::Wait(Duration::from_millis(500))),
        ("close", What::Close { code: CloseCode::NORMAL, reason: String::new() }),
        ("close 4001", What::Close { code: CloseCode::new(4001), reason: String::new() }),
        ("close 1000 good bye", What::Close { code: CloseCode::NORMAL, reason: "good bye".into() }),
        ("close 1000 \"a\\tb\"", What::Close { code: CloseCode::NORMAL, reason: "a\tb".into() }),
    ] {
        assert_eq!(only(line), what, "{line}");
    }
}

#[test]
fn the_first_step_may_connect() {
    let script =
        parse("\u{feff}# first\r\n\r\nconnect wss://example.com/a?b=c chat.v2 chat.v1\r\nsend text x\r\n");
    let connect = script.connect.unwrap();
    assert_eq!((connect.line, &*connect.url), (3, "wss://example.com/a?b=c"));
    assert_eq!(connect.offers, ["chat.v2", "chat.v1"]);
    assert_eq!(script.steps[0].line, 4);
    assert_eq!(parse(" \n# nothing\n"), Script::default());
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_what_is_allowed() {
    let long = format!("close 1000 {}", "é".repeat(62));
    for (text, wrong) in [
        (
            "send text a\n  sned text b",
            "line 2, column 3: \"sned\" is no step: a line begins with connect, send, expect, wait, close, repeat or end",
        ),
        ("send txt a", "line 1, column 6: \"txt\" is nothing to send: text, json, hex or base64"),
        ("send", "line 1, column 5: \"\" is nothing to send: text, json, hex or base64"),
        ("send text", "line 1, column 10: there is no text; an empty one is \"\""),
        (
            "send text \"open",
            "line 1, column 16: line 1, column 6: the end where a quotation mark that ends the string belongs (within the text: one that begins with a quotation mark is a JSON string)",
        ),
        ("send text \"a\" b", "line 1, column 15: \"b\" is too much: the step is over before it"),
        (
            "send json {a}",
            "line 1, column 12: line 1, column 2: “a” where a key in quotation marks or } belongs (within the JSON)",
        ),
        ("send hex 0g", "line 1, column 11: column 2: “g” is not a hex digit (within the hex)"),
        (
            "send base64 Z?",
            "line 1, column 14: line 1, column 2: “?” is not a base64 character (within the base64)",
        ),
        (
            "expect nothing",
            "line 1, column 8: \"nothing\" is nothing to expect: text, contains, hex, any or close",
        ),
        ("expect any more", "line 1, column 12: \"more\" is too much: the step is over before it"),
        (
            "expect text a within 2x",
            "line 1, column 22: \"2x\" is no time: a whole number of ms, s or m, at most 24 hours, as in 500ms or 2s; if it is a part of the text, write that in quotation marks",
        ),
        (
            "expect text \"a\" soon",
            "line 1, column 17: \"soon\" after the text: only within TIME comes there",
        ),
        (
            "expect close 10000",
            "line 1, column 14: \"10000\" is not a close code from 1000 to 4999, or nothing",
        ),
        (
            "wait",
            "line 1, column 5: \"\" is no time: a whole number of ms, s or m, at most 24 hours, as in 500ms or 2s",
        ),
        (
            "wait 25h",
            "line 1, column 6: \"25h\" is no time: a whole number of ms, s or m, at most 24 hours, as in 500ms or 2s",
        ),
        ("wait 1s 2s", "line 1, column 9: \"2s\" is too much: the step is over before it"),
        ("close 1001", "line 1, column 7: \"1001\" is no code to close with: 1000, or 3000 to 4999"),
        (
            &long,
            "line 1, column 12: the close reason has 124 bytes of UTF-8; at most 123 fit in a Close frame",
        ),
        ("repeat 0", "line 1, column 8: \"0\" is not how often, from 1 to 1000000"),
        ("repeat 2\nend", "line 2, column 1: there is nothing to repeat"),
        ("end", "line 1, column 1: end has no repeat above it"),
        ("wait 1s\nrepeat 2\nwait 1s\n", "line 3, column 1: the repeat of line 2 has no end"),
        ("wait 1s\nconnect ws://a", "line 2, column 1: connect comes once, and before every other step"),
        (
            "connect ftp://a",
            "line 1, column 9: \"ftp://a\" is no URL to connect to: it begins with ws:// or wss://, or http:// or https:// for the same, and names a host",
        ),
        ("connect ws://a b b", "line 1, column 16: subprotocol \"b\" is offered twice"),
    ] {
        assert_eq!(says(text), wrong, "{text}");
    }
}

#[test]
fn what_is_written_reads_the_same() {
    let texts = [
        "",
        " ",
        "plain",
        "two words ",
        "a\nb",
        "\"quoted\"",
        "\\",
        "within 2s",
        "x within",
        "x within soon",
        "#",
        "é😀",
        "\u{2028}",
        "a\u{202e}b",
        "{\"a\": 1}",
        "{\"a\":\n1}",
        "[1] ",
        "\u{0}\u{1b}",
        "json {",
        "\u{a0}",
        "within",
    ];
    let mut script = Script::default();
    let connect = Connect { line: 1, url: "ws://a/b".into(), offers: vec!["x".into(), "y".into()] };
    script.connect = Some(connect);
    let mut push = |what| script.steps.push(Step { line: 0, what });
    for text in texts {
        for within in [None, Some(1500)] {
            push(expect(Expected::Text(text.into()), within));
            push(expect(Expected::Contains(text.into()), within));
        }
        push(What::Send(Data::Text(text.into())));
        push(What::Close { code: CloseCode::NORMAL, reason: text.into() });
    }
    for bytes in [vec![], vec![0], (0..=255).collect::<Vec<u8>>()] {
        push(What::Send(Data::Binary(bytes.clone())));
        push(expect(Expected::Binary(bytes), Some(60_000)));
    }
    push(What::Wait(Duration::ZERO));
    push(expect(Expected::Close(Some(CloseCode::ABNORMAL)), None));
    let begin = script.steps.len();
    script.steps.push(Step { line: 0, what: What::Repeat { rounds: 7, end: begin + 2 } });
    script.steps.push(Step { line: 0, what: expect(Expected::Any, None) });
    script.steps.push(Step { line: 0, what: What::End { repeat: begin } });

    let text = script.to_string();
    let mut again = parse(&text);
    for (index, step) in again.steps.iter_mut().enumerate() {
        assert_eq!(step.line, index + 2, "a step is a line: {text}");
        step.line = 0;
    }
    assert_eq!(again, script, "{text}");
    assert!(text.contains("\nrepeat 7\n  expect any\nend\n"), "{text}");
}

#[test]
fn repeats_are_walked_through() {
    let script = parse("repeat 2\n send text a\n repeat 3\n  send text b\n end\nend\nsend text c");
    let mut cursor = Cursor::new(&script);
    let mut walked = String::new();
    let mut deepest = 0;
    while let Some(step) = cursor.step(&script) {
        let What::Send(Data::Text(text)) = &step.what else { panic!("{step:?}") };
        walked.push_str(text);
        deepest = deepest.max(cursor.rounds().len());
        assert_eq!(cursor.rounds().len(), [2, 1, 0]["bac".find(text.as_str()).unwrap()]);
        cursor.advance(&script);
    }
    assert_eq!((walked.as_str(), deepest), ("abbbabbbc", 2));
    cursor.advance(&script);
    assert!(cursor.step(&script).is_none());
    assert!(Cursor::new(&Script::default()).step(&Script::default()).is_none());
}

#[test]
fn an_expectation_is_met_by_what_it_says_alone() {
    let text = |text: &str| Expected::Text(text.to_owned());
    let closed = Arrival::Closed(CloseCode::new(1001), "bye");
    for (expected, arrival, accepted) in [
        (text("a"), Arrival::Text("a"), true),
        (text("a"), Arrival::Text("ab"), false),
        (text("a"), Arrival::Binary(b"a"), false),
        (Expected::Contains("b".into()), Arrival::Text("abc"), true),
        (Expected::Contains("b".into()), Arrival::Binary(b"abc"), false),
        (Expected::Binary(vec![1]), Arrival::Binary(&[1]), true),
        (Expected::Binary(vec![1]), Arrival::Binary(&[1, 2]), false),
        (Expected::Any, Arrival::Binary(&[]), true),
        (Expected::Any, closed, false),
        (Expected::Close(None), closed, true),
        (Expected::Close(Some(CloseCode::new(1001))), closed, true),
        (Expected::Close(Some(CloseCode::NORMAL)), closed, false),
        (Expected::Close(None), Arrival::Text(""), false),
    ] {
        assert_eq!(expected.accepts(arrival), accepted, "{expected:?} {arrival:?}");
    }
}

#[test]
fn what_came_is_told_in_a_line_however_long_it_is() {
    let told = |arrival: Arrival<'_>| {
        let mut text = crate::Text::new();
        arrival.add_to(&mut text);
        text.as_str().to_owned()
    };
    assert_eq!(told(Arrival::Text("a\n\u{1b}[2J")), "text \"a\\n\\u001b[2J\"");
    assert_eq!(told(Arrival::Closed(CloseCode::new(1001), "b\"e")), "close 1001 going away \"b\\\"e\"");
    let long = told(Arrival::Text(&"é".repeat(100_000)));
    assert!(long.len() < 500 && long.ends_with("and 199600 bytes more"), "{long}");
    assert!(told(Arrival::Binary(&vec![7; 100_000])).ends_with("07 and 99950 bytes more"));
}

#[test]
fn hostile_files_are_refused_or_read_in_a_moment() {
    for text in [
        "\0",
        "\u{202e}",
        "send text \"\\ud800\"",
        "\"",
        "send json \u{0}",
        "repeat 99999999999999999999",
        "wait 99999999999999999999s",
        "wait 18446744073709551615m",
        "expect close -1",
        "connect ws://",
        "connect WS",
        "close \u{661}\u{660}\u{660}\u{660}",
        "expect text  within",
        "within 2s",
        "send text\u{85}\"",
    ] {
        // Whatever it says, it says it without a panic, and in few words.
        if let Err(error) = Script::parse(text) {
            assert!(error.to_string().len() < 300, "{error}");
        }
    }
    assert!(says(&"repeat 2\n".repeat(100_000)).contains("at most 8 repeats"));
    assert!(says(&"wait 0s\n".repeat(MAX_STEPS + 1)).contains("at most 100000 steps"));
    let long = says(&"x".repeat(1_000_000));
    assert!(long.len() < 400, "{}", long.len());
    assert!(says(&format!("send text \"a\" {}", "y".repeat(1_000_000))).len() < 400);
    parse(&format!("send json {}{}", "[".repeat(200_000), "]".repeat(200_000)));
}
