//! JSON Schemas of the files that people write and of the verdict that programs read.
//!
//! They lie in `docs/schema`, where editors find them, and are made from the types; the tests make them anew and hold
//! them against what lies there. Only the tests do: what derives schemas is a fifth of this crate's code, and no program
//! needs it.

#[cfg(test)]
mod keys;
#[cfg(test)]
mod tests;

/// The schema of a plan's file.
pub const PLAN_SCHEMA: &str = include_str!("../../../docs/schema/plan.json");

/// The schema of a scenario's file.
pub const SCENARIO_SCHEMA: &str = include_str!("../../../docs/schema/scenario.json");

/// The schema of `verdict.json`.
pub const VERDICT_SCHEMA: &str = include_str!("../../../docs/schema/verdict.json");

/// The schema of `suite.json`.
pub const SUITE_SCHEMA: &str = include_str!("../../../docs/schema/suite.json");
