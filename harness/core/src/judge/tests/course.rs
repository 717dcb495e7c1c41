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
