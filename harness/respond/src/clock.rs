//! The machine's clock as the team reads it: `CLOCK_BOOTTIME` for stamps, wall-clock time for what catalogues say.

use std::time::{SystemTime, UNIX_EPOCH};

use firedrill_core::Stamp;
use firedrill_core::stamp::{Nanos, SECOND};
use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_BOOTTIME` in nanoseconds: counts on while the machine sleeps, never steps.
#[must_use]
pub fn now() -> Nanos {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec * SECOND + time.tv_nsec
}

/// Wall-clock milliseconds since 1970; for catalogues and recovery targets, never for judging.
#[must_use]
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// From a first reading of the clock on.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    /// The first reading, nanoseconds.
    pub begun: Nanos,
}

impl Stopwatch {
    /// Reads the clock.
    #[must_use]
    pub fn start() -> Stopwatch {
        Stopwatch { begun: now() }
    }

    /// Reads it again: the thing happened in between.
    #[must_use]
    pub fn stamp(self) -> Stamp {
        Stamp::new(self.begun, now())
    }

    /// Nanoseconds since the first reading.
    #[must_use]
    pub fn elapsed(self) -> Nanos {
        now() - self.begun
    }
}

/// An instant of now.
#[must_use]
pub fn instant() -> Stamp {
    Stamp::at(now())
}

/// A wall-clock instant as Postgres reads it: `2026-01-31 23:59:59.500+00`.
#[must_use]
pub fn utc(unix_ms: u64) -> String {
    let (seconds, milliseconds) = (unix_ms / 1000, unix_ms % 1000);
    let of_day = seconds % 86_400;
    // Days since 1970 to a civil date, in eras of 400 years that begin in March, so that a leap day ends its year.
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{milliseconds:03}+00",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_times_are_right_around_leap_days() {
        for (ms, text) in [
            (0, "1970-01-01 00:00:00.000+00"),
            (951_782_399_999, "2000-02-28 23:59:59.999+00"),
            (951_782_400_000, "2000-02-29 00:00:00.000+00"),
            (1_709_251_200_500, "2024-03-01 00:00:00.500+00"),
        ] {
            assert_eq!(utc(ms), text);
        }
    }

    #[test]
    fn a_stopwatch_s_edges_are_in_order() {
        let watch = Stopwatch::start();
        let stamp = watch.stamp();
        assert!(stamp.early <= stamp.late && stamp.early > 0);
    }
}
