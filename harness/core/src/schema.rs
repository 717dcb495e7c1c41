//! JSON Schemas of the files that people write and of the verdict that programs read, generated from their types.

use schemars::JsonSchema;

use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::suite::SuiteRun;
use crate::verdict::Verdict;

/// The schema of a plan's file.
#[must_use]
pub fn plan_schema() -> String {
    text::<Plan>()
}

/// The schema of a scenario's file.
#[must_use]
pub fn scenario_schema() -> String {
    text::<Scenario>()
}

/// The schema of `verdict.json`.
#[must_use]
pub fn verdict_schema() -> String {
    text::<Verdict>()
}

/// The schema of `suite.json`.
#[must_use]
pub fn suite_schema() -> String {
    text::<SuiteRun>()
}

fn text<T: JsonSchema>() -> String {
    let schema = schemars::generate::SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<T>();
    // A schema is a JSON value: printing it cannot fail.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
