//! From evidence to verdict and renderings: the only way there is, for `run` as for `judge`.

use std::collections::BTreeMap;
use std::path::Path;

use firedrill_core::document::{Source, parse_plan, parse_scenario};
use firedrill_core::evidence::{Evidence, EvidenceError, Misfit, RUN_FILE, RunInputs, VERDICT_FILE};
use firedrill_core::judge::{Judged, judge};
use firedrill_core::resolve::{TWIN, resolve_altered};
use firedrill_reports::Report;

use crate::build::{self, PROGRAM};
use crate::run_directory::DirectoryFiles;

/// Makes sure that the terms are those of the plan and scenario whose texts lie beside them: a chain of digests shows
/// that nothing was changed afterwards, not that it was right to begin with.
fn follow_from_their_texts(inputs: &RunInputs, sealed: bool) -> Result<(), EvidenceError> {
    let misfit = |found: String, expected: &str| {
        let recorded = inputs.versions.get(PROGRAM);
        let this = build::named();
        if recorded.is_none_or(|recorded| *recorded != this) {
            return EvidenceError::OtherBuild {
                recorded: recorded.cloned().unwrap_or_else(|| "a build that gives no name".into()),
                this,
                why: format!("{found}, expected {expected}"),
            };
        }
        EvidenceError::Altered(Box::new(Misfit {
            file: RUN_FILE.into(),
            place: "terms".into(),
            found,
            expected: expected.into(),
        }))
    };
    if inputs.plan_text.is_empty() || inputs.scenario_text.is_empty() {
        // Another program may have resolved terms by itself; every rendering of such a run says that it was sealed.
        return if sealed {
            Ok(())
        } else {
            Err(misfit(
                "no text of plan or scenario".into(),
                "both, as every run of firedrill has them",
            ))
        };
    }
    let unsound = |error: String| misfit(error, "a plan and a scenario that make a drill");
    let plan = parse_plan(Source::new(inputs.plan.name.clone(), inputs.plan_text.clone()))
        .map_err(|mistakes| unsound(mistakes.to_string()))?;
    let scenario = parse_scenario(Source::new(inputs.scenario.name.clone(), inputs.scenario_text.clone()))
        .map_err(|mistakes| unsound(mistakes.to_string()))?;
    let twin = inputs.settings.get(TWIN).map(String::as_str);
    let (_, terms) = resolve_altered(&plan.value, &scenario.value, twin, &inputs.settings)
        .map_err(|error| unsound(error.to_string()))?;
    if terms == inputs.terms {
        return Ok(());
    }
    Err(misfit(
        "other terms than plan and scenario lead to".into(),
        "those that this version of firedrill derives from their texts",
    ))
}

/// A run with its verdict.
pub struct JudgedRun {
    /// What it was started with.
    pub inputs: RunInputs,
    /// The verdict and the series behind it.
    pub judged: Judged,
    /// Digests of the files as they lie there.
    pub digests: BTreeMap<String, String>,
    /// The history has its closing event; without one the run was cut short.
    pub closed: bool,
}

impl JudgedRun {
    /// Judges a run directory whose manifest is written: every byte is checked.
    ///
    /// # Errors
    /// When the evidence does not fit or cannot be read.
    pub fn read(directory: &Path) -> Result<JudgedRun, EvidenceError> {
        let anything = ["run.json", "events.jsonl", "manifest.json"]
            .iter()
            .any(|name| directory.join(name).exists());
        if !anything {
            return Err(EvidenceError::Unreadable {
                file: "run.json".into(),
                why: "there is no such file: this is no run directory".into(),
            });
        }
        let evidence = Evidence::check(&DirectoryFiles::new(directory))?;
        follow_from_their_texts(&evidence.inputs, evidence.history.sealed())?;
        Ok(JudgedRun::from_evidence(evidence))
    }

    /// Judges a run that has just been closed, before its renderings and manifest are written.
    ///
    /// # Errors
    /// As [`JudgedRun::read`].
    pub fn read_fresh(directory: &Path) -> Result<JudgedRun, EvidenceError> {
        Evidence::check_unlisted(&DirectoryFiles::new(directory)).map(JudgedRun::from_evidence)
    }

    fn from_evidence(evidence: Evidence) -> JudgedRun {
        let Evidence {
            inputs,
            history,
            ledger,
            digests,
            ..
        } = evidence;
        let closed = history.closed.is_some();
        let judged = judge(
            &inputs.run,
            &inputs.terms,
            &history.records,
            &ledger.operations,
            &ledger.found,
        );
        JudgedRun {
            inputs,
            judged,
            digests,
            closed,
        }
    }

    /// What reports are made from.
    #[must_use]
    pub fn report(&self) -> Report<'_> {
        Report {
            inputs: &self.inputs,
            verdict: &self.judged.verdict,
            series: &self.judged.series,
        }
    }

    /// The verdict and every rendering, by file name; the same bytes for the same evidence.
    #[must_use]
    pub fn renderings(&self) -> BTreeMap<&'static str, Vec<u8>> {
        let report = self.report();
        BTreeMap::from([
            (VERDICT_FILE, firedrill_reports::json(&report).into_bytes()),
            ("report.txt", firedrill_reports::text(&report).into_bytes()),
            ("report.md", firedrill_reports::markdown(&report).into_bytes()),
            ("report.html", firedrill_reports::html(&report).into_bytes()),
            ("junit.xml", firedrill_reports::junit(&report).into_bytes()),
        ])
    }
}
