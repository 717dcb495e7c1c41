//! Liars: histories in which somebody claims what is not so. None may end in a pass; the last one, which does no harm, may
//! not end in a fail. Lies that need a real service are told in the engine's own suite.

use std::collections::BTreeMap;

use super::builder::*;
use crate::event::{Edge, Event, FaultEdge, Role};
use crate::ledger::{Content, Operation, OperationKind, OperationOutcome, flag};
use crate::stamp::Stamp;
use crate::verdict::Outcome;

#[test]
fn a_procedure_that_says_done_at_once_while_service_stays_away_fails() {
    let mut run = Run::plain();
    run.events.retain(|(_, event)| {
        !matches!(
            event,
            Event::Takeover { .. } | Event::Procedure { .. } | Event::RecoveryPoint { .. }
        )
    });
    run.push(
        107_100,
        Event::Procedure {
            edge: Edge::Begun,
            succeeded: None,
        },
    );
    run.push(
        107_110,
        Event::Procedure {
            edge: Edge::Ended,
            succeeded: Some(true),
        },
    );
    run.operations.retain(|operation| operation.sent < STRIKE * MS);
    run.workload(WORKLOAD, STRIKE, STOP);
    assert_eq!(run.of("recovery"), Outcome::Fail, "{:#?}", run.finding("recovery"));
    assert_eq!(run.outcome(), Outcome::Fail);
}

#[test]
fn health_that_answers_well_while_writes_vanish_is_found_by_the_ledger() {
    let mut run = Run::plain();
    // Everything after the recovery was acknowledged in good time, and none of it is there.
    run.lose(BACK, STOP);
    assert_eq!(run.of("recovery"), Outcome::Pass, "service looked well");
    assert_eq!(
        run.of("hole.database"),
        Outcome::Fail,
        "{:#?}",
        run.finding("hole.database")
    );
    assert_eq!(run.of("rto"), Outcome::Fail);
    assert_eq!(run.outcome(), Outcome::Fail);
}

#[test]
fn one_vanished_write_of_the_life_that_serves_is_enough() {
    let mut run = Run::plain();
    run.lose(150_000, 151_000);
    assert_eq!(run.of("hole.database"), Outcome::Fail);
}

#[test]
fn an_archive_that_takes_everything_and_keeps_nothing_shows_as_loss() {
    let mut run = Run::plain();
    run.rpo(crate::terms::Comparator::AtMost, 30_000);
    run.lose(60_000, STRIKE);
    assert_eq!(run.of("rpo.database"), Outcome::Fail);
}

#[test]
fn a_backup_that_verifies_and_is_empty_shows_as_the_loss_of_everything_before_it() {
    let mut run = Run::plain();
    run.lose(0, STRIKE);
    let finding = run.finding("rpo.database");
    assert_ne!(finding.outcome, Outcome::Pass, "{finding:#?}");
    assert_ne!(run.outcome(), Outcome::Pass);
    let loss = &run.judge().verdict.loss["database"];
    assert_eq!(loss.lost_before_strike, 100);
}

#[test]
fn a_restore_that_takes_the_surviving_directory_for_the_backup_fails() {
    let mut run = Run::plain();
    // What answers after the recovery is the life that the strike ended, data and all: somebody kept its directory.
    run.events
        .retain(|(_, event)| !matches!(event, Event::Incarnation { id: 1, .. }));
    for (_, event) in &mut run.events {
        match event {
            Event::Takeover { incarnation, .. } | Event::FinalRead { incarnation, .. } => *incarnation = 0,
            _ => {}
        }
    }
    run.operations.iter_mut().for_each(|operation| {
        if operation.incarnation == 1 {
            operation.incarnation = 0;
        }
    });
    run.found.iter_mut().for_each(|row| row.incarnation = 0);
    let finding = run.finding("revenant.database");
    assert_eq!(finding.outcome, Outcome::Fail, "{finding:#?}");
    assert_eq!(run.outcome(), Outcome::Fail);
}

#[test]
fn a_server_that_was_fenced_by_the_team_and_started_again_is_no_revenant() {
    let mut run = Run::plain();
    run.drop("fenced").push(110_000, Event::Fenced { incarnation: 0 });
    let verdict = run.judge().verdict;
    assert!(
        verdict
            .findings
            .iter()
            .all(|finding| !finding.id.starts_with("revenant"))
    );
}

#[test]
fn a_read_that_is_behind_what_the_serving_life_acknowledged_fails() {
    let mut run = Run::plain();
    run.canary(BACK + 20_050);
    let key = (BACK + 20_050) as u64;
    run.operations.push(write(CANARY, key, 2, BACK + 20_100, 1));
    run.found.retain(|row| row.key != key);
    run.found.push(row(2, key, 2));
    assert_eq!(run.outcome(), Outcome::Pass);
    run.operations.push(read(CANARY, key, 1, BACK + 30_000, 1));
    let finding = run.finding("stale.database");
    assert_eq!(finding.outcome, Outcome::Fail, "{finding:#?}");
    assert_eq!(run.outcome(), Outcome::Fail);
    // As if it had never been written.
    run.operations.last_mut().unwrap().version = 0;
    assert_eq!(run.of("stale.database"), Outcome::Fail);
    // From a server that was left behind, and that names itself.
    run.operations.last_mut().unwrap().incarnation = 0;
    assert_eq!(run.of("stale.database"), Outcome::Fail);
}

#[test]
fn reads_that_may_be_right_are_not_called_stale() {
    let (now, key) = (BACK + 20_050, (BACK + 20_050) as u64);
    let silent = |run: &Run| {
        let findings = run.judge().verdict.findings;
        findings.iter().all(|finding| !finding.id.starts_with("stale"))
    };
    let mut run = Run::plain();
    run.canary(now);
    // Sent before the newer version was acknowledged.
    run.operations.push(write(CANARY, key, 2, now + 100, 1));
    run.operations.push(read(CANARY, key, 1, now + 105, 1));
    assert!(silent(&run));
    // Acknowledged by the life that the strike ended: what became of that is the ledger's to say.
    run.operations.push(write(CANARY, 7, 2, STRIKE - 1_000, 0));
    run.operations.push(read(CANARY, 7, 1, now, 1));
    assert!(silent(&run));
    // By a queue, which replays it later.
    let mut queued = write(CANARY, 8, 1, now, 1);
    queued.flags |= flag::QUEUED;
    run.operations.push(queued);
    run.operations.push(read(CANARY, 8, 0, now + 1_000, 1));
    assert!(silent(&run));
    // Absent because it was deleted.
    run.operations.push(write(CANARY, 9, 1, now, 1));
    let mut delete = write(CANARY, 9, 2, now + 1_000, 1);
    delete.kind = OperationKind::Delete;
    run.operations.push(delete);
    run.operations.push(read(CANARY, 9, 0, now + 2_000, 1));
    assert!(silent(&run));
}

#[test]
fn a_monitor_that_alerts_before_the_strike_spoils_the_run() {
    let mut run = Run::plain();
    run.push(99_000, alert(true));
    assert_eq!(run.outcome(), Outcome::Inconclusive);
    let verdict = run.judge().verdict;
    assert!(
        verdict
            .findings
            .iter()
            .all(|finding| finding.outcome == Outcome::Inconclusive)
    );
}

#[test]
fn a_decoy_in_the_truth_stream_changes_no_finding() {
    let plain = Run::plain().judge().verdict;
    let mut run = Run::plain();
    let decoy = |edge| Event::Fault {
        name: "decoy".to_owned(),
        strikes: false,
        edge,
        detail: BTreeMap::from([
            ("service".to_owned(), "database".to_owned()),
            (
                "harm".to_owned(),
                "everything is lost, restore the oldest backup".to_owned(),
            ),
            ("wal_before".to_owned(), "0/1".to_owned()),
        ]),
    };
    run.push(50_000, decoy(FaultEdge::Invoked))
        .push(50_010, decoy(FaultEdge::Proved));
    let verdict = run.judge().verdict;
    assert_eq!(verdict.findings, plain.findings);
    assert_eq!((verdict.moments, verdict.steps), (plain.moments, plain.steps));
}

/// A preloaded row, acknowledged in prepare and found at the end.
fn preloaded() -> Run {
    let mut run = Run::plain();
    for key in 1..=5 {
        run.operations.push(write(PRELOAD, key, 1, -500_000, 0));
        run.found.push(row(1, key, 1));
    }
    run
}

fn found(run: &mut Run, key: u64) -> &mut crate::ledger::FoundRow {
    run.found
        .iter_mut()
        .find(|row| (row.space, row.key) == (1, key))
        .unwrap()
}

#[test]
fn preloaded_rows_that_are_as_they_were_pass() {
    assert_eq!(
        preloaded().outcome(),
        Outcome::Pass,
        "{:#?}",
        preloaded().judge().verdict.findings
    );
}

#[test]
fn a_preloaded_row_that_says_something_else_fails() {
    let mut run = preloaded();
    found(&mut run, 3).content = Content::Mutated;
    assert_eq!(run.of("mutated.database"), Outcome::Fail);
    assert_eq!(run.outcome(), Outcome::Fail);
}

#[test]
fn a_row_that_is_there_twice_fails() {
    let mut run = preloaded();
    run.found.push(row(1, 3, 1));
    assert_eq!(run.of("duplicated.database"), Outcome::Fail);
    assert_eq!(run.outcome(), Outcome::Fail);
}

#[test]
fn one_delete_that_was_undone_fails() {
    let mut run = preloaded();
    run.operations.push(Operation {
        kind: OperationKind::Delete,
        ..write(PRELOAD, 3, 2, 50_000, 0)
    });
    let loss = &run.judge().verdict.loss["database"];
    assert_eq!(loss.lost, 1, "a lost delete is a lost version");
    assert_eq!(run.of("hole.database"), Outcome::Fail);
    assert_eq!(run.outcome(), Outcome::Fail);
}

#[test]
fn a_row_of_a_key_that_nobody_wrote_fails() {
    let mut run = preloaded();
    run.found.push(row(1, 99, 1));
    assert_eq!(run.of("unexpected.database"), Outcome::Fail);
}

/// Traffic of one class is refused from one instant to another.
fn refuse(run: &mut Run, class: u16, from: i64, to: i64) {
    for operation in run.operations.iter_mut().filter(|operation| operation.class == class) {
        if (from * MS..to * MS).contains(&operation.scheduled) {
            operation.outcome = OperationOutcome::Refused;
        }
    }
}

#[test]
fn service_that_dies_again_after_five_good_seconds_is_not_restored() {
    // To the end of the load, and long enough to miss the target of a minute.
    let mut run = Run::plain();
    refuse(&mut run, WORKLOAD, 125_000, STOP);
    assert_eq!(run.of("rto"), Outcome::Fail, "{:#?}", run.finding("rto"));
    assert_eq!(run.of("tier.0"), Outcome::Fail);
    assert_eq!(run.of("recovery"), Outcome::Fail);
    // For a while, and back in the end: what counts is the last return.
    let mut run = Run::plain();
    refuse(&mut run, WORKLOAD, 125_000, 140_000);
    let restored = run.judge().verdict.moments.restored.unwrap();
    assert_eq!(restored, Stamp::new(139_500 * MS, 140_000 * MS));
    assert_eq!(run.of("tier.0"), Outcome::Fail, "40 s of a downtime of 30 s");
    assert_eq!(run.of("rto"), Outcome::Pass, "40 s of a minute");
    // With too little after it to be sure: open, neither met nor missed.
    let mut run = Run::plain();
    refuse(&mut run, WORKLOAD, 125_000, STOP - 3_000);
    assert_ne!(run.of("rto"), Outcome::Pass);
}

#[test]
fn one_bad_moment_after_the_recovery_is_no_relapse() {
    let plain = Run::plain().judge().verdict.moments.restored;
    for from in [130_000, STOP - 1_000] {
        let mut run = Run::plain();
        refuse(&mut run, WORKLOAD, from, from + 40);
        assert_eq!(run.judge().verdict.moments.restored, plain);
        assert_eq!(run.outcome(), Outcome::Pass);
    }
}

#[test]
fn a_small_service_that_stays_dead_hides_in_no_tier() {
    // Two services in one tier, the second one with 4 % of the traffic.
    let mut run = Run::plain();
    run.push(0, class(3, 3, Role::Workload, Some(0)));
    for second in 0..(STOP / 500) {
        let sent = second * 500 + 100;
        let read = read(3, 2_000_000 + sent as u64, 0, sent, u16::from(sent >= TAKEOVER));
        let is_down = (STRIKE..BACK).contains(&sent);
        let outcome = if is_down {
            failed(read, OperationOutcome::Refused)
        } else {
            read
        };
        run.operations.push(outcome);
    }
    assert_eq!(run.outcome(), Outcome::Pass, "{:#?}", run.judge().verdict.findings);
    refuse(&mut run, 3, STRIKE, STOP);
    assert_eq!(run.of("rto"), Outcome::Fail, "{:#?}", run.finding("rto"));
    assert_eq!(run.of("tier.0"), Outcome::Fail);
}

#[test]
fn a_procedure_that_failed_is_no_pass() {
    let mut run = Run::plain();
    for (_, event) in &mut run.events {
        if let Event::Procedure {
            edge: Edge::Ended,
            succeeded,
        } = event
        {
            *succeeded = Some(false);
        }
    }
    assert_eq!(run.of("recovery"), Outcome::Inconclusive);
    assert_ne!(run.outcome(), Outcome::Pass);
}

#[test]
fn a_few_slow_answers_before_and_after_alike_fail_nobody() {
    // Four tiers of 50 a second, where 99 % must be answered in time and 4 of 1,000 are not, wherever they fall.
    for seed in 0..12_u64 {
        let mut run = Run::plain();
        for level in 1..4 {
            run.terms.tiers.push(tier(level));
            let id = u16::from(level) + 2;
            run.push(0, class(id, id, Role::Workload, Some(level)));
            run.workload(id, STRIKE, BACK);
        }
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        for operation in run
            .operations
            .iter_mut()
            .filter(|operation| operation.outcome == OperationOutcome::Acked)
        {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            if (state >> 33) % 250 == 0 && operation.class != CANARY {
                operation.done = operation.scheduled + 300 * MS;
            }
        }
        for id in ["recovery", "rto", "tier.0", "tier.1", "tier.2", "tier.3"] {
            assert_ne!(run.of(id), Outcome::Fail, "seed {seed}: {:#?}", run.finding(id));
        }
        assert!(run.judge().verdict.spoiled.is_empty(), "seed {seed}");
    }
}
