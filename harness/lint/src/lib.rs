//! `firedrill plan lint`: what a plan promises but its own design cannot keep, found without running anything.
//!
//! The one idea: a plan is a set of statements, and two statements can exclude each other. A rule looks for one way in
//! which they do, and its finding names every statement that takes part, does the arithmetic in plain words and says
//! what to do. A rule that needs something the plan does not say names it as an assumption, and can only inform.
//!
//! Pure: nothing here reads a file or the time. The date that reviews and drills are held against is given.

mod acceptance;
mod explain;
mod finding;
mod length;
mod lint;
mod render;
mod report;
mod rule;
mod severity;
mod subject;
mod timeline;
mod words;

#[cfg(test)]
mod fixture;

pub use explain::{explain, handbook, unknown_rule};
pub use finding::{Finding, Statement};
pub use lint::{Proof, lint};
pub use render::{json, markdown, sarif, terminal};
pub use report::{Place, Report};
pub use rule::{Class, RULES, Rule};
pub use severity::Severity;
