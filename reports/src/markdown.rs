//! Markdown for the summary page of a pipeline.

use firedrill_core::verdict::Outcome;

use crate::plain::plain;
use crate::{Report, alert, figure, widening};

/// Renders the run: verdict, targets, why, what was not covered.
#[must_use]
pub fn markdown(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("## {}: {}", verdict.outcome.word(), cell(&verdict.scenario)));
    line(String::new());
    line(format!(
        "**{}** {}",
        verdict.outcome.word(),
        cell(figure::scope(verdict))
    ));
    line(String::new());
    for about in figure::about(verdict) {
        line(cell(&about));
        line(String::new());
    }
    line(format!(
        "Plan {}, disaster {}, started {}, run {}",
        cell(&verdict.plan),
        cell(&verdict.disaster),
        cell(&report.inputs.started),
        cell(&verdict.run)
    ));
    line(String::new());
    for data in figure::data(&verdict.loss) {
        line(format!("- **Data of {}**", cell(&data)));
    }
    if !figure::data(&verdict.loss).is_empty() {
        line(String::new());
    }
    for caveat in figure::caveats(report) {
        line(format!("> **Note:** {}", cell(&caveat)));
        line(String::new());
    }
    for why in &verdict.spoiled {
        line(format!(
            "- **The whole run is inconclusive; nothing in it passes or fails:** {}",
            cell(why)
        ));
    }
    if !verdict.spoiled.is_empty() {
        line(String::new());
    }
    if verdict.spoiled.is_empty() && !verdict.findings.is_empty() {
        let counted = figure::Counted::of(&verdict.findings, |finding| figure::counts_as(verdict, finding));
        line(cell(&counted.words()));
        line(String::new());
    }
    line("| target | demanded | achieved | margin | verdict |".into());
    line("|---|---|---|---|---|".into());
    for finding in &verdict.findings {
        let met = match figure::counts_as(verdict, finding) {
            Outcome::Pass => figure::says(Outcome::Pass, finding).to_owned(),
            other => format!("**{}**", figure::met(other)),
        };
        line(format!(
            "| {} | {} | {} | {} | {met} |",
            cell(&finding.title),
            cell(&figure::demanded(report, finding)),
            cell(&figure::achieved(finding)),
            cell(&figure::margin(verdict, finding)),
        ));
    }
    line(String::new());
    if verdict.findings.is_empty() {
        line("No target was judged.".into());
    }
    for finding in &verdict.findings {
        let outcome = figure::counts_as(verdict, finding);
        if outcome != Outcome::Pass {
            line(format!(
                "- **{} {}**: {}",
                cell(&figure::headline(finding, &figure::demanded(report, finding))),
                figure::met(outcome),
                cell(&finding.because)
            ));
        }
    }
    for finding in &verdict.findings {
        if let Some(queue) = figure::queued(finding) {
            line(format!("- {}: {}", cell(&finding.title), cell(queue)));
        }
    }
    for about in &verdict.about_plan {
        line(format!("- About the plan: {}", cell(about)));
    }
    if let Some(tool) = figure::tool(verdict) {
        line(format!("- Backup tool: {}", cell(&tool)));
    }
    let (origin, name) = figure::origin(verdict);
    list(
        &mut line,
        &format!("Moments, in drill time since {name}"),
        figure::moments(verdict).into_iter().map(|(name, _, stamp)| {
            format!(
                "{name}: {}",
                stamp.map_or_else(|| "never".to_owned(), |stamp| figure::since(origin, stamp))
            )
        }),
    );
    list(
        &mut line,
        &format!("Alerts of the plan's monitor, in drill time since {name}"),
        alert::lines(verdict).into_iter(),
    );
    list(
        &mut line,
        "What was decided by which event of events.jsonl",
        verdict.decisions.iter().map(|decision| {
            format!(
                "event {}, {}: {}: {}",
                decision.seq,
                figure::since(origin, decision.at),
                decision.what,
                decision.says
            )
        }),
    );
    list(
        &mut line,
        "Notes of the harness, not judged",
        figure::notes(verdict).into_iter(),
    );
    list(
        &mut line,
        "What stood in for what",
        verdict
            .stand_ins
            .iter()
            .map(|s| format!("{}: {}", s.planned, s.drilled)),
    );
    list(
        &mut line,
        "Assumed, since the plan is silent",
        verdict.assumptions.iter().cloned(),
    );
    list(&mut line, "Not covered", verdict.not_covered.iter().cloned());
    list(&mut line, "Widening of intervals", widening::lines(report).into_iter());
    line(String::new());
    line(format!(
        "Each figure is explained in docs/definitions.md, version {}. Judge it again from its evidence: {}",
        verdict.definitions,
        code(&format!("firedrill judge {}", verdict.run))
    ));
    out
}

/// A list that is folded away.
pub(crate) fn list(line: &mut impl FnMut(String), title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        return;
    }
    line(String::new());
    line(format!("<details><summary>{title}</summary>"));
    line(String::new());
    for item in items {
        line(format!("- {}", cell(&item)));
    }
    line(String::new());
    line("</details>".into());
}

/// A code span. Escapes mean nothing in one, so that what would end it, or a table cell, is left out.
fn code(text: &str) -> String {
    format!("`{}`", plain(text).replace(['`', '|', '<', '>'], ""))
}

/// Text that cannot break out of a table cell, become markup, a link or the start of a list.
pub(crate) fn cell(text: &str) -> String {
    let text = plain(text);
    let mut out = String::with_capacity(text.len());
    let numbers = text.chars().take_while(char::is_ascii_digit).count();
    for (index, c) in text.chars().enumerate() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // An address becomes a link without any mark around it.
            '@' => out.push_str("&#64;"),
            ':' if text.chars().skip(index + 1).take(2).eq("//".chars()) => out.push_str("&#58;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            '-' | '+' | '=' if index == 0 => {
                out.push('\\');
                out.push(c);
            }
            '.' | ')' if index == numbers && numbers > 0 => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.replace("www.", "www&#46;")
}
