//! `firedrill report`: one rendering of a judged run on standard output.

use firedrill_core::evidence::EvidenceError;

use super::Failure;
use super::named_run;
use super::output::write_out;
use crate::cli::{Cli, Format, Report, ReportOf};
use crate::judged::JudgedRun;

/// Runs the command. It exits 0 whatever the verdict: `judge` is for deciding.
pub fn report(report: &Report, cli: &Cli) -> Result<u8, Failure> {
    let here = match (&report.of, &report.run) {
        (Some(ReportOf::Merge { suites, output }), _) => return super::suite::merge(suites, output.as_deref(), cli),
        (None, Some(run)) => named_run::here(run, &report.folder.path)?,
        // The command line is refused before this.
        (None, None) => return Err(Failure::Input(miette::miette!("name a run directory"))),
    };
    match JudgedRun::read(here.directory()) {
        Ok(run) => print(&run, cli).map(|()| 0),
        Err(error @ EvidenceError::Open(_)) => {
            crate::view::say(&format!("firedrill: inconclusive: {error}"));
            Ok(error.exit_code())
        }
        Err(error) => Err(Failure::Input(miette::miette!("{}: {error}", here.named()))),
    }
}

/// Prints a run in the format that was asked for.
pub fn print(run: &JudgedRun, cli: &Cli) -> Result<(), Failure> {
    let report = run.report();
    let text = match cli.format {
        Format::Text => firedrill_reports::text(&report),
        Format::Json => firedrill_reports::json(&report),
        Format::Markdown => firedrill_reports::markdown(&report),
        Format::Junit => firedrill_reports::junit(&report),
        Format::Html => firedrill_reports::html(&report),
        Format::Sarif => {
            return Err(Failure::Input(miette::miette!(
                help = "use --format text, json, markdown, junit or html; `plan lint` writes SARIF",
                "a run has no lines of a file to annotate: there is no SARIF of it"
            )));
        }
    };
    write_out(&text)
}
