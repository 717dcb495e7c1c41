//! Which recovery was right for a damage: both kinds of damage, each recovered in both ways.

use std::collections::BTreeMap;

use super::builder::*;
use crate::event::{CheckOutcome, Coverage, Event};
use crate::ledger::Content;
use crate::terms::Damage;
use crate::verdict::{Achieved, Outcome};

/// The server was never down: it acknowledged to its fence at 110 s; writes at 101.3 to 108.3 s came after the damage.
fn damaged(damage: Damage, rule: &str, effect: CheckOutcome) -> Run {
    let mut run = Run::plain();
    run.terms.damage = Some(damage);
    run.drop("fenced").push(110_000, Event::Fenced { incarnation: 0 });
    for second in 101..109 {
        run.canary(second * 1000 + 300);
    }
    run.push(
        112_000,
        Event::RecoveryTarget {
            rule: rule.to_owned(),
            inputs: BTreeMap::new(),
            value: format!("the point of {rule}"),
        },
    );
    let mut look = check(effect);
    if let Event::Check {
        name, coverage, detail, ..
    } = &mut look
    {
        *name = "fault_effect".to_owned();
        *coverage = Coverage {
            relations: 1,
            rows: 10,
            bytes: 0,
        };
        *detail = "7 of 10 rows say something else".to_owned();
    }
    run.push(173_500, look);
    run
}

#[test]
fn going_back_to_before_a_logged_damage_is_right_and_its_collateral_is_told_and_counted() {
    let mut run = damaged(Damage::Logged, "before_wal", CheckOutcome::Passed);
    run.lose(STRIKE, 109_000);
    let finding = run.finding("remedy.database");
    assert_eq!(finding.outcome, Outcome::Pass, "{finding:#?}");
    assert_eq!(
        finding.achieved,
        Achieved::Count {
            lower: 8,
            upper: Some(8)
        }
    );
    assert!(
        finding.because.contains("8 writes acknowledged after the damage"),
        "{}",
        finding.because
    );
    assert!(
        finding.because.contains("8.305 s") || finding.because.contains("8.3"),
        "{}",
        finding.because
    );
    let loss = &run.judge().verdict.loss["database"];
    assert_eq!((loss.lost, loss.lost_before_strike), (8, 0));
    // The collateral is loss: an RPO that it exceeds is missed.
    run.rpo(crate::terms::Comparator::AtMost, 5_000);
    assert_eq!(run.of("rpo.database"), Outcome::Fail);
}

#[test]
fn replaying_a_logged_damage_to_the_end_is_wrong_and_the_price_of_the_other_way_is_told() {
    let run = damaged(Damage::Logged, "end_of_archive", CheckOutcome::Failed);
    let finding = run.finding("remedy.database");
    assert_eq!(finding.outcome, Outcome::Fail, "{finding:#?}");
    assert!(finding.because.contains("7 of 10 rows"), "{}", finding.because);
    assert!(finding.because.contains("8 writes"), "{}", finding.because);
    assert_eq!(run.of("rto"), Outcome::Fail, "a failed confirmation fails the RTO");
    assert_eq!(run.outcome(), Outcome::Fail);
}

#[test]
fn altered_rows_show_the_damage_though_the_look_at_it_says_otherwise() {
    let mut run = damaged(Damage::Logged, "before_wal", CheckOutcome::Passed);
    run.found[3].content = Content::Mutated;
    assert_eq!(run.of("remedy.database"), Outcome::Fail);
}

#[test]
fn without_a_look_at_what_is_left_nothing_is_said() {
    let mut run = damaged(Damage::Logged, "before_wal", CheckOutcome::NotRun);
    assert_eq!(run.of("remedy.database"), Outcome::Inconclusive);
    run.drop("check");
    assert_eq!(run.of("remedy.database"), Outcome::Inconclusive);
}

#[test]
fn going_back_for_a_damage_that_wal_does_not_carry_throws_good_writes_away() {
    let mut run = damaged(Damage::Unlogged, "before_alert", CheckOutcome::Passed);
    run.lose(STRIKE, 109_000);
    let finding = run.finding("remedy.database");
    assert_eq!(finding.outcome, Outcome::Fail, "{finding:#?}");
    assert!(finding.because.contains("8 writes"), "{}", finding.because);
    assert_eq!(
        run.of("rpo.database"),
        Outcome::Pass,
        "within the RPO, and wrong all the same"
    );
    assert_eq!(run.outcome(), Outcome::Fail);
}

#[test]
fn replaying_to_the_end_is_right_for_a_damage_that_wal_does_not_carry() {
    let run = damaged(Damage::Unlogged, "end_of_archive", CheckOutcome::Passed);
    let finding = run.finding("remedy.database");
    assert_eq!(finding.outcome, Outcome::Pass, "{finding:#?}");
    assert!(finding.because.contains("8 writes"), "{}", finding.because);
    assert_eq!(run.outcome(), Outcome::Pass, "{:#?}", run.judge().verdict.findings);
}

#[test]
fn a_backup_of_the_damage_brings_it_back_however_far_the_wal_is_replayed() {
    let mut run = damaged(Damage::Unlogged, "end_of_archive", CheckOutcome::Passed);
    let mut look = check(CheckOutcome::Failed);
    if let Event::Check { name, detail, .. } = &mut look {
        *name = "page_checksums".to_owned();
        *detail = "page 81 of bulk".to_owned();
    }
    run.push(173_600, look);
    let finding = run.finding("remedy.database");
    assert_eq!(finding.outcome, Outcome::Fail, "{finding:#?}");
    assert!(finding.because.contains("page 81 of bulk"), "{}", finding.because);
}

#[test]
fn a_fault_that_spoils_no_data_has_no_such_finding() {
    let verdict = Run::plain().judge().verdict;
    assert!(verdict.findings.iter().all(|finding| !finding.id.starts_with("remedy")));
}
