//! Secrets of the run taken out of what commands write, before anything keeps it.

/// What stands where a secret stood.
const INSTEAD: &str = "[redacted]";
/// Shorter ones would take words apart that have nothing to do with them.
const BYTES_MIN: usize = 6;

/// The secrets of a run.
pub(super) struct Redaction(Vec<String>);

impl Redaction {
    pub(super) fn of(secrets: Vec<String>) -> Redaction {
        let mut secrets: Vec<String> = secrets.into_iter().filter(|secret| secret.len() >= BYTES_MIN).collect();
        // The longest first: one may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Redaction(secrets)
    }

    pub(super) fn applied(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), INSTEAD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_goes_whole_and_words_stay() {
        let redaction = Redaction::of(vec!["secret".into(), "secret-and-more".into(), "a".into()]);
        assert_eq!(
            redaction.applied("a secret-and-more, a secret."),
            "a [redacted], a [redacted]."
        );
    }
}
