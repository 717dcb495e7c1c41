//! The shipped plans against their documents: every figure, where the document has it, and what it is in the model.
//!
//! `figures/PLAN.txt` holds a table per plan: the figure as the document writes it, its path in the model, its value
//! with comparator, its section, and whether it is stated, derived or assumed. The table is held against the model both
//! ways: a figure that the table lacks fails as well as one that the model lacks.

use std::path::{Path, PathBuf};

use firedrill_core::Plan;
use firedrill_core::document::{Source, parse_plan};
use firedrill_core::terms::Status;

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
