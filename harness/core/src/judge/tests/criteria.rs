//! Demands without a figure, the time a latent fault stayed unseen, and what a plan says against itself.

use super::builder::*;
use crate::event::{Edge, Event, Role};
use crate::ledger::OperationOutcome;
use crate::terms::{CriterionTerm, Demanded, Source, Status};
use crate::verdict::{Achieved, Outcome};

fn demanding(demand: Demanded) -> Run {
    let mut run = Run::plain();
    let source = Source {
        place: "GameDay".to_owned(),
        status: Status::Stated,
    };
    run.terms.criteria = vec![CriterionTerm { demand, source }];
    run
}

fn probe(healthy: bool) -> Event {
    Event::Probe {
        check: "database".to_owned(),
        healthy,
        seen: String::new(),
    }
}

/// A drill in which clients of tier 0 write into space 1 as well, one of these writes before the strike.
fn writing(demand: Demanded) -> Run {
    let mut run = demanding(demand);
    run.operations.push(write(WORKLOAD, 7, 1, 99_000, 0));
    run.found.push(row(1, 7, 1));
    run
}

#[test]
fn no_loss_is_a_matter_of_count_and_of_the_tiers_that_it_names() {
    let demand = Demanded::NoLoss { tiers: vec![0] };
    let mut run = writing(demand.clone());
    assert_eq!(run.of("criterion.no_loss"), Outcome::Pass);
    run.found.retain(|row| row.space != 1);
    let finding = run.finding("criterion.no_loss");
    assert_eq!(finding.outcome, Outcome::Fail);
    assert_eq!(
        finding.achieved,
        Achieved::Count {
            lower: 1,
            upper: Some(1)
        }
    );
    assert!(finding.because.ends_with("demanded in GameDay"), "{}", finding.because);
    // What another tier's clients lost is not its matter.
    let mut run = writing(demand);
    run.push(0, class(7, 9, Role::Workload, Some(1)));
    run.operations.push(write(7, 70, 1, 99_000, 0));
    assert_eq!(run.of("criterion.no_loss"), Outcome::Pass);
}

#[test]
fn a_tier_that_wrote_nothing_cannot_have_kept_it() {
    let run = demanding(Demanded::NoLoss { tiers: vec![0] });
    assert_eq!(run.of("criterion.no_loss"), Outcome::Inconclusive, "it only read");
    let mut run = writing(Demanded::NoLoss { tiers: vec![0] });
    run.drop("final_read");
    assert_eq!(run.of("criterion.no_loss"), Outcome::Inconclusive, "nobody looked");
    let mut run = demanding(Demanded::NoLoss { tiers: vec![0] });
    run.operations
        .push(failed(write(WORKLOAD, 7, 1, 99_000, 0), OperationOutcome::Refused));
    assert_eq!(
        run.of("criterion.no_loss"),
        Outcome::Inconclusive,
        "refused is not acknowledged"
    );
}

#[test]
fn monitoring_is_restored_when_it_watches_and_nothing_that_it_raised_stands() {
    let mut run = demanding(Demanded::MonitoringRestored);
    run.push(120_000, probe(true));
    assert_eq!(run.of("criterion.monitoring_restored"), Outcome::Fail, "it still calls");
    run.push(121_000, alert(false));
    assert_eq!(run.of("criterion.monitoring_restored"), Outcome::Pass);
    run.push(160_000, alert(true));
    assert_eq!(run.of("criterion.monitoring_restored"), Outcome::Fail, "it calls again");
}

#[test]
fn a_monitor_that_stopped_is_not_restored_and_one_that_never_looked_tells_nothing() {
    let mut run = demanding(Demanded::MonitoringRestored);
    run.push(121_000, alert(false));
    assert_eq!(run.of("criterion.monitoring_restored"), Outcome::Inconclusive);
    run.push(120_000, probe(true)).restamp(at(150_000), |event| {
        matches!(event, Event::Monitor { edge: Edge::Ended, .. })
    });
    assert_eq!(run.of("criterion.monitoring_restored"), Outcome::Fail);
}

#[test]
fn how_long_a_latent_fault_stayed_unseen_is_a_figure_of_its_own() {
    let mut run = Run::plain();
    assert!(run.judge().verdict.findings.iter().all(|finding| finding.id != "dwell"));
    run.terms.latent = true;
    let finding = run.finding("dwell");
    assert_eq!(finding.outcome, Outcome::Pass);
    assert!(finding.shown, "the plan demands nothing of it");
    let shown = run
        .judge()
        .verdict
        .findings
        .iter()
        .filter(|finding| finding.shown)
        .count();
    assert_eq!(shown, 1, "all others are demanded");
    let Achieved::Duration(span) = finding.achieved else {
        panic!("{finding:?}")
    };
    assert_eq!((span.lower, span.upper), (5_000 * MS, Some(5_000 * MS)));
    run.drop("alert");
    assert!(
        run.judge().verdict.findings.iter().all(|finding| finding.id != "dwell"),
        "never noticed is told by `detection`"
    );
}

#[test]
fn what_a_plan_says_against_itself_reaches_the_verdict() {
    let mut run = Run::plain();
    run.terms.about_plan = vec!["it resumes after its RTO".to_owned()];
    let verdict = run.judge().verdict;
    assert_eq!(verdict.about_plan, ["it resumes after its RTO"]);
    assert_eq!(verdict.outcome, Outcome::Pass, "a remark about the plan fails no drill");
}
