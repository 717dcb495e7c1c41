//! Liars: histories in which somebody claims what is not so. None may end in a pass; the last one, which does no harm, may
//! not end in a fail. Lies that need a real service are told in the engine's own suite.

use std::collections::BTreeMap;

use super::builder::*;
use crate::event::{Event, FaultEdge};
use crate::ledger::{Content, Operation, OperationKind};
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
            edge: crate::event::Edge::Begun,
            succeeded: None,
        },
    );
    run.push(
        107_110,
        Event::Procedure {
            edge: crate::event::Edge::Ended,
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
