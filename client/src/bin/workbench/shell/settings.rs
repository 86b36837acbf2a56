//! A connection's settings in the page's address: those that are not as they usually are.

use super::address::says_secret;
use crate::model::{Retry, Setup, milliseconds, tries};

/// The times, by their names in the address.
fn times(retry: &mut Retry) -> [(&'static str, &mut u32); 6] {
    [
        ("base", &mut retry.base),
        ("cap", &mut retry.cap),
        ("min-uptime", &mut retry.min_uptime),
        ("connect-timeout", &mut retry.connect_timeout),
        ("beat-interval", &mut retry.heartbeat.interval),
        ("beat-deadline", &mut retry.heartbeat.deadline),
    ]
}

/// Adds those of a setup to a fragment. A socket has no more than what carries it.
pub(super) fn add(fragment: &mut String, setup: &Setup, encode: impl Fn(&str) -> String) {
    let mut set = |name: &str, value: &str| {
        fragment.push('&');
        fragment.push_str(name);
        if !value.is_empty() {
            fragment.push('=');
            fragment.push_str(value);
        }
    };
    if setup.stream {
        set("stream", "");
    }
    if !setup.lasts {
        return;
    }
    set("link", "");
    let (mut retry, mut usual) = (setup.retry.clone(), Retry::default());
    for ((name, time), (_, usual)) in times(&mut retry).into_iter().zip(times(&mut usual)) {
        if time != usual {
            set(name, &time.to_string());
        }
    }
    if let Some(tries) = retry.max_tries {
        set("max-tries", &tries.to_string());
    }
    if retry.wait_while_hidden {
        set("wait-while-hidden", "");
    }
    let beat = &retry.heartbeat;
    if !says_secret(&beat.text) && !says_secret(&beat.answer) {
        for (name, text) in [("beat", &beat.text), ("beat-answer", &beat.answer)] {
            if !text.is_empty() {
                set(name, &encode(text));
            }
        }
    }
}

/// Takes one into a setup; what is none is passed over.
pub(super) fn take(setup: &mut Setup, name: &str, value: String) {
    let retry = &mut setup.retry;
    match name {
        "stream" => setup.stream = true,
        "link" => setup.lasts = true,
        "max-tries" => retry.max_tries = tries(&value).unwrap_or(retry.max_tries),
        "wait-while-hidden" => retry.wait_while_hidden = true,
        "beat" => retry.heartbeat.text = value,
        "beat-answer" => retry.heartbeat.answer = value,
        _ => {
            let time = times(retry).into_iter().find(|(own, _)| *own == name);
            if let (Some((_, time)), Some(ms)) = (time, milliseconds(&value)) {
                *time = ms;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_set() -> Setup {
        let mut setup = Setup { lasts: true, stream: true, ..Setup::default() };
        let retry = &mut setup.retry;
        (retry.base, retry.cap, retry.min_uptime, retry.connect_timeout) = (1, 2, 3, 4);
        (retry.max_tries, retry.wait_while_hidden) = (Some(7), true);
        let beat = &mut retry.heartbeat;
        (beat.interval, beat.deadline) = (5, 6);
        (beat.text, beat.answer) = ("ping".to_owned(), "pong".to_owned());
        setup
    }

    fn added(setup: &Setup) -> String {
        let mut fragment = String::new();
        add(&mut fragment, setup, str::to_owned);
        fragment
    }

    fn taken(fragment: &str) -> Setup {
        let mut setup = Setup::default();
        for pair in fragment.split('&').skip(1) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            take(&mut setup, name, value.to_owned());
        }
        setup
    }

    #[test]
    fn what_is_added_is_taken() {
        let fragment = added(&all_set());
        assert_eq!(
            fragment,
            "&stream&link&base=1&cap=2&min-uptime=3&connect-timeout=4&beat-interval=5&beat-deadline=6\
             &max-tries=7&wait-while-hidden&beat=ping&beat-answer=pong"
        );
        assert_eq!(taken(&fragment), all_set());
    }

    #[test]
    fn what_is_usual_is_not_added() {
        assert_eq!(added(&Setup::default()), "");
        assert_eq!(added(&Setup { lasts: true, ..Setup::default() }), "&link");
        assert_eq!(added(&Setup { lasts: false, ..all_set() }), "&stream");
    }

    #[test]
    fn a_heartbeat_that_says_a_secret_stays_out() {
        for secret in [r#"{"ping":1,"token":"abc"}"#, "auth me", "Password: x"] {
            for answer in [true, false] {
                let mut setup = all_set();
                let beat = &mut setup.retry.heartbeat;
                *(if answer { &mut beat.answer } else { &mut beat.text }) = secret.to_owned();
                assert!(added(&setup).ends_with("&wait-while-hidden"), "{secret}");
            }
        }
    }

    #[test]
    fn what_is_none_is_passed_over() {
        for fragment in ["&base=", "&base=x", "&cap=-1", "&min-uptime=86400001", "&max-tries=0", "&alien=1"] {
            assert_eq!(taken(fragment), Setup::default(), "{fragment}");
        }
    }
}
