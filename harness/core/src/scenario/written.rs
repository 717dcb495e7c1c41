//! A range of time in which objects were written, as a plan restores files of a morning and not all of them.
//!
//! The one idea: a range counts from the start of the steady state, as `strike: { at }` does. Who restores and who spoils
//! reckon it by the same clock, and neither has to know of the other.

use std::ops::Range;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Duration;
use crate::stamp::{MILLISECOND, Nanos};

/// When objects were written, in plan time since the steady state began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// From this instant on.
    pub from: Duration,
    /// Before this one.
    pub until: Duration,
}

/// When the steady state of a drill began, by the clock of the wall, and how fast the plan's calendar runs from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Milliseconds since 1970.
    pub unix_ms: u64,
    /// Plan seconds per second of the wall; 0 counts as 1.
    pub scale: u32,
}

impl Written {
    /// The range on the plan clock, nanoseconds since the steady state began; `None` where an end has no fixed length.
    #[must_use]
    pub fn nanos(&self) -> Option<Range<Nanos>> {
        Some(self.from.nanos()?..self.until.nanos()?)
    }

    /// The range by the clock of the wall, milliseconds since 1970; `None` where an end has no fixed length.
    #[must_use]
    pub fn on_the_wall(&self, opening: Opening) -> Option<Range<u64>> {
        let plan = self.nanos()?;
        let at = |nanos: Nanos| {
            let drill = nanos / Nanos::from(opening.scale.max(1)) / MILLISECOND;
            opening.unix_ms.saturating_add(u64::try_from(drill).unwrap_or(0))
        };
        Some(at(plan.start)..at(plan.end))
    }
}

impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "from {} until {} after the steady state began",
            self.from, self.until
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(from: &str, until: &str) -> Written {
        Written {
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
        }
    }

    #[test]
    fn the_wall_runs_slower_than_the_plan() {
        let opening = Opening {
            unix_ms: 5_000,
            scale: 60,
        };
        assert_eq!(
            written("1 min", "10 min").on_the_wall(opening),
            Some(6_000..15_000),
            "a minute of the plan is a second"
        );
        let opening = Opening { scale: 0, ..opening };
        assert_eq!(written("0 s", "2 s").on_the_wall(opening), Some(5_000..7_000));
        assert_eq!(written("1 min", "1 month").on_the_wall(opening), None);
    }
}
