//! One mistake: where it stands in the data, what was found, and what to do.

use std::fmt;

/// Where something stands in a document: keys and indexes from the root down.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Vec<String>);

impl Place {
    /// The whole document.
    #[must_use]
    pub fn root() -> Place {
        Place::default()
    }

    /// A key of the document's top level.
    #[must_use]
    pub fn of(key: impl fmt::Display) -> Place {
        Place::root().then(key)
    }

    /// A key or an index below this.
    #[must_use]
    pub fn then(&self, key: impl fmt::Display) -> Place {
        let mut keys = self.0.clone();
        keys.push(key.to_string());
        Place(keys)
    }

    /// Its keys.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// Whether a drill can run in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It can, but the verdict may be weaker than hoped.
    Warning,
    /// It cannot.
    Error,
}

/// A mistake.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// Error or warning.
    pub severity: Severity,
    /// What was found, in a clause.
    pub what: String,
    /// A few words to stand beside the place.
    pub label: String,
    /// What was expected, and what to do.
    pub help: String,
}

impl Mistake {
    /// An error. Words longer than anybody reads are cut: what was found may be as long as the file.
    #[must_use]
    pub fn new(place: Place, what: impl Into<String>, label: impl Into<String>, help: impl Into<String>) -> Mistake {
        const WORDS_CHARS_MAX: usize = 4_000;
        let words = |text: String| cut(&text, WORDS_CHARS_MAX).unwrap_or(text);
        Mistake {
            place,
            severity: Severity::Error,
            what: words(what.into()),
            label: words(label.into()),
            help: words(help.into()),
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Mistake {
        self.severity = Severity::Warning;
        self
    }

    /// A name that is not among those known.
    #[must_use]
    pub fn unknown<'a>(place: Place, kind: &str, found: &str, known: impl IntoIterator<Item = &'a str>) -> Mistake {
        // Among so many the name that was meant is searched for.
        const KNOWN_MAX: usize = 1_000;
        let known: Vec<&str> = known.into_iter().take(KNOWN_MAX).collect();
        let help = match nearest(found, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Known: {}", listed(&known)),
            None if known.is_empty() => "there is none yet: add one, or take this out".to_owned(),
            None => format!("known: {}", listed(&known)),
        };
        Mistake::new(
            place,
            format!("there is no {kind} {}", listed(&[found])),
            "not known",
            help,
        )
    }
}

/// So many names are shown in a row.
pub(crate) const LISTED_MAX: usize = 30;

/// Names in a row, bounded.
pub(crate) fn listed(names: &[&str]) -> String {
    const NAME_CHARS_MAX: usize = 100;
    let mut text = names
        .iter()
        .take(LISTED_MAX)
        .map(|name| match cut(name, NAME_CHARS_MAX) {
            Some(cut) => format!("`{cut}`"),
            None => format!("`{name}`"),
        })
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > LISTED_MAX {
        text.push_str(", ...");
    }
    text
}

/// A text that has more characters than these, without the others.
pub(super) fn cut(text: &str, chars_max: usize) -> Option<String> {
    let (end, _) = text.char_indices().nth(chars_max)?;
    Some(format!("{}...", &text[..end]))
}

/// The known name that is most like the one found, if any is like it at all.
#[must_use]
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long texts are no misspelt names, and comparing them costs the product of their lengths.
    const NAME_BYTES_MAX: usize = 100;
    if found.len() > NAME_BYTES_MAX {
        return None;
    }
    let found = found.to_lowercase();
    known
        .into_iter()
        .filter(|name| name.len() <= NAME_BYTES_MAX)
        .map(|name| (strsim::jaro_winkler(&found, name), name))
        .filter(|(likeness, _)| *likeness > 0.78)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}
