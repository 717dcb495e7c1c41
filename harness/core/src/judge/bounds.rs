//! An achieved duration with both bounds, and how it is held against a limit.
//!
//! The one idea: met only if the upper bound meets the limit, missed only if the lower bound misses it.

use super::duration::words;
use crate::stamp::Nanos;
use crate::terms::{Comparator, Limit};
use crate::verdict::{Achieved, Outcome, Span};

/// An interval of plan time, nanoseconds, in 128 bits; `upper` `None` is infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) lower: i128,
    pub(crate) upper: Option<i128>,
}

impl Bounds {
    /// Exactly nothing.
    pub(crate) const ZERO: Bounds = Bounds {
        lower: 0,
        upper: Some(0),
    };
    /// Nothing is known.
    pub(crate) const UNKNOWN: Bounds = Bounds { lower: 0, upper: None };

    /// Both bounds further apart by `quantum`, never below zero.
    pub(crate) fn widened(self, quantum: i128) -> Bounds {
        Bounds {
            lower: (self.lower - quantum).max(0),
            upper: self.upper.map(|upper| upper.max(0) + quantum),
        }
    }

    /// What `limit` says of it.
    pub(crate) fn held_to(self, limit: &Limit) -> Outcome {
        let limit_plan = i128::from(limit.plan);
        let (met, missed) = match limit.comparator {
            Comparator::Below => (
                self.upper.is_some_and(|upper| upper < limit_plan),
                self.lower >= limit_plan,
            ),
            Comparator::AtMost => (
                self.upper.is_some_and(|upper| upper <= limit_plan),
                self.lower > limit_plan,
            ),
        };
        match (met, missed) {
            (true, false) => Outcome::Pass,
            (false, true) => Outcome::Fail,
            _ => Outcome::Inconclusive,
        }
    }

    /// Limit less upper bound.
    pub(crate) fn margin(self, limit: &Limit) -> Option<Nanos> {
        self.upper.map(|upper| clamp(i128::from(limit.plan) - upper))
    }

    /// In the form that verdicts carry.
    pub(crate) fn span(self) -> Span {
        Span {
            lower: clamp(self.lower),
            upper: self.upper.map(clamp),
        }
    }

    /// As what a finding achieved.
    pub(crate) fn achieved(self) -> Achieved {
        Achieved::Duration(self.span())
    }

    /// `4.2 s`, `between 4.2 s and 5 s`, `at least 4.2 s`.
    pub(crate) fn words(self) -> String {
        match self.upper {
            Some(upper) if upper == self.lower => words(upper),
            Some(upper) if self.lower == 0 => format!("at most {}", words(upper)),
            Some(upper) => format!("between {} and {}", words(self.lower), words(upper)),
            None => format!("at least {}", words(self.lower)),
        }
    }
}

/// Into 64 bits; what does not fit stops at the end of the range.
pub(crate) fn clamp(value: i128) -> Nanos {
    Nanos::try_from(value).unwrap_or(if value < 0 { Nanos::MIN } else { Nanos::MAX })
}

/// The limit as the plan writes it, with its comparator where the text lacks one.
pub(crate) fn limit_words(limit: &Limit) -> String {
    let text = limit.text.trim();
    if text.starts_with('<') {
        return text.to_owned();
    }
    match limit.comparator {
        Comparator::Below => format!("< {text}"),
        Comparator::AtMost => format!("<= {text}"),
    }
}
