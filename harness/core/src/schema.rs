//! JSON Schemas of the files that people write, generated from the types that read them.

use schemars::JsonSchema;

use crate::plan::Plan;
use crate::scenario::Scenario;

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

fn text<T: JsonSchema>() -> String {
    let schema = schemars::generate::SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<T>();
    // A schema is a JSON value: printing it cannot fail.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
