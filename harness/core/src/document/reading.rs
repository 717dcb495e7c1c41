//! What the YAML reader did not accept, in words that say what to do.

use std::ops::Range;

use serde_saphyr::Error;

use super::mistake::{Mistake, Place, listed, nearest};
use super::places::bytes;

/// The mistake behind a reader's error, and its bytes in the text.
pub(super) fn explain(error: &Error, text: &str) -> (Mistake, Range<usize>) {
    let error = error.without_snippet();
    let span = error.location().map_or(0..0, |location| bytes(text, location));
    (mistake(error, text.get(span.clone()).unwrap_or("")), span)
}

fn mistake(error: &Error, found: &str) -> Mistake {
    let make = |what: String, label: &str, help: String| Mistake::new(Place::root(), what, label, help);
    let misspelt = |kind: &str, found: &str, expected: &[&str]| {
        let help = match nearest(found, expected.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Expected one of {}", listed(expected)),
            None => format!("expected one of {}", listed(expected)),
        };
        make(format!("`{found}` is no {kind} known here"), "not known", help)
    };
    match error {
        Error::SerdeUnknownField { field, expected, .. } => misspelt("key", field, expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => misspelt("value", variant, expected),
        Error::SerdeMissingField { field, .. } => make(
            format!("the key `{field}` is missing"),
            "missing beside this",
            format!("add `{field}: ...`; the schema named on top of the shipped files tells what it holds"),
        ),
        Error::SerdeInvalidType {
            unexpected, expected, ..
        }
        | Error::SerdeInvalidValue {
            unexpected, expected, ..
        } => make(
            format!("found {unexpected}"),
            "of the wrong kind",
            format!("expected {expected}"),
        ),
        Error::Unexpected { expected, .. } => make(
            "found something of another kind".to_owned(),
            "of the wrong kind",
            format!("expected {}", plain(expected)),
        ),
        Error::InvalidScalar { ty, .. } => make(
            format!("`{}` is not {ty}", short(found)),
            "of the wrong kind",
            format!("expected {ty}"),
        ),
        Error::DuplicateMappingKey { key, .. } => make(
            match key {
                Some(key) => format!("the key `{}` stands here twice", short(key)),
                None => "a key stands here twice".to_owned(),
            },
            "the second one",
            "keep one of the two; figures that a plan states twice go into a list".to_owned(),
        ),
        Error::NullIntoString { .. } => make(
            "found nothing".to_owned(),
            "empty",
            "expected a text; leave the key out, or write it in quotes".to_owned(),
        ),
        Error::Eof { .. } => make(
            "the file is empty, or ends too early".to_owned(),
            "ends here",
            "`firedrill init` writes a plan and a scenario to begin with".to_owned(),
        ),
        Error::MultipleDocuments { .. } => make(
            "a second document begins here".to_owned(),
            "second document",
            "one file holds one plan or one scenario: take out `---`, or split the file".to_owned(),
        ),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => make(
            "the file unfolds to more than a plan or scenario can be".to_owned(),
            "limit reached",
            "aliases (`*name`) multiply what they name: write out what is meant".to_owned(),
        ),
        Error::AliasError { error, .. } => mistake(error, found),
        Error::Message { msg, .. } | Error::SerdeVariantId { msg, .. } => {
            // The model's own types speak as `what: what is expected`.
            match msg.split_once(": expected ") {
                Some((what, expected)) => make(what.to_owned(), "not understood", format!("expected {expected}")),
                None => make(
                    msg.clone(),
                    "not understood",
                    "correct this value; the schema named on top of the shipped files tells what it may be".to_owned(),
                ),
            }
        }
        other => make(
            first_line(&other.to_string()),
            "here",
            "this is not YAML as expected: look at indentation, quotes and brackets around here".to_owned(),
        ),
    }
}

/// The reader's words for shapes, in those of people who write files.
fn plain(expected: &str) -> &str {
    match expected {
        "mapping start" => "keys with values (`key: value`), indented or in `{ }`",
        "sequence start" => "a list: items behind `-`, or in `[ ]`",
        "scalar" | "string scalar" => "a single value",
        other => other,
    }
}

fn short(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    if text.chars().count() <= CHARS_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(CHARS_MAX).collect();
    format!("{kept}...")
}

fn first_line(text: &str) -> String {
    short(text.lines().next().unwrap_or("not YAML"))
}
