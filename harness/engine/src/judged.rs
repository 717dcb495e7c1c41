//! From evidence to verdict and renderings: the only way there is, for `run` as for `judge`.

use std::collections::BTreeMap;
use std::path::Path;

use firedrill_core::evidence::{Evidence, EvidenceError, RunInputs, VERDICT_FILE};
use firedrill_core::judge::{Judged, judge};
use firedrill_reports::Report;

use crate::run_directory::DirectoryFiles;

/// A run with its verdict.
pub struct JudgedRun {
    /// What it was started with.
    pub inputs: RunInputs,
    /// The verdict and the series behind it.
    pub judged: Judged,
    /// Digests of the files as they lie there.
    pub digests: BTreeMap<String, String>,
}

impl JudgedRun {
    /// Judges a run directory whose manifest is written: every byte is checked.
    ///
    /// # Errors
    /// When the evidence does not fit or cannot be read.
    pub fn read(directory: &Path) -> Result<JudgedRun, EvidenceError> {
        Evidence::check(&DirectoryFiles::new(directory)).map(JudgedRun::from_evidence)
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
