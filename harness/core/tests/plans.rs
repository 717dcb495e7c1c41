//! The shipped plans against their documents: every figure, where the document has it, and what it is in the model.
//!
//! `figures/PLAN.txt` holds a table per plan: the figure as the document writes it, its path in the model, its value
//! with comparator, its section, and whether it is stated, derived or assumed. The table is held against the model both
//! ways: a figure that the table lacks fails as well as one that the model lacks.

use std::path::{Path, PathBuf};

use firedrill_core::Plan;
use firedrill_core::document::{Source, parse_plan};
use firedrill_core::plan::{Duration, Takes, Unit};
use firedrill_core::terms::Status;
use proptest::prelude::*;
use serde_json::Value;

const PLANS: [&str; 5] = ["bmf001", "cibozer", "concierge", "samia-tarot", "samia-tarot-failover"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn plan(name: &str) -> Plan {
    let path = root().join("fixtures/plans").join(format!("{name}.yaml"));
    let text = std::fs::read_to_string(&path).expect("a shipped plan");
    parse_plan(Source::new(name, text))
        .unwrap_or_else(|mistakes| panic!("{:?}", miette::Report::new(mistakes)))
        .value
}

fn rows(plan: &Plan) -> Vec<[String; 4]> {
    plan.figures()
        .into_iter()
        .map(|figure| {
            let status = match figure.status {
                Status::Stated => "stated",
                Status::Derived => "derived",
                Status::Assumed => "assumed",
            };
            [figure.path.to_string(), figure.text, figure.place, status.to_owned()]
        })
        .collect()
}

#[test]
fn every_figure_is_that_of_the_document() {
    for name in PLANS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/figures")
            .join(format!("{name}.txt"));
        let table = std::fs::read_to_string(&path).expect("a table of figures");
        let mut wanted: Vec<[String; 4]> = Vec::new();
        for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let columns: Vec<&str> = line.split(" | ").map(str::trim).collect();
            let [document, path, value, place, status] = columns[..] else {
                panic!("{name}: five columns in `{line}`");
            };
            assert!(!document.is_empty(), "{name}: as the document writes it, in `{line}`");
            wanted.push([path, value, place, status].map(str::to_owned));
        }
        let found = rows(&plan(name));
        for row in &found {
            assert!(wanted.contains(row), "{name}: the table lacks {}", row.join(" | "));
        }
        for row in &wanted {
            assert!(found.contains(row), "{name}: the model lacks {}", row.join(" | "));
        }
        assert_eq!(found.len(), wanted.len(), "{name}: a figure stands in the table twice");
    }
}

#[test]
fn every_shipped_plan_has_a_table_here() {
    let folder = root().join("fixtures/plans");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    found.sort();
    assert_eq!(found, PLANS);
}

#[test]
fn what_is_printed_reads_back_the_same() {
    for name in PLANS {
        let first = plan(name);
        let printed = serde_saphyr::to_string(&first).expect("a plan is printed");
        let again = parse_plan(Source::new(name, printed)).expect("what is printed is sound");
        assert_eq!(again.value, first, "{name}");
    }
}

#[test]
fn the_example_of_the_guide_is_sound() {
    let guide = std::fs::read_to_string(root().join("docs/plans-and-scenarios.md")).expect("the guide");
    let example = guide
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let source = Source::new("docs/plans-and-scenarios.md", example.expect("an example in the guide"));
    let plan = parse_plan(source).unwrap_or_else(|mistakes| panic!("{:?}", miette::Report::new(mistakes)));
    assert_eq!(plan.value.plan, "shop");
}

#[test]
fn a_plan_is_readable() {
    let lines: Vec<String> = plan("cibozer")
        .outline()
        .iter()
        .map(|line| format!("{:indent$}{}", "", line.text, indent = line.depth * 2))
        .collect();
    for wanted in [
        "rto: 2 hours",
        "  database_loss:",
        "    respond: 15 minutes (derived)",
        "      - restore the latest dump from S3",
        "            psql $DATABASE_URL",
        "  - grant; lasts: 4 hours",
        "    at: 02:00 UTC",
        "  - restore of the database; every: 1 week; when: every Sunday; at: 02:00; environment: sandbox",
    ] {
        assert!(
            lines.iter().any(|line| line == wanted),
            "`{wanted}` is not in\n{}",
            lines.join("\n")
        );
    }
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("null") || line.contains("where:"))
    );
}

/// The table as the model has it, to begin a new one with: `FIREDRILL_PRINT_FIGURES=PLAN`.
#[test]
fn figures_are_printed_on_demand() {
    if let Ok(name) = std::env::var("FIREDRILL_PRINT_FIGURES") {
        println!();
        for row in rows(&plan(&name)) {
            println!("? | {}", row.join(" | "));
        }
    }
}

/// Keys whose values are free text: no other part of a plan refers to them.
const FREE: [&str; 9] = [
    "where",
    "what",
    "who",
    "command",
    "impact",
    "likelihood",
    "then",
    "cost",
    "treatment",
];

/// Puts one of `texts` in place of each free text, in turn.
fn retold(value: &mut Value, texts: &mut impl Iterator<Item = String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                match value {
                    Value::String(text) if FREE.contains(&key.as_str()) => {
                        if let Some(other) = texts.next() {
                            *text = other;
                        }
                    }
                    other => retold(other, texts),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| retold(item, texts)),
        _ => {}
    }
}

/// Text that YAML would take for something else, were it not quoted, and any other.
fn tricky() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "yes",
            "null",
            "~",
            "0101",
            "1e3",
            "> 5 %",
            "| x",
            "- a",
            "a: b",
            "a #b",
            "*x",
            "&x",
            "{ a }",
            "[",
            "'",
            "\"",
            "%",
            "@",
            "02:00",
            "2025-03",
            " a",
            "a ",
            "a\n",
            "a\nb",
            "\ta",
            "a\\\nb",
            "---",
            "\u{a0}",
            "\u{85}",
            "\u{2028}",
            "\u{feff}a",
        ])
        .prop_map(str::to_owned),
        "[ -~]{1,30}",
        "\\PC{1,12}",
    ]
}

fn unit() -> impl Strategy<Value = Unit> {
    prop::sample::select(vec![
        Unit::Millisecond,
        Unit::Second,
        Unit::Minute,
        Unit::Hour,
        Unit::Day,
        Unit::Week,
        Unit::Month,
        Unit::Quarter,
        Unit::Year,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Parse, print, parse: whatever its texts are, a plan comes back as it was, and is printed the same again.
    #[test]
    fn any_text_of_a_plan_comes_back(name in prop::sample::select(PLANS.to_vec()), texts in prop::collection::vec(tricky(), 1..40)) {
        let mut value = serde_json::to_value(plan(name)).expect("a plan is JSON");
        retold(&mut value, &mut texts.into_iter().cycle());
        let told: Plan = serde_json::from_value(value).expect("a plan with other texts");
        let printed = serde_saphyr::to_string(&told).expect("a plan is printed");
        let again = match parse_plan(Source::new(name, printed.clone())) {
            Ok(again) => again.value,
            Err(mistakes) => return Err(TestCaseError::fail(format!("{:?}", miette::Report::new(mistakes)))),
        };
        prop_assert_eq!(&again, &told);
        prop_assert_eq!(serde_saphyr::to_string(&again).expect("printed again"), printed);
    }

    #[test]
    fn lengths_come_back(count in any::<u32>(), more in 0u32..1_000, unit in unit()) {
        let least = Duration { count, unit };
        let most = Duration { count: count.saturating_add(more), unit };
        prop_assert_eq!(least.to_string().parse::<Duration>(), Ok(least));
        let takes = Takes { least, most };
        prop_assert_eq!(takes.to_string().parse::<Takes>(), Ok(takes));
    }
}
