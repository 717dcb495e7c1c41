//! The machine's clock as the team reads it: `CLOCK_BOOTTIME` for stamps, wall-clock time for what catalogues say.

/// Wall-clock times, for catalogues and recovery targets, never for judging.
pub use firedrill_backup::{unix_ms, utc};
use firedrill_core::Stamp;
use firedrill_core::stamp::{Nanos, SECOND};
use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_BOOTTIME` in nanoseconds: counts on while the machine sleeps, never steps.
#[must_use]
pub fn now() -> Nanos {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec * SECOND + time.tv_nsec
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

/// The instant that a text names, as the milliseconds since 1970 between which it lies: a text that gives whole seconds
/// leaves a second open. `2026-01-31T23:59:59.5Z`, with a blank for the `T` and any offset from UTC, which must be given.
#[must_use]
pub fn parse_utc(text: &str) -> Option<(i64, i64)> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', ' ', 't'])?;
    let offset_at = rest.find(['Z', 'z', '+', '-'])?;
    let (time, offset) = rest.split_at(offset_at);
    let number = |text: &str, digits: usize| -> Option<i64> {
        (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let mut parts = date.split('-');
    let (year, month, day) = (
        number(parts.next()?, 4)?,
        number(parts.next()?, 2)?,
        number(parts.next()?, 2)?,
    );
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = whole.split(':');
    let (hour, minute, second) = (
        number(parts.next()?, 2)?,
        number(parts.next()?, 2)?,
        number(parts.next()?, 2)?,
    );
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let offset = match offset.trim() {
        "Z" | "z" => 0,
        signed => {
            let sign = if signed.starts_with('-') { -1 } else { 1 };
            let digits: String = signed[1..].chars().filter(|c| *c != ':').collect();
            let minutes = match digits.len() {
                2 => number(&digits, 2)? * 60,
                4 => number(&digits[..2], 2)? * 60 + number(&digits[2..], 2)?,
                _ => return None,
            };
            sign * minutes * 60
        }
    };
    // Days since 1970 of a civil date, counted in years that begin in March.
    let (year, from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
    let digits = &fraction[..fraction.len().min(3)];
    let known = if digits.is_empty() {
        0
    } else {
        digits.parse::<i64>().ok()?
    };
    let (unit, open) = match digits.len() {
        0 => (1000, 1000),
        1 => (100, 100),
        2 => (10, 10),
        _ => (1, 1),
    };
    let from = seconds * 1000 + known * if digits.is_empty() { 0 } else { unit };
    Some((from, from + open))
}

/// Wall-clock instants (milliseconds since 1970, from and until) on the harness's clock, as the two stand to each other
/// now.
#[must_use]
pub fn from_wall(from_ms: i64, until_ms: i64) -> Stamp {
    let before = now();
    let wall = Nanos::try_from(unix_ms())
        .unwrap_or(Nanos::MAX)
        .saturating_mul(1_000_000);
    let after = now();
    let at = |ms: i64, boot: Nanos| ms.saturating_mul(1_000_000).saturating_sub(wall).saturating_add(boot);
    // The reading of the wall clock is cut to milliseconds: it was up to one later.
    Stamp::new(at(from_ms, before).saturating_sub(1_000_000), at(until_ms, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopwatch_s_edges_are_in_order() {
        let watch = Stopwatch::start();
        let stamp = watch.stamp();
        assert!(stamp.early <= stamp.late && stamp.early > 0);
    }

    #[test]
    fn what_is_printed_is_read_back_with_what_it_leaves_open() {
        for ms in [0, 951_782_400_000, 1_709_251_200_500] {
            let read = parse_utc(&utc(ms)).unwrap();
            assert_eq!(read, (i64::try_from(ms).unwrap(), i64::try_from(ms).unwrap() + 1));
        }
        assert_eq!(parse_utc("1970-01-01T00:00:01Z"), Some((1000, 2000)));
        assert_eq!(parse_utc("1970-01-01 01:00:00.5+01:00"), Some((500, 600)));
        for wrong in [
            "1970-01-01T00:00:00",
            "1970-13-01T00:00:00Z",
            "yesterday",
            "",
            "1970-01-01T00:00:00+1",
        ] {
            assert_eq!(parse_utc(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_wall_clock_s_now_is_now() {
        let ms = i64::try_from(unix_ms()).unwrap();
        let stamp = from_wall(ms, ms + 1);
        let now = now();
        assert!(stamp.early <= now && now - stamp.early < SECOND, "{stamp:?} {now}");
    }
}
