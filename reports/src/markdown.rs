//! Markdown for the summary page of a pipeline.

use firedrill_core::verdict::Outcome;

use crate::{Report, figure};

/// Renders the run: verdict, targets, why, what was not covered.
#[must_use]
pub fn markdown(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("## {}: {}", figure::outcome(verdict.outcome), cell(&verdict.scenario)));
    line(String::new());
    line(cell(&verdict.scope));
    line(String::new());
    for why in &verdict.spoiled {
        line(format!("- **The run is spoiled:** {}", cell(why)));
    }
    if !verdict.spoiled.is_empty() {
        line(String::new());
    }
    line("| target | demanded | achieved | margin | verdict |".into());
    line("|---|---|---|---|---|".into());
    for finding in &verdict.findings {
        let met = match finding.outcome {
            Outcome::Pass => "met".to_owned(),
            other => format!("**{}**", figure::met(other)),
        };
        line(format!(
            "| {} | {} | {} | {} | {met} |",
            cell(&finding.title),
            cell(&finding.limit.as_ref().map(figure::limit).unwrap_or_default()),
            cell(&figure::achieved(finding)),
            cell(&figure::margin(finding)),
        ));
    }
    line(String::new());
    for finding in verdict.findings.iter().filter(|finding| finding.outcome != Outcome::Pass) {
        line(format!("- **{}**: {}", cell(&finding.title), cell(&finding.because)));
    }
    for about in &verdict.about_plan {
        line(format!("- About the plan: {}", cell(about)));
    }
    list(&mut line, "What stood in for what", verdict.stand_ins.iter().map(|s| format!("{} → {}", s.planned, s.drilled)));
    list(&mut line, "Assumed", verdict.assumptions.iter().cloned());
    list(&mut line, "Not covered", verdict.not_covered.iter().cloned());
    line(String::new());
    line(format!("Judge it again: `firedrill judge {}`", cell(&verdict.run)));
    out
}

fn list(line: &mut impl FnMut(String), title: &str, items: impl Iterator<Item = String>) {
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

/// Text that cannot break out of a table cell or become markup.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
