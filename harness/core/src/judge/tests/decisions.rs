//! What was decided, by which event; and that the account of operations adds up.

use super::builder::*;
use crate::event::{DelayKind, Event, Record, Role};
use crate::ledger::OperationOutcome;

#[test]
fn each_decision_names_the_event_that_made_it() {
    let mut run = Run::plain();
    // Not the one that counts: another kind, and a later one of the right kind.
    for (ms, rule, kind) in [(STRIKE + 1, "slow", "another"), (STRIKE + 9_000, "late", "down")] {
        let alert = Event::Alert {
            rule: rule.to_owned(),
            kind: kind.to_owned(),
            raised: true,
            failures: Vec::new(),
        };
        let place = run.events.len() - 1;
        run.events.insert(place, (at(ms), alert));
    }
    let note = |text: &str| Event::Note { text: text.to_owned() };
    for text in ["twice", "once", "twice"] {
        run.events.insert(1, (at(STRIKE), note(text)));
    }
    let records: Vec<Record> = run.records();
    let verdict = run.judge().verdict;
    for decision in &verdict.decisions {
        let record = records.iter().find(|record| record.seq == decision.seq);
        assert_eq!(record.map(|record| record.stamp), Some(decision.at), "{decision:?}");
    }
    let alerts: Vec<_> = verdict
        .decisions
        .iter()
        .filter(|decision| decision.what == "the alert that counts")
        .collect();
    assert_eq!(alerts.len(), 1, "{:#?}", verdict.decisions);
    assert_eq!(Some(alerts[0].at), verdict.moments.alerted);
    for what in ["the strike", "declared recovery point", "takeover", "final read"] {
        assert!(
            verdict.decisions.iter().any(|decision| decision.what == what),
            "no {what} in {:#?}",
            verdict.decisions
        );
    }
    let notes: Vec<_> = verdict
        .notes
        .iter()
        .map(|note| (note.text.as_str(), note.times))
        .collect();
    assert_eq!(notes, [("twice", 2), ("once", 1)]);
}

#[test]
fn the_quantum_names_the_longest_delay_of_each_kind() {
    let mut run = Run::plain();
    for (kind, drill) in [
        (DelayKind::Probe, 5),
        (DelayKind::Push, 7),
        (DelayKind::Probe, 9),
        (DelayKind::Probe, 9),
    ] {
        let delay = Event::Delay {
            kind,
            drill: drill * MS,
        };
        let place = run.events.len() - 1;
        run.events.insert(place, (at(STRIKE), delay));
    }
    let delays = run.judge().verdict.delays;
    let told: Vec<_> = delays.iter().map(|delay| (delay.kind, delay.drill / MS)).collect();
    assert_eq!(told[..2], [(DelayKind::Probe, 9), (DelayKind::Push, 7)]);
    let first = run
        .records()
        .into_iter()
        .find(|record| matches!(record.event, Event::Delay { kind: DelayKind::Probe, drill } if drill == 9 * MS));
    assert_eq!(first.map(|record| record.seq), Some(delays[0].seq));
}

#[test]
fn tiers_and_what_they_leave_out_make_up_all_that_was_acknowledged() {
    let run = Run::plain();
    let judged = run.judge();
    let classes: Vec<u16> = run
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Class(class) if matches!(class.role, Role::Workload | Role::Canary) => Some(class.id),
            _ => None,
        })
        .collect();
    let acked = run
        .operations
        .iter()
        .filter(|operation| operation.outcome == OperationOutcome::Acked && classes.contains(&operation.class))
        .count() as u64;
    let series = &judged.series;
    let tiers: u64 = series.tiers.iter().map(|tier| tier.latencies.count).sum();
    assert!(series.left_out.canary > 0);
    assert_eq!(tiers + series.left_out.canary + series.left_out.outside, acked);
    assert_eq!(judged.verdict.tally.acked, acked);
}
