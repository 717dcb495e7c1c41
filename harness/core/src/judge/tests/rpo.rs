//! What was lost, in plan time.

use super::builder::*;
use crate::event::{Event, Point};
use crate::ledger::{OperationOutcome, UNSTATED, flag};
use crate::stamp::Stamp;
use crate::terms::{Comparator, Domain};
use crate::verdict::{Achieved, Outcome, Span};

fn span(run: &Run) -> Span {
    match run.finding("rpo.database").achieved {
        Achieved::Duration(span) => span,
        other => panic!("not a duration: {other:?}"),
    }
}

#[test]
fn nothing_lost_meets_it() {
    let run = Run::plain();
    let verdict = run.judge().verdict;
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict:#?}");
    assert_eq!(
        span(&run),
        Span {
            lower: 0,
            upper: Some(0)
        }
    );
    assert!(
        verdict.scope.starts_with("PASS AT DRILL SIZE (12 MiB)"),
        "{}",
        verdict.scope
    );
}

#[test]
fn loss_runs_from_the_first_lost_acknowledgement_to_the_strike() {
    let mut run = Run::plain();
    run.lose(80_000, STRIKE);
    // The database was restored to 79.9 s: that is what the tool declares.
    for (_, event) in &mut run.events {
        if let Event::RecoveryPoint { point, .. } = event {
            *point = Point::Time(at(79_900));
        }
    }
    // First lost acked at 80.305, last kept at 79.305, struck at 100.
    assert_eq!(
        span(&run),
        Span {
            lower: 19_695 * MS,
            upper: Some(20_695 * MS)
        }
    );
    assert_eq!(run.outcome(), Outcome::Pass, "{:#?}", run.judge().verdict.findings);
    let because = run.finding("rpo.database").because;
    assert!(because.contains("lost 20 acknowledged writes"), "{because}");
}

#[test]
fn six_minutes_of_writes_after_the_strike_that_the_restore_throws_away_are_six_minutes() {
    let mut run = Run::plain();
    // A logical fault: clients go on writing to the old life for six minutes, the restore goes back to the strike.
    let shift = 360_000;
    for (stamp, event) in &mut run.events {
        let after = stamp.early > STRIKE * MS;
        if after {
            *stamp = Stamp {
                early: stamp.early + shift * MS,
                late: stamp.late + shift * MS,
            };
        }
        if let Event::Fenced { .. } = event {
            *stamp = at(STRIKE + shift);
        }
    }
    run.terms.rto = None;
    run.operations.clear();
    run.found.clear();
    for tick in 0..((STOP + shift) / 20) {
        let sent = tick * 20;
        let down = (STRIKE + shift..BACK + shift).contains(&sent);
        let incarnation = u16::from(sent >= TAKEOVER + shift);
        let read = read(WORKLOAD, 1_000_000 + tick as u64, 0, sent, incarnation);
        run.operations.push(if down {
            failed(read, OperationOutcome::Refused)
        } else {
            read
        });
    }
    for second in 0..(STRIKE + shift) / 1000 {
        let sent = second * 1000 + 300;
        run.operations.push(write(CANARY, sent as u64, 1, sent, 0));
        if sent < STRIKE {
            run.found.push(row(2, sent as u64, 1));
        }
    }
    let finding = run.finding("rpo.database");
    assert_eq!(finding.outcome, Outcome::Fail, "{finding:#?}");
    let span = span(&run);
    // First lost acked at 100.305, last at 459.305.
    assert_eq!(span.lower, 359_000 * MS);
    assert_eq!(span.upper, Some(360_000 * MS));
    let loss = &run.judge().verdict.loss["database"];
    assert_eq!((loss.lost, loss.lost_before_strike), (360, 0));
    assert_eq!(loss.before_strike.unwrap().lower, 0);
    assert_eq!(loss.after_strike.unwrap().lower, 359_305 * MS);
}

#[test]
fn equality_with_at_most_meets_and_with_below_does_not() {
    let mut run = Run::plain();
    run.lose(80_000, STRIKE);
    run.drop("recovery_point").push(114_500, point(0, Point::Undeclared));
    run.rpo(Comparator::AtMost, 20_695);
    assert_eq!(run.of("rpo.database"), Outcome::Pass);
    run.rpo(Comparator::Below, 20_695);
    assert_eq!(run.of("rpo.database"), Outcome::Inconclusive);
    run.rpo(Comparator::Below, 19_695);
    assert_eq!(run.of("rpo.database"), Outcome::Fail);
    run.rpo(Comparator::AtMost, 19_695);
    assert_eq!(run.of("rpo.database"), Outcome::Inconclusive);
    run.rpo(Comparator::AtMost, 19_694);
    assert_eq!(run.of("rpo.database"), Outcome::Fail);
}

#[test]
fn an_interval_across_the_target_is_inconclusive() {
    let mut run = Run::plain();
    run.lose(80_000, STRIKE).rpo(Comparator::AtMost, 20_000);
    assert_eq!(run.of("rpo.database"), Outcome::Inconclusive);
}

#[test]
fn the_quantum_widens_both_sides() {
    let mut run = Run::plain();
    run.lose(80_000, STRIKE);
    run.terms.calendar_scale = 2;
    run.push(
        50_000,
        Event::Delay {
            kind: crate::event::DelayKind::Push,
            drill: 1_000 * MS,
        },
    );
    assert_eq!(
        span(&run),
        Span {
            lower: 17_695 * MS,
            upper: Some(22_695 * MS)
        }
    );
    assert_eq!(run.judge().verdict.quantum, 2_000 * MS);
}

#[test]
fn a_sparse_canary_turns_a_met_target_inconclusive_and_leaves_a_miss() {
    let mut run = Run::plain();
    let sparse = |key: u64| key as i64 % 10_000 == 300 || key as i64 >= STRIKE;
    run.operations
        .retain(|operation| operation.class != CANARY || sparse(operation.key));
    run.found.retain(|row| sparse(row.key));
    let finding = run.finding("rpo.database");
    assert_eq!(finding.outcome, Outcome::Inconclusive);
    assert!(finding.because.contains("too sparse"), "{}", finding.because);
    run.lose(10_000, STRIKE);
    assert_eq!(run.of("rpo.database"), Outcome::Fail);
}

#[test]
fn nobody_wrote_before_the_strike_so_nothing_lost_says_little() {
    let mut run = Run::plain();
    let silent = |key: u64| (30_000..STRIKE).contains(&(key as i64));
    run.operations
        .retain(|operation| operation.class != CANARY || !silent(operation.key));
    run.found.retain(|row| !silent(row.key));
    // The last kept write lies 70.7 s before the strike: up to that much could have been lost unseen.
    assert_eq!(span(&run).upper, Some(70_695 * MS));
    assert_eq!(run.of("rpo.database"), Outcome::Inconclusive);
}

#[test]
fn a_target_of_zero_is_judged_by_count() {
    let mut run = Run::plain();
    run.rpo(Comparator::AtMost, 0);
    assert_eq!(run.of("rpo.database"), Outcome::Pass);
    run.lose(99_000, STRIKE);
    let finding = run.finding("rpo.database");
    assert_eq!(finding.outcome, Outcome::Fail);
    assert_eq!(
        finding.achieved,
        Achieved::Count {
            lower: 1,
            upper: Some(1)
        }
    );
}

#[test]
fn a_run_too_short_could_not_have_failed_but_a_proved_miss_stands() {
    let mut run = Run::plain();
    run.rpo(Comparator::AtMost, 70_000);
    let finding = run.finding("rpo.database");
    assert_eq!(finding.outcome, Outcome::Inconclusive);
    assert!(finding.because.contains("could not have failed"), "{}", finding.because);
    run.rpo(Comparator::AtMost, 60_000);
    run.terms.components.get_mut("database").unwrap().backup_cycle = Some(51_000 * MS);
    assert_eq!(run.of("rpo.database"), Outcome::Inconclusive);
    run.lose(0, STRIKE);
    run.operations.insert(0, write(PRELOAD, 5, 1, -900, 0));
    run.found.push(row(1, 5, 1));
    assert_eq!(run.of("rpo.database"), Outcome::Fail);
}

#[test]
fn clients_that_gave_up_before_the_strike_hide_what_was_lost() {
    let mut run = Run::plain();
    let give_up = |run: &mut Run, count: usize| {
        for operation in run
            .operations
            .iter_mut()
            .filter(|operation| operation.sent >= 95_000 * MS)
            .take(count)
        {
            operation.outcome = OperationOutcome::Indeterminate;
            operation.flags = flag::GAVE_UP;
        }
    };
    // RPO/10 is 6 s: 300 reads, 6 canary writes and their reads back.
    give_up(&mut run, 3);
    assert_eq!(run.of("rpo.database"), Outcome::Pass);
    give_up(&mut run, 4);
    assert_eq!(run.of("rpo.database"), Outcome::Inconclusive);
}

#[test]
fn a_component_without_acked_writes_passes_nothing() {
    let mut run = Run::plain();
    run.operations.retain(|operation| operation.class == WORKLOAD);
    run.found.clear();
    assert_eq!(run.of("rpo.database"), Outcome::Inconclusive);
    assert_eq!(run.of("hole.database"), Outcome::Inconclusive);
}

#[test]
fn no_final_read_proves_nothing() {
    let mut run = Run::plain();
    run.lose(80_000, STRIKE).drop("final_read");
    assert_eq!(run.of("rpo.database"), Outcome::Inconclusive);
    assert_eq!(run.of("mutated.database"), Outcome::Inconclusive);
    assert_eq!(run.outcome(), Outcome::Inconclusive);
}

#[test]
fn a_partial_final_read_proves_nothing() {
    for (counted, arrived) in [(200, 150), (150, 150)] {
        let mut run = Run::plain();
        for (_, event) in &mut run.events {
            if let Event::FinalRead {
                edge: crate::event::Edge::Ended,
                counted: c,
                arrived: a,
                ..
            } = event
            {
                (*c, *a) = (Some(counted), Some(arrived));
            }
        }
        run.lose(10_000, STRIKE);
        assert_eq!(run.of("rpo.database"), Outcome::Inconclusive);
    }
}

#[test]
fn a_stall_across_the_strike_blurs_the_loss() {
    let mut run = Run::plain();
    run.lose(80_000, STRIKE).rpo(Comparator::AtMost, 22_000);
    run.drop("recovery_point").push(114_500, point(0, Point::Undeclared));
    assert_eq!(run.of("rpo.database"), Outcome::Pass);
    run.events
        .push((Stamp::new(99_000 * MS, 104_000 * MS), Event::Stall {}));
    assert_eq!(
        span(&run),
        Span {
            lower: 18_695 * MS,
            upper: Some(24_695 * MS)
        }
    );
    assert_eq!(run.of("rpo.database"), Outcome::Inconclusive);
}

#[test]
fn overwriting_after_recovery_that_may_hide_a_loss_raises_the_upper_bound_only() {
    let mut run = Run::plain();
    // Key 7: acked by the old life at 50 s, written again by the new one, whose answer does not say what it replaced.
    run.operations.push(write(PRELOAD, 7, 1, 50_000, 0));
    let mut second = write(PRELOAD, 7, 2, 120_000, 1);
    second.replaced = UNSTATED;
    run.operations.push(second);
    run.found.push(row(1, 7, 2));
    let loss = run.judge().verdict.loss["database"].clone();
    assert_eq!((loss.lost, loss.possibly_lost), (0, 1));
    let span = span(&run);
    assert_eq!(span.lower, 0);
    assert_eq!(span.upper, Some((STRIKE - 49_305) * MS));
    // Where the answer says that it replaced nothing, the first version was lost.
    run.operations.last_mut().unwrap().replaced = 0;
    assert_eq!(run.judge().verdict.loss["database"].lost, 1);
    // And where it says that it replaced the first, that one was kept.
    run.operations.last_mut().unwrap().replaced = 1;
    let loss = run.judge().verdict.loss["database"].clone();
    assert_eq!((loss.lost, loss.possibly_lost), (0, 0));
}

#[test]
fn credited_time_is_loss_while_the_abandoned_life_could_acknowledge() {
    let mut run = Run::plain();
    run.push(
        107_000,
        Event::Credit {
            plan: 3_600_000 * MS,
            what: "people drive in".to_owned(),
        },
    );
    run.terms.rto = None;
    run.terms.tiers[0].max_downtime.clear();
    assert_eq!(run.of("rpo.database"), Outcome::Pass);
    run.drop("fenced");
    let finding = run.finding("rpo.database");
    assert_eq!(finding.outcome, Outcome::Inconclusive);
    assert!(span(&run).upper.unwrap() > 3_600_000 * MS);
}

#[test]
fn an_artefact_needs_no_canary_and_no_cycles() {
    let mut run = Run::plain();
    run.terms.components.get_mut("database").unwrap().domain = Domain::Artefact;
    run.operations.retain(|operation| operation.class != CANARY);
    run.found.clear();
    run.operations.push(write(CANARY, 1, 1, 20_000, 0));
    run.operations.push(write(CANARY, 1, 2, 90_000, 0));
    run.found.push(row(2, 1, 2));
    assert_eq!(run.of("rpo.database"), Outcome::Pass);
    run.rpo(Comparator::AtMost, 5_000);
    run.found[0].version = 1;
    assert_eq!(run.of("rpo.database"), Outcome::Fail);
}

/// A strike just after a backup loses little, whatever the plan's cadence: what it does not show is named.
#[test]
fn a_strike_long_before_the_next_backup_leaves_the_worst_moment_untried() {
    let untried = |newest: i64| {
        let mut run = Run::plain();
        run.rpo(Comparator::AtMost, 30_000);
        run.terms.components.get_mut("database").unwrap().backup_cycle = Some(40_000 * MS);
        run.push(
            newest,
            Event::Restorable {
                component: "database".to_owned(),
                kind: "dump".to_owned(),
                name: "newest".to_owned(),
            },
        );
        assert_eq!(run.of("rpo.database"), Outcome::Pass);
        run.judge().verdict.not_covered
    };
    // 5 s after one of every 40 s: 35 s more could have been lost, over 30 s.
    assert_eq!(
        untried(95_000),
        [
            "RPO of database at its worst moment: it struck 5 s of plan time after the newest restorable point, and one is due \
             every 40 s; struck just before the next, up to 35 s would be lost, where <= 30000 ms is demanded"
        ]
    );
    // 15 s more would still have met it.
    assert!(untried(75_000).is_empty());
    // Within the last tenth of the cycle.
    assert!(untried(62_000).is_empty());
}
