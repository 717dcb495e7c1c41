//! What became of the data: loss per component, and the checks with what they covered.

use firedrill_core::verdict::{Loss, Span};

use super::super::{class, escape};
use super::{section, sentence, tag};
use crate::Report;
use crate::figure;

pub(in crate::html) fn data(report: &Report<'_>) -> String {
    let mut body = String::new();
    for (component, loss) in &report.verdict.loss {
        body.push_str(&format!(
            "<h3>{}</h3>{}",
            escape(component),
            component_rows(report, component, loss)
        ));
    }
    if !body.is_empty() {
        body.insert_str(0, "<p class=\"soft\">Every write that clients were told is done is looked for after the recovery, one by one, in a single snapshot of the store that serves.</p>");
    }
    if let Some(tool) = figure::tool(report.verdict) {
        body.push_str(&format!(
            "<h3>Backup tool</h3><p>{} <span class=\"soft\">(drill time; shown, not judged)</span></p>",
            escape(&tool)
        ));
    }
    section("What became of the data", &body)
}

fn component_rows(report: &Report<'_>, component: &str, loss: &Loss) -> String {
    if loss.acked == 0 {
        let said = figure::unwritten(report, component);
        return format!("<p>{}.</p>", escape(&sentence(&said)));
    }
    if !figure::was_looked_up(loss) {
        return format!(
            "<p><b>Not known.</b> {} versions were acknowledged; no whole final read tells what became of them. This is not &quot;none lost&quot;.</p>",
            loss.acked
        );
    }
    let span = |span: &Option<Span>| span.as_ref().map_or_else(|| "not judged".to_owned(), figure::span);
    let rows = [
        (
            "acknowledged versions, preloaded ones included",
            loss.acked.to_string(),
            false,
        ),
        (
            "found again, or grown into what was found",
            loss.kept.to_string(),
            false,
        ),
        (
            "of those, of keys absent after a delete (a store that holds nothing looks the same)",
            loss.kept_absent.to_string(),
            false,
        ),
        ("lost", loss.lost.to_string(), loss.lost > 0),
        (
            "of those, acknowledged before the strike",
            loss.lost_before_strike.to_string(),
            false,
        ),
        (
            "possibly lost and overwritten since",
            loss.possibly_lost.to_string(),
            loss.possibly_lost > 0,
        ),
        (
            "loss in plan time, not yet widened as its target is above",
            span(&loss.span),
            loss.lost > 0,
        ),
        ("of that, before the strike", span(&loss.before_strike), false),
        ("and after it", span(&loss.after_strike), false),
        (
            "indeterminate writes that took effect",
            loss.recovered.to_string(),
            false,
        ),
        (
            "holes: lost, though written before something that was kept",
            loss.holes.to_string(),
            loss.holes > 0,
        ),
        (
            "keys with content that nobody wrote",
            loss.mutated.to_string(),
            loss.mutated > 0,
        ),
        (
            "versions found that were never sent, or refused",
            loss.unexpected.to_string(),
            loss.unexpected > 0,
        ),
        ("keys found twice", loss.duplicated.to_string(), loss.duplicated > 0),
        (
            "rows whose object is lost, wrong or absent",
            loss.dangling.to_string(),
            loss.dangling > 0,
        ),
        (
            "acknowledged by a life that had been taken over",
            loss.astray.to_string(),
            loss.astray > 0,
        ),
    ];
    let rows: Vec<String> = rows
        .iter()
        .map(|(what, value, bad)| {
            let value = escape(value);
            format!(
                "<dt>{what}</dt><dd>{}</dd>",
                if *bad {
                    format!("<b class=\"bad\">{value}</b>")
                } else {
                    value
                }
            )
        })
        .collect();
    format!("<dl>{}</dl>", rows.concat())
}

pub(in crate::html) fn checks(report: &Report<'_>) -> String {
    let rows: Vec<String> = report
        .verdict
        .findings
        .iter()
        .filter(|finding| figure::is_check(finding))
        .map(|finding| {
            let outcome = figure::counts_as(report.verdict, finding);
            let coverage = finding
                .coverage
                .map_or_else(|| "not counted".to_owned(), |coverage| figure::coverage(&coverage));
            format!(
                "<tbody class=\"{}\"><tr class=\"finding\"><td><b>{}</b></td><td data-head=\"looked at\">{}</td>\
                 <td class=\"n\" data-head=\"found\">{}</td><td>{}</td></tr>\
                 <tr class=\"why\"><td colspan=\"4\"><code>{}</code> {}</td></tr></tbody>\n",
                class(outcome),
                escape(&finding.title),
                escape(&coverage),
                escape(&figure::achieved(finding)),
                tag(outcome, finding),
                escape(&finding.id),
                escape(&finding.because)
            )
        })
        .collect();
    if rows.is_empty() {
        return section("Integrity", "<p>No integrity check was judged.</p>");
    }
    section(
        "Integrity",
        &format!(
            "<table class=\"findings\"><thead><tr><th>check</th><th>looked at</th><th class=\"n\">found</th><th>verdict</th></tr></thead>{}</table>",
            rows.concat()
        ),
    )
}
