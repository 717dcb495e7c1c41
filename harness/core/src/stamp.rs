//! When something happened: an interval of the machine's own clock.
//!
//! A drill never knows an instant better than its two edges. Keeping both from the start lets a verdict say
//! "inconclusive" where a single number would have to lie.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nanoseconds of `CLOCK_BOOTTIME`: counts on while the machine sleeps, never steps.
pub type Nanos = i64;

/// One millisecond in nanoseconds.
pub const MILLISECOND: Nanos = 1_000_000;
/// One second in nanoseconds.
pub const SECOND: Nanos = 1_000_000_000;
/// One minute in nanoseconds.
pub const MINUTE: Nanos = 60 * SECOND;
/// One hour in nanoseconds.
pub const HOUR: Nanos = 60 * MINUTE;

/// An interval `[early, late]` in nanoseconds of drill time that holds the instant; written as a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(from = "(Nanos, Nanos)", into = "(Nanos, Nanos)")]
pub struct Stamp {
    /// The thing did not happen before this.
    pub early: Nanos,
    /// The thing did not happen after this.
    pub late: Nanos,
}

impl Stamp {
    /// The interval between two readings of the clock, in either order.
    #[must_use]
    pub fn new(one: Nanos, other: Nanos) -> Stamp {
        Stamp {
            early: one.min(other),
            late: one.max(other),
        }
    }

    /// An instant that was read where the thing happened.
    #[must_use]
    pub fn at(instant: Nanos) -> Stamp {
        Stamp {
            early: instant,
            late: instant,
        }
    }

    /// The smallest interval that holds both.
    #[must_use]
    pub fn hull(self, other: Stamp) -> Stamp {
        Stamp {
            early: self.early.min(other.early),
            late: self.late.max(other.late),
        }
    }

    /// Whether the two share an instant, ends included.
    #[must_use]
    pub fn touches(self, other: Stamp) -> bool {
        self.early <= other.late && other.early <= self.late
    }
}

impl From<(Nanos, Nanos)> for Stamp {
    fn from((early, late): (Nanos, Nanos)) -> Stamp {
        Stamp::new(early, late)
    }
}

impl From<Stamp> for (Nanos, Nanos) {
    fn from(stamp: Stamp) -> (Nanos, Nanos) {
        (stamp.early, stamp.late)
    }
}
