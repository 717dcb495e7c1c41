//! A figure of a plan: a value that remembers how it was written, where, and whether it was written at all.

use std::fmt;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, Share};
use crate::terms::{Comparator, Limit, Source, Status};

/// A figure with its comparator, place and status. Exactly one of `below`, `at_most`, `at_least`, `above`, `is` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
#[serde(bound(deserialize = "T: Deserialize<'de>", serialize = "T: Serialize"))]
pub struct Figure<T> {
    /// `<`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<T>,
    /// `<=`, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<T>,
    /// `>=`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<T>,
    /// `>`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<T>,
    /// Written without a comparator; a limit is then meant as `<=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<T>,
    /// The section it is from.
    #[serde(rename = "where")]
    pub place: String,
    /// Stated unless said otherwise.
    #[serde(default = "stated")]
    pub status: Status,
}

pub(crate) fn stated() -> Status {
    Status::Stated
}

/// How a figure was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Written {
    Below,
    AtMost,
    AtLeast,
    Above,
    Bare,
}

impl Written {
    /// The key that it is written with.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Written::Below => "below",
            Written::AtMost => "at_most",
            Written::AtLeast => "at_least",
            Written::Above => "above",
            Written::Bare => "is",
        }
    }

    /// The sign, with a space behind it; nothing for a bare figure.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Written::Below => "< ",
            Written::AtMost => "<= ",
            Written::AtLeast => ">= ",
            Written::Above => "> ",
            Written::Bare => "",
        }
    }
}

impl<T> Figure<T> {
    /// The value with its comparator; `None` unless exactly one is set.
    #[must_use]
    pub fn written(&self) -> Option<(Written, &T)> {
        let mut all = [
            (Written::Below, &self.below),
            (Written::AtMost, &self.at_most),
            (Written::AtLeast, &self.at_least),
            (Written::Above, &self.above),
            (Written::Bare, &self.is),
        ]
        .into_iter()
        .filter_map(|(written, value)| value.as_ref().map(|value| (written, value)));
        let first = all.next()?;
        match all.next() {
            None => Some(first),
            Some(_) => None,
        }
    }

    /// The value, whatever its comparator; `None` unless exactly one is set.
    #[must_use]
    pub fn value(&self) -> Option<&T> {
        self.written().map(|(_, value)| value)
    }

    /// Where it is from.
    #[must_use]
    pub fn source(&self) -> Source {
        Source {
            place: self.place.clone(),
            status: self.status,
        }
    }
}

impl Figure<Duration> {
    /// The figure as an upper limit; `None` for `>` and `>=`, or where the unit has no fixed length.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        let (written, value) = self.written()?;
        let comparator = match written {
            Written::Below => Comparator::Below,
            Written::AtMost | Written::Bare => Comparator::AtMost,
            Written::AtLeast | Written::Above => return None,
        };
        Some(Limit {
            comparator,
            plan: value.nanos()?,
            text: self.to_string(),
            source: self.source(),
        })
    }
}

impl fmt::Display for Figure<Duration> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.written() {
            Some((written, value)) => write!(f, "{}{}", written.sign(), value.in_words()),
            None => write!(f, "?"),
        }
    }
}

impl fmt::Display for Figure<Share> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.written() {
            Some((written, value)) => write!(f, "{}{value}", written.sign()),
            None => write!(f, "?"),
        }
    }
}

impl fmt::Display for Figure<u32> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.written() {
            Some((written, value)) => write!(f, "{}{value}", written.sign()),
            None => write!(f, "?"),
        }
    }
}
