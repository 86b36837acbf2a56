//! `/chat` and every path below it: a room for clients that speak plain text.
//!
//! A message is a line, and goes to all others on the path: as it came from a guest, and after `NAME: ` from one who gave a
//! name. A room is there while somebody is in it.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::broadcast::{
        self,
        error::{RecvError, TryRecvError},
    },
};
use tracing::info;
use wirescope_protocol::CloseCode;

use super::{About, Scenario};
use crate::{
    connection::{Connection, Encoded, Ending, Message, Text},
    query::{Query, QueryError},
};

pub(super) const ABOUT: About = About {
    path: "/chat/",
    text: "plain text to all others on the same path; any path below is a room of its own",
    parameters: &[(
        "name",
        "who you are: what stands before your lines; 1 to 32 characters; without it you are guest 1, 2, …",
    )],
    any_parameter: false,
    http: None,
    parse: |_, query| parse(query),
};

const GREETING: Text = Text::from_static("Welcome to the chat server!");

/// How many lines a room keeps for one who reads slowly. Past it the oldest are missed, and the reader is told how many.
const KEPT_LINES: usize = 256;

/// The longest line, in bytes. With [`KEPT_LINES`] it bounds what a room keeps to 4 MiB.
const MAX_LINE: usize = 16 * 1024;

const MAX_NAME: usize = 32;

/// How many lines are passed on before what its own peer says is looked at.
const IN_A_ROW: usize = 64;

/// What nobody may call themselves, since the server does.
const GUEST: &str = "guest";

#[derive(Clone, Debug)]
pub(crate) struct Chat {
    name: Option<String>,
}

fn parse(query: &mut Query) -> Result<Scenario, QueryError> {
    let name = match query.take_text("name") {
        Some(text) => match name(&text) {
            Some(name) => Some(name),
            None => {
                let allowed =
                    "1 to 32 characters that can be seen, without a colon, not beginning with guest";
                return Err(QueryError::invalid("name", text, allowed));
            }
        },
        None => None,
    };
    Ok(Scenario::Chat(Chat { name }))
}

/// The name that a text is, if it is one.
fn name(text: &str) -> Option<String> {
    let name = text.trim();
    let is_plain = |c: char| c.is_alphanumeric() || c == ' ' || c.is_ascii_punctuation() && c != ':';
    let is_guest = name.get(..GUEST.len()).is_some_and(|start| start.eq_ignore_ascii_case(GUEST));
    let fits = (1..=MAX_NAME).contains(&name.chars().count());
    (fits && !is_guest && name.chars().all(is_plain)).then(|| name.to_owned())
}

/// The rooms in which somebody is.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<HashMap<String, Room>>);

/// Where lines meet. All of them pass through [`Room::say`], in one order for everybody.
#[derive(Debug)]
struct Room {
    lines: broadcast::Sender<Line>,
    names: HashMap<u64, String>,
    /// The number of the latest to come in.
    entered: u64,
    guests: u64,
}

/// A line that is made a frame once, which all who read it share.
#[derive(Clone, Debug)]
struct Line {
    from: u64,
    text: Encoded,
}

/// Somebody in a room, until this is dropped.
struct Member<'a> {
    rooms: &'a Rooms,
    path: &'a str,
    number: u64,
    name: String,
    lines: broadcast::Receiver<Line>,
}

impl Chat {
    pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
    ) -> Result<Infallible, Ending> {
        let scenarios = Arc::clone(&connection.context().scenarios);
        let path = connection.path().trim_end_matches('/').to_owned();
        connection.send(Message::Text(GREETING)).await?;
        let mut member = scenarios.rooms.enter(&path, self.name.as_deref());
        loop {
            tokio::select! {
                line = member.lines.recv() => member.pass_on(line, connection).await?,
                message = connection.recv() => {
                    let Message::Text(text) = message? else {
                        let reason = "this chat is in plain text: no binary messages".to_owned();
                        return Err(Ending::Failed { code: CloseCode::UNSUPPORTED_DATA, reason });
                    };
                    if text.len() > MAX_LINE {
                        let reason = format!("a line has at most {MAX_LINE} bytes");
                        return Err(Ending::Failed { code: CloseCode::MESSAGE_TOO_BIG, reason });
                    }
                    let line = match &self.name {
                        Some(_) => Encoded::text(&[&member.name, ": ", &text]),
                        None => Encoded::text(&[&text]),
                    };
                    member.say(line);
                }
            }
        }
    }
}

impl Rooms {
    fn enter<'a>(&'a self, path: &'a str, name: Option<&str>) -> Member<'a> {
        let mut rooms = self.rooms();
        let room = rooms.entry(path.to_owned()).or_insert_with(Room::new);
        room.entered += 1;
        let name = room.free_name(name);
        room.names.insert(room.entered, name.clone());
        let member = Member { rooms: self, path, number: room.entered, lines: room.lines.subscribe(), name };
        room.say(member.number, Encoded::text(&[&member.name, " joined"]));
        member
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<String, Room>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn new() -> Self {
        Self { lines: broadcast::Sender::new(KEPT_LINES), names: HashMap::new(), entered: 0, guests: 0 }
    }

    fn say(&self, from: u64, text: Encoded) {
        // Nobody may be there to read it.
        let _ = self.lines.send(Line { from, text });
    }

    /// This name, or with a number after it if somebody here has it.
    fn free_name(&mut self, wanted: Option<&str>) -> String {
        let Some(wanted) = wanted else {
            self.guests += 1;
            return format!("{GUEST} {}", self.guests);
        };
        let is_taken = |name: &str| self.names.values().any(|taken| taken == name);
        let numbered = (2_u64..).map(|number| format!("{wanted} {number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        names.find(|name| !is_taken(name)).unwrap_or_default()
    }
}

impl Member<'_> {
    fn say(&self, text: Encoded) {
        if let Some(room) = self.rooms.rooms().get(self.path) {
            room.say(self.number, text);
        }
    }

    /// Sends what others said: this and what is there besides.
    async fn pass_on<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        first: Result<Line, RecvError>,
        connection: &mut Connection<S>,
    ) -> Result<(), Ending> {
        let mut next = first.map_err(|error| match error {
            RecvError::Closed => TryRecvError::Closed,
            RecvError::Lagged(missed) => TryRecvError::Lagged(missed),
        });
        for sent in 1..=IN_A_ROW {
            let text = match next {
                Ok(line) if line.from == self.number => None,
                Ok(line) => Some(line.text),
                Err(TryRecvError::Lagged(missed)) => {
                    info!(peer = %connection.peer(), path = self.path, missed, "reads the chat too slowly");
                    let missed = missed.to_string();
                    Some(Encoded::text(&[&missed, " lines were missed here: they came faster than you read"]))
                }
                // The room is there as long as this member is.
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            };
            if let Some(text) = text {
                connection.send_encoded(&text).await?;
            }
            if sent == IN_A_ROW {
                break;
            }
            next = self.lines.try_recv();
        }
        Ok(())
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        let mut rooms = self.rooms.rooms();
        let Some(room) = rooms.get_mut(self.path) else { return };
        room.names.remove(&self.number);
        if room.names.is_empty() {
            rooms.remove(self.path);
        } else {
            room.say(self.number, Encoded::text(&[&self.name, " left"]));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_room_is_there_while_somebody_is_in_it() {
        let rooms = Rooms::default();
        let first = rooms.enter("/chat", None);
        let other = rooms.enter("/chat/other", None);
        let second = rooms.enter("/chat", None);
        assert_eq!((first.name.as_str(), second.name.as_str()), ("guest 1", "guest 2"));
        drop(first);
        assert_eq!(rooms.rooms().len(), 2);
        assert_eq!(rooms.enter("/chat", None).name, "guest 3", "a number is not given again");
        drop((second, other));
        assert!(rooms.rooms().is_empty());
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let rooms = Rooms::default();
        let members: Vec<_> = (0..3).map(|_| rooms.enter("/chat", Some("ada"))).collect();
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["ada", "ada 2", "ada 3"]);
    }

    #[test]
    fn names_are_bounded_and_are_nobody_elses() {
        assert_eq!(name(" Ada Łovelace "), Some("Ada Łovelace".to_owned()));
        assert_eq!(name("ł".repeat(32).as_str()), Some("ł".repeat(32)));
        for wrong in ["", "  ", "guest 1", "Guest", "a: b", "a\nb", "a\u{202e}b", &"x".repeat(33)] {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_or_none(text: String) {
            if let Some(name) = name(&text) {
                prop_assert!((1..=MAX_NAME).contains(&name.chars().count()));
                prop_assert!(!name.contains(|c: char| c.is_control() || c == ':'));
            }
        }
    }
}
