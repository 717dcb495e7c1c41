//! What the verdict rests on: stand-ins, limits, versions, and how to judge it again.

use super::super::escape;
use super::{list, section};
use crate::{Report, widening};

pub(in crate::html) fn stand_ins(report: &Report<'_>) -> String {
    let rows: Vec<String> = report
        .verdict
        .stand_ins
        .iter()
        .map(|stand_in| {
            format!(
                "<tr><td>{}</td><td>{}</td></tr>",
                escape(&stand_in.planned),
                escape(&stand_in.drilled)
            )
        })
        .collect();
    let table = format!(
        "<table><thead><tr><th>in the plan</th><th>in this drill</th></tr></thead><tbody>{}</tbody></table>",
        rows.concat()
    );
    section(
        "What stood in for what",
        if rows.is_empty() {
            "<p>Nothing is recorded as standing in for something else.</p>"
        } else {
            &table
        },
    )
}

pub(in crate::html) fn limits(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mut body = String::new();
    if !verdict.assumptions.is_empty() {
        body.push_str(&format!(
            "<h3>Assumed, since the plan is silent</h3>{}",
            list(&verdict.assumptions)
        ));
    }
    let not_covered = if verdict.not_covered.is_empty() {
        "<p>The drill lists nothing.</p>".to_owned()
    } else {
        list(&verdict.not_covered)
    };
    body.push_str(&format!("<h3>Not covered</h3>{not_covered}"));
    body.push_str(&format!(
        "<h3>Widening of intervals</h3>{}",
        list(&widening::lines(report))
    ));
    if !verdict.deviations.is_empty() {
        let rows: Vec<String> = verdict
            .deviations
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        body.push_str(&format!(
            "<h3>Settings that touch durability and deviate</h3>{}",
            list(&rows)
        ));
    }
    let stalls = verdict.stalls.len();
    body.push_str(&format!(
        "<h3>The harness itself</h3><p>It stalled {stalls} {} (a gap of more than 250 ms in its own pulse); every stamp that a stall touches is widened by it. \
         Schedules and choices follow from the seed; how the operating system interleaved the processes does not, and is not reproduced by running again.</p>",
        if stalls == 1 { "time" } else { "times" }
    ));
    section("What was not covered, and what is assumed", &body)
}

pub(in crate::html) fn provenance(report: &Report<'_>) -> String {
    let inputs = report.inputs;
    let mut rows = vec![
        (
            "plan".to_owned(),
            format!("{} (SHA-256 {})", inputs.plan.name, inputs.plan.sha256),
        ),
        (
            "scenario".to_owned(),
            format!("{} (SHA-256 {})", inputs.scenario.name, inputs.scenario.sha256),
        ),
        ("seed".to_owned(), inputs.seed.to_string()),
        ("environment".to_owned(), inputs.environment.clone()),
        ("recorded by".to_owned(), report.verdict.program.clone()),
        (
            "definitions".to_owned(),
            format!("docs/definitions.md, version {}", report.verdict.definitions),
        ),
    ];
    rows.extend(
        inputs
            .versions
            .iter()
            .map(|(name, version)| (format!("version of {name}"), version.clone())),
    );
    rows.extend(
        inputs
            .settings
            .iter()
            .map(|(name, value)| (format!("set for this run: {name}"), value.clone())),
    );
    let rows: Vec<String> = rows
        .iter()
        .map(|(what, value)| format!("<dt>{}</dt><dd>{}</dd>", escape(what), escape(value)))
        .collect();
    let body = format!(
        "<dl>{}</dl><p>Judge it again from the evidence beside this page: <code>firedrill judge {}</code>. It refuses evidence of which a byte was changed. \
         The chain of digests proves that the evidence is whole; it does not prove who wrote it.</p>",
        rows.concat(),
        escape(&report.verdict.run)
    );
    section("Where this is from, and how to judge it again", &body)
}
