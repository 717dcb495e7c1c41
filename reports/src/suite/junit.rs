//! A suite as JUnit: one test suite per drill, one case per judged target of the attempt that counts, and a case for
//! whatever came to no verdict.

use firedrill_core::suite::{Fate, SuiteRun};
use firedrill_core::verdict::Outcome;
use quick_junit::{NonSuccessKind, Property, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use super::{caveats, headline, headline_of, row, title};
use crate::figure;
use crate::plain::plain;
use crate::widening;

/// Renders the suite. A missed target is a failure, one undecided an error; a drill that was skipped by leave is
/// skipped, one that was skipped without is an error.
///
/// Where drills are held to what their scenarios expect, a drill is one case: its targets are shown, not judged.
#[must_use]
pub fn suite_junit(suite: &SuiteRun) -> String {
    let mut report = JunitReport::new(plain(&format!("firedrill {}", title(suite))));
    for drill in &suite.drills {
        let fate = drill.fate(&suite.allowed_skips);
        let [_, _, _, why] = row(suite, drill);
        let mut tests = TestSuite::new(plain(&drill.scenario));
        tests.add_property(Property::new("verdict", fate.word(suite.expected)));
        tests.add_property(Property::new("plan", plain(&drill.plan)));
        for (number, attempt) in drill.attempts.iter().enumerate() {
            let outcome = attempt.outcome.map_or("no verdict", Outcome::word);
            let run = attempt.run.as_deref().unwrap_or("none");
            tests.add_property(Property::new(
                format!("run {}", number + 1),
                plain(&format!("{outcome}, {run}")),
            ));
        }
        if let Some(attempt) = drill.deciding() {
            tests.add_property(Property::new("scope", plain(&attempt.scope)));
            if !drill.summary.is_empty() {
                tests.add_property(Property::new("about", plain(&drill.summary)));
            }
            for (number, caveat) in figure::caveats_of(&attempt.limits, &attempt.findings)
                .iter()
                .enumerate()
            {
                tests.add_property(Property::new(format!("note {}", number + 1), plain(caveat)));
            }
            if attempt.limits.calendar_scale > 0 {
                let widening = widening::lines_of(&attempt.limits, &attempt.findings);
                tests.add_property(Property::new("widening", plain(&widening.join("; "))));
            }
            for (name, said) in crate::junit::limits(&attempt.limits) {
                tests.add_property(Property::new(name, said));
            }
            let data = figure::data(&attempt.loss);
            if !data.is_empty() {
                tests.add_property(Property::new("data", plain(&data.join("; "))));
            }
        }
        let mut cases = 0;
        if let (Some(attempt), false) = (drill.deciding(), suite.expected) {
            for finding in &attempt.findings {
                let outcome = attempt.counts_as(finding);
                let message = headline_of(finding);
                let said = [std::slice::from_ref(&finding.because), &attempt.spoiled].concat();
                let case = case(&finding.id, &drill.scenario, kind(outcome), &message, &said.join("\n"));
                tests.add_test_case(case);
                cases += usize::from(outcome != Outcome::Pass);
            }
        }
        // What no target tells stands as a case of its own; nothing may look better here than it was.
        let told = match fate {
            Fate::Passed => suite.expected || drill.deciding().is_none_or(|attempt| attempt.findings.is_empty()),
            Fate::Failed | Fate::Inconclusive => cases == 0,
            _ => true,
        };
        if told {
            let kind = match fate {
                Fate::Passed => Kind::Good,
                Fate::MaySkip => Kind::Skipped,
                Fate::Failed => Kind::Bad(NonSuccessKind::Failure),
                _ => Kind::Bad(NonSuccessKind::Error),
            };
            let message = format!("{}: {why}", fate.word(suite.expected));
            tests.add_test_case(case("drill", &drill.scenario, kind, &message, &why));
        }
        report.add_test_suite(tests);
    }
    let missing = suite.missing();
    if !missing.is_empty() || suite.is_empty() || suite.interrupted {
        let mut tests = TestSuite::new("suite");
        let said: Vec<String> = caveats(suite).iter().map(|caveat| plain(caveat)).collect();
        tests.add_test_case(case(
            "suite",
            "suite",
            Kind::Bad(NonSuccessKind::Error),
            headline(suite),
            &said.join("\n"),
        ));
        report.add_test_suite(tests);
    }
    // Its own errors are those of a writer that cannot fail on memory.
    let mut text = report.to_string().unwrap_or_default();
    text.push('\n');
    text
}

enum Kind {
    Good,
    Skipped,
    Bad(NonSuccessKind),
}

fn kind(outcome: Outcome) -> Kind {
    match outcome {
        Outcome::Pass => Kind::Good,
        Outcome::Fail => Kind::Bad(NonSuccessKind::Failure),
        Outcome::Inconclusive => Kind::Bad(NonSuccessKind::Error),
    }
}

fn case(name: &str, class: &str, kind: Kind, message: &str, said: &str) -> TestCase {
    let mut status = match kind {
        Kind::Good => TestCaseStatus::success(),
        Kind::Skipped => TestCaseStatus::skipped(),
        Kind::Bad(kind) => TestCaseStatus::non_success(kind),
    };
    if !matches!(status, TestCaseStatus::Success { .. }) {
        status.set_message(plain(message));
        if !matches!(status, TestCaseStatus::Skipped { .. }) {
            status.set_description(said.lines().map(plain).collect::<Vec<_>>().join("\n"));
        }
    }
    let mut case = TestCase::new(plain(name), status);
    case.set_classname(plain(class));
    case.set_system_out(said.lines().map(plain).collect::<Vec<_>>().join("\n"));
    case
}
