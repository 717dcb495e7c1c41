//! Impact and restored.

use super::builder::*;
use crate::event::{Edge, Event};
use crate::ledger::{OperationOutcome, UNSTATED, flag};
use crate::stamp::Stamp;
use crate::verdict::{Achieved, Outcome};

fn restored(run: &Run) -> Option<Stamp> {
    run.judge().verdict.moments.restored
}

#[test]
fn a_late_impact_does_not_make_the_strike_restored() {
    let mut run = Run::plain();
    run.operations.retain(|operation| operation.class != WORKLOAD);
    // Connections and caches carry on for eight seconds.
    run.workload(WORKLOAD, STRIKE + 8_000, BACK);
    let moments = run.judge().verdict.moments;
    assert_eq!(moments.impact, Some(at(STRIKE + 8_000)));
    assert_eq!(moments.restored.unwrap().late, BACK * MS);
    assert_eq!(run.finding("rto").achieved, Run::plain().finding("rto").achieved);
}

#[test]
fn a_relapse_within_the_stability_window_starts_over() {
    let mut run = Run::plain();
    for operation in run
        .operations
        .iter_mut()
        .filter(|operation| operation.class == WORKLOAD)
    {
        if (119_000 * MS..119_500 * MS).contains(&operation.scheduled) {
            operation.outcome = OperationOutcome::Refused;
        }
    }
    assert_eq!(restored(&run), Some(Stamp::new(119_000 * MS, 119_500 * MS)));
}

#[test]
fn slow_answers_are_no_service() {
    let mut run = Run::plain();
    for operation in run
        .operations
        .iter_mut()
        .filter(|operation| operation.class == WORKLOAD)
    {
        if (BACK * MS..125_000 * MS).contains(&operation.scheduled) {
            operation.done = operation.scheduled + 201 * MS;
        }
    }
    assert_eq!(restored(&run).unwrap().late, 125_000 * MS);
}

#[test]
fn degraded_answers_are_no_service() {
    let mut run = Run::plain();
    for operation in run
        .operations
        .iter_mut()
        .filter(|operation| operation.class == WORKLOAD)
    {
        if (BACK * MS..125_000 * MS).contains(&operation.scheduled) {
            operation.flags = flag::DEGRADED;
        }
    }
    assert_eq!(restored(&run).unwrap().late, 125_000 * MS);
}

#[test]
fn a_stall_is_good_for_the_lower_bound_and_bad_for_the_upper() {
    let mut run = Run::plain();
    run.events
        .push((Stamp::new(118_100 * MS, 118_400 * MS), Event::Stall {}));
    assert_eq!(restored(&run), Some(Stamp::new(115_500 * MS, 118_500 * MS)));
}

#[test]
fn service_that_was_never_read_back_is_not_restored() {
    let mut run = Run::plain();
    run.operations.retain(|operation| {
        operation.class != CANARY
            || operation.kind != crate::ledger::OperationKind::Read
            || operation.sent < STRIKE * MS
    });
    assert_eq!(restored(&run), None);
    let Achieved::Duration(span) = run.finding("rto").achieved else {
        panic!()
    };
    assert_eq!(span.upper, None);
    assert_eq!(
        run.of("rto"),
        Outcome::Fail,
        "read for 54 s, and never got back what was written"
    );
}

#[test]
fn a_queue_that_acknowledges_is_service_if_its_entries_are_found() {
    let mut run = Run::plain();
    run.operations.retain(|operation| operation.class != WORKLOAD);
    for tick in 0..(STOP / 20) {
        let sent = tick * 20;
        let mut call = write(WORKLOAD, tick as u64, 1, sent, u16::from(sent >= TAKEOVER));
        if (STRIKE..BACK).contains(&sent) {
            call.flags = flag::QUEUED | flag::DEGRADED;
            call.replaced = UNSTATED;
            call.incarnation = crate::ledger::NO_INCARNATION;
        }
        run.operations.push(call);
        run.found.push(row(1, tick as u64, 1));
    }
    let verdict = run.judge().verdict;
    assert_eq!(verdict.outcome, Outcome::Pass, "{:#?}", verdict.findings);
    assert_eq!(verdict.moments.impact, None);
    assert_eq!(
        run.finding("tier.0").achieved,
        Achieved::Duration(crate::verdict::Span {
            lower: 0,
            upper: Some(0)
        })
    );
    // Whoever reads "no downtime" is told that a queue gave it, in the finding and in what charts are drawn from.
    let because = run.finding("tier.0").because;
    assert!(
        because.contains("800 writes were answered by the durable queue, all found by the final read"),
        "{because}"
    );
    let queued: u32 = run.judge().series.tiers[0]
        .windows
        .iter()
        .map(|window| window.queued)
        .sum();
    assert_eq!(queued, 800);
    // Half of the entries are lost: then the queue was no service.
    run.found
        .retain(|row| row.space != 1 || !(STRIKE / 20..BACK / 20).contains(&(row.key as i64)) || row.key % 2 == 0);
    let verdict = run.judge().verdict;
    assert_eq!(verdict.moments.impact, Some(at(STRIKE)));
    assert_eq!(verdict.loss["database"].lost, 400);
    let because = run.finding("tier.0").because;
    assert!(
        because.contains("400 of them found by the final read, 400 lost"),
        "{because}"
    );
}

#[test]
fn a_repair_in_place_counts_from_its_end() {
    let mut run = Run::plain();
    run.drop("takeover").drop("recovery_point").drop("fenced");
    run.events
        .retain(|(_, event)| !matches!(event, Event::Incarnation { id: 1, .. }));
    for (_, event) in &mut run.events {
        if let Event::FinalRead { incarnation, .. } = event {
            *incarnation = 0;
        }
    }
    run.operations
        .iter_mut()
        .filter(|operation| operation.incarnation == 1)
        .for_each(|it| it.incarnation = 0);
    run.found.iter_mut().for_each(|row| row.incarnation = 0);
    run.push(
        115_200,
        Event::Repair {
            what: "link".to_owned(),
            edge: Edge::Ended,
        },
    );
    assert_eq!(restored(&run), Some(Stamp::new(115_500 * MS, 116_000 * MS)));
    assert_eq!(run.outcome(), Outcome::Pass, "{:#?}", run.judge().verdict);
}

#[test]
fn few_samples_say_nothing() {
    let mut run = Run::plain();
    // 19 a window after the outage.
    let mut kept = 0_i64;
    run.operations.retain(|operation| {
        if operation.class != WORKLOAD || operation.scheduled < BACK * MS {
            return true;
        }
        kept += 1;
        kept % 25 < 19
    });
    assert_eq!(restored(&run), None);
    assert_eq!(run.of("rto"), Outcome::Inconclusive);
}
