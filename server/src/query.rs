//! The parameters of a URL: what scenarios and faults are told by.
//!
//! Whoever knows a parameter takes it; what nobody took is an error, since a parameter that is ignored is a test that
//! does not test what its URL says.

use std::{fmt, time::Duration};

/// The parameters of a request's query, decoded, until they are taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    parameters: Vec<(String, String)>,
    /// The keys that were only looked at.
    shared: Vec<&'static str>,
}

/// Why a query is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueryError {
    /// A value that does not parse, or is not allowed.
    Invalid { key: String, value: String, allowed: String },
    /// A parameter that nobody knows here.
    Unknown { key: String, known: Vec<&'static str> },
    /// A parameter that is there twice.
    Repeated { key: String },
    /// A parameter that means nothing without another, or beside it.
    Unfit { key: String, why: String },
}

/// What a parameter's text can mean.
pub(crate) trait Value: Sized {
    /// What is allowed, for errors and the documentation.
    const ALLOWED: &'static str;

    /// The value, if the text is one.
    fn parse(text: &str) -> Option<Self>;
}

/// A share of all messages, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Probability(pub(crate) f64);

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) struct Size(pub(crate) u64);

/// So many in a second: more than 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct PerSecond(pub(crate) f64);

/// Whether something is so: a parameter without a value says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl Query {
    /// Reads a query as forms write it: `&` between parameters, `+` for a space, `%XX` for a byte. A `%` that two
    /// hexadecimal digits do not follow is itself, so that `drop=2%` may be written as it is meant.
    pub(crate) fn parse(query: &str) -> Result<Self, QueryError> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (key, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
            if parameters.iter().any(|(earlier, _)| *earlier == key) {
                return Err(QueryError::Repeated { key });
            }
            parameters.push((key, value));
        }
        Ok(Self { parameters, shared: Vec::new() })
    }

    /// A parameter's text.
    pub(crate) fn take_text(&mut self, key: &str) -> Option<String> {
        let at = self.parameters.iter().position(|(name, _)| name == key)?;
        Some(self.parameters.remove(at).1)
    }

    /// A parameter's value.
    pub(crate) fn take<T: Value>(&mut self, key: &str) -> Result<Option<T>, QueryError> {
        let Some(text) = self.take_text(key) else { return Ok(None) };
        match T::parse(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(QueryError::invalid(key, text, T::ALLOWED)),
        }
    }

    /// A parameter's value, which somebody else may still take: for what a scenario and a fault both go by.
    pub(crate) fn share<T: Value>(&mut self, key: &'static str) -> Result<Option<T>, QueryError> {
        let Some((_, text)) = self.parameters.iter().find(|(name, _)| name == key) else { return Ok(None) };
        let value = T::parse(text).ok_or_else(|| QueryError::invalid(key, text.as_str(), T::ALLOWED))?;
        self.shared.push(key);
        Ok(Some(value))
    }

    /// A parameter's value within a range; `allowed` says which.
    pub(crate) fn take_within<T: Value + PartialOrd>(
        &mut self,
        key: &str,
        range: std::ops::RangeInclusive<T>,
        allowed: &str,
    ) -> Result<Option<T>, QueryError> {
        let Some(text) = self.take_text(key) else { return Ok(None) };
        match T::parse(&text) {
            Some(value) if range.contains(&value) => Ok(Some(value)),
            _ => Err(QueryError::invalid(key, text, allowed)),
        }
    }

    /// Whether something is so; it is not unless the query says it.
    pub(crate) fn take_flag(&mut self, key: &str) -> Result<bool, QueryError> {
        Ok(self.take::<Flag>(key)?.is_some_and(|flag| flag.0))
    }

    /// Adds the parameters of another query that are not in this one.
    pub(crate) fn add_missing(&mut self, other: Self) {
        for (key, value) in other.parameters {
            if !self.parameters.iter().any(|(own, _)| *own == key) {
                self.parameters.push((key, value));
            }
        }
    }

    /// The keys that are left.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|(key, _)| key.as_str())
    }

    /// Refuses what nobody took; `known` says what there is.
    pub(crate) fn finish(self, known: impl FnOnce() -> Vec<&'static str>) -> Result<(), QueryError> {
        match self.parameters.into_iter().find(|(key, _)| !self.shared.contains(&key.as_str())) {
            Some((key, _)) => Err(QueryError::Unknown { key, known: known() }),
            None => Ok(()),
        }
    }
}

impl QueryError {
    pub(crate) fn invalid(key: &str, value: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self::Invalid { key: key.to_owned(), value: value.into(), allowed: allowed.into() }
    }

    pub(crate) fn unfit(key: &str, why: impl Into<String>) -> Self {
        Self::Unfit { key: key.to_owned(), why: why.into() }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { key, value, allowed } => {
                write!(f, "parameter {key} is {value:?}; allowed is {allowed}")
            }
            Self::Unknown { key, known } => {
                write!(f, "there is no parameter {key:?} here; ")?;
                if known.len() <= FEW {
                    return write!(f, "there is: {}", known.join(", "));
                }
                let near = nearest(key, known);
                if !near.is_empty() {
                    write!(f, "did you mean {}? ", near.join(" or "))?;
                }
                f.write_str("/faults lists what there is")
            }
            Self::Repeated { key } => write!(f, "parameter {key:?} is there twice"),
            Self::Unfit { key, why } => write!(f, "parameter {key} {why}"),
        }
    }
}

impl std::error::Error for QueryError {}

/// As many names as are all told.
const FEW: usize = 8;

/// The names that a key may have been meant for.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Vec<&'a str> {
    const MOST: usize = 3;
    // A key is a peer's.
    if key.len() > 32 {
        return Vec::new();
    }
    let most = 1 + key.len() / 4;
    let mut near: Vec<_> = known
        .iter()
        .map(|name| (if name.starts_with(key) { 1 } else { edits(key, name) }, *name))
        .filter(|(edits, name)| *edits <= most && *edits < name.len())
        .collect();
    near.sort_by_key(|(edits, _)| *edits);
    // One that is nearer than the others is the one that was meant.
    let least = near.first().map_or(0, |(edits, _)| *edits);
    near.into_iter().filter(|(edits, _)| *edits == least).take(MOST).map(|(_, name)| name).collect()
}

/// How many letters have to be changed, added, left out or swapped with the next to make one text the other.
fn edits(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    // The last two rows of the table of distances between beginnings.
    let mut before = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut least = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                let swapped: &Vec<usize> = &before;
                least = least.min(swapped[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[other.len()]
}

impl Value for String {
    const ALLOWED: &'static str = "any text";

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Value for u64 {
    const ALLOWED: &'static str = "a whole number, such as 10";

    fn parse(text: &str) -> Option<Self> {
        // `u64` would take a sign.
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    }
}

impl Value for Flag {
    const ALLOWED: &'static str = "nothing, true or false";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "true" | "1" => Some(Self(true)),
            "false" | "0" => Some(Self(false)),
            _ => None,
        }
    }
}

impl Value for Probability {
    const ALLOWED: &'static str = "a probability: 0% to 100%, or 0 to 1, such as 2% or 0.02";

    fn parse(text: &str) -> Option<Self> {
        let share = match text.strip_suffix('%') {
            Some(percent) => decimal(percent)? / 100.0,
            None => decimal(text)?,
        };
        (share <= 1.0).then_some(Self(share))
    }
}

impl Value for PerSecond {
    const ALLOWED: &'static str = "how many in a second: more than 0, such as 10 or 0.5";

    fn parse(text: &str) -> Option<Self> {
        decimal(text).filter(|rate| *rate > 0.0).map(Self)
    }
}

/// At most a day.
impl Value for Duration {
    const ALLOWED: &'static str = "a time up to a day in us, ms, s, m or h, such as 50ms, 1.5s or 2m";

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = number_and_unit(text)?;
        let seconds = match unit {
            "us" => number / 1e6,
            "ms" => number / 1e3,
            "s" => number,
            "m" | "min" => number * 60.0,
            "h" => number * 3600.0,
            _ => return None,
        };
        (seconds <= 86_400.0).then(|| Self::from_secs_f64(seconds))
    }
}

impl Value for Size {
    const ALLOWED: &'static str = "a number of bytes, such as 1500, 64KiB or 16MiB";

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let unit = match unit {
            "" | "B" => 1,
            "KiB" => 1024,
            "MiB" => 1024 * 1024,
            "GiB" => 1024 * 1024 * 1024,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit).map(Self)
    }
}

fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    Some((decimal(number)?, unit))
}

/// A number of digits with at most one point: no sign, exponent or infinity.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one<T: Value>(text: &str) -> Option<T> {
        T::parse(text)
    }

    #[test]
    fn a_probability_is_a_percentage_or_a_share() {
        for (text, share) in
            [("2%", 0.02), ("0.02", 0.02), ("100%", 1.0), ("1", 1.0), ("0", 0.0), (".5", 0.5)]
        {
            assert_eq!(one(text), Some(Probability(share)), "{text}");
        }
        for wrong in ["", "%", "2", "101%", "-1%", "1e-2", "NaN", "inf", "2 %", "2%%"] {
            assert_eq!(one::<Probability>(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(one("50ms"), Some(Duration::from_millis(50)));
        assert_eq!(one("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(one("2m"), Some(Duration::from_secs(120)));
        assert_eq!(one("0s"), Some(Duration::ZERO));
        for wrong in ["", "50", "s", "ms", "-1s", "25h", "1d", "1e3s", "5 s"] {
            assert_eq!(one::<Duration>(wrong), None, "{wrong:?}");
        }
        assert_eq!(one("64KiB"), Some(Size(65_536)));
        assert_eq!(one("1500"), Some(Size(1500)));
        for wrong in ["", "KiB", "1.5KiB", "64KB", "-1", "99999999999GiB", "99999999999999999999"] {
            assert_eq!(one::<Size>(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_percent_sign_may_be_plain_or_encoded() {
        for query in ["drop=2%", "drop=2%25", "a=1&drop=2%&b=2"] {
            let mut query = Query::parse(query).unwrap();
            assert_eq!(query.take("drop"), Ok(Some(Probability(0.02))));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_allowed() {
        let mut query = Query::parse("drop=lots&other=1").unwrap();
        let error = query.take::<Probability>("drop").unwrap_err();
        assert_eq!(
            error.to_string(),
            "parameter drop is \"lots\"; allowed is a probability: 0% to 100%, or 0 to 1, such as 2% or 0.02"
        );
        let error = query.finish(|| vec!["drop", "delay"]).unwrap_err();
        assert_eq!(error.to_string(), "there is no parameter \"other\" here; there is: drop, delay");
        let many = vec!["drop", "dup", "delay", "rst", "fin", "status", "accept", "close", "trace"];
        for (key, says) in [
            ("dorp", "did you mean drop? /faults lists what there is"),
            ("statsu", "did you mean status? /faults lists what there is"),
            ("dela", "did you mean delay? /faults lists what there is"),
            ("whatever", "/faults lists what there is"),
        ] {
            let error = Query::parse(key).unwrap().finish(|| many.clone()).unwrap_err();
            assert_eq!(error.to_string(), format!("there is no parameter {key:?} here; {says}"));
        }
        let error = Query::parse("a=1&a=1").unwrap_err();
        assert_eq!(error.to_string(), "parameter \"a\" is there twice");
    }

    #[test]
    fn what_is_shared_can_still_be_taken_and_need_not_be() {
        let mut query = Query::parse("seed=7&drop=2%").unwrap();
        assert_eq!(query.share("seed"), Ok(Some(7_u64)));
        assert_eq!(query.share::<u64>("other"), Ok(None));
        assert_eq!(query.clone().take("seed"), Ok(Some(7_u64)));
        assert_eq!(query.take("drop"), Ok(Some(Probability(0.02))));
        assert_eq!(query.finish(Vec::new), Ok(()));
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in "\\PC{0,60}", text in "[0-9.%a-zA-Z]{0,12}") {
            if let Ok(mut query) = Query::parse(&query) {
                let _ = query.take::<Probability>("drop");
                let _ = query.finish(Vec::new);
            }
            let share = Probability::parse(&text);
            prop_assert!(share.is_none_or(|share| (0.0..=1.0).contains(&share.0)));
            let _ = (Size::parse(&text), Duration::parse(&text), PerSecond::parse(&text), u64::parse(&text));
        }
    }
}
