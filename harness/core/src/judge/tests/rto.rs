//! Time without service, held to RTO and tiers; their order.

use super::builder::*;
use crate::event::{Edge, Event, Role};
use crate::ledger::OperationOutcome;
use crate::terms::{Comparator, RtoFrom, RtoUntil};
use crate::verdict::{Achieved, Outcome, Span};

fn span(run: &Run, id: &str) -> Span {
    match run.finding(id).achieved {
        Achieved::Duration(span) => span,
        other => panic!("not a duration: {other:?}"),
    }
}

fn two_tiers() -> Run {
    let mut run = Run::plain();
    run.terms.tiers.push(tier(1));
    run.terms.order = true;
    run.push(0, class(3, 3, Role::Workload, Some(1)));
    run.workload(3, STRIKE, 120_000);
    run.push(115_500, Event::Released { tier: 0 });
    run
}

#[test]
fn rto_runs_from_the_strike_to_restored() {
    let run = Run::plain();
    // The last window that misses is 115.5 .. 116.
    assert_eq!(
        span(&run, "rto"),
        Span {
            lower: 15_500 * MS,
            upper: Some(16_000 * MS)
        }
    );
    assert_eq!(
        span(&run, "tier.0"),
        Span {
            lower: 15_500 * MS,
            upper: Some(16_000 * MS)
        }
    );
    let moments = run.judge().verdict.moments;
    assert_eq!(moments.impact, Some(at(STRIKE)));
    assert_eq!(moments.restored.unwrap().late, BACK * MS);
    assert_eq!(run.judge().verdict.phases.len(), 5);
}

#[test]
fn each_figure_is_judged_by_both_bounds() {
    for (comparator, ms, outcome) in [
        (Comparator::AtMost, 16_000, Outcome::Pass),
        (Comparator::Below, 16_000, Outcome::Inconclusive),
        (Comparator::AtMost, 15_500, Outcome::Inconclusive),
        (Comparator::Below, 15_500, Outcome::Fail),
    ] {
        let mut run = Run::plain();
        run.terms.rto.as_mut().unwrap().limits = vec![limit(Comparator::AtMost, 60_000), limit(comparator, ms)];
        assert_eq!(run.of("rto"), Outcome::Pass);
        assert_eq!(run.of("rto#2"), outcome);
    }
}

#[test]
fn credits_and_scale_count_on_the_plan_clock() {
    let mut run = Run::plain();
    run.push(
        106_000,
        Event::Credit {
            plan: 30_000 * MS,
            what: "a person reads the alert".to_owned(),
        },
    );
    assert_eq!(span(&run, "rto").upper, Some(46_000 * MS));
    // From 100 to 107 the calendar sets the pace.
    run.push(STRIKE, Event::Rate { rate: 10 })
        .push(107_000, Event::Rate { rate: 1 });
    assert_eq!(span(&run, "rto").upper, Some(109_000 * MS));
    run.terms.rto.as_mut().unwrap().from = RtoFrom::Declared;
    assert_eq!(span(&run, "rto").upper, Some(9_000 * MS));
}

#[test]
fn a_run_that_gives_up_before_the_target_could_not_have_failed() {
    let mut run = Run::plain();
    run.terms.run_limit = 60_000 * MS;
    assert_eq!(run.of("rto"), Outcome::Inconclusive);
    run.terms.rto.as_mut().unwrap().limits = vec![limit(Comparator::AtMost, 10_000)];
    assert_eq!(run.of("rto"), Outcome::Fail);
}

#[test]
fn until_confirmed_waits_for_the_checks() {
    let mut run = Run::plain();
    run.terms.rto.as_mut().unwrap().until = RtoUntil::Confirmed;
    assert_eq!(span(&run, "rto").upper, Some(73_000 * MS));
    assert_eq!(run.of("rto"), Outcome::Fail);
}

#[test]
fn a_procedure_that_ended_with_the_service_still_down_fails_recovery() {
    let mut run = Run::plain();
    run.operations.retain(|operation| operation.class != WORKLOAD);
    run.workload(WORKLOAD, STRIKE, STOP);
    assert_eq!(run.of("recovery"), Outcome::Fail);
    // Given up at 170 s: at least 70 s.
    assert_eq!(
        span(&run, "rto"),
        Span {
            lower: 70_000 * MS,
            upper: None
        }
    );
    assert_eq!(run.of("rto"), Outcome::Fail);
    run.terms.rto.as_mut().unwrap().limits = vec![limit(Comparator::AtMost, 70_000)];
    assert_eq!(run.of("rto"), Outcome::Inconclusive);
}

#[test]
fn a_procedure_past_its_deadline_fails_recovery() {
    let mut run = Run::plain();
    run.terms.procedure_deadline = 1_000 * MS;
    run.terms.settle = 2_000 * MS;
    run.events
        .retain(|(_, event)| !matches!(event, Event::Procedure { edge: Edge::Ended, .. }));
    assert_eq!(run.of("recovery"), Outcome::Fail);
}

#[test]
fn tiers_return_in_order() {
    let mut run = two_tiers();
    run.push(117_000, Event::Released { tier: 1 });
    assert_eq!(run.of("order"), Outcome::Pass);
    assert_eq!(run.outcome(), Outcome::Pass, "{:#?}", run.judge().verdict.findings);
    assert_eq!(span(&run, "tier.1").upper, Some(20_000 * MS));
    assert_eq!(
        run.judge().verdict.moments.restored.unwrap().late,
        120_000 * MS,
        "overall is all at once"
    );
}

#[test]
fn a_tier_released_too_early_misses_the_order() {
    let mut run = two_tiers();
    run.push(112_000, Event::Released { tier: 1 });
    assert_eq!(run.of("order"), Outcome::Fail);
}

#[test]
fn a_tier_that_served_at_the_release_and_failed_once_more_at_once_leaves_the_order_open() {
    let mut run = two_tiers();
    run.push(118_000, Event::Released { tier: 1 });
    assert_eq!(run.of("order"), Outcome::Pass);
    // As soon as tier 1 has its traffic, tier 0 fails again, within its stability window of 5 s.
    let relapse = 118_500 * MS..119_000 * MS;
    for operation in &mut run.operations {
        if operation.class == WORKLOAD && relapse.contains(&operation.scheduled) {
            *operation = failed(*operation, OperationOutcome::Refused);
        }
    }
    let finding = run.finding("order");
    assert_eq!(finding.outcome, Outcome::Inconclusive, "{finding:#?}");
    assert!(finding.because.contains("failed again"), "{}", finding.because);
    // Down when the other is let in, it is no matter what happened before.
    run.events
        .retain(|(_, event)| !matches!(event, Event::Released { tier: 1 }));
    run.push(118_200, Event::Released { tier: 1 });
    let relapse = 117_000 * MS..119_500 * MS;
    for operation in &mut run.operations {
        if operation.class == WORKLOAD && relapse.contains(&operation.scheduled) {
            *operation = failed(*operation, OperationOutcome::Refused);
        }
    }
    assert_eq!(run.of("order"), Outcome::Fail);
}

#[test]
fn a_tier_that_fails_only_after_another_was_released_was_not_to_be_waited_for() {
    let mut run = two_tiers();
    // Tier 0 goes on through the disaster, as a durable queue lets it.
    run.operations.retain(|operation| operation.class != WORKLOAD);
    run.workload(WORKLOAD, 125_000, 126_000);
    run.push(117_000, Event::Released { tier: 1 });
    assert_eq!(run.of("order"), Outcome::Pass);
}

#[test]
fn a_release_within_the_doubt_or_none_at_all_leaves_the_order_open() {
    let mut run = two_tiers();
    assert_eq!(run.of("order"), Outcome::Inconclusive);
    run.push(115_800, Event::Released { tier: 1 });
    assert_eq!(run.of("order"), Outcome::Inconclusive);
}

#[test]
fn a_tier_that_never_misses_has_no_downtime() {
    let mut run = two_tiers();
    run.push(117_000, Event::Released { tier: 1 });
    for operation in run.operations.iter_mut().filter(|operation| operation.class == 3) {
        if operation.outcome == OperationOutcome::Refused {
            operation.outcome = OperationOutcome::Acked;
        }
    }
    assert_eq!(
        span(&run, "tier.1"),
        Span {
            lower: 0,
            upper: Some(0)
        }
    );
}

#[test]
fn the_outage_is_a_share_of_the_yearly_budget() {
    // 16 s of the 31,536 s that 99.9 % of a year leave.
    assert_eq!(Run::plain().judge().verdict.budget_permille, Some(1));
}
