//! Why a connection never opened. A browser does not say; the server may, when it is asked, and else it is known whether
//! anything answers there.

use wirescope::spawn;

use super::{panel::refusal, url};
use crate::{
    app::{self, App},
    model::{Connection, Found, Id},
    net,
};

/// The ports that no browser fetches from or opens a WebSocket to, as the Fetch standard lists them.
const BLOCKED: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514,
    515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723,
    2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// Finds out more of a connection that never opened, and tells it.
pub(crate) fn explain(app: &App, connection: &Connection) {
    let (id, socket, opened_by) = (connection.id, connection.socket(), &connection.opened_as.url);
    let Some((origin, path)) = url::over_http(opened_by) else { return };
    if let Some(port) = blocked_port(&origin) {
        let found = Found {
            cause: format!("browsers connect to port {port} for no page, whatever listens there"),
            advice: "Have the server listen on another port, such as 8080.".to_owned(),
            evidence: format!("Port {port} is on the Fetch standard's list of blocked ports."),
            lasts: true,
            ..Found::default()
        };
        return spawn(async move { tell(id, socket, found) });
    }
    let is_ours = app.servers.is_ours(opened_by);
    // A page over HTTPS may not ask over HTTP, so that nothing follows from what it gets.
    let is_mixed = origin.starts_with("http:")
        && app.window.location().protocol().is_ok_and(|protocol| protocol == "https:");
    let asked = format!("{origin}/check{path}");
    spawn(async move {
        if is_ours && let Some(why) = refusal(&asked).await {
            let found = Found {
                cause: "the server refuses this handshake, and says why".to_owned(),
                advice: "Change what it objects to.".to_owned(),
                evidence: "The server was asked over HTTP what it thinks of this URL.".to_owned(),
                server: why.clone(),
                lasts: true,
            };
            tell(id, socket, found);
            return app::with(|app| {
                let now = app.now();
                let told = format!("the server says why it refused: {why}");
                app.model.borrow_mut().with(id, |connection, log| connection.error(log, now, told));
                app.changed();
            });
        }
        if !is_mixed {
            let answers = net::answers(&origin).await;
            tell(id, socket, unsaid(answers, is_ours));
        }
    });
}

/// What follows from whether a plain HTTP request is answered there.
fn unsaid(answers: bool, is_ours: bool) -> Found {
    let cause = match (answers, is_ours) {
        (true, true) => "the server answers, but not with a WebSocket: a fault in the URL may ask for that",
        (true, false) => {
            "something answers there, but gives this page no WebSocket: the path is wrong, it speaks none, or it refuses this origin"
        }
        (false, true) => "the server does not answer any more: it is down or out of reach",
        (false, false) => {
            "most likely nothing answers there: the host or port is wrong, the server is down, or its certificate is bad"
        }
    };
    let evidence = match (answers, is_ours) {
        (true, _) => "It never opened, and a plain HTTP request to the same place was answered just now.",
        (false, true) => {
            "It never opened, and a plain HTTP request to the same place was not answered either; earlier ones were."
        }
        (false, false) => {
            "It never opened, and a plain HTTP request to the same place was not answered either. A host that speaks WebSocket and \
             nothing else can look like this too."
        }
    };
    Found { cause: cause.to_owned(), evidence: evidence.to_owned(), ..Found::default() }
}

/// The port of an origin, if browsers block it.
fn blocked_port(origin: &str) -> Option<u16> {
    let port = origin.rsplit(':').next()?.parse().ok()?;
    BLOCKED.contains(&port).then_some(port)
}

/// Tells what was found of a WebSocket, unless there is another by now.
fn tell(id: Id, socket: u32, found: Found) {
    app::with(|app| {
        app.model.borrow_mut().with(id, |connection, _| {
            if connection.socket() == socket
                && let Some(verdict) = &mut connection.verdict
            {
                let server = std::mem::take(&mut verdict.found.server);
                verdict.found = found;
                // The trace may have told.
                if verdict.found.server.is_empty() {
                    verdict.found.server = server;
                }
            }
        });
        app.changed();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_browsers_block_are_known() {
        assert_eq!(blocked_port("http://h:6000"), Some(6000));
        assert_eq!(blocked_port("http://[::1]:22"), Some(22));
        assert_eq!(blocked_port("http://h:8080"), None);
        assert_eq!(blocked_port("https://h"), None);
        assert!(BLOCKED.is_sorted());
    }

    #[test]
    fn each_finding_has_its_own_cause() {
        let causes = [(true, true), (true, false), (false, true), (false, false)]
            .map(|(answers, is_ours)| unsaid(answers, is_ours).cause);
        assert!(causes.iter().enumerate().all(|(place, cause)| !causes[..place].contains(cause)));
    }
}
