//! The judged targets, one row each, and what the drill found out about the plan itself.

use firedrill_core::stamp::SECOND;
use firedrill_core::terms::{DetectorTerm, RtoFrom};
use firedrill_core::verdict::Finding;

use super::super::{class, escape};
use super::{list, section, sentence, tag};
use crate::{Report, figure, widening, words};

fn row(report: &Report<'_>, finding: &Finding) -> String {
    let outcome = figure::counts_as(report.verdict, finding);
    let source = finding
        .limit
        .as_ref()
        .map(|limit| &limit.source)
        .or(finding.source.as_ref());
    let source = source.map_or_else(String::new, |source| {
        format!(
            "<br><span class=\"soft\">{}; {}</span>",
            escape(&source.place),
            figure::status(source.status)
        )
    });
    let given = figure::demanded(report, finding);
    let given = if given.is_empty() {
        "no figure given".to_owned()
    } else {
        given
    };
    let demanded = finding.limit.as_ref().map_or_else(
        || format!("<span class=\"soft\">{}</span>", escape(&given)),
        |limit| {
            format!(
                "<b>{}</b> <span class=\"soft\">({})</span>",
                escape(&figure::limit(limit)),
                escape(&limit.text)
            )
        },
    );
    let measured = widening::measured(report.verdict, finding).map_or_else(String::new, |measured| {
        format!("<br><span class=\"soft\">not widened: {}</span>", escape(&measured))
    });
    format!(
        "<tbody class=\"{}\"><tr class=\"finding\"><td><b>{}</b></td><td data-head=\"demanded\">{demanded}{source}</td>\
         <td class=\"n\" data-head=\"achieved\">{}{measured}</td><td class=\"n\" data-head=\"margin\">{}</td><td>{}</td></tr>\
         <tr class=\"why\"><td colspan=\"5\"><code>{}</code> {}</td></tr></tbody>\n",
        class(outcome),
        escape(&finding.title),
        escape(&figure::achieved(finding)),
        escape(&figure::margin(report.verdict, finding)),
        tag(outcome, finding),
        escape(&finding.id),
        escape(&finding.because)
    )
}

pub(in crate::html) fn targets(report: &Report<'_>) -> String {
    let rows: Vec<String> = report
        .verdict
        .findings
        .iter()
        .filter(|finding| !figure::is_check(finding))
        .map(|finding| row(report, finding))
        .collect();
    if rows.is_empty() {
        return section("Targets", "<p>No target was judged.</p>");
    }
    let terms = &report.inputs.terms;
    let rto = terms.rto.as_ref().map_or_else(String::new, |rto| {
        let from = match terms.detector {
            DetectorTerm::None => RtoFrom::Declared,
            DetectorTerm::Alerts { .. } => rto.from,
        };
        format!(" RTO counts from {}.", figure::rto(from, rto.until))
    });
    let body = format!(
        "<p class=\"soft\">Durations are plan time: while the calendar sets the pace one second of drill stands for {} of plan, while work is done for one; time for people is credited. \
         An interval is what the evidence allows: met only if its upper bound meets the target, missed only if its lower bound misses it. \
         The margin of a target that is met is demand less upper bound, of one that is missed demand less lower bound: what is proved. {}; &quot;not widened&quot; is what was measured without that.{rto} \
         Each figure is explained in <code>docs/definitions.md</code>, version {}.</p>\
         <table class=\"findings\"><thead><tr><th>target</th><th>demanded, and where</th><th class=\"n\">achieved</th><th class=\"n\">margin</th><th>verdict</th></tr></thead>{}</table>",
        words(i64::from(terms.calendar_scale).saturating_mul(SECOND)),
        escape(&sentence(&widening::lines(report).join("; "))),
        report.verdict.definitions,
        rows.concat()
    );
    section("Targets", &body)
}

pub(in crate::html) fn about_plan(report: &Report<'_>) -> String {
    section("About the plan itself", &list(&report.verdict.about_plan))
}
