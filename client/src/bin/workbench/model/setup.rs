//! What the user asked a connection to be.

use std::{rc::Rc, time::Duration};

use wirescope::{
    link::{Heartbeat, Options, RetryPolicy},
    socket::{Connect, Message, Socket},
};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) url: String,
    pub(crate) offers: Vec<String>,
    /// A link, which connects again; else a socket.
    pub(crate) lasts: bool,
    /// Over `WebSocketStream`, where the browser has it.
    pub(crate) stream: bool,
    pub(crate) retry: Retry,
}

/// When a link tries again. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) base: u32,
    pub(crate) cap: u32,
    pub(crate) max_tries: Option<u32>,
    pub(crate) min_uptime: u32,
    pub(crate) connect_timeout: u32,
    pub(crate) wait_while_hidden: bool,
    pub(crate) heartbeat: Beat,
}

/// How a link asks whether its peer is there; not at all if there is nothing to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    pub(crate) text: String,
    /// What answers it; the same if it is empty.
    pub(crate) answer: String,
    pub(crate) interval: u32,
    pub(crate) deadline: u32,
}

impl Default for Retry {
    /// As the library has it.
    fn default() -> Self {
        let policy = RetryPolicy::default();
        let ms = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        Self {
            base: ms(policy.base),
            cap: ms(policy.cap),
            max_tries: policy.max_tries,
            min_uptime: ms(policy.min_uptime),
            connect_timeout: ms(policy.connect_timeout),
            wait_while_hidden: policy.wait_while_hidden,
            heartbeat: Beat { text: String::new(), answer: String::new(), interval: 25_000, deadline: 5_000 },
        }
    }
}

impl Setup {
    /// A socket to this URL, which may have more in it than the one that was set up; over a WebSocket.
    pub(crate) fn socket(&self, url: &str) -> Connect {
        Socket::connect(url).subprotocols(&self.offers)
    }

    /// A link to this endpoint, with the settings for its tries.
    pub(crate) fn link(&self, endpoint: Options) -> Options {
        let retry = &self.retry;
        let ms = |time: u32| Duration::from_millis(time.into());
        let mut policy = RetryPolicy::default();
        (policy.base, policy.cap, policy.max_tries) = (ms(retry.base), ms(retry.cap), retry.max_tries);
        (policy.min_uptime, policy.connect_timeout) = (ms(retry.min_uptime), ms(retry.connect_timeout));
        policy.wait_while_hidden = retry.wait_while_hidden;
        let mut options = endpoint.retry(policy);
        let beat = &retry.heartbeat;
        if !beat.text.is_empty() {
            let ping: Rc<str> = beat.text.as_str().into();
            let answer: Rc<str> =
                if beat.answer.is_empty() { Rc::clone(&ping) } else { beat.answer.as_str().into() };
            options = options.heartbeat(Heartbeat::new(
                ms(beat.interval),
                ms(beat.deadline),
                move || Message::from(&*ping),
                move |message| matches!(message, Message::Text(text) if **text == *answer),
            ));
        }
        if self.stream { options.stream_if_available() } else { options }
    }
}

/// A time as it is written: a number of milliseconds, up to a day.
pub(crate) fn milliseconds(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|ms| *ms <= 86_400_000)
}

/// How often at the most as it is written: a number, or nothing for without end.
pub(crate) fn tries(text: &str) -> Result<Option<u32>, ()> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().ok().filter(|tries| *tries > 0).map(Some).ok_or(()),
    }
}
