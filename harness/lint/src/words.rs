//! Words as plans write them, read for rules: places, commands, dates.

/// A day written `2026-12-07`; `None` where it is none.
pub(crate) fn day(text: &str) -> Option<(i32, u8, u8)> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (text.get(..4)?, text.get(5..7)?, text.get(8..)?);
    if ![year, month, day]
        .iter()
        .all(|part| part.bytes().all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    let (year, month, day): (i32, u8, u8) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    (1..=last).contains(&day).then_some((year, month, day))
}

/// Whether this is a day of the calendar, written `2026-12-07`.
#[must_use]
pub fn is_day(text: &str) -> bool {
    day(text).is_some()
}

/// Names in a row: `a`, `a and b`, `a, b and c`; at most eight.
pub(crate) fn row<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN_MAX: usize = 8;
    let names: Vec<&str> = names.into_iter().collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [head @ .., last] if names.len() <= SHOWN_MAX => format!("{} and {last}", head.join(", ")),
        many => format!(
            "{} and {} more",
            many[..SHOWN_MAX - 1].join(", "),
            many.len() - (SHOWN_MAX - 1)
        ),
    }
}

/// Whether the text has this word, at word bounds, whatever the case. The word is lower case.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let text = text.to_lowercase();
    let bound = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(word)
        .any(|(at, found)| bound(text[..at].chars().next_back()) && bound(text[at + found.len()..].chars().next()))
}

/// Whether it has one of these.
pub(crate) fn has_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| has_word(text, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_their_bounds() {
        assert!(has_word("Restore with PITR, then test", "pitr"));
        assert!(!has_word("dumps", "dump"));
        assert!(has_word("a-dump.sql", "dump"));
    }

    #[test]
    fn a_day_that_no_calendar_has_is_none() {
        assert!(day("2024-02-29").is_some());
        for none in [
            "2025-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-1-1",
            "tomorrow",
            "2026-04-31",
            "20é6-01-1",
        ] {
            assert!(day(none).is_none(), "{none}");
        }
    }
}
