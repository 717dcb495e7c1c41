//! The verdict as JSON: the same bytes as `verdict.json`.

use crate::Report;

/// Renders the verdict, indented, with a newline at its end.
#[must_use]
pub fn json(report: &Report<'_>) -> String {
    let mut text = serde_json::to_string_pretty(report.verdict).unwrap_or_default();
    text.push('\n');
    text
}
