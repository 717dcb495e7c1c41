//! SARIF 2.1.0, so that code hosts annotate the lines of a plan.

use serde_json::{Value, json};

use crate::finding::{Finding, Statement};
use crate::report::Report;
use crate::rule::RULES;
use crate::severity::Severity;

/// The report as a SARIF log.
#[must_use]
pub fn sarif(report: &Report<'_>) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.name,
                "shortDescription": { "text": rule.title },
                "fullDescription": { "text": rule.teaches.trim() },
                "help": { "text": rule.teaches.trim(), "markdown": rule.teaches.trim() },
                "defaultConfiguration": { "level": level(rule.severity) },
                "properties": { "tags": [rule.class.word()] },
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "firedrill plan lint",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": report.findings.iter().map(|finding| result(report, finding)).collect::<Vec<_>>(),
        }],
    })
}

fn result(report: &Report<'_>, finding: &Finding) -> Value {
    let index = RULES.iter().position(|rule| *rule == finding.rule);
    let mut message = finding.says.clone();
    for part in [&finding.arithmetic, &finding.advice] {
        if !part.is_empty() {
            message.push_str("\n\n");
            message.push_str(part);
        }
    }
    for assumption in &finding.assumptions {
        message.push_str(&format!("\n\nAssumes: {assumption}"));
    }
    for drill in &finding.drills {
        message.push_str(&format!("\n\nProved by: firedrill run {drill}"));
    }
    let mut statements = finding.statements.iter();
    let first = statements.next();
    // The finding keeps its identity when lines move.
    let plan = first.map_or("", |first| report.plans[first.plan].value.plan.as_str());
    let mut result = json!({
        "ruleId": finding.rule.name,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": { "text": message },
        "locations": first.map(|first| location(report, first)).into_iter().collect::<Vec<_>>(),
        "relatedLocations": statements.map(|one| location(report, one)).collect::<Vec<_>>(),
        "partialFingerprints": { "finding/v1": format!("{plan}/{}/{}", finding.rule.name, finding.about) },
    });
    if let Some(accepted) = &finding.accepted {
        result["suppressions"] = json!([{ "kind": "inSource", "justification": accepted }]);
    }
    result
}

fn location(report: &Report<'_>, statement: &Statement) -> Value {
    let place = report.place(statement);
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(report.file(statement.plan)) },
            "region": {
                "startLine": place.line,
                "startColumn": place.column,
                "endColumn": place.end.max(place.column + 1),
            },
        },
        "message": { "text": statement.says },
    })
}

/// A path as a reference: what a URI may not hold is escaped.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.trim_start_matches("./").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warn => "warning",
        Severity::Info => "note",
    }
}
