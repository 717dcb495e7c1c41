//! `firedrill compare`: several judged runs side by side, so that the tools which recovered them can be weighed.

use super::Failure;
use super::named_run;
use super::output::write_out;
use crate::cli::{Cli, Compare, Format};
use crate::judged::JudgedRun;

/// Runs the command. It exits 0 whatever the verdicts: `judge` is for deciding.
pub fn compare(compare: &Compare, cli: &Cli) -> Result<u8, Failure> {
    let mut runs = Vec::new();
    for named in &compare.runs {
        let here = named_run::here(named, &compare.folder.path)?;
        let run = JudgedRun::read(here.directory())
            .map_err(|error| Failure::Input(miette::miette!("{}: {error}", here.named())))?;
        runs.push(run);
    }
    let reports: Vec<_> = runs.iter().map(JudgedRun::report).collect();
    let text = match cli.format {
        Format::Text => firedrill_reports::compare_text(&reports),
        Format::Markdown => firedrill_reports::compare_markdown(&reports),
        Format::Json => {
            let rows: Vec<_> = reports
                .iter()
                .map(|report| {
                    serde_json::json!({
                        "run": report.verdict.run, "scenario": report.verdict.scenario,
                        "outcome": report.verdict.outcome, "tool": report.verdict.tool,
                        "findings": report.verdict.findings,
                    })
                })
                .collect();
            format!("{:#}\n", serde_json::Value::from(rows))
        }
        Format::Junit | Format::Html | Format::Sarif => {
            return Err(Failure::Input(miette::miette!(
                help = "`firedrill report RUN --format html` renders one run",
                "`compare` prints text, markdown or json"
            )));
        }
    };
    write_out(&text)?;
    Ok(0)
}
