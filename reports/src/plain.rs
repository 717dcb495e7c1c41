//! Text from outside made safe to print: what a tool said may hold escapes of a terminal, marks that turn the
//! direction of writing, or characters that XML forbids. They are shown, not obeyed and not dropped.

/// More characters than this of one remark are cut, saying so: a page must stay one that people can read.
const CHARACTERS_MAX: usize = 2_000;

/// One line without any character that steers: line breaks and tabs become spaces, the rest stands as `\u{1b}`.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, c) in text.chars().enumerate() {
        if index == CHARACTERS_MAX {
            out.push_str(" [cut here; the whole stands in verdict.json]");
            break;
        }
        match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => out.push(' '),
            c if steers(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Control characters, marks of direction, invisible ones that hide text, and those that XML 1.0 does not know.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        || (u32::from(c) & 0xfffe) == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steering_characters_are_shown() {
        assert_eq!(plain("a\u{1b}[31mb\r\nc\u{0}"), "a\\u{1b}[31mb  c\\u{0}");
        assert_eq!(
            plain("\u{202e}evil\u{ffff}\u{1fffe}\u{9b}"),
            "\\u{202e}evil\\u{ffff}\\u{1fffe}\\u{9b}"
        );
        assert_eq!(plain("Größe ≤ 5 €, 大"), "Größe ≤ 5 €, 大");
    }

    #[test]
    fn a_long_remark_is_cut_and_says_so() {
        let long = plain(&"x".repeat(1_000_000));
        assert!(long.len() < 3_000 && long.ends_with("verdict.json]"), "{}", long.len());
    }
}
