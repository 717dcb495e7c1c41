//! JUnit: one case per judged target, so that a pipeline shows which promise was broken.

use firedrill_core::verdict::{Limits, Outcome};
use quick_junit::{NonSuccessKind, Property, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use crate::plain::plain;
use crate::{Report, figure, widening};

/// Renders the run as one suite. A target that was missed is a failure; one that is undecided an error, since a
/// pipeline must not take it for met. Where something other than a target decides the verdict, a case `run` says so.
#[must_use]
pub fn junit(report: &Report<'_>) -> String {
    let verdict = report.verdict;
    let scope = plain(&format!("{} {}", verdict.outcome.word(), figure::scope(verdict)));
    let caveats: Vec<String> = figure::caveats(report).iter().map(|caveat| plain(caveat)).collect();
    let data: Vec<String> = figure::data(&verdict.loss).iter().map(|data| plain(data)).collect();
    let beside = [std::slice::from_ref(&scope), &caveats, &data].concat().join("\n");
    let spoiled: Vec<String> = verdict.spoiled.iter().map(|why| plain(why)).collect();
    let mut suite = TestSuite::new(plain(&verdict.scenario));
    for (name, value) in [
        ("verdict", verdict.outcome.word().to_owned()),
        ("scope", scope),
        ("about", plain(&figure::about(verdict).join(" "))),
        ("run", plain(&verdict.run)),
        ("plan", plain(&verdict.plan)),
        ("disaster", plain(&verdict.disaster)),
        ("started", plain(&report.inputs.started)),
        ("data", data.join("; ")),
        (
            "sealed by another program",
            if verdict.sealed_by_another { "yes" } else { "no" }.to_owned(),
        ),
        ("recorded by", plain(&verdict.program)),
        (
            "definitions",
            format!("docs/definitions.md, version {}", verdict.definitions),
        ),
        ("widening", plain(&widening::lines(report).join("; "))),
    ]
    .into_iter()
    .filter(|(name, value)| *name != "about" || !value.is_empty())
    .chain(limits(&verdict.limits()))
    {
        suite.add_property(Property::new(name, value));
    }
    suite.set_system_out(beside.clone());
    for finding in &verdict.findings {
        let outcome = figure::counts_as(verdict, finding);
        let mut status = status(outcome);
        let because = plain(&finding.because);
        if outcome != Outcome::Pass {
            let demanded = finding.limit.as_ref().map(figure::limit).unwrap_or_default();
            let message = figure::headline(finding, &demanded);
            status.set_message(plain(&if spoiled.is_empty() {
                message
            } else {
                format!("the run is spoiled; {message}")
            }));
            status.set_type(figure::met(outcome));
            status.set_description([std::slice::from_ref(&because), &spoiled].concat().join("\n"));
        }
        let mut case = TestCase::new(plain(&finding.id), status);
        case.set_classname(plain(&verdict.scenario));
        // What was let pass is no part of the reason's first words, and a green case must not hide it.
        let let_pass = match finding.unordered {
            0 => String::new(),
            _ => format!("{}; ", figure::achieved(finding)),
        };
        case.set_system_out(format!(
            "{}: {}: {let_pass}{because}\n{beside}",
            plain(&finding.title),
            figure::says(outcome, finding)
        ));
        suite.add_test_case(case);
    }
    let worst = verdict
        .findings
        .iter()
        .map(|finding| figure::counts_as(verdict, finding))
        .max();
    if !spoiled.is_empty() || worst.is_none_or(|worst| worst < verdict.outcome) {
        let outcome = if spoiled.is_empty() {
            verdict.outcome.max(Outcome::Inconclusive)
        } else {
            Outcome::Inconclusive
        };
        let mut status = status(outcome);
        let why = match (spoiled.is_empty(), verdict.findings.is_empty()) {
            (false, _) => spoiled.join("; "),
            (true, true) => "no target was judged".into(),
            (true, false) => "no single target says why; see the report".into(),
        };
        status.set_message(format!(
            "the run as a whole is {}: {why}",
            outcome.word().to_lowercase()
        ));
        status.set_type(figure::met(outcome));
        let mut case = TestCase::new("run", status);
        case.set_classname(plain(&verdict.scenario));
        case.set_system_out(beside);
        suite.add_test_case(case);
    }
    let mut whole = JunitReport::new(plain(&format!("firedrill {}", verdict.plan)));
    whole.add_test_suite(suite);
    // Its own errors are those of a writer that cannot fail on memory.
    let mut text = whole.to_string().unwrap_or_default();
    text.push('\n');
    text
}

/// How far the evidence goes, as properties: a green case must not hide it. Those with nothing to say are left out.
pub(crate) fn limits(limits: &Limits) -> Vec<(&'static str, String)> {
    let stood_in = limits
        .stand_ins
        .iter()
        .map(|stand_in| format!("{} -> {}", stand_in.planned, stand_in.drilled));
    [
        ("not covered", limits.not_covered.join("; ")),
        ("assumed", limits.assumptions.join("; ")),
        ("stood in for", stood_in.collect::<Vec<_>>().join("; ")),
    ]
    .into_iter()
    .filter(|(_, said)| !said.is_empty())
    .map(|(name, said)| (name, plain(&said)))
    .collect()
}

fn status(outcome: Outcome) -> TestCaseStatus {
    match outcome {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Error),
    }
}
