//! One self-contained page for an auditor: no script, nothing loaded from elsewhere, fit for paper.
//!
//! What was missed stands first. Every figure names what it was made from, and what was not looked at has a section.

mod axis;
mod chart;
mod latency;
mod sections;
mod timeline;

use firedrill_core::verdict::Outcome;

use crate::plain::plain;
use crate::{Report, figure};

/// The beginning of a page that needs nothing but itself; the title is escaped already. On paper `every_page` stands at
/// the foot of each sheet, so that none can be passed off as another run's.
pub(crate) fn head(title: &str, every_page: &str) -> String {
    // Inside a string of a style sheet: only what cannot end one, or the element.
    let foot: String = plain(every_page)
        .chars()
        .take(160)
        .map(|c| {
            if c.is_ascii_alphanumeric() || " .,:;/-_()".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{}@page {{ @bottom-left {{ content: \"{foot}\"; font: 8pt sans-serif; }} \
         @bottom-right {{ content: counter(page) \" / \" counter(pages); font: 8pt sans-serif; }} }}</style></head><body><main>\n",
        include_str!("html/style.css")
    )
}

/// Renders the page.
#[must_use]
pub fn html(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mut page = String::with_capacity(64 * 1024);
    let outcome = verdict.outcome.word();
    page.push_str(&head(
        &format!("{outcome}: {}", escape(&verdict.scenario)),
        &format!("{outcome}, {}, run {}", verdict.scenario, verdict.run),
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
        sections::alerts(report),
        sections::decisions(report),
        sections::service(report),
        sections::data(report),
        sections::checks(report),
        sections::faults(report),
        sections::steps(report),
        sections::stand_ins(report),
        sections::limits(report),
        sections::wrong_if(report),
        sections::provenance(report),
    ] {
        page.push_str(&section);
    }
    page.push_str("</main></body></html>\n");
    page
}

fn banner(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let of = |outcome: Outcome| -> Vec<String> {
        verdict
            .findings
            .iter()
            .filter(|finding| figure::counts_as(verdict, finding) == outcome)
            .map(|finding| {
                let headline = figure::headline(finding, &figure::demanded(report, finding));
                let because = if outcome == Outcome::Fail {
                    format!(
                        "<br><span class=\"because\">{}</span>",
                        escape(&beginning(&finding.because))
                    )
                } else {
                    String::new()
                };
                format!("<li><b>{}</b>{because}</li>", escape(&headline))
            })
            .collect()
    };
    let mut text = format!(
        "<div class=\"verdict {}\"><strong>{}</strong><p class=\"scope\">{}</p>",
        class(verdict.outcome),
        verdict.outcome.word(),
        escape(figure::scope(verdict))
    );
    for about in figure::about(verdict) {
        text.push_str(&format!("<p>{}</p>", escape(&about)));
    }
    if !verdict.spoiled.is_empty() {
        let why: Vec<String> = verdict
            .spoiled
            .iter()
            .map(|why| format!("<li>{}</li>", escape(why)))
            .collect();
        text.push_str(&format!(
            "<p>The whole run is inconclusive; nothing in it passes or fails:</p><ul>{}</ul>",
            why.concat()
        ));
    } else {
        let (missed, undecided) = (of(Outcome::Fail), of(Outcome::Inconclusive));
        let counted = figure::Counted::of(&verdict.findings, |finding| figure::counts_as(verdict, finding));
        text.push_str(&format!("<p><b>{}.</b></p>", escape(&counted.words())));
        for (name, rows) in [("Missed", missed), ("Undecided", undecided)] {
            if !rows.is_empty() {
                text.push_str(&format!("<p class=\"list\">{name}</p><ul>{}</ul>", rows.concat()));
            }
        }
    }
    for data in figure::data(&verdict.loss) {
        text.push_str(&format!("<p>Data of <b>{}</b>.</p>", escape(&data)));
    }
    for caveat in figure::caveats(report) {
        text.push_str(&format!("<p class=\"caveat\">{}.</p>", escape(&caveat)));
    }
    text.push_str("</div>\n");
    text
}

/// As much of a reason as the top of the page has room for.
fn beginning(because: &str) -> String {
    const CHARACTERS: usize = 320;
    match because.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}… (the whole stands below)", &because[..end]),
        None => because.to_owned(),
    }
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
    let text = plain(text);
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
