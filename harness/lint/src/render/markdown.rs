//! For the summary page of a pipeline, and for the worked example in the documentation.

use std::fmt::Write as _;

use crate::finding::Finding;
use crate::report::Report;
use crate::severity::Severity;

/// The report as Markdown: one section per plan, the heaviest findings first.
#[must_use]
pub fn markdown(report: &Report<'_>) -> String {
    let mut page = format!("{}.\n", report.summary());
    for (index, parsed) in report.plans.iter().enumerate() {
        let of: Vec<&Finding> = report
            .findings
            .iter()
            .filter(|finding| finding.statements.first().is_some_and(|first| first.plan == index))
            .collect();
        let _ = writeln!(page, "\n## {}\n\n`{}`", parsed.value.title, parsed.source.name);
        if of.is_empty() {
            page.push_str("\nNothing found.\n");
        }
        for severity in [Severity::Error, Severity::Warn, Severity::Info] {
            for finding in of
                .iter()
                .filter(|one| one.severity == severity && one.accepted.is_none())
            {
                one(&mut page, report, finding);
            }
        }
        for finding in of.iter().filter(|one| one.accepted.is_some()) {
            one(&mut page, report, finding);
        }
    }
    page
}

fn one(page: &mut String, report: &Report<'_>, finding: &Finding) {
    let _ = writeln!(
        page,
        "\n### {}: {}\n\n**{}**: {}.",
        finding.severity,
        finding.rule.name,
        escaped(&finding.about),
        escaped(&finding.says),
    );
    if !finding.arithmetic.is_empty() {
        let _ = writeln!(page, "{}", escaped(&finding.arithmetic));
    }
    page.push('\n');
    for statement in &finding.statements {
        let place = report.place(statement);
        let section = if statement.section.is_empty() {
            String::new()
        } else {
            format!(" ({})", escaped(&statement.section))
        };
        let _ = writeln!(
            page,
            "- `{}:{}` {}{section}",
            file_name(report.file(statement.plan)),
            place.line,
            escaped(&statement.says),
        );
    }
    if finding.more > 0 {
        let _ = writeln!(page, "- and {} more statements", finding.more);
    }
    for assumption in &finding.assumptions {
        let _ = writeln!(page, "- assumes: {}", escaped(assumption));
    }
    if !finding.advice.is_empty() {
        let _ = writeln!(page, "\nTo do: {}.", escaped(&finding.advice));
    }
    for drill in &finding.drills {
        let _ = writeln!(page, "\nProved by `firedrill run {drill}`.");
    }
    for note in finding.accepted.iter().chain(&finding.expired) {
        let _ = writeln!(page, "\n*{}*", escaped(note));
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Text of a plan stays text: nothing in it opens a tag, a table or a link.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '|' | '*' | '[' | ']' | '_' | '\\' => {
                safe.push('\\');
                safe.push(c);
            }
            '\n' | '\r' => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
