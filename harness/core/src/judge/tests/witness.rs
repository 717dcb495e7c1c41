//! A striking fault that only its own command saw.

use super::builder::*;
use crate::event::Event;
use crate::ledger::Content;
use crate::terms::DetectorTerm;
use crate::verdict::Outcome;

/// A fault of the scenario's own that breaks nothing, and a procedure that restores nothing; all figures look met.
fn nothing_broken() -> Run {
    let mut run = Run::plain();
    run.terms.own_fault = true;
    run.terms.detector = DetectorTerm::None;
    run.drop("alert").drop("takeover").drop("fenced").drop("recovery_point");
    run.events
        .retain(|(_, event)| !matches!(event, Event::Incarnation { id: 1, .. }));
    for (_, event) in &mut run.events {
        if let Event::FinalRead { incarnation, .. } = event {
            *incarnation = 0;
        }
    }
    run.operations.retain(|operation| operation.class != WORKLOAD);
    run.workload(WORKLOAD, STOP, STOP);
    for second in STRIKE / 1000..BACK / 1000 {
        run.canary(second * 1000 + 300);
    }
    run.operations
        .iter_mut()
        .for_each(|operation| operation.incarnation = 0);
    run.found.iter_mut().for_each(|row| row.incarnation = 0);
    run
}

#[test]
fn what_only_its_own_command_saw_passes_nothing() {
    let mut run = nothing_broken();
    for id in ["rto", "rpo.database", "tier.0"] {
        let finding = run.finding(id);
        assert_eq!(finding.outcome, Outcome::Inconclusive, "{finding:#?}");
        assert!(finding.because.contains("its own command"), "{}", finding.because);
    }
    assert_eq!(run.outcome(), Outcome::Inconclusive);
    // A built-in fault is proved by the harness's own probe.
    run.terms.own_fault = false;
    assert_eq!(run.outcome(), Outcome::Pass, "{:#?}", run.judge().verdict.findings);
}

#[test]
fn an_own_fault_that_others_saw_counts() {
    // Clients did.
    let mut run = Run::plain();
    run.terms.own_fault = true;
    assert_eq!(run.outcome(), Outcome::Pass);
    // The monitor did.
    let mut run = nothing_broken();
    run.terms.detector = Run::plain().terms.detector;
    run.push(105_000, alert(true));
    assert_eq!(run.outcome(), Outcome::Pass, "{:#?}", run.judge().verdict.findings);
    // The ledger did, and what it saw decides.
    let mut run = nothing_broken();
    run.found[0].content = Content::Mutated;
    let finding = run.finding("rto");
    assert_eq!(finding.outcome, Outcome::Fail);
    assert!(!finding.because.contains("its own command"), "{}", finding.because);
}

#[test]
fn an_alert_that_the_plan_counts_on_contradicts_that_nobody_could_notice() {
    let mut run = Run::plain();
    run.terms.detector = DetectorTerm::None;
    assert_eq!(run.of("rto"), Outcome::Pass, "counted from the declaration");
    run.terms.unexpected_alerts = vec!["down".to_owned()];
    let finding = run.finding("rto");
    assert_eq!(finding.outcome, Outcome::Inconclusive, "{finding:#?}");
    assert!(finding.because.contains("`database` (down)"), "{}", finding.because);
    // What is raised after the declaration may come of the recovery.
    run.restamp(at(108_000), |event| matches!(event, Event::Alert { .. }));
    assert_eq!(run.of("rto"), Outcome::Pass);
    run.terms.unexpected_alerts = vec!["slow".to_owned()];
    run.restamp(at(105_000), |event| matches!(event, Event::Alert { .. }));
    assert_eq!(run.of("rto"), Outcome::Pass, "of another kind");
}
