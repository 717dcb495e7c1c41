//! The values behind a plan's figures, in the units that timers and thresholds need.

use std::time::Duration;

use firedrill_core::plan::{self, Figure};
use firedrill_core::stamp::Nanos;

/// The figure's value, whatever its comparator.
pub(crate) fn value<T: Copy>(figure: &Figure<T>) -> Option<T> {
    figure.value().copied()
}

/// Whether reaching the figure is already beyond it; plans write thresholds as `above` unless they say `at_least`.
pub(crate) fn reaching_is_beyond<T>(figure: &Figure<T>) -> bool {
    figure.at_least.is_some() || figure.below.is_some()
}

/// The figure's length in nanoseconds; the error says what was found and expected.
pub(crate) fn nanos(figure: &Figure<plan::Duration>, what: &str) -> Result<Nanos, String> {
    let value = value(figure).ok_or_else(|| format!("{what}: found no figure, expected a duration such as `30 s`"))?;
    value.nanos().ok_or_else(|| {
        format!("{what}: found `{value}`, expected a unit of fixed length (ms, s, min, h, d or w); write it in days")
    })
}

/// A duration of the scenario in drill time.
pub(crate) fn drill(duration: plan::Duration, what: &str) -> Result<Duration, String> {
    let nanos = duration.nanos().ok_or_else(|| {
        format!("{what}: found `{duration}`, expected a unit of fixed length (ms, s, min, h, d or w)")
    })?;
    Ok(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
}

/// Nanoseconds of a std duration, saturating.
pub(crate) fn as_nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}
