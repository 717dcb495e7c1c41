//! Phases and moments that cannot be are told, never shown as durations.

use super::builder::*;
use crate::event::Event;

#[test]
fn a_phase_that_ended_before_it_began_has_no_length() {
    let mut run = Run::plain();
    assert!(
        run.judge()
            .verdict
            .phases
            .iter()
            .all(|phase| phase.out_of_order.is_none())
    );
    run.restamp(at(103_000), |event| matches!(event, Event::Acknowledged { .. }));
    let phases = run.judge().verdict.phases;
    let respond = phases.iter().find(|phase| phase.name == "respond").expect("a phase");
    assert_eq!(respond.out_of_order.as_deref(), Some("acknowledged before alerted"));
    assert_eq!((respond.plan.lower, respond.plan.upper), (0, Some(0)));
    assert!(respond.from.early <= respond.until.late);
    let decide = phases.iter().find(|phase| phase.name == "decide").expect("a phase");
    assert_eq!(decide.out_of_order, None);
}

#[test]
fn a_tier_that_was_never_out_was_not_restored() {
    let plain = &Run::plain().judge().verdict.moments.tiers[&0];
    assert!(!plain.untouched && plain.restored.is_some());
    let mut run = Run::plain();
    run.terms.tiers.push(tier(1));
    run.push(0, class(7, 9, crate::event::Role::Workload, Some(1)));
    run.workload(7, STOP, STOP);
    let tier = &run.judge().verdict.moments.tiers[&1];
    assert!(tier.untouched, "{tier:?}");
    assert_eq!((tier.impact, tier.restored), (None, None));
}

#[test]
fn what_the_drill_is_and_at_which_cadence_stands_beside_the_verdict() {
    let mut run = Run::plain();
    let plain = run.judge().verdict;
    assert!(!plain.scope.contains("CADENCE"), "{}", plain.scope);
    assert_eq!((plain.summary.as_str(), &plain.twin), ("", &None));
    run.terms.summary = "The database is lost.".to_owned();
    run.terms.twin = Some("No WAL is shipped.".to_owned());
    run.terms.denser = vec![crate::terms::DenserTerm {
        component: "database".to_owned(),
        says: "a dump every 30 min, the plan's every 6 h".to_owned(),
    }];
    let verdict = run.judge().verdict;
    let named = "NOT AT THE PLAN'S CADENCE (a dump every 30 min, the plan's every 6 h)";
    assert!(verdict.scope.contains(named), "{}", verdict.scope);
    let rpo = run.finding("rpo.database").because;
    assert!(rpo.ends_with("a dump every 30 min, the plan's every 6 h"), "{rpo}");
    let others = verdict
        .findings
        .iter()
        .filter(|finding| !finding.id.starts_with("rpo."));
    assert!(others.into_iter().all(|finding| !finding.because.contains("cadence")));
    assert_eq!(verdict.summary, run.terms.summary);
    assert_eq!(verdict.twin, run.terms.twin);
}
