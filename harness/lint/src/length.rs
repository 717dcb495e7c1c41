//! Lengths of time for arithmetic: what a month is at least and at most, and how a sum reads.

use firedrill_core::plan::{Duration, Figure, Unit};
use firedrill_core::stamp::{HOUR, MILLISECOND, MINUTE, Nanos, SECOND};

const DAY: Nanos = 24 * HOUR;
/// A plain year, by which availability targets are reckoned.
pub(crate) const YEAR: Nanos = 365 * DAY;

/// The shortest that a duration can be: a month has 28 days then.
pub(crate) fn least(duration: Duration) -> Nanos {
    length(duration, 28, 90, 365)
}

/// The longest that it can be: a month has 31 days then.
pub(crate) fn most(duration: Duration) -> Nanos {
    length(duration, 31, 92, 366)
}

fn length(duration: Duration, month: i64, quarter: i64, year: i64) -> Nanos {
    let days = match duration.unit {
        Unit::Month => month,
        Unit::Quarter => quarter,
        Unit::Year => year,
        _ => return duration.nanos().unwrap_or(Nanos::MAX),
    };
    (days * DAY).saturating_mul(i64::from(duration.count))
}

/// A figure's value as a length: the longest it can be.
pub(crate) fn of(figure: &Figure<Duration>) -> Option<Nanos> {
    figure.value().map(|value| most(*value))
}

/// In words, at most three units: `6 h`, `8 h 45 min 36 s`, `345 min` never.
pub(crate) fn words(nanos: Nanos) -> String {
    if nanos == 0 {
        return "0".to_owned();
    }
    let mut rest = nanos.max(0);
    let mut parts = Vec::new();
    for (unit, name) in [
        (DAY, "d"),
        (HOUR, "h"),
        (MINUTE, "min"),
        (SECOND, "s"),
        (MILLISECOND, "ms"),
    ] {
        let count = rest / unit;
        rest %= unit;
        if count > 0 && parts.len() < 3 {
            parts.push(format!("{count} {name}"));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_as_people_say_them() {
        assert_eq!(words(6 * HOUR), "6 h");
        assert_eq!(words(8 * HOUR + 45 * MINUTE + 36 * SECOND), "8 h 45 min 36 s");
        assert_eq!(words(DAY + MINUTE), "1 d 1 min");
        assert_eq!(words(0), "0");
    }

    #[test]
    fn a_month_is_no_fixed_length() {
        let month: Duration = "1 month".parse().expect("a duration");
        assert_eq!((least(month) / DAY, most(month) / DAY), (28, 31));
        let long: Duration = "4000000000 years".parse().expect("a duration");
        assert_eq!(most(long), Nanos::MAX);
    }
}
