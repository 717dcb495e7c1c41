//! One self-contained page for an auditor: no script, nothing loaded from elsewhere, fit for paper.
//!
//! What was missed stands first. Every figure names what it was made from, and what was not looked at has a section.

mod chart;
mod sections;

use firedrill_core::verdict::Outcome;

use crate::{Report, figure};

/// Renders the page.
#[must_use]
pub fn html(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mut page = String::with_capacity(64 * 1024);
    page.push_str("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    page.push_str("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">");
    page.push_str(&format!(
        "<title>{}: {}</title><style>{}</style></head><body><main>\n",
        figure::outcome(verdict.outcome),
        escape(&verdict.scenario),
        include_str!("html/style.css")
    ));
    page.push_str(&format!(
        "<h1>Disaster-recovery drill: {}</h1><p class=\"soft\">plan <b>{}</b>, disaster <b>{}</b>; started {}, run <code>{}</code></p>\n",
        escape(&verdict.scenario),
        escape(&verdict.plan),
        escape(&verdict.disaster),
        escape(&report.inputs.started),
        escape(&verdict.run)
    ));
    page.push_str(&banner(report));
    for section in [
        sections::targets(report),
        sections::about_plan(report),
        sections::timeline(report),
        sections::service(report),
        sections::data(report),
        sections::checks(report),
        sections::faults(report),
        sections::steps(report),
        sections::stand_ins(report),
        sections::limits(report),
        sections::provenance(report),
    ] {
        page.push_str(&section);
    }
    page.push_str("</main></body></html>\n");
    page
}

fn banner(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let missed: Vec<String> = verdict
        .findings
        .iter()
        .filter(|finding| finding.outcome == Outcome::Fail && verdict.spoiled.is_empty())
        .map(|finding| {
            let limit = finding.limit.as_ref().map(|limit| format!(" (demanded {})", figure::limit(limit))).unwrap_or_default();
            format!("<li><b>{}</b>: {}{}</li>", escape(&finding.title), escape(&figure::achieved(finding)), escape(&limit))
        })
        .collect();
    let mut text = format!(
        "<div class=\"verdict {}\"><strong>{}</strong>{}",
        class(verdict.outcome),
        figure::outcome(verdict.outcome),
        escape(&verdict.scope)
    );
    if !missed.is_empty() {
        text.push_str(&format!("<p>Missed:</p><ul>{}</ul>", missed.concat()));
    }
    if !verdict.spoiled.is_empty() {
        let why: Vec<String> = verdict.spoiled.iter().map(|why| format!("<li>{}</li>", escape(why))).collect();
        text.push_str(&format!("<p>The whole run is inconclusive; nothing in it passes or fails:</p><ul>{}</ul>", why.concat()));
    }
    if verdict.sealed_by_another {
        text.push_str("<p><b>Sealed by another program</b>: the evidence is whole, where it is from is that program's word.</p>");
    }
    text.push_str("</div>\n");
    text
}

/// The name of an outcome in the style sheet.
pub(crate) fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Inconclusive => "inconclusive",
        Outcome::Fail => "fail",
    }
}

/// Text that cannot become markup.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
