//! What was decided in the run, with the number of the event in the history that each figure can be traced to.

use super::super::escape;
use super::{list, section};
use crate::Report;
use crate::figure;

pub(in crate::html) fn decisions(report: &Report<'_>) -> String {
    let (origin, since) = figure::origin(report.verdict);
    let rows: Vec<String> = report
        .verdict
        .decisions
        .iter()
        .map(|decision| {
            format!(
                "<tr><td class=\"n\">{}</td><td><b>{}</b></td><td>{}</td><td class=\"n\">{}</td></tr>",
                decision.seq,
                escape(&decision.what),
                escape(&decision.says),
                escape(&figure::since(origin, decision.at))
            )
        })
        .collect();
    let table = if rows.is_empty() {
        "<p>The history tells of no decision.</p>".to_owned()
    } else {
        format!(
            "<table><thead><tr><th class=\"n\">event</th><th>decision</th><th>how, and from what</th><th class=\"n\">when</th></tr></thead><tbody>{}</tbody></table>\
             <p class=\"soft\">An event is a line of <code>events.jsonl</code> by its <code>seq</code>; drill time since {since}.</p>",
            rows.concat()
        )
    };
    let notes = figure::notes(report.verdict);
    let notes = if notes.is_empty() {
        String::new()
    } else {
        format!("<h3>Notes of the harness, not judged</h3>{}", list(&notes))
    };
    section("Decisions, and the events that made them", &format!("{table}{notes}"))
}
