//! Durations as people read them: `4.2 s`, `1 h 02 min`. Whole numbers only, so that every machine writes the same.

const SECOND: i128 = 1_000_000_000;

/// A duration in nanoseconds in words: below a second in the unit that fits, below a minute to the millisecond,
/// above to the second. Rounded half up; the exact figure stands in nanoseconds beside it wherever it is judged.
#[must_use]
pub fn words(nanos: i128) -> String {
    if nanos < 0 {
        return format!("-{}", words(nanos.saturating_neg()));
    }
    if nanos == 0 {
        return "0 s".to_owned();
    }
    if nanos < 1_000 {
        return format!("{nanos} ns");
    }
    if nanos < 1_000_000 {
        return decimal(nanos, 1_000, "us");
    }
    if nanos < 999_950_000 {
        return decimal(nanos / 1_000, 1_000, "ms");
    }
    let millis = (nanos.saturating_add(500_000)) / 1_000_000;
    if millis < 60_000 {
        return decimal(millis, 1_000, "s");
    }
    let seconds = nanos.saturating_add(SECOND / 2) / SECOND;
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let mut text = match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes:02} min"),
        _ => format!("{days} d {hours:02} h {minutes:02} min"),
    };
    if rest > 0 && days == 0 {
        text.push_str(&format!(" {rest:02} s"));
    }
    text
}

/// `value / unit` with up to three decimals, zeros at the end left out.
fn decimal(value: i128, unit: i128, name: &str) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return format!("{whole} {name}");
    }
    let digits = format!("{rest:03}");
    format!("{whole}.{} {name}", digits.trim_end_matches('0'))
}

/// A number of bytes: `640 B`, `12 MiB`; rounded down.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count;
    let mut unit = 0;
    while value >= 1024 && unit + 1 < UNITS.len() {
        value /= 1024;
        unit += 1;
    }
    format!("{value} {}", UNITS[unit])
}

/// `1 write`, `312 writes`.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_people_write() {
        for (nanos, text) in [
            (0, "0 s"),
            (999, "999 ns"),
            (1_500, "1.5 us"),
            (312_000_000, "312 ms"),
            (4_200_000_000, "4.2 s"),
            (59_999_600_000, "1 min"),
            (250_000_000_000, "4 min 10 s"),
            (3_720_000_000_000, "1 h 02 min"),
            (3_725_000_000_000, "1 h 02 min 05 s"),
            (-90_000_000_000, "-1 min 30 s"),
            (273_840_000_000_000, "3 d 04 h 04 min"),
        ] {
            assert_eq!(words(nanos), text);
        }
        assert_eq!(bytes(12 << 20), "12 MiB");
        assert_eq!(bytes(u64::MAX), "16777215 TiB");
        assert!(!words(i128::MIN).is_empty());
    }
}
