//! For programs.

use serde_json::{Value, json};

use crate::finding::Statement;
use crate::report::Report;
use crate::severity::Severity;

/// The report as JSON.
#[must_use]
pub fn json(report: &Report<'_>) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "rule": finding.rule.name,
                "class": finding.rule.class.word(),
                "severity": finding.severity.word(),
                "about": finding.about,
                "says": finding.says,
                "arithmetic": finding.arithmetic,
                "advice": finding.advice,
                "assumptions": finding.assumptions,
                "drills": finding.drills,
                "accepted": finding.accepted,
                "expired": finding.expired,
                "statements": finding.statements.iter().map(|one| statement(report, one)).collect::<Vec<_>>(),
                "statements_left_out": finding.more,
            })
        })
        .collect();
    json!({
        "schema": 1,
        "as_of": report.as_of.to_string(),
        "plans": report.plans.iter().map(|parsed| json!({
            "plan": parsed.value.plan, "company": parsed.value.company, "file": parsed.source.name,
        })).collect::<Vec<_>>(),
        "errors": report.count(Severity::Error),
        "warnings": report.count(Severity::Warn),
        "notes": report.count(Severity::Info),
        "accepted": report.accepted(),
        "findings": findings,
    })
}

fn statement(report: &Report<'_>, statement: &Statement) -> Value {
    let place = report.place(statement);
    json!({
        "file": report.file(statement.plan),
        "line": place.line,
        "column": place.column,
        "end_column": place.end,
        "path": statement.place.to_string(),
        "says": statement.says,
        "section": statement.section,
        "assumed": statement.assumed,
    })
}
