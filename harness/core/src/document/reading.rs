//! What the YAML reader did not accept, in words that say what to do.

use std::ops::Range;

use serde_saphyr::Error;

use super::mistake::{Mistake, Place, cut, listed, nearest};
use super::places::bytes;
use crate::plan::{Duration, Share};

/// The mistake behind a reader's error, and its bytes in the text.
pub(super) fn explain(error: &Error, text: &str, kind: Kind) -> (Mistake, Range<usize>) {
    let error = error.without_snippet();
    let span = error.location().map_or(0..0, |location| bytes(text, location));
    let found = text.get(span.clone()).unwrap_or("");
    let mistake = match bare_figure(error, found) {
        Some(mistake) if kind == Kind::Plan => mistake,
        _ => mistake(error, found),
    };
    (mistake, span)
}

/// What a text is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plan,
    Other,
}

/// In plans keys with values in place of which a bare value stands are nearly always those of a figure.
fn bare_figure(error: &Error, found: &str) -> Option<Mistake> {
    let keys = matches!(error, Error::Unexpected { expected, .. } if *expected == KEYS);
    let value = found.trim_matches(['"', '\'']);
    let is_value = value.parse::<Duration>().is_ok() || value.parse::<Share>().is_ok() || value.parse::<u64>().is_ok();
    (keys && is_value).then(|| {
        Mistake::new(
            Place::root(),
            format!("`{value}` does not say how it is meant, nor where it stands"),
            "no figure yet",
            format!(
                "a figure says both: `{{ at_most: {value}, where: section 1 }}`, or `below`, `at_least`, `above`, or `is` \
                 where your document writes no comparator"
            ),
        )
    })
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
        Error::SerdeUnknownVariant { variant, expected, .. } if is_nothing(variant, found) => make(
            "nothing stands here".to_owned(),
            "empty",
            format!(
                "expected one of {}; what belongs to this key is indented further than it",
                listed(expected)
            ),
        ),
        Error::SerdeUnknownVariant { variant, expected, .. } => misspelt("value", variant, expected),
        Error::SerdeMissingField { field, .. } => make(
            format!("the key `{field}` is missing"),
            "missing beside this",
            match *field {
                "where" => "add `where: section 1`: the section of your document that this is from".to_owned(),
                field => {
                    format!("add `{field}: ...`; docs/plan-keys.md and docs/scenario-keys.md tell what each key holds")
                }
            },
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
                    "correct this value; docs/plan-keys.md and docs/scenario-keys.md tell what each key holds"
                        .to_owned(),
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

/// The reader's word for keys with values.
const KEYS: &str = "mapping start";

/// The reader takes an empty place for YAML's `~`.
fn is_nothing(variant: &str, found: &str) -> bool {
    matches!(variant, "" | "~" | "null") && matches!(found.trim(), "" | "~" | "null")
}

/// The reader's words for shapes, in those of people who write files.
fn plain(expected: &str) -> &str {
    match expected {
        KEYS => "keys with values (`key: value`), indented or in `{ }`",
        "sequence start" => "a list: items behind `-`, or in `[ ]`",
        "scalar" | "string scalar" => "a single value",
        other => other,
    }
}

fn short(text: &str) -> String {
    cut(text, 60).unwrap_or_else(|| text.to_owned())
}

/// The reader's own words. Their end says what it expected and where, so that they are kept whole within reason.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or("not YAML");
    cut(line, 300).unwrap_or_else(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::document::{Source, parse_plan, parse_scenario};

    const PLAN: &str = include_str!("../../../../fixtures/plans/samia-tarot-failover.yaml");
    const SCENARIO: &str = include_str!("../../../../scenarios/samia-tarot-failover/database-failure.yaml");

    fn in_plan(figure: &str) -> (String, String) {
        let text = format!("plan: a\ntitle: A\ndisasters:\n  d:\n    title: D\n    rto:\n      - {figure}\n");
        let mistakes = parse_plan(Source::new("plan.yaml", text)).expect_err("a mistake");
        let mistake = &mistakes.drawn[0].mistake;
        (mistake.what.clone(), mistake.help.clone())
    }

    fn in_scenario(old: &str, new: &str) -> (String, String) {
        assert!(SCENARIO.contains(old), "{old}");
        let text = SCENARIO.replacen(old, new, 1);
        let mistakes = parse_scenario(Source::new("scenario.yaml", text)).expect_err("a mistake");
        let mistake = &mistakes.drawn[0].mistake;
        (mistake.what.clone(), mistake.help.clone())
    }

    #[test]
    fn a_bare_value_in_a_plan_is_shown_as_a_figure() {
        for value in ["30 min", "99.9 %", "\"30 min\""] {
            let (what, help) = in_plan(value);
            let bare = value.trim_matches('"');
            assert!(
                help.contains(&format!("{{ at_most: {bare}, where: section 1 }}")),
                "{what}: {help}"
            );
        }
        let (_, help) = in_plan("soon");
        assert!(help.contains("keys with values"), "{help}");
        assert!(parse_plan(Source::new("plan.yaml", PLAN)).is_ok());
    }

    #[test]
    fn a_figure_without_its_section_is_told_what_to_add() {
        let (what, help) = in_plan("{ is: 30 min }");
        assert!(
            what.contains("`where` is missing") && help.contains("the section of your document"),
            "{help}"
        );
    }

    #[test]
    fn an_empty_place_and_a_number_without_unit_are_called_so() {
        let (what, _) = in_scenario("    inject:\n", "    inject:\n    other:\n");
        assert_eq!(what, "nothing stands here");
        let (what, _) = in_scenario("steady: ", "steady: 600 #");
        assert_eq!(what, "`600` has no unit of time");
    }

    #[test]
    fn what_the_reader_says_keeps_its_end() {
        let (what, _) = in_scenario("services:\n  ", "services:\n\t");
        assert!(!what.ends_with("..."), "{what}");
    }
}
