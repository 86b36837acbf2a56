//! The two verdicts on how a connection ended, and why they may differ.

use super::trace::Ended;
use crate::{format, json};

/// What the browser says, a line each.
pub(crate) fn of_the_browser(ended: &Ended) -> Vec<String> {
    let mut lines = vec![match (ended.opened, ended.was_clean) {
        (false, _) => "It never opened.".to_owned(),
        (true, true) => format!("Closed cleanly with code {}.", ended.code),
        (true, false) => format!("Not closed cleanly: code {}.", ended.code),
    }];
    if !ended.reason.is_empty() {
        lines.push(format!("Reason: {}", ended.reason));
    }
    if ended.opened {
        lines.push(format!(
            "{} handed over, {} received.",
            messages(u64::from(ended.sent)),
            messages(u64::from(ended.received))
        ));
    }
    if !ended.diagnosis.is_empty() {
        lines.push(ended.diagnosis.clone());
    }
    lines
}

/// What the server says, a line each.
pub(crate) fn of_the_server(verdict: &str) -> Vec<String> {
    let over = json::text(verdict, "over");
    let mut lines = vec![match &*over {
        "ended" => "Both sides ended.".to_owned(),
        "reset" => "The server reset the TCP connection.".to_owned(),
        "half-open" => "The server went silent and kept the TCP connection.".to_owned(),
        "lost" => "The TCP connection was lost.".to_owned(),
        "not opened" => "The handshake was answered, but opened nothing.".to_owned(),
        "ended without a Close frame" => {
            "The server ended the TCP connection without a Close frame.".to_owned()
        }
        other => format!("It is over: {other}."),
    }];
    let code = |name, what| {
        json::number(verdict, name).map(|code| format!("{what} a Close frame with {}.", written(code)))
    };
    lines.extend(code("close_received", "Received"));
    lines.extend(code("close_sent", "Sent"));
    lines.push(format!(
        "{} received, {} sent.",
        messages(whole(verdict, "received")),
        messages(whole(verdict, "sent"))
    ));
    let faults = json::member(verdict, "faults").map(json::members).unwrap_or_default();
    if !faults.is_empty() {
        let faults: Vec<_> = faults.iter().map(|(name, count)| format!("{name} {count}×")).collect();
        lines.push(format!("Faults: {}.", faults.join(", ")));
    }
    let blocked = json::micros(verdict, "blocked_ms").unwrap_or_default();
    if blocked > 10_000 {
        lines.push(format!("It waited {} for the browser to read.", format::duration(blocked)));
    }
    lines
}

/// Where the two differ, and why that can be; one line that says so where they do not.
pub(crate) fn differences(ended: &Ended, verdict: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let over = json::text(verdict, "over");
    let [from_browser, from_server] =
        ["close_received", "close_sent"].map(|name| json::number(verdict, name));
    if ended.code == 1006 && ended.opened {
        lines.push(match (&*over, from_browser, from_server) {
            (_, Some(code @ (1002 | 1003 | 1007 | 1009..=1011)), _) => format!(
                "The browser failed the connection, since something on it broke a rule: it told the server so with {code}, and tells the page 1006."
            ),
            ("reset" | "ended without a Close frame", _, None) => {
                "1006 is in no frame: a browser says it when the TCP connection ends without a Close frame.".to_owned()
            }
            (_, _, Some(code)) => format!(
                "The server sent a Close frame with {}, but it did not reach the browser whole, or what came before it was broken.",
                written(code)
            ),
            _ => "1006 is in no frame: a browser says it by itself when no Close frame came.".to_owned(),
        });
    } else if ended.opened
        && let Some(code) = from_server.or(from_browser).filter(|code| *code != u64::from(ended.code))
    {
        lines.push(format!(
            "The server's Close frame has {}, and the browser says {}: it goes by the first Close frame that it took.",
            written(code),
            ended.code
        ));
    }
    if !ended.opened && over != "not opened" {
        lines.push(
            "The server took the WebSocket for open; the browser did not take the answer to its handshake. The Handshake tab has it.".to_owned(),
        );
    }
    let (sent, received) = (whole(verdict, "received"), whole(verdict, "sent"));
    if let Some(gone @ 1..) = u64::from(ended.sent).checked_sub(sent) {
        lines.push(format!(
            "{} that the page handed over never reached the server: handed over is not arrived.",
            messages(gone)
        ));
    }
    if let Some(gone @ 1..) = received.checked_sub(u64::from(ended.received)).filter(|_| ended.opened) {
        lines.push(format!(
            "{} that the server put on the wire did not reach the page: they were on their way when it ended, or were broken.",
            messages(gone)
        ));
    }
    if lines.is_empty() {
        lines.push("The two agree.".to_owned());
    }
    lines
}

fn whole(verdict: &str, way: &str) -> u64 {
    json::member(verdict, way).and_then(|tally| json::number(tally, "messages")).unwrap_or_default()
}

fn written(code: u64) -> String {
    if code == 1005 { "no code".to_owned() } else { format!("code {code}") }
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{} messages", format::count(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(over: &str, sent: u32, close_sent: &str, received: u32, close_received: &str) -> String {
        let tally = |messages| format!(r#"{{"bytes":9,"frames":9,"messages":{messages}}}"#);
        format!(
            r#"{{"blocked_ms":0.1,"close_received":{close_received},"close_sent":{close_sent},"faults":{{"rst":1}},"over":"{over}","received":{},"sent":{}}}"#,
            tally(received),
            tally(sent)
        )
    }

    fn ended(code: u16, sent: u32, received: u32) -> Ended {
        Ended { opened: true, code, was_clean: code != 1006, sent, received, ..Ended::default() }
    }

    #[test]
    fn two_that_agree_say_so() {
        let verdict = verdict("ended", 2, "1000", 2, "1000");
        assert_eq!(differences(&ended(1000, 2, 2), &verdict), ["The two agree."]);
        assert_eq!(
            of_the_server(&verdict),
            [
                "Both sides ended.",
                "Received a Close frame with code 1000.",
                "Sent a Close frame with code 1000.",
                "2 messages received, 2 messages sent.",
                "Faults: rst 1×."
            ]
        );
        assert_eq!(of_the_browser(&ended(1000, 2, 1))[1], "2 messages handed over, 1 message received.");
    }

    #[test]
    fn a_difference_is_explained() {
        let all = |ended: &Ended, verdict: &str| differences(ended, verdict).join(" ");
        assert!(
            all(&ended(1006, 0, 0), &verdict("reset", 0, "null", 0, "null"))
                .contains("ends without a Close frame")
        );
        assert!(all(&ended(1006, 0, 0), &verdict("ended", 0, "null", 0, "1002")).contains("broke a rule"));
        let lost = all(&ended(1006, 3, 1), &verdict("reset", 4, "null", 2, "null"));
        assert!(
            lost.contains("1 message that the page handed over never")
                && lost.contains("3 messages that the server"),
            "{lost}"
        );
        let never = Ended { code: 1006, ..Ended::default() };
        assert!(all(&never, &verdict("ended", 0, "null", 0, "null")).contains("did not take the answer"));
        assert_eq!(differences(&never, &verdict("not opened", 0, "null", 0, "null")), ["The two agree."]);
    }
}
