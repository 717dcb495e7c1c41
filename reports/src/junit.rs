//! JUnit: one case per judged target, so that a pipeline shows which promise was broken.

use firedrill_core::verdict::Outcome;
use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use crate::{Report, figure};

/// Renders the run as one suite. A target that was missed is a failure; one that is undecided an error, since a
/// pipeline must not take it for met.
#[must_use]
pub fn junit(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let mut suite = TestSuite::new(verdict.scenario.clone());
    for finding in &verdict.findings {
        let outcome = if verdict.spoiled.is_empty() { finding.outcome } else { Outcome::Inconclusive };
        let mut status = match outcome {
            Outcome::Pass => TestCaseStatus::success(),
            Outcome::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Outcome::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        if outcome != Outcome::Pass {
            let demanded = finding.limit.as_ref().map(figure::limit).unwrap_or_default();
            status.set_message(format!("{} {demanded}: {}", finding.title, figure::achieved(finding)));
            status.set_type(figure::met(outcome));
            status.set_description(finding.because.clone());
        }
        let mut case = TestCase::new(finding.id.clone(), status);
        case.set_classname(verdict.scenario.clone());
        case.set_system_out(finding.because.clone());
        suite.add_test_case(case);
    }
    if !verdict.spoiled.is_empty() || verdict.findings.is_empty() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        let why = if verdict.spoiled.is_empty() { "no target was judged".into() } else { verdict.spoiled.join("; ") };
        status.set_message(format!("the run as a whole is inconclusive: {why}"));
        let mut case = TestCase::new("run", status);
        case.set_classname(verdict.scenario.clone());
        suite.add_test_case(case);
    }
    let mut whole = JunitReport::new(format!("firedrill {}", verdict.plan));
    whole.add_test_suite(suite);
    // Its own errors are those of a writer that cannot fail on memory.
    let mut text = whole.to_string().unwrap_or_default();
    text.push('\n');
    text
}
