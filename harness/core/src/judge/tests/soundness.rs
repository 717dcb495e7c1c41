//! What spoils a whole run.

use super::builder::*;
use crate::event::{Edge, Event, FaultEdge, Phase};
use crate::verdict::Outcome;

fn spoiled(run: &Run, word: &str) {
    let verdict = run.judge().verdict;
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(
        verdict.spoiled.iter().any(|why| why.contains(word)),
        "{word}: {:?}",
        verdict.spoiled
    );
    assert!(
        verdict
            .findings
            .iter()
            .all(|finding| finding.outcome == Outcome::Inconclusive)
    );
    assert_eq!(verdict.exit_code(), 3);
}

#[test]
fn a_cut_log() {
    let mut run = Run::plain();
    run.lose(0, STRIKE).cut = true;
    spoiled(&run, "open");
}

#[test]
fn a_run_that_people_paused() {
    let mut run = Run::plain();
    run.push(
        150_000,
        Event::Paused {
            after: Phase::Recover,
            edge: Edge::Begun,
        },
    );
    spoiled(&run, "paused after `recover`");
}

#[test]
fn a_run_that_was_asked_to_end_early() {
    let mut run = Run::plain();
    run.push(150_000, Event::EndedAfter { phase: Phase::Recover });
    spoiled(&run, "asked to end after `recover`");
}

#[test]
fn a_replay_is_judged_and_says_that_it_is_one() {
    let mut run = Run::plain();
    run.push(
        1,
        Event::Recalled {
            run: "earlier".into(),
            values: [("strike.after_ns".to_owned(), "7".to_owned())].into(),
        },
    );
    let verdict = run.judge().verdict;
    assert_eq!(verdict.outcome, Outcome::Pass);
    assert!(verdict.scope.ends_with("altered for this run"), "{}", verdict.scope);
    let [line] = &verdict.altered[..] else {
        panic!("{:?}", verdict.altered)
    };
    for needed in ["earlier", "strike.after_ns 7", "interleaving not reproduced"] {
        assert!(line.contains(needed), "{line}");
    }
}

#[test]
fn a_fault_that_healed_itself() {
    let mut run = Run::plain();
    run.events.retain(|(_, event)| {
        !matches!(
            event,
            Event::Fault {
                edge: FaultEdge::Holding,
                ..
            }
        )
    });
    spoiled(&run, "still held");
    run.push(107_000, fault(FaultEdge::NotHolding));
    spoiled(&run, "healed by itself");
}

#[test]
fn a_fault_that_was_healed_before_recovery_started() {
    let mut run = Run::plain();
    run.push(103_000, fault(FaultEdge::Healed));
    spoiled(&run, "healed before");
    let mut run = Run::plain();
    run.push(175_000, fault(FaultEdge::Healed));
    assert_eq!(run.outcome(), Outcome::Pass);
}

#[test]
fn a_condition_that_was_gone_at_the_strike() {
    let condition = |edge| Event::Fault {
        name: "newest-base-damaged".to_owned(),
        strikes: false,
        edge,
        detail: [].into(),
    };
    let mut run = Run::plain();
    run.push(50_000, condition(FaultEdge::Invoked))
        .push(50_010, condition(FaultEdge::Proved))
        .push(99_000, condition(FaultEdge::Holding));
    assert_eq!(run.outcome(), Outcome::Pass);
    run.push(99_500, condition(FaultEdge::NotHolding));
    spoiled(&run, "condition `newest-base-damaged` no longer held");
}

#[test]
fn a_fault_that_was_not_proved() {
    let mut run = Run::plain();
    run.events.retain(|(_, event)| {
        !matches!(
            event,
            Event::Fault {
                edge: FaultEdge::Proved,
                ..
            }
        )
    });
    spoiled(&run, "not proved");
}

#[test]
fn no_fault_at_all() {
    let mut run = Run::plain();
    run.drop("fault");
    spoiled(&run, "exactly one fault");
}

#[test]
fn a_sync_point_never_reached() {
    let mut run = Run::plain();
    run.push(
        110_000,
        Event::SyncPoint {
            name: "restore:half".to_owned(),
            reached: false,
        },
    );
    spoiled(&run, "never reached");
}

#[test]
fn no_steady_state() {
    let mut run = Run::plain();
    run.drop("steady");
    spoiled(&run, "steady");
    run.push(
        99_000,
        Event::Steady {
            held: false,
            why: "errors".to_owned(),
        },
    );
    spoiled(&run, "did not hold");
}

#[test]
fn a_harness_without_a_heartbeat() {
    let mut run = Run::plain();
    run.drop("beats");
    spoiled(&run, "heartbeat");
}

#[test]
fn records_that_are_missing() {
    let run = Run::plain();
    let mut records = run.records();
    records.retain(|record| record.event.tag() != "alert");
    let verdict = crate::judge::judge("test", &run.terms, &records, &run.operations, &run.found).verdict;
    assert!(verdict.spoiled[0].contains("`alert`"), "{:?}", verdict.spoiled);
    let verdict = crate::judge::judge("test", &run.terms, &run.records(), &run.operations[1..], &run.found).verdict;
    assert!(
        verdict.spoiled[0].contains("ledger is incomplete"),
        "{:?}",
        verdict.spoiled
    );
}

#[test]
fn a_scaled_run_without_a_measured_delay() {
    let mut run = Run::plain();
    run.terms.calendar_scale = 60;
    spoiled(&run, "quantum");
}

#[test]
fn credits_in_an_automated_disaster() {
    let mut run = Run::plain();
    run.terms.automated = true;
    run.push(
        106_000,
        Event::Credit {
            plan: 1,
            what: "people".to_owned(),
        },
    );
    spoiled(&run, "automated");
}
