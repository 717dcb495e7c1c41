//! The definitions by their numbers: those that no other file here is about. Where one is, the comment says which.
//!
//! 1 rpo (overwriting), 2 integrity (in place), 4 integrity (content), 6 rpo (artefact), 7 rpo (bounds), 8 rpo (credited),
//! 9 rpo (zero), 10 rpo (too short), 13 and 14 restoration, 16 and 17 rto, 20 detection, 21 integrity (checks).

use super::builder::*;
use crate::event::{DelayKind, Edge, Event, Role};
use crate::ledger::OperationOutcome;
use crate::stamp::Stamp;
use crate::terms::Domain;
use crate::verdict::Outcome;

#[test]
fn no_3_each_object_is_its_own_domain() {
    let mut run = Run::plain();
    run.lose(95_000, 96_000);
    assert_eq!(run.of("hole.database"), Outcome::Fail);
    run.terms.components.get_mut("database").unwrap().domain = Domain::Key;
    assert_eq!(
        run.of("hole.database"),
        Outcome::Pass,
        "the store promises no order between keys"
    );
    // Within one key the order holds: version 2 was lost, 3 was kept although it came later.
    run.operations.push(write(PRELOAD, 7, 1, 10_000, 0));
    run.operations.push(write(PRELOAD, 7, 2, 20_000, 0));
    run.operations.push(write(PRELOAD, 7, 3, 30_000, 0));
    run.operations.last_mut().unwrap().replaced = 1;
    run.found.push(row(1, 7, 3));
    assert_eq!(run.of("hole.database"), Outcome::Fail);
}

#[test]
fn no_5_a_value_that_was_read_counts_as_acked() {
    let mut run = Run::plain();
    run.operations
        .push(failed(write(PRELOAD, 7, 1, 40_000, 0), OperationOutcome::Indeterminate));
    assert_eq!(run.judge().verdict.loss["database"].lost, 0);
    run.operations.push(read(WORKLOAD, 7, 1, 45_000, 0));
    let loss = run.judge().verdict.loss["database"].clone();
    assert_eq!(loss.lost, 1);
    assert_eq!(
        run.of("hole.database"),
        Outcome::Fail,
        "it belongs to the life in force when it was sent"
    );
}

#[test]
fn no_11_a_gap_elsewhere_does_not_matter() {
    let mut run = Run::plain();
    let silent = |key: u64| (60_000..70_000).contains(&(key as i64));
    run.operations
        .retain(|operation| operation.class != CANARY || !silent(operation.key));
    run.found.retain(|row| !silent(row.key));
    assert_eq!(run.of("rpo.database"), Outcome::Pass);
    // But it widens the loss that begins in it.
    run.lose(70_000, STRIKE);
    run.rpo(crate::terms::Comparator::AtMost, 35_000);
    assert_eq!(run.of("rpo.database"), Outcome::Inconclusive);
}

#[test]
fn no_12_only_what_the_source_acked_is_held_against_its_point() {
    let mut run = Run::plain();
    run.lose(95_000, STRIKE);
    for (_, event) in &mut run.events {
        if let Event::RecoveryPoint { source, .. } = event {
            *source = 5;
        }
    }
    assert_eq!(run.of("declared_point.database"), Outcome::Pass);
}

#[test]
fn no_15_capacity_ramps_lie_outside_the_windows() {
    let mut run = Run::plain();
    for operation in run.operations.iter_mut().filter(|it| it.class == WORKLOAD) {
        if (20_000 * MS..24_000 * MS).contains(&operation.scheduled) {
            operation.outcome = OperationOutcome::NotSent;
        }
    }
    run.push(0, class(9, 9, Role::Capacity, None));
    let baseline = run.judge().verdict.moments.restored;
    run.events.push((
        Stamp::new(119_100 * MS, 119_200 * MS),
        Event::Capacity { per_second: 900 },
    ));
    let with = run.judge().verdict;
    assert_eq!(with.capacity, [900]);
    assert_eq!(baseline.unwrap().late, BACK * MS);
    assert_eq!(
        with.moments.restored.unwrap().late,
        119_500 * MS,
        "unknown is bad for the upper bound"
    );
}

#[test]
fn no_18_the_quantum_is_the_largest_delay_and_what_rounding_added() {
    let mut run = Run::plain();
    run.terms.calendar_scale = 10;
    for (kind, ms) in [(DelayKind::Push, 30), (DelayKind::Probe, 50), (DelayKind::Rounding, 7)] {
        run.push(50_000, Event::Delay { kind, drill: ms * MS });
    }
    assert_eq!(run.judge().verdict.quantum, 570 * MS);
}

#[test]
fn no_19_a_stall_widens_what_it_touches_ends_included_and_does_not_chain() {
    let is_alert = |event: &Event| matches!(event, Event::Alert { .. });
    let mut run = Run::plain();
    run.events
        .push((Stamp::new(105_000 * MS, 106_000 * MS), Event::Stall {}));
    run.events
        .push((Stamp::new(106_000 * MS, 109_000 * MS), Event::Stall {}));
    assert_eq!(
        run.judge().verdict.moments.alerted,
        Some(Stamp::new(105_000 * MS, 106_000 * MS))
    );
    run.restamp(at(104_999), is_alert);
    assert_eq!(run.judge().verdict.moments.alerted, Some(at(104_999)));
}

#[test]
fn no_19_a_gap_in_the_heartbeat_is_a_stall_even_if_nobody_recorded_it() {
    let mut run = Run::plain();
    run.drop("beats");
    run.push(
        118_000,
        Event::Beats {
            from: -1_000 * MS,
            count: 1,
            gap_max: 10 * MS,
        },
    );
    run.push(
        175_000,
        Event::Beats {
            from: 119_000 * MS,
            count: 1,
            gap_max: 10 * MS,
        },
    );
    assert_eq!(run.judge().verdict.stalls, [Stamp::new(118_000 * MS, 119_000 * MS)]);
    run.drop("beats").push(
        175_000,
        Event::Beats {
            from: -1_000 * MS,
            count: 1,
            gap_max: 251 * MS,
        },
    );
    assert_eq!(run.outcome(), Outcome::Inconclusive);
}

#[test]
fn no_22_the_final_read_follows_the_last_change_of_incarnation() {
    let mut run = Run::plain();
    run.push(171_500, takeover(1));
    assert_eq!(run.of("rpo.database"), Outcome::Inconclusive);
    let mut run = Run::plain();
    run.restamp(at(169_000), |event| {
        matches!(event, Event::FinalRead { edge: Edge::Begun, .. })
    });
    assert_eq!(run.of("rpo.database"), Outcome::Inconclusive, "load had not stopped");
}

#[test]
fn no_target_judged_is_no_pass() {
    let mut run = Run::plain();
    run.terms.rto = None;
    run.terms.tiers[0].max_downtime.clear();
    run.terms.components.get_mut("database").unwrap().rpo.clear();
    assert_eq!(run.outcome(), Outcome::Inconclusive);
}
