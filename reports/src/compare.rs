//! Several runs side by side: the tool that recovered each of them, and what it took, kept and lost.
//!
//! Runs of one disaster on one machine are worth comparing; whatever differs between them is named above the table.

use firedrill_core::judge::duration::bytes;
use firedrill_core::verdict::{Finding, Verdict};
use tabled::builder::Builder;
use tabled::settings::Style;

use crate::plain::plain;
use crate::{Report, figure};

/// One run in words.
struct Row {
    run: String,
    cells: [String; 8],
}

const COLUMNS: [&str; 8] = [
    "tool",
    "verdict",
    "backup took",
    "restore took",
    "stored",
    "loss",
    "restored after",
    "scenario",
];

/// The table for a terminal.
#[must_use]
pub fn compare_text(reports: &[Report<'_>]) -> String {
    let mut out = String::new();
    for note in notes(reports) {
        out.push_str(&format!("! {note}\n"));
    }
    let mut table = Builder::default();
    table.push_record(COLUMNS);
    let rows: Vec<Row> = reports.iter().map(row).collect();
    for row in &rows {
        table.push_record(&row.cells);
    }
    let mut table = table.build();
    table.with(Style::sharp().remove_vertical().remove_left().remove_right());
    for line in table.to_string().lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.push('\n');
    for row in &rows {
        out.push_str(&format!("{}: {}\n", row.cells[0], row.run));
    }
    out.push_str(&format!("{EXPLAINED}\n"));
    out
}

/// The table for a pipeline's summary.
#[must_use]
pub fn compare_markdown(reports: &[Report<'_>]) -> String {
    let mut out = String::new();
    let cell = crate::markdown::cell;
    for note in notes(reports) {
        out.push_str(&format!("> **Note:** {}\n\n", cell(&note)));
    }
    out.push_str(&format!("| {} |\n", COLUMNS.join(" | ")));
    out.push_str(&format!("|{}\n", "---|".repeat(COLUMNS.len())));
    for report in reports {
        let cells: Vec<String> = row(report).cells.iter().map(|text| cell(text)).collect();
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out.push_str(&format!("\n{EXPLAINED}\n"));
    out
}

const EXPLAINED: &str = "Backup and restore in drill time: a backup from its start until it was complete, a restore from the \
choice of its target until the database served. Stored: bytes of all backups when the load had stopped. Loss and restored \
are what the verdict judges, in plan time.";

/// What keeps the runs from being alike.
fn notes(reports: &[Report<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    let differs = |of: &dyn Fn(&Report<'_>) -> String| {
        let mut values: Vec<String> = reports.iter().map(of).collect();
        values.sort();
        values.dedup();
        values
    };
    for (what, values) in [
        ("plans", differs(&|report| report.verdict.plan.clone())),
        ("disasters", differs(&|report| report.verdict.disaster.clone())),
        (
            "versions of Postgres",
            differs(&|report| {
                let version = report.inputs.versions.get("postgres").map(String::as_str);
                version
                    .unwrap_or("unknown")
                    .split(',')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            }),
        ),
        (
            "scales",
            differs(&|report| report.inputs.terms.calendar_scale.to_string()),
        ),
    ] {
        if values.len() > 1 {
            notes.push(format!("the runs have different {what}: {}", plain(&values.join(", "))));
        }
    }
    notes
}

fn row(report: &Report<'_>) -> Row {
    let verdict = report.verdict;
    let tool = &verdict.tool;
    let name = if tool.name.is_empty() { "no tool" } else { &tool.name };
    let backup = figure::backups(&tool.backups).map_or_else(|| "none".to_owned(), |taken| plain(&taken));
    Row {
        run: plain(&verdict.run),
        cells: [
            plain(name),
            verdict.outcome.word().to_owned(),
            backup,
            tool.restore.as_ref().map_or_else(|| "never".to_owned(), figure::span),
            tool.stored.map_or_else(|| "not measured".to_owned(), bytes),
            loss(verdict),
            restored(verdict),
            plain(&verdict.scenario),
        ],
    }
}

/// The loss of each judged component, as its finding has it; the versions beside it.
fn loss(verdict: &Verdict) -> String {
    let parts: Vec<String> = verdict
        .findings
        .iter()
        .filter_map(|finding| {
            let component = finding.id.strip_prefix("rpo.")?;
            let versions = verdict.loss.get(component).map_or(0, |loss| loss.lost);
            Some(format!("{} ({versions} versions)", figure::achieved(finding)))
        })
        .collect();
    if parts.is_empty() {
        "not judged".into()
    } else {
        plain(&parts.join("; "))
    }
}

fn restored(verdict: &Verdict) -> String {
    let rto: Option<&Finding> = verdict.findings.iter().find(|finding| finding.id == "rto");
    rto.map_or_else(|| "not judged".into(), figure::achieved)
}
