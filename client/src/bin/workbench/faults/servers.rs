//! Which servers are of this project: those that have a table of faults.

use std::{cell::RefCell, rc::Rc};

use wirescope::spawn;

use super::url;
use crate::{
    alarm::Alarm,
    app::{self, App},
    model::Id,
    net,
    pairs::Pairs,
};

/// What is known of a server.
#[derive(Clone, Debug)]
pub(crate) enum Server {
    /// It was asked and has not answered.
    Asked,
    /// With its table of faults.
    Ours(Rc<str>),
    /// It answered as another server does; `Some` with words of its own.
    Another(Option<String>),
}

/// What is known of servers, by where they answer HTTP.
pub(crate) struct Servers {
    known: RefCell<Pairs<String, Server>>,
    /// Connections that are to be opened as soon as their servers are known.
    waiting: RefCell<Vec<Id>>,
    patience: Alarm,
}

/// How long a connection waits for that.
const PATIENCE: i32 = 700;
/// What a table of faults has, and nothing else.
const MEMBERS: [&str; 3] = ["\"faults\"", "\"presets\"", "\"triggers\""];
/// How many servers are kept.
const MOST: usize = 64;

impl Servers {
    pub(crate) fn new() -> Self {
        let patience = Alarm::new(|app| {
            app.servers.go_on(app);
        });
        Self { known: RefCell::default(), waiting: RefCell::default(), patience }
    }

    /// What is known of a URL's server.
    pub(crate) fn of(&self, url: &str) -> Option<Server> {
        let (origin, _) = url::over_http(url)?;
        self.known.borrow().get(&origin).cloned()
    }

    /// Whether a URL's server is of this project.
    pub(crate) fn is_ours(&self, url: &str) -> bool {
        matches!(self.of(url), Some(Server::Ours(_)))
    }

    /// Asks a URL's server unless it was asked before.
    pub(crate) fn ask(&self, url: &str) {
        let Some((origin, _)) = url::over_http(url) else { return };
        let mut known = self.known.borrow_mut();
        if known.get(&origin).is_some() {
            return;
        }
        if known.len() >= MOST {
            known.remove_oldest();
        }
        known.insert(origin.clone(), Server::Asked);
        drop(known);
        spawn(async move {
            let answer = net::ask("GET", &format!("{origin}/faults.json")).await;
            let server = match answer {
                Some((200, text)) if MEMBERS.iter().all(|member| text.contains(member)) => {
                    Server::Ours(text.into())
                }
                // A token is asked for, perhaps.
                Some((401 | 403, text)) => Server::Another(Some(text.trim().chars().take(300).collect())),
                _ => Server::Another(None),
            };
            app::with(|app| {
                let servers = &app.servers;
                servers.known.borrow_mut().insert(origin, server);
                if servers.known.borrow().values().all(|server| !matches!(server, Server::Asked)) {
                    servers.go_on(app);
                }
                app.changed();
            });
        });
    }

    /// Asks a server that is here: the page's own, or one on this machine. Others learn nothing of what is typed.
    pub(crate) fn ask_if_near(&self, url: &str) {
        if is_near(url) {
            self.ask(url);
        }
    }

    /// Asks again, for it may be there by now.
    pub(crate) fn ask_again(&self, url: &str) {
        if let Some((origin, _)) = url::over_http(url) {
            self.known.borrow_mut().remove(&origin);
        }
        self.ask(url);
    }

    /// Whether a connection is opened later, as soon as it is known whether its server is of this project.
    pub(crate) fn postpones(&self, id: Id, url: &str) -> bool {
        if matches!(self.of(url), Some(Server::Another(_))) {
            // It may have been down. Another host's answer stays what it was.
            if is_near(url) {
                self.ask_again(url);
            }
            return false;
        }
        self.ask(url);
        let waits = matches!(self.of(url), Some(Server::Asked));
        if waits {
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.contains(&id) {
                waiting.push(id);
            }
            self.patience.set_unless_set(PATIENCE);
        }
        waits
    }

    fn go_on(&self, app: &App) {
        self.patience.clear();
        for id in self.waiting.take() {
            app.connect_now(id);
        }
    }
}

/// Whether a URL's host is the page's own, or this machine.
fn is_near(url: &str) -> bool {
    let Some((origin, _)) = url::over_http(url) else { return false };
    let host = origin.split("://").nth(1).unwrap_or_default();
    is_loopback(host) || crate::dom::window().location().host().is_ok_and(|own| own == host)
}

/// Whether a host with its port is this machine.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map_or(host, |(name, _)| name);
    let is_ipv4 = name.starts_with("127.") && name.split('.').all(|part| part.parse::<u8>().is_ok());
    is_ipv4 || name == "[::1]" || name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for host in
            ["localhost:80", "localhost", "127.0.0.1:8080", "127.1.2.3", "[::1]:1", "[::1]", "a.localhost:1"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["example.com", "127.0.0.1.example.com:80", "[::2]:1", "10.0.0.1", "localhost.example.com"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
