//! A script of what a connection did, read off the log.

use wirescope_protocol::{
    CloseCode,
    script::{Connect, Data, Expected, Script, Step, What},
};

use crate::{
    log::{Entry, Kind, Payload, View},
    model::Id,
};

/// What is larger is expected to come, and not to be exactly this: nobody would read it in a script.
const LONGEST: usize = 64 * 1024;

/// The script of these entries, as far as they are of this connection.
pub(crate) fn record<'a>(
    entries: impl Iterator<Item = Entry<'a>>,
    id: Id,
    offers: &[String],
    without_secrets: impl Fn(&str) -> String,
) -> Script {
    let mut script = Script::default();
    for entry in entries.filter(|entry| entry.origin.connection == id) {
        let what = match (entry.kind, &entry.content) {
            (Kind::Sent, View::Message(message)) => What::Send(match text(message) {
                Some(text) => Data::Text(text),
                None => Data::Binary(message.bytes.to_owned()),
            }),
            (Kind::Received, View::Message(message)) => {
                What::Expect { what: expected(message), within: None }
            }
            (Kind::Connecting, View::Note(note)) => {
                // A script is of one connection, from its beginning.
                if script.connect.is_none() && script.steps.is_empty() {
                    let url = without_secrets(&note.head);
                    script.connect = Some(Connect { line: 0, url, offers: offers.to_vec() });
                }
                continue;
            }
            (Kind::Closing, View::Note(note)) => {
                match code(&note.head).filter(|code| code.is_sendable_by_browser()) {
                    Some(code) => What::Close { code, reason: note.quoted.clone() },
                    None => continue,
                }
            }
            (Kind::Closed | Kind::Unclean, View::Note(note)) => match code(&note.head) {
                Some(code) => What::Expect { what: Expected::Close(Some(code)), within: None },
                None => continue,
            },
            _ => continue,
        };
        script.steps.push(Step { line: 0, what });
    }
    script
}

fn expected(message: &Payload<'_>) -> Expected {
    match text(message) {
        _ if message.bytes.len() > LONGEST => Expected::Any,
        Some(text) => Expected::Text(text),
        None => Expected::Binary(message.bytes.to_owned()),
    }
}

fn text(message: &Payload<'_>) -> Option<String> {
    message.is_text.then(|| String::from_utf8_lossy(message.bytes).into_owned())
}

/// The code that a row of the log begins with.
fn code(head: &str) -> Option<CloseCode> {
    head.split(' ').next()?.parse().ok().filter(|code| (1000..5000).contains(code)).map(CloseCode::new)
}

#[cfg(test)]
mod tests {
    use wirescope::socket::Message;

    use super::*;
    use crate::{
        log::{Content, Log, Moment, Note, Origin},
        model::Connection,
    };

    #[test]
    fn what_was_sent_and_came_back_is_a_script() {
        let (mut log, mut connection) = (Log::default(), Connection::new(1));
        let now = Moment::default();
        connection.setup.url = "ws://a/?token=1".to_owned();
        connection.begun();
        connection.connecting(&mut log, now, 1);
        connection.opened(&mut log, now, "");
        for message in [Message::from("a\nb"), vec![0, 255].into()] {
            connection.sent(&mut log, now, message.clone());
            connection.received(&mut log, now, message);
        }
        connection.received(&mut log, now, "x".repeat(LONGEST + 1).into());
        let other = Origin { connection: 2, ..Origin::default() };
        log.push(other, now, Kind::Received, Content::Message("of another".into()));
        connection.closing(&mut log, now, CloseCode::new(4001), "bye now");
        let note = Note { head: "4001 application's own".to_owned(), ..Note::default() };
        log.push(Origin { connection: 1, ..other }, now, Kind::Closed, Content::Note(note));
        let entries = (log.first()..log.next()).filter_map(|number| log.get(number));
        let script = record(entries, 1, &["chat".to_owned()], |url| url.replace("?token=1", ""));
        let text = script.to_string();
        assert_eq!(
            text,
            "connect ws://a/ chat\nsend text \"a\\nb\"\nexpect text \"a\\nb\"\nsend hex 00 ff\nexpect hex 00 ff\nexpect any\n\
             close 4001 bye now\nexpect close 4001\n"
        );
        assert!(Script::parse(&text).is_ok());
    }
}
