//! Wall-clock times, as ids, catalogues and recovery targets write them. All are UTC; none is ever judged by.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last millisecond of the year 9999, beyond which the texts here have no form.
const UNIX_MS_MAX: u64 = 253_402_300_799_999;

/// Wall-clock milliseconds since 1970.
#[must_use]
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn rfc3339(unix_ms: u64) -> String {
    let at = UNIX_EPOCH + Duration::from_millis(unix_ms.min(UNIX_MS_MAX));
    humantime::format_rfc3339_millis(at).to_string()
}

/// An instant as Postgres reads it in any session: `2026-01-31 23:59:59.500+00`.
#[must_use]
pub fn utc(unix_ms: u64) -> String {
    rfc3339(unix_ms).replace('T', " ").replace('Z', "+00")
}

/// An instant as ids carry it: `20260131T235959Z`.
pub(crate) fn compact_utc(unix_ms: u64) -> String {
    let text = rfc3339(unix_ms);
    let digits: String = text[..19].chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{digits}Z")
}

/// Reads a time that says its zone, in milliseconds since 1970 rounded down: `2026-01-31 23:59:59.5+00`, also with `T` for
/// the space, and `Z` or an offset such as `-05:30` for the zone. Nothing where it is anything else: a time
/// without a zone is another instant on another machine.
#[must_use]
pub fn parse_time(text: &str) -> Option<u64> {
    let text = text.trim();
    let (bare, offset_seconds) = match text.strip_suffix(['Z', 'z']) {
        Some(bare) => (bare, 0),
        None => {
            // Behind the date, whose own hyphens are no signs.
            let sign = 10 + text.get(10..)?.find(['+', '-'])?;
            let (bare, zone) = text.split_at(sign);
            let digits = &zone[1..];
            let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
                (Some((hours, minutes)), 5) => (hours, minutes),
                (None, 2) => (digits, "00"),
                (None, 4) => digits.split_at_checked(2)?,
                _ => return None,
            };
            let number = |text: &str, below: i64| text.parse::<i64>().ok().filter(|found| (0..below).contains(found));
            let seconds = number(hours, 16)? * 3600 + number(minutes, 60)? * 60;
            (bare, if zone.starts_with('-') { -seconds } else { seconds })
        }
    };
    let at = humantime::parse_rfc3339_weak(bare.trim_end()).ok()?;
    let unix_ms = i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    u64::try_from(unix_ms - offset_seconds * 1000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_right_around_leap_days() {
        for (ms, id, postgres) in [
            (0, "19700101T000000Z", "1970-01-01 00:00:00.000+00"),
            (951_782_399_999, "20000228T235959Z", "2000-02-28 23:59:59.999+00"),
            (951_782_400_000, "20000229T000000Z", "2000-02-29 00:00:00.000+00"),
            (1_709_251_199_999, "20240229T235959Z", "2024-02-29 23:59:59.999+00"),
            (1_709_251_200_500, "20240301T000000Z", "2024-03-01 00:00:00.500+00"),
        ] {
            assert_eq!(compact_utc(ms), id);
            assert_eq!(utc(ms), postgres);
            assert_eq!(parse_time(postgres), Some(ms));
        }
        assert_eq!(compact_utc(u64::MAX), "99991231T235959Z");
    }

    #[test]
    fn a_time_says_its_zone_or_is_none() {
        let noon = 1_709_251_200_000 + 43_200_000;
        for text in [
            "2024-03-01 12:00:00Z",
            "2024-03-01T12:00:00.000z",
            "2024-03-01 12:00:00+00",
            "2024-03-01 14:30:00+02:30",
            "2024-03-01 14:30:00 +0230",
            "2024-02-29 23:00:00-13",
        ] {
            assert_eq!(parse_time(text), Some(noon), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2024-03-01",
            "2024-03-01 12:00:00",
            "2024-03-01 12:00:00 CET",
            "2024-03-01 12:00:00+99",
            "2024-03-01 12:00:00+0é",
            "1969-12-31 00:00:00Z",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
