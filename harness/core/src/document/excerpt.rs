//! The part of a file that is drawn: whole lines, unless they are longer than anybody reads.
//!
//! Whoever draws counts columns in 16 bits, and a program writes a plan on one line: of such a line only what stands around
//! the place is shown.

use std::ops::Range;

/// Longer lines are cut.
const LINE_BYTES_MAX: usize = 2 << 10;
/// What is shown on either side of the place then.
const AROUND_BYTES: usize = 80;
/// Of a longer place the beginning is pointed at.
const SPAN_BYTES_MAX: usize = 160;

/// A place, short enough to be drawn.
#[must_use]
pub fn pointed_at(text: &str, span: Range<usize>) -> Range<usize> {
    let end = span.end.min(span.start.saturating_add(SPAN_BYTES_MAX));
    span.start..floor(text, end).max(span.start)
}

/// What to show of whole lines (by their bytes) for a place in them; `None` where one of them is too long and the place
/// reaches too far for one drawing.
#[must_use]
pub fn excerpt(text: &str, lines: Range<usize>, span: Range<usize>) -> Option<Range<usize>> {
    if text
        .get(lines.clone())?
        .split('\n')
        .all(|line| line.len() <= LINE_BYTES_MAX)
    {
        return Some(lines);
    }
    if span.len() > SPAN_BYTES_MAX {
        return None;
    }
    let before = text.get(lines.start..span.start)?;
    let line = before
        .rfind('\n')
        .map_or(lines.start, |newline| lines.start + newline + 1);
    let from = floor(text, span.start.saturating_sub(AROUND_BYTES)).max(line);
    let until = floor(text, span.end.saturating_add(AROUND_BYTES).min(lines.end)).max(span.end);
    let behind = text.get(span.end..until)?;
    Some(from..behind.find('\n').map_or(until, |newline| span.end + newline))
}

/// The boundary of a character at or before a byte.
fn floor(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_unless_they_are_very_long() {
        let text = format!("{}\nshort\n", "é".repeat(50_000));
        assert_eq!(
            excerpt(&text, 100_001..100_006, 100_001..100_003),
            Some(100_001..100_006)
        );
        let long = 0..100_000;
        // Cut at characters, which have two bytes here.
        assert_eq!(excerpt(&text, long.clone(), 50_000..50_002), Some(49_920..50_082));
        assert_eq!(excerpt(&text, long.clone(), 0..2), Some(0..82));
        assert_eq!(excerpt(&text, long.clone(), 99_998..100_000), Some(99_918..100_000));
        assert_eq!(excerpt(&text, long.clone(), 0..90_000), None);
        // Many lines are shown whole as long as none of them is long.
        let many = "a line of a plan\n".repeat(1_000);
        assert_eq!(excerpt(&many, 0..17_000, 0..17_000), Some(0..17_000));
        // Several lines, one of them long: the one in which the place begins.
        assert_eq!(excerpt(&text, 0..100_006, 100_001..100_006), Some(100_001..100_006));
        assert_eq!(pointed_at(&text, 1_000..90_000), 1_000..1_160);
        assert_eq!(pointed_at(&text, 5..5), 5..5);
        for start in (0..100_000).step_by(998) {
            let shown = excerpt(&text, long.clone(), start..start + 2).expect("an excerpt");
            assert!(text.get(shown).is_some(), "{start}");
        }
    }
}
