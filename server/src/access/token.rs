//! The token that clients must show, and where they show it.

use std::{borrow::Cow, fmt, path::Path};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, HeaderValue, header};
use subtle::{Choice, ConstantTimeEq as _};

/// The subprotocol that is selected when a client offers its token beside it.
pub(super) const SUBPROTOCOL: &str = "wirescope.v1";

/// What the offer of a token begins with; its base64url follows.
pub(crate) const TOKEN_OFFER: &str = "wirescope.token.";

/// The base64 of tokens in offers. Padding is no character of a subprotocol, so there is none.
const TOKEN_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// A secret that clients must show: in the header `Authorization: Bearer TOKEN`, or, since a browser's WebSocket has no
/// headers, among its subprotocols as `wirescope.token.` and the token in base64url without padding, beside
/// `wirescope.v1`, which is the one that is selected. It never shows in a log or in `{:?}`.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A token of 16 characters or more, each of which may be in a bearer token (RFC 6750 section 2.1).
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub fn new(token: impl Into<String>) -> Result<Self, InvalidToken> {
        let token = token.into();
        let is_bearer = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
        if token.len() < 16 {
            return Err(InvalidToken("is shorter than 16 characters".to_owned()));
        }
        if !token.trim_end_matches('=').chars().all(is_bearer) {
            return Err(InvalidToken(
                "has characters other than letters, digits and - . _ ~ + / (and = at its end)".to_owned(),
            ));
        }
        Ok(Self(token))
    }

    /// Reads the token that is all a file has but space around it.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the file or the token.
    pub fn read(path: &Path) -> Result<Self, InvalidToken> {
        let named = |why: &dyn fmt::Display| InvalidToken(format!("in {} {why}", path.display()));
        let text =
            std::fs::read_to_string(path).map_err(|error| named(&format!("cannot be read: {error}")))?;
        Self::new(text.trim()).map_err(|error| named(&error.0))
    }

    /// The subprotocols that a browser offers to show the token: the first of them is selected.
    pub fn offers(&self) -> [String; 2] {
        [SUBPROTOCOL.to_owned(), format!("{TOKEN_OFFER}{}", TOKEN_BASE64.encode(&self.0))]
    }

    pub(super) fn is(&self, shown: &[u8]) -> Choice {
        self.0.as_bytes().ct_eq(shown)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// What is wrong with a [`Token`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidToken(String);

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token {}; make one with: openssl rand -hex 32", self.0)
    }
}

impl std::error::Error for InvalidToken {}

/// The offers of a request without tokens, and whether [`SUBPROTOCOL`] is to be selected: when it is offered beside one.
pub(crate) fn without_tokens<'a>(values: &[&'a str]) -> (Vec<Cow<'a, str>>, Option<&'static str>) {
    let mut had_token = false;
    let public = values
        .iter()
        .map(|value| {
            if !value.split(',').any(is_token_offer) {
                return Cow::Borrowed(*value);
            }
            had_token = true;
            value.split(',').filter(|offer| !is_token_offer(offer)).collect::<Vec<_>>().join(",").into()
        })
        .collect::<Vec<_>>();
    let is_offered =
        public.iter().flat_map(|value| value.split(',')).any(|offer| offer.trim() == SUBPROTOCOL);
    (public, (had_token && is_offered).then_some(SUBPROTOCOL))
}

pub(super) fn offers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','))
}

/// Whether an offer is a token, and so not for others to see.
pub(crate) fn is_token_offer(offer: &str) -> bool {
    offered_token(offer).is_some()
}

/// The token in an offer; one that does not decode is empty, which no token is.
pub(super) fn offered_token(offer: &str) -> Option<Vec<u8>> {
    let offer = offer.trim();
    let (prefix, token) = offer.split_at_checked(TOKEN_OFFER.len())?;
    prefix.eq_ignore_ascii_case(TOKEN_OFFER).then(|| TOKEN_BASE64.decode(token).unwrap_or_default())
}

pub(super) fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef/+~";

    #[test]
    fn tokens_do_not_show_and_are_long_enough() {
        assert_eq!(format!("{:?}", Token::new(TOKEN).unwrap()), "Token(redacted)");
        for wrong in ["", "too short", "0123456789abcdef!", "0123456789 abcdef", "=0123456789abcdef="] {
            let error = Token::new(wrong).unwrap_err().to_string();
            assert!(
                error.contains("openssl rand") && (wrong.is_empty() || !error.contains(wrong)),
                "{error}"
            );
        }
    }

    #[test]
    fn offers_of_tokens_are_taken_out() {
        let (public, selected) = without_tokens(&["chat , Wirescope.Token.QUJD", "wirescope.v1"]);
        assert_eq!((public.join("|").as_str(), selected), ("chat |wirescope.v1", Some(SUBPROTOCOL)));
        let (public, selected) = without_tokens(&["wirescope.token.QUJD,chat"]);
        assert_eq!((public.join("|").as_str(), selected), ("chat", None));
        let (public, selected) = without_tokens(&["wirescope.v1, chat"]);
        assert_eq!((public.join("|").as_str(), selected), ("wirescope.v1, chat", None));
    }
}
