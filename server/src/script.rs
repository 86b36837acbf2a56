//! Connections that go by a script, for the test suites of clients.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    fmt::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::{sleep, timeout},
};
use wirescope_protocol::CloseCode;

use crate::connection::{Connection, Ending, Message};

/// How long a verification waits for the script to come to its end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the server does on one connection, step by step, and what it expects of the client.
///
/// Made by [`Server::script`](crate::Server::script), in force from [`Script::mount`] on.
#[must_use = "a script is played once it is mounted"]
pub struct Script {
    scripts: Arc<Scripts>,
    path: String,
    steps: Vec<Step>,
}

/// A script that is played, or was.
#[derive(Debug)]
#[must_use = "what differs from the script is told by `verify`"]
pub struct Mounted {
    play: Arc<Play>,
    patience: Duration,
}

type Check = Box<dyn Fn(&str) -> bool + Send + Sync>;

enum Step {
    ExpectText(String),
    ExpectBinary(Bytes),
    ExpectMatch { what: String, check: Check },
    ExpectClose(CloseCode),
    ExpectEnd,
    Send(Message),
    Wait(Duration),
    Close(CloseCode, String),
    Cut,
}

/// The scripts that wait for a connection, by path, in the order in which they were mounted.
#[derive(Debug, Default)]
pub(crate) struct Scripts(Mutex<HashMap<String, VecDeque<Arc<Play>>>>);

/// A script with what became of it.
pub(crate) struct Play {
    path: String,
    steps: Vec<Step>,
    state: Mutex<State>,
    over: Notify,
}

#[derive(Default)]
struct State {
    begun: Option<Instant>,
    /// One line for each thing that happened.
    transcript: Vec<String>,
    /// How many steps were done.
    done: usize,
    /// What differed from the script.
    difference: Option<String>,
    is_over: bool,
}

impl Script {
    pub(crate) fn new(scripts: Arc<Scripts>, path: &str) -> Self {
        Self { scripts, path: path.to_owned(), steps: Vec::new() }
    }

    /// The client sends this text.
    pub fn expect_text(self, text: impl Into<String>) -> Self {
        self.with(Step::ExpectText(text.into()))
    }

    /// The client sends these bytes.
    pub fn expect_binary(self, bytes: impl Into<Bytes>) -> Self {
        self.with(Step::ExpectBinary(bytes.into()))
    }

    /// The client sends a text that passes a check; `what` says in the transcript what was expected.
    pub fn expect(
        self,
        what: impl Into<String>,
        check: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(Step::ExpectMatch { what: what.into(), check: Box::new(check) })
    }

    /// The client closes the connection with this code; [`CloseCode::NO_STATUS`] is a Close frame without one.
    pub fn expect_close(self, code: CloseCode) -> Self {
        self.with(Step::ExpectClose(code))
    }

    /// The client ends the connection, however it does, and says nothing before. Without this, what a client says after the
    /// last step differs from the script only if it comes before [`Mounted::verify`].
    pub fn expect_end(self) -> Self {
        self.with(Step::ExpectEnd)
    }

    /// The server sends this text.
    pub fn send_text(self, text: impl Into<String>) -> Self {
        let text: String = text.into();
        self.with(Step::Send(Message::Text(text.into())))
    }

    /// The server sends these bytes.
    pub fn send_binary(self, bytes: impl Into<Bytes>) -> Self {
        self.with(Step::Send(Message::Binary(bytes.into())))
    }

    /// The server does nothing for so long. What the client sends meanwhile is for the next step.
    pub fn wait(self, time: Duration) -> Self {
        self.with(Step::Wait(time))
    }

    /// The server closes the connection with this code and reason, of which at most 123 bytes are sent.
    pub fn close(self, code: CloseCode, reason: impl Into<String>) -> Self {
        self.with(Step::Close(code, reason.into()))
    }

    /// The server ends the TCP connection without a Close frame, which browsers report as 1006.
    pub fn cut(self) -> Self {
        self.with(Step::Cut)
    }

    /// Has the next connection on the path go by the script. Several scripts of one path serve as many connections, in
    /// the order in which they were mounted; a connection for which none is left finds the path as it was without.
    pub fn mount(self) -> Mounted {
        let Self { scripts, path, steps } = self;
        let play = Play { path: path.clone(), steps, state: Mutex::default(), over: Notify::new() };
        let play = Arc::new(play);
        scripts.lock().entry(path).or_default().push_back(Arc::clone(&play));
        Mounted { play, patience: PATIENCE }
    }

    fn with(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl Mounted {
    /// How long [`Mounted::verify`] waits: 10 s unless this says otherwise.
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Waits until every step of the script was done.
    ///
    /// # Panics
    ///
    /// With the transcript, when the client did something else, or the end did not come in time.
    #[track_caller]
    pub fn verify(&self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            if let Err(difference) = self.outcome().await {
                panic!("{difference}\nverified at {caller}");
            }
        }
    }

    /// The same without a panic: the difference and the transcript, as text for people.
    ///
    /// # Errors
    ///
    /// What [`Mounted::verify`] would panic with.
    pub async fn outcome(&self) -> Result<(), String> {
        let over = async {
            loop {
                let told = self.play.over.notified();
                if self.play.is_over() {
                    return;
                }
                told.await;
            }
        };
        let in_time = timeout(self.patience, over).await.is_ok();
        let state = self.play.state();
        let difference = match (&state.difference, state.begun, in_time) {
            (Some(difference), ..) => difference.clone(),
            (None, Some(_), true) => return Ok(()),
            (None, None, _) => format!("no connection came within {:?}", self.patience),
            (None, Some(_), false) => match self.play.steps.get(state.done) {
                Some(step) => format!("{step} did not happen within {:?}", self.patience),
                None => return Ok(()),
            },
        };
        Err(self.play.told(&state, &difference))
    }
}

impl Scripts {
    /// The script for a connection on a path, if one is left.
    pub(crate) fn take(&self, path: &str) -> Option<Arc<Play>> {
        let mut scripts = self.lock();
        let waiting = scripts.get_mut(path)?;
        let next = waiting.pop_front();
        if waiting.is_empty() {
            scripts.remove(path);
        }
        next
    }

    /// Whether a script waits for a connection on a path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.lock().contains_key(path)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Arc<Play>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Play {
    /// Plays the script on a connection.
    pub(crate) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
    ) -> Result<Infallible, Ending> {
        self.state().begun = Some(Instant::now());
        let ending = match self.steps(connection).await {
            Ok(never) => match never {},
            Err(ending) => ending,
        };
        let mut state = self.state();
        let left = self.steps.get(state.done);
        if let (None, Some(step)) = (&state.difference, left) {
            state.difference = Some(format!("{step} was expected, and the connection ended: {ending}"));
        }
        let at = state.stamp();
        state.transcript.push(format!("{at}   {ending}"));
        state.is_over = true;
        drop(state);
        self.over.notify_waiters();
        Err(ending)
    }

    async fn steps<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
    ) -> Result<Infallible, Ending> {
        for step in &self.steps {
            match step {
                Step::Send(message) => {
                    self.note("server", message);
                    connection.send(message.clone()).await?;
                }
                Step::Wait(time) => {
                    connection.flush().await?;
                    sleep(*time).await;
                }
                Step::Close(code, reason) => {
                    self.state().done += 1;
                    return Err(Ending::Done { code: *code, reason: reason.clone() });
                }
                Step::Cut => {
                    connection.flush().await?;
                    self.state().done += 1;
                    return Err(Ending::Cut);
                }
                Step::ExpectText(_)
                | Step::ExpectBinary(_)
                | Step::ExpectMatch { .. }
                | Step::ExpectClose(_)
                | Step::ExpectEnd => {
                    let came = self.receive(connection, step).await?;
                    if !step.fits(&came) {
                        return Err(
                            self.differs(&format!("{step} was expected, and what came was {}", shown(&came)))
                        );
                    }
                }
            }
            self.state().done += 1;
            self.over.notify_waiters();
        }
        let came = self.receive(connection, &Step::Cut).await?;
        Err(self.differs(&format!("nothing more was expected, and what came was {}", shown(&came))))
    }

    /// The next message. The client's Close is one that a script may expect.
    async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut Connection<S>,
        step: &Step,
    ) -> Result<Message, Ending> {
        match connection.recv().await {
            Ok(message) => {
                self.note("client", &message);
                Ok(message)
            }
            Err(ending) => {
                let mut state = self.state();
                match (step, &ending) {
                    (Step::ExpectEnd, Ending::Closed { .. } | Ending::Ended) => state.done += 1,
                    (Step::ExpectClose(expected), Ending::Closed { code, .. }) if code == expected => {
                        state.done += 1;
                    }
                    (Step::ExpectClose(_), Ending::Closed { code, .. }) => {
                        let difference = format!("{step} was expected, and the client closed with {code}");
                        state.difference = Some(difference);
                    }
                    _ => {}
                }
                drop(state);
                Err(ending)
            }
        }
    }

    /// Whether nothing more has to happen: every step was done, or the connection ended.
    fn is_over(&self) -> bool {
        let state = self.state();
        state.is_over || (state.begun.is_some() && state.done == self.steps.len())
    }

    fn differs(&self, difference: &str) -> Ending {
        self.state().difference = Some(difference.to_owned());
        Ending::Done { code: CloseCode::POLICY_VIOLATION, reason: "this is not in the script".to_owned() }
    }

    fn note(&self, who: &str, message: &Message) {
        let mut state = self.state();
        let at = state.stamp();
        state.transcript.push(format!("{at}   {who}: {}", shown(message)));
    }

    /// What is told of a difference: the script with what was done of it, and what happened.
    fn told(&self, state: &State, difference: &str) -> String {
        let mut text = format!("script on {}: {difference}\n\nthe script:\n", self.path);
        for (number, step) in self.steps.iter().enumerate() {
            let mark = match number.cmp(&state.done) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal => "  ->",
                std::cmp::Ordering::Greater => "    ",
            };
            let _ = writeln!(text, "  {mark} {step}");
        }
        text.push_str("\nwhat happened:\n");
        if state.transcript.is_empty() {
            text.push_str("  nothing\n");
        }
        for line in &state.transcript {
            let _ = writeln!(text, "  {line}");
        }
        text
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn stamp(&self) -> String {
        let since = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        format!("{:>8.3} s", since.as_secs_f64())
    }
}

impl Step {
    fn fits(&self, message: &Message) -> bool {
        match (self, message) {
            (Self::ExpectText(expected), Message::Text(text)) => expected == text.as_str(),
            (Self::ExpectBinary(expected), Message::Binary(bytes)) => expected == bytes,
            (Self::ExpectMatch { check, .. }, Message::Text(text)) => check(text),
            _ => false,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExpectText(text) => write!(f, "the client's text {}", quoted(text)),
            Self::ExpectBinary(bytes) => write!(f, "the client's {}", binary(bytes)),
            Self::ExpectMatch { what, .. } => write!(f, "the client's {what}"),
            Self::ExpectClose(code) => write!(f, "the client's close with {code}"),
            Self::ExpectEnd => f.write_str("the client's end"),
            Self::Send(message) => write!(f, "the server's {}", shown(message)),
            Self::Wait(time) => write!(f, "{time:?} of nothing"),
            Self::Close(code, reason) => write!(f, "the server's close with {code} {}", quoted(reason)),
            Self::Cut => f.write_str("the end without a Close frame"),
        }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.steps.iter().map(ToString::to_string).collect();
        f.debug_struct("Script").field("path", &self.path).field("steps", &steps).finish_non_exhaustive()
    }
}

impl fmt::Debug for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.write_str(&self.told(&state, state.difference.as_deref().unwrap_or("as it stands")))
    }
}

fn shown(message: &Message) -> String {
    match message {
        Message::Text(text) => format!("text {}", quoted(text)),
        Message::Binary(bytes) => binary(bytes),
    }
}

/// A text as far as a transcript shows it.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 200;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?} and {} more bytes", &text[..end], text.len() - end),
        None => format!("{text:?}"),
    }
}

fn binary(bytes: &[u8]) -> String {
    const SHOWN: usize = 32;
    let start: Vec<_> = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > SHOWN { " …" } else { "" };
    format!("binary of {} bytes [{}{more}]", bytes.len(), start.join(" "))
}
