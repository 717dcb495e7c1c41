//! Words as plans write them, read for rules.

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
}
