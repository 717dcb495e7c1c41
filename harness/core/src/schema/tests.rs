//! The committed JSON Schemas are those that the types make.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

use super::keys;
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::suite::SuiteRun;
use crate::verdict::Verdict;

const AGAIN: &str = "FIREDRILL_WRITE_SCHEMA=1 cargo test --release --workspace --lib schema";

fn made<T: JsonSchema>() -> String {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}

/// Read anew: what a program holds is what lay there when it was built.
fn hold(name: &str, made: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::env::var_os("FIREDRILL_WRITE_SCHEMA").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("docs can be made");
        std::fs::write(&path, made).unwrap_or_else(|error| panic!("{name} can be written: {error}"));
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == made,
        "docs/{name} is not what the types make; write it anew with\n  {AGAIN}"
    );
}

#[test]
fn schemas_are_those_of_the_types() {
    hold("schema/plan.json", &made::<Plan>());
    hold("schema/scenario.json", &made::<Scenario>());
    hold("schema/verdict.json", &made::<Verdict>());
    hold("schema/suite.json", &made::<SuiteRun>());
}

#[test]
fn the_pages_of_keys_are_those_of_the_types() {
    hold("plan-keys.md", &keys::of_plan(&made::<Plan>()));
    hold("scenario-keys.md", &keys::of_scenario(&made::<Scenario>()));
}
