//! Who may ask: pages of origins that are allowed, by names that are this server's own, with the token where there is one.
//!
//! A browser takes any page's requests to any server. `Origin` says which page asks (RFC 6454 section 7, RFC 6455 section
//! 10.2), and `Host` by which name: a foreign name means DNS rebinding, where a page's own name was made to lead here and
//! the request passes for one of the same origin.

mod token;

use std::{borrow::Cow, net::IpAddr};

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header, uri::Authority};
use subtle::Choice;

pub use self::token::{InvalidToken, Token};
use self::token::{SUBPROTOCOL, bearer, offered_token, offers};
pub(crate) use self::token::{TOKEN_OFFER, is_token_offer, without_tokens};
use crate::{metrics::Refusal, stream::Arrival};

/// What is asked of every request.
#[derive(Debug)]
pub(crate) struct Access {
    any_origin: bool,
    origins: Vec<String>,
    hosts: Vec<String>,
    /// The address that is listened on, which may be all of them.
    bound: IpAddr,
    token: Option<Token>,
}

/// A request that is denied, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) refusal: Refusal,
    pub(crate) text: String,
}

impl Access {
    /// # Errors
    ///
    /// A sentence that names the value that is no origin or no host.
    pub(crate) fn new(
        origins: &[String],
        hosts: &[String],
        bound: IpAddr,
        token: Option<Token>,
    ) -> Result<Self, String> {
        Ok(Self {
            any_origin: origins.iter().any(|origin| origin == "*"),
            origins: origins
                .iter()
                .filter(|origin| *origin != "*")
                .map(|origin| {
                    canonical_origin(origin.trim_end_matches('/')).ok_or_else(|| {
                        format!(
                            "{origin:?} is no origin: use scheme://host or scheme://host:port without a path, * for any, or null",
                        )
                    })
                })
                .collect::<Result<_, _>>()?,
            hosts: hosts
                .iter()
                .map(|host| {
                    host_of(host)
                        .ok_or_else(|| format!("{host:?} is no host: use a name or an address"))
                })
                .collect::<Result<_, _>>()?,
            bound,
            token,
        })
    }

    /// Checks by which name and from which page a request comes.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<(), Denied> {
        let headers = request.headers();
        let arrival = request.extensions().get::<Arrival>();
        let hosts = headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
        // An absolute target counts before Host (RFC 9112 section 3.2.2), so both must be right.
        for host in hosts.chain(request.uri().authority().map(Authority::as_str)) {
            if !self.allows_host(host, arrival) {
                return Err(Denied::host(host));
            }
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            // Programs send none; and browsers do not with what a page only embeds, which they mark otherwise.
            (None, _) if is_embedded_elsewhere(headers) => Err(Denied::cross_site()),
            (None, _) => Ok(()),
            (Some(origin), None) => {
                let origin = origin.to_str().unwrap_or("that is not ASCII");
                let allowed = self.allows_origin(origin) || is_same_origin(origin, headers);
                if allowed { Ok(()) } else { Err(Denied::origin(origin)) }
            }
            (Some(_), Some(_)) => Err(Denied::origin("twice")),
        }
    }

    /// Checks that a request shows the token, where there is one.
    pub(crate) fn check_token<B>(&self, request: &Request<B>) -> Result<(), Denied> {
        let Some(token) = &self.token else { return Ok(()) };
        let headers = request.headers();
        let bearer = headers.get_all(header::AUTHORIZATION).iter().filter_map(bearer).map(Cow::Borrowed);
        let offered = offers(headers).filter_map(offered_token).map(Cow::Owned);
        let mut shown = bearer.chain(offered).peekable();
        if shown.peek().is_none() {
            return Err(Denied::token("this server asks for a token"));
        }
        let right = shown.fold(Choice::from(0), |right, shown| right | token.is(&shown));
        if bool::from(right) { Ok(()) } else { Err(Denied::token("the token is not this server's")) }
    }

    fn allows_host(&self, host: &str, arrival: Option<&Arrival>) -> bool {
        let Some(host) = host_of(host) else { return false };
        if is_loopback(&host) || self.hosts.contains(&host) {
            return true;
        }
        address(&host).is_some_and(|address| {
            address == self.bound
                || arrival.is_some_and(|arrival| address == arrival.local.ip().to_canonical())
        })
    }

    fn allows_origin(&self, origin: &str) -> bool {
        if self.any_origin {
            return true;
        }
        let Some(origin) = canonical_origin(origin) else { return false };
        self.origins.contains(&origin)
            || origin
                .strip_prefix("http://")
                .or_else(|| origin.strip_prefix("https://"))
                .and_then(host_of)
                .is_some_and(|host| is_loopback(&host))
    }
}

impl Denied {
    pub(crate) fn status(&self) -> StatusCode {
        match self.refusal {
            Refusal::Token => StatusCode::UNAUTHORIZED,
            Refusal::Origin | Refusal::Host => StatusCode::FORBIDDEN,
        }
    }

    /// The header that a 401 must have (RFC 9110 section 15.5.2).
    pub(crate) fn header(&self) -> Option<(HeaderName, &'static str)> {
        (self.refusal == Refusal::Token).then_some((header::WWW_AUTHENTICATE, "Bearer realm=\"wirescope\""))
    }

    fn origin(origin: &str) -> Self {
        let text = format!(
            "pages of origin {origin:?} may not use this server; start it with --allow-origin ORIGIN to let them",
        );
        Self { refusal: Refusal::Origin, text }
    }

    fn cross_site() -> Self {
        let text = "a page of another site may not embed what is served here; fetch it with CORS from an origin that \
            --allow-origin names";
        Self { refusal: Refusal::Origin, text: text.to_owned() }
    }

    fn host(host: &str) -> Self {
        let text = format!(
            "this server is not known as {host:?}; start it with --allow-host NAME if that is its name",
        );
        Self { refusal: Refusal::Host, text }
    }

    fn token(why: &str) -> Self {
        let text = format!(
            "{why}: send Authorization: Bearer TOKEN, or, as a browser's WebSocket, offer the subprotocols \
             {SUBPROTOCOL} and {TOKEN_OFFER}BASE64URL"
        );
        Self { refusal: Refusal::Token, text }
    }
}

/// Whether a page of the server itself asks: its `Host` was checked before. Browsers leave the usual port out of both.
fn is_same_origin(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

/// Whether a browser says that a page of another site asks, other than by leading there (Fetch Metadata).
fn is_embedded_elsewhere(headers: &HeaderMap) -> bool {
    let is = |name, value: &str| headers.get(name).is_some_and(|is: &HeaderValue| is == value);
    is("sec-fetch-site", "cross-site")
        && !(is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document"))
}

/// An origin as browsers write it: `scheme://host[:port]` in small letters without the scheme's own port, or `null`.
fn canonical_origin(origin: &str) -> Option<String> {
    if origin == "null" {
        return Some(origin.to_owned());
    }
    let (scheme, authority) = origin.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let parsed: Authority = authority.parse().ok()?;
    if !is_scheme || parsed.host().is_empty() || authority.contains('@') {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let port = match (scheme.as_str(), parsed.port_u16()) {
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => String::new(),
        (_, Some(port)) => format!(":{port}"),
    };
    Some(format!("{scheme}://{}{port}", parsed.host().to_ascii_lowercase()))
}

/// The host of `host` or `host:port` in small letters, without the dot that may end a name.
fn host_of(authority: &str) -> Option<String> {
    let parsed: Authority = authority.parse().ok()?;
    let host = parsed.host().strip_suffix('.').unwrap_or(parsed.host());
    (!host.is_empty() && !authority.contains('@')).then(|| host.to_ascii_lowercase())
}

fn address(host: &str) -> Option<IpAddr> {
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    literal.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// Whether a host is this machine whatever a name server says: `localhost` and the names below it lead nowhere else
/// (RFC 6761 section 6.3).
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || address(host).is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "0123456789abcdef/+~";

    fn access(origins: &[&str], hosts: &[&str]) -> Access {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let token = Token::new(TOKEN).unwrap();
        Access::new(&owned(origins), &owned(hosts), "192.0.2.7".parse().unwrap(), Some(token)).unwrap()
    }

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        let arrival = Arrival {
            peer: "198.51.100.1:1000".parse().unwrap(),
            local: "[::ffff:192.0.2.8]:8080".parse().unwrap(),
            tls: false,
        };
        request.extensions_mut().insert(arrival);
        request
    }

    #[test]
    fn a_host_is_loopback_the_bound_address_or_listed() {
        let access = access(&[], &["Test.Example:8080"]);
        for (host, allowed) in [
            ("localhost", true),
            ("LOCALHOST.:8080", true),
            ("app.localhost:1", true),
            ("127.0.0.1:8080", true),
            ("127.9.9.9", true),
            ("[::1]:8080", true),
            ("[::ffff:127.0.0.1]", true),
            ("192.0.2.7:80", true),
            ("192.0.2.8:8080", true),
            ("test.example", true),
            ("test.example.:1", true),
            ("192.0.2.9", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("evil.test.example", false),
            ("evil.example@localhost", false),
            ("", false),
            ("a b", false),
        ] {
            let denied = access.check(&request(&[("host", host)]));
            assert_eq!(denied.is_ok(), allowed, "{host}");
        }
        let mut absolute = request(&[("host", "localhost")]);
        *absolute.uri_mut() = "http://evil.example/healthz".parse().unwrap();
        assert_eq!(access.check(&absolute).unwrap_err().refusal, Refusal::Host);
    }

    #[test]
    fn an_origin_is_loopback_the_server_itself_or_listed() {
        let access = access(
            &["https://Page.Example:443/", "chrome-extension://abc", "http://a.example:81"],
            &["me.example"],
        );
        for (origin, allowed) in [
            ("http://localhost:3000", true),
            ("https://127.0.0.1", true),
            ("http://[::1]:8081", true),
            ("http://app.localhost", true),
            ("https://page.example", true),
            ("chrome-extension://abc", true),
            ("http://a.example:81", true),
            ("http://me.example:8080", true),
            ("https://me.example:8080", true),
            ("http://me.example", false),
            ("http://page.example", false),
            ("https://page.example:444", false),
            ("http://a.example", false),
            ("https://evil.example", false),
            ("http://localhost.evil.example", false),
            ("http://localhost@evil.example", false),
            ("http://evil.example@localhost", false),
            ("null", false),
            ("", false),
            ("localhost", false),
        ] {
            let denied = access.check(&request(&[("host", "me.example:8080"), ("origin", origin)]));
            assert_eq!(denied.is_ok(), allowed, "{origin}");
        }
        let twice = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://localhost")];
        assert!(access.check(&request(&twice)).is_err());
        assert_eq!(access.check(&request(&[("host", "localhost")])), Ok(()), "none");
    }

    #[test]
    fn null_and_any_origin_can_be_listed() {
        let null = [("host", "localhost"), ("origin", "null")];
        let foreign = [("host", "localhost"), ("origin", "https://evil.example")];
        assert!(access(&["null"], &[]).check(&request(&null)).is_ok());
        assert!(access(&["null"], &[]).check(&request(&foreign)).is_err());
        assert!(access(&["*"], &[]).check(&request(&foreign)).is_ok());
        for wrong in
            ["page.example", "https://page.example/path", "https://", "https://a@b", "://x", "*.example"]
        {
            let origins = [wrong.to_owned()];
            assert!(Access::new(&origins, &[], "::1".parse().unwrap(), None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_foreign_page_may_lead_here_and_embed_nothing() {
        let access = access(&[], &[]);
        let from = |mode, dest| {
            let headers = [
                ("host", "localhost"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", dest),
            ];
            access.check(&request(&headers)).is_ok()
        };
        assert!(from("navigate", "document"));
        assert!(!from("no-cors", "image"));
        assert!(!from("navigate", "iframe"));
    }

    #[test]
    fn a_token_is_shown_as_bearer_or_as_an_offer() {
        let access = access(&[], &[]);
        let offers = Token::new(TOKEN).unwrap().offers().join(", ");
        let bearer = format!("bEARER {TOKEN}");
        assert!(access.check_token(&request(&[("authorization", &bearer)])).is_ok());
        assert!(access.check_token(&request(&[("sec-websocket-protocol", &offers)])).is_ok());
        for headers in [
            vec![],
            vec![("authorization", "Bearer wrong")],
            vec![("authorization", TOKEN)],
            vec![("authorization", "Basic 0123456789abcdef/+~")],
            vec![("sec-websocket-protocol", "wirescope.v1, wirescope.token.AAAA")],
            vec![("sec-websocket-protocol", "wirescope.token.!")],
            vec![("sec-websocket-protocol", "wirescope.token.")],
        ] {
            let denied = access.check_token(&request(&headers)).unwrap_err();
            assert_eq!(denied.status(), StatusCode::UNAUTHORIZED, "{headers:?}");
            assert!(!denied.text.contains(TOKEN));
        }
    }

    proptest! {
        #[test]
        fn any_host_and_origin_is_allowed_or_denied(host in "\\PC{0,40}", origin in "([a-z]{0,5}://)?\\PC{0,40}") {
            let _ = (canonical_origin(&origin), host_of(&host).is_some_and(|host| is_loopback(&host)));
        }
    }
}
