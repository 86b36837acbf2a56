//! Subprotocols: names that a client offers in order of preference and of which a server selects at most one
//! (RFC 6455 section 1.9).

use std::{collections::BTreeSet, fmt};

use crate::Text;

/// Why a list of subprotocol offers is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OfferError {
    /// A name is empty or has a character that a header's token cannot have.
    NotAToken {
        /// The name as it was offered.
        name: String,
    },
    /// A name is offered twice.
    Repeated {
        /// The name as it was offered.
        name: String,
    },
}

impl OfferError {
    /// Adds what is wrong to a text.
    pub fn add_to(&self, text: &mut Text) {
        text.add("subprotocol ");
        match self {
            Self::NotAToken { name } => {
                text.quoted(name).add(" is not a token: letters, digits and !#$%&'*+-.^_`|~, at least one")
            }
            Self::Repeated { name } => text.quoted(name).add(" is offered twice"),
        };
    }
}

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        self.add_to(&mut text);
        text.fmt(f)
    }
}

impl std::error::Error for OfferError {}

/// Checks a client's offers: each a token, none twice (RFC 6455 section 4.1, item 10).
///
/// # Errors
///
/// [`OfferError`] for the first name that breaks a rule.
pub fn check_offers<S: AsRef<str>>(offers: &[S]) -> Result<(), OfferError> {
    let mut earlier = BTreeSet::new();
    for name in offers.iter().map(AsRef::as_ref) {
        if !is_token(name) {
            return Err(OfferError::NotAToken { name: name.to_owned() });
        }
        if !earlier.insert(name) {
            return Err(OfferError::Repeated { name: name.to_owned() });
        }
    }
    Ok(())
}

/// Reads the values of all `Sec-WebSocket-Protocol` headers of a request into one list, in order of preference.
///
/// # Errors
///
/// [`OfferError`] for the first name that breaks a rule of [`check_offers`]. Empty list elements are passed over, as
/// RFC 9110 section 5.6.1 asks of recipients.
pub fn parse_offers<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<Vec<&'a str>, OfferError> {
    let offers: Vec<&str> = values
        .into_iter()
        .flat_map(|value| value.split(','))
        .map(|name| name.trim_matches([' ', '\t']))
        .filter(|name| !name.is_empty())
        .collect();
    check_offers(&offers)?;
    Ok(offers)
}

/// Whether the text is a token (RFC 9110 section 5.6.2), which is what a subprotocol's name must be.
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_keep_their_order_across_headers() {
        assert_eq!(parse_offers(["chat.v2, chat.v1", "\techo"]), Ok(vec!["chat.v2", "chat.v1", "echo"]));
        assert_eq!(parse_offers([]), Ok(vec![]));
        assert_eq!(parse_offers([" , "]), Ok(vec![]));
    }

    #[test]
    fn what_is_no_token_is_named() {
        for name in ["two words", "a/b", "é", "tab\tbed", "quote\""] {
            assert_eq!(check_offers(&[name]), Err(OfferError::NotAToken { name: name.to_owned() }));
        }
        assert_eq!(check_offers(&[""]), Err(OfferError::NotAToken { name: String::new() }));
        assert_eq!(check_offers(&["a", "b", "a"]), Err(OfferError::Repeated { name: "a".to_owned() }));
    }

    #[test]
    fn a_long_list_is_checked_in_a_moment() {
        let mut offers: Vec<String> = (0..200_000).map(|n| n.to_string()).collect();
        assert_eq!(check_offers(&offers), Ok(()));
        offers.push("0".to_owned());
        assert_eq!(check_offers(&offers), Err(OfferError::Repeated { name: "0".to_owned() }));
    }
}
