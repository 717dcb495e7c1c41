//! Holes, altered content, declared points, checks.

use super::builder::*;
use crate::event::{CheckOutcome, Class, Coverage, Event, Point, Role};
use crate::ledger::{Content, Operation, OperationKind, OperationOutcome};
use crate::stamp::Stamp;
use crate::terms::Domain;
use crate::verdict::{Achieved, Outcome};

#[test]
fn writers_that_go_on_after_recovery_make_no_hole() {
    let mut run = Run::plain();
    run.lose(90_000, STRIKE);
    assert_eq!(run.judge().verdict.loss["database"].lost, 10);
    assert_eq!(run.of("hole.database"), Outcome::Pass);
}

#[test]
fn a_key_that_came_and_went_after_the_recovery_point_makes_no_hole() {
    let mut run = Run::plain();
    run.lose(90_000, STRIKE);
    // Written and deleted by the old life after the point: there is no row, as there is none of what was lost.
    let delete = write(CANARY, 97_500, 2, 97_600, 0);
    run.operations.push(write(CANARY, 97_500, 1, 97_500, 0));
    run.operations.push(Operation {
        kind: OperationKind::Delete,
        ..delete
    });
    assert_eq!(
        run.of("hole.database"),
        Outcome::Pass,
        "{:#?}",
        run.finding("hole.database")
    );
    assert_eq!(run.judge().verdict.loss["database"].lost, 10);
}

#[test]
fn a_lost_key_that_is_made_again_proves_no_delete_and_no_hole() {
    let mut run = Run::plain();
    run.lose(90_000, STRIKE);
    // The old life wrote and deleted the key after the point; the new one found nothing and made it again.
    let delete = write(CANARY, 97_500, 2, 97_600, 0);
    run.operations.push(write(CANARY, 97_500, 1, 97_500, 0));
    run.operations.push(Operation {
        kind: OperationKind::Delete,
        ..delete
    });
    run.operations.push(Operation {
        replaced: 0,
        kind: OperationKind::Insert,
        ..write(CANARY, 97_500, 3, TAKEOVER + 3_000, 1)
    });
    run.found.push(row(2, 97_500, 3));
    assert_eq!(
        run.of("hole.database"),
        Outcome::Pass,
        "{:#?}",
        run.finding("hole.database")
    );
}

#[test]
fn a_load_on_a_component_of_which_the_terms_know_nothing_never_passes() {
    let mut run = Run::plain();
    let term = run.terms.components.remove("database").expect("a term");
    run.terms.components.insert("another".to_owned(), term);
    assert_ne!(run.outcome(), Outcome::Pass, "{:#?}", run.judge().verdict.findings);
}

#[test]
fn a_lost_write_before_a_kept_one_of_its_life_is_a_hole_even_inside_the_rpo() {
    let mut run = Run::plain();
    run.lose(95_000, 96_000);
    let finding = run.finding("hole.database");
    assert_eq!(finding.outcome, Outcome::Fail, "{finding:#?}");
    assert_eq!(run.of("rpo.database"), Outcome::Pass);
    assert_eq!(run.of("rto"), Outcome::Fail, "a failed check fails the RTO");
    assert_eq!(run.outcome(), Outcome::Fail);
}

#[test]
fn the_same_in_one_incarnation_restored_in_place_is_no_hole() {
    let mut run = Run::plain();
    // Its data was not destroyed: nothing ends this life.
    run.drop("fenced");
    for (_, event) in &mut run.events {
        match event {
            Event::Takeover {
                incarnation, in_place, ..
            } => (*incarnation, *in_place) = (0, true),
            Event::FinalRead { incarnation, .. } => *incarnation = 0,
            _ => {}
        }
    }
    run.events
        .retain(|(_, event)| !matches!(event, Event::Incarnation { id: 1, .. }));
    run.operations
        .iter_mut()
        .filter(|operation| operation.incarnation == 1)
        .for_each(|it| it.incarnation = 0);
    run.found.iter_mut().for_each(|row| row.incarnation = 0);
    assert_eq!(run.outcome(), Outcome::Pass, "{:#?}", run.judge().verdict);
    run.lose(90_000, STRIKE);
    assert_eq!(run.judge().verdict.loss["database"].lost, 10);
    assert_eq!(run.of("hole.database"), Outcome::Pass);
    run.lose(130_000, 131_000);
    assert_eq!(
        run.of("hole.database"),
        Outcome::Fail,
        "the present life may lose nothing"
    );
}

#[test]
fn an_update_lost_inside_the_rpo_is_lost_not_mutated() {
    let mut run = Run::plain();
    run.operations.push(write(PRELOAD, 7, 1, 10_000, 0));
    run.operations.push(write(PRELOAD, 7, 2, 99_900, 0));
    run.found.push(row(1, 7, 1));
    run.drop("recovery_point")
        .push(114_500, point(0, Point::Time(at(99_900))));
    let verdict = run.judge().verdict;
    let loss = &verdict.loss["database"];
    assert_eq!((loss.lost, loss.mutated, loss.kept + loss.lost), (1, 0, loss.acked));
    assert_eq!(verdict.outcome, Outcome::Pass);
}

#[test]
fn a_lost_delete_is_lost() {
    let mut run = Run::plain();
    run.operations.push(write(PRELOAD, 7, 1, 10_000, 0));
    let mut delete = write(PRELOAD, 7, 2, 99_900, 0);
    delete.kind = OperationKind::Delete;
    run.operations.push(delete);
    run.found.push(row(1, 7, 1));
    assert_eq!(run.judge().verdict.loss["database"].lost, 1);
    run.found.pop();
    let loss = run.judge().verdict.loss["database"].clone();
    assert_eq!((loss.lost, loss.kept), (0, loss.acked), "an absent row is the delete");
    assert_eq!(loss.kept_absent, 2, "and would be absent from an empty store too");
}

#[test]
fn content_that_nobody_wrote() {
    let mut run = Run::plain();
    run.found[0].content = Content::Mutated;
    assert_eq!(run.of("mutated.database"), Outcome::Fail);
    assert_eq!(run.judge().verdict.loss["database"].lost, 0, "neither kept nor lost");

    let mut run = Run::plain();
    run.found.push(row(2, 77, 1));
    assert_eq!(run.of("unexpected.database"), Outcome::Fail);

    let mut run = Run::plain();
    run.operations
        .push(failed(write(CANARY, 77, 1, 50_000, 0), OperationOutcome::Refused));
    run.found.push(row(2, 77, 1));
    assert_eq!(
        run.of("unexpected.database"),
        Outcome::Fail,
        "refused means not applied"
    );

    let mut run = Run::plain();
    let twin = run.found[0];
    run.found.push(twin);
    assert_eq!(run.of("duplicated.database"), Outcome::Fail);

    let mut run = Run::plain();
    run.found[0].content = Content::Dangling;
    assert_eq!(run.of("dangling.database"), Outcome::Fail);
}

#[test]
fn an_indeterminate_write_that_is_found_is_recovered() {
    let mut run = Run::plain();
    run.operations
        .push(failed(write(CANARY, 77, 1, 99_990, 0), OperationOutcome::Indeterminate));
    run.found.push(row(2, 77, 1));
    let verdict = run.judge().verdict;
    assert_eq!(verdict.loss["database"].recovered, 1);
    assert_eq!(verdict.outcome, Outcome::Pass);
}

#[test]
fn nothing_acked_before_the_declared_time_is_lost() {
    let mut run = Run::plain();
    run.lose(95_000, STRIKE);
    assert_eq!(
        run.of("declared_point.database"),
        Outcome::Fail,
        "the tool declared the strike"
    );
    run.drop("recovery_point")
        .push(114_500, point(0, Point::Time(at(95_000))));
    assert_eq!(run.of("declared_point.database"), Outcome::Pass);
    run.drop("recovery_point")
        .push(114_500, point(0, Point::Time(Stamp::new(94_000 * MS, 97_000 * MS))));
    assert_eq!(
        run.of("declared_point.database"),
        Outcome::Inconclusive,
        "two of them may lie before it"
    );
}

#[test]
fn a_declared_position_is_placed_by_samples() {
    let mut run = Run::plain();
    run.lose(95_000, STRIKE);
    run.drop("recovery_point").push(114_500, point(0, Point::Lsn(1_000)));
    run.push(
        94_900,
        Event::Lsn {
            incarnation: 0,
            lsn: 990,
        },
    );
    run.push(
        95_600,
        Event::Lsn {
            incarnation: 0,
            lsn: 1_010,
        },
    );
    assert_eq!(run.of("declared_point.database"), Outcome::Pass);
    run.push(
        96_500,
        Event::Lsn {
            incarnation: 0,
            lsn: 995,
        },
    );
    assert_eq!(
        run.of("declared_point.database"),
        Outcome::Fail,
        "two were acked before position 995 was reported"
    );
    let mut early = run.clone();
    early.push(
        0,
        Event::Deviation {
            setting: "database: synchronous_commit".into(),
            value: "off".into(),
        },
    );
    assert_eq!(
        early.of("declared_point.database"),
        Outcome::Inconclusive,
        "an acknowledgement that did not wait for its WAL does not prove what lay before a position"
    );
    run.drop("lsn");
    assert_eq!(
        run.of("declared_point.database"),
        Outcome::Inconclusive,
        "no sample places it"
    );
}

#[test]
fn each_takeover_needs_a_point_declared_before_the_final_read() {
    let mut run = Run::plain();
    run.drop("recovery_point");
    assert_eq!(run.of("declared_point.database"), Outcome::Inconclusive);
    run.push(171_500, point(0, Point::Time(at(STRIKE))));
    assert_eq!(run.of("declared_point.database"), Outcome::Inconclusive, "too late");
    run.drop("recovery_point").push(114_500, point(0, Point::Undeclared));
    let verdict = run.judge().verdict;
    assert!(
        verdict
            .findings
            .iter()
            .all(|finding| finding.id != "declared_point.database")
    );
    assert!(
        verdict
            .not_covered
            .iter()
            .any(|line| line.contains("declares no recovery point"))
    );
}

#[test]
fn checks_fail_pass_and_cover() {
    let mut run = Run::plain();
    run.drop("check").push(173_000, check(CheckOutcome::Failed));
    assert_eq!((run.of("check.amcheck"), run.of("rto")), (Outcome::Fail, Outcome::Fail));
    run.push(174_000, check(CheckOutcome::Passed));
    assert_eq!(
        run.of("check.amcheck"),
        Outcome::Fail,
        "a second run does not hide the first"
    );
    run.drop("check");
    assert_eq!(
        (run.of("check.amcheck"), run.of("rto")),
        (Outcome::Inconclusive, Outcome::Inconclusive)
    );
    run.push(110_000, check(CheckOutcome::Passed));
    assert_eq!(
        run.of("check.amcheck"),
        Outcome::Inconclusive,
        "it looked at what no longer serves"
    );
    let mut empty = check(CheckOutcome::Passed);
    if let Event::Check { coverage, .. } = &mut empty {
        *coverage = Coverage::default();
    }
    run.drop("check").push(173_000, empty);
    assert_eq!(run.of("check.amcheck"), Outcome::Inconclusive, "it covered nothing");
}

/// The plain drill beside a store of objects, with a service whose rows point at them where `rows` tells how many.
fn with_objects(rows: Option<u64>) -> Run {
    let mut run = Run::plain();
    let mut objects = run.terms.components["database"].clone();
    objects.domain = Domain::Key;
    run.terms.components.insert("storage".to_owned(), objects);
    let Some(rows) = rows else { return run };
    run.push(0, files(9, 5));
    for key in 1..=rows {
        run.operations.push(write(9, key, 1, 50_000, 0));
        run.found.push(row(5, key, 1));
    }
    run
}

/// The class of the service whose rows point at objects.
fn files(id: u16, space: u16) -> Event {
    Event::Class(Class {
        id,
        service: "files".to_owned(),
        component: "database".to_owned(),
        tier: Some(0),
        space,
        role: Role::Workload,
    })
}

#[test]
fn rows_without_their_object_are_looked_for_among_rows_that_point_at_one() {
    let run = with_objects(Some(3));
    let finding = run.finding("dangling.database");
    assert_eq!(finding.outcome, Outcome::Pass, "{finding:#?}");
    assert_eq!(finding.coverage.as_ref().map(|coverage| coverage.rows), Some(3));
    assert!(finding.because.contains("among 3 rows"), "{}", finding.because);
    assert_eq!(run.of("rpo.storage"), Outcome::Pass);

    let mut run = with_objects(Some(3));
    run.found.last_mut().unwrap().content = Content::Dangling;
    assert_eq!(run.of("dangling.database"), Outcome::Fail);
    assert_eq!(run.of("rpo.storage"), Outcome::Fail);
}

#[test]
fn no_row_that_points_at_an_object_covers_nothing() {
    let run = with_objects(Some(0));
    let finding = run.finding("dangling.database");
    assert_eq!(finding.outcome, Outcome::Inconclusive, "{finding:#?}");
    assert_eq!(run.outcome(), Outcome::Inconclusive);

    // All that pointed at objects was acknowledged, and nothing of it is there: no row is left to look at.
    let mut run = with_objects(Some(3));
    run.found.retain(|row| row.space != 5);
    assert_eq!(run.of("rpo.storage"), Outcome::Inconclusive);
}

#[test]
fn a_drill_without_rows_that_point_at_objects_says_so_and_judges_none() {
    let mut run = with_objects(None);
    run.terms.components.get_mut("storage").unwrap().rpo.clear();
    let verdict = run.judge().verdict;
    let ids: Vec<&str> = verdict.findings.iter().map(|finding| finding.id.as_str()).collect();
    assert!(!ids.contains(&"dangling.database"), "{ids:?}");
    let told = verdict.not_covered.join("\n");
    assert!(
        told.contains("storage: clients wrote no row that points at an object"),
        "{told}"
    );
    assert_eq!(verdict.outcome, Outcome::Pass);
}

#[test]
fn what_cannot_be_ordered_against_a_declared_position_is_told_and_not_shown_as_a_range_that_passes() {
    let mut run = Run::plain();
    run.lose(95_000, STRIKE);
    run.drop("recovery_point").push(114_500, point(0, Point::Lsn(1_000)));
    let lsn = |lsn| Event::Lsn { incarnation: 0, lsn };
    run.push(94_900, lsn(990)).push(95_600, lsn(1_010));
    let finding = run.finding("declared_point.database");
    assert_eq!(finding.outcome, Outcome::Pass);
    assert_eq!(
        finding.achieved,
        Achieved::Count {
            lower: 0,
            upper: Some(0)
        }
    );
    assert!(
        finding.because.contains("1 could not be ordered") && finding.because.contains("1 s is let pass"),
        "{}",
        finding.because
    );
    assert_eq!(finding.unordered, 1);
    // A wider place leaves it open, and then what may lie before the point is shown.
    run.drop("lsn").push(94_900, lsn(990)).push(96_500, lsn(1_010));
    let finding = run.finding("declared_point.database");
    assert_eq!(finding.outcome, Outcome::Inconclusive);
    assert_eq!(
        finding.achieved,
        Achieved::Count {
            lower: 0,
            upper: Some(2)
        }
    );
    assert_eq!(finding.unordered, 0, "they stand in the range");
}

#[test]
fn the_size_of_the_drill_is_what_was_measured_never_the_reach_of_a_check() {
    let mut run = Run::plain();
    let size = |bytes| Event::DataSize {
        component: "database".to_owned(),
        bytes,
    };
    run.push(10, size(18 << 20));
    let scope = run.judge().verdict.scope;
    assert!(scope.contains("AT DRILL SIZE (18 MiB)"), "{scope}");
    run.drop("data_size");
    let scope = run.judge().verdict.scope;
    assert!(scope.contains("AT DRILL SIZE (size unknown)"), "{scope}");
}

#[test]
fn what_the_drill_left_out_stands_in_the_scope() {
    let mut run = Run::plain();
    run.terms.left_out = vec!["configuration".to_owned(), "frontend".to_owned()];
    let scope = run.judge().verdict.scope;
    assert!(scope.contains(", without configuration, frontend"), "{scope}");
}
