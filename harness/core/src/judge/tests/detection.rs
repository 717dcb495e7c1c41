//! Whether the monitor noticed.

use super::builder::*;
use crate::event::{Edge, Event};
use crate::stamp::Stamp;
use crate::terms::{Comparator, DetectorTerm, RtoFrom};
use crate::verdict::Outcome;

fn deadline(run: &mut Run, ms: i64) {
    let kinds = vec!["down".to_owned()];
    run.terms.detector = DetectorTerm::Alerts {
        kinds,
        deadline: Some(limit(Comparator::AtMost, ms)),
    };
}

#[test]
fn an_alert_is_held_to_its_deadline() {
    let mut run = Run::plain();
    deadline(&mut run, 5_000);
    assert_eq!(run.of("detection"), Outcome::Pass);
    deadline(&mut run, 4_999);
    assert_eq!(run.of("detection"), Outcome::Fail);
}

#[test]
fn a_proved_fault_that_no_one_noticed_fails_detection_and_leaves_rto_open() {
    for with_deadline in [true, false] {
        let mut run = Run::plain();
        if with_deadline {
            deadline(&mut run, 3_000);
        }
        run.drop("alert")
            .drop("acknowledged")
            .push(106_500, Event::OrderedByHarness {});
        assert_eq!(run.of("detection"), Outcome::Fail);
        for id in ["rto", "tier.0"] {
            let finding = run.finding(id);
            assert_eq!(finding.outcome, Outcome::Inconclusive);
            assert!(finding.because.contains("never detected"), "{}", finding.because);
        }
        assert_eq!(run.outcome(), Outcome::Fail);
    }
}

#[test]
fn a_monitor_that_was_not_watching_proves_no_silence() {
    let mut run = Run::plain();
    run.drop("alert").restamp(at(101_000), |event| {
        matches!(event, Event::Monitor { edge: Edge::Begun, .. })
    });
    assert_eq!(run.of("detection"), Outcome::Inconclusive);
}

#[test]
fn a_false_alarm_before_the_strike_spoils_the_run() {
    let mut run = Run::plain();
    run.push(50_000, alert(true)).push(52_000, alert(false));
    let verdict = run.judge().verdict;
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(verdict.spoiled[0].contains("false alarm"), "{:?}", verdict.spoiled);
    assert!(
        verdict
            .findings
            .iter()
            .all(|finding| finding.outcome == Outcome::Inconclusive)
    );
}

#[test]
fn an_alert_of_another_kind_is_no_false_alarm_and_no_detection() {
    let other = Event::Alert {
        rule: "disk".to_owned(),
        kind: "disk_full".to_owned(),
        raised: true,
        failures: Vec::new(),
    };
    let mut run = Run::plain();
    run.push(50_000, other.clone());
    assert_eq!(run.outcome(), Outcome::Pass);
    run.drop("alert").push(105_000, other);
    assert_eq!(run.of("detection"), Outcome::Fail);
}

#[test]
fn an_alert_at_the_edge_of_the_strike_counts_only_if_it_cannot_lie_before() {
    let is_alert = |event: &Event| matches!(event, Event::Alert { .. });
    let mut run = Run::plain();
    run.restamp(at(STRIKE), is_alert);
    assert_eq!(run.outcome(), Outcome::Pass);
    run.restamp(Stamp::new(STRIKE * MS - 1, STRIKE * MS + 1), is_alert);
    assert_eq!(run.outcome(), Outcome::Inconclusive);
}

#[test]
fn without_a_detector_rto_counts_from_the_declaration_only() {
    let mut run = Run::plain();
    run.terms.detector = DetectorTerm::None;
    run.terms.rto.as_mut().unwrap().from = RtoFrom::Fault;
    run.terms.rto.as_mut().unwrap().limits = vec![limit(Comparator::AtMost, 9_000)];
    let verdict = run.judge().verdict;
    assert!(verdict.findings.iter().all(|finding| finding.id != "detection"));
    assert_eq!(verdict.about_plan.len(), 1);
    // Declared at 107 s, back at 116 s.
    assert_eq!(run.of("rto"), Outcome::Pass);
}

fn failures(run: &mut Run, stamps: &[(i64, i64)]) {
    for (_, event) in &mut run.events {
        if let Event::Alert { failures, .. } = event {
            *failures = stamps
                .iter()
                .map(|(early, late)| Stamp::new(early * MS, late * MS))
                .collect();
        }
    }
}

/// An alert that came after the strike, by checks of before it, is the false alarm that it would have been a moment earlier.
#[test]
fn an_alert_by_checks_that_failed_before_the_strike_is_a_false_alarm() {
    let mut run = Run::plain();
    failures(&mut run, &[(99_400, 99_600), (99_700, 99_900), (99_950, 100_150)]);
    let verdict = run.judge().verdict;
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(verdict.spoiled[0].contains("failed before it"), "{:?}", verdict.spoiled);
    assert_eq!(verdict.moments.alerted, None);
}

#[test]
fn an_alert_that_counts_a_failure_of_before_the_strike_proves_no_detection() {
    let mut run = Run::plain();
    failures(&mut run, &[(99_400, 99_600), (102_000, 102_100), (104_000, 104_100)]);
    assert_eq!(run.of("detection"), Outcome::Inconclusive);
    assert!(run.judge().verdict.spoiled.is_empty());
    // Another alert, of failures since, is the one that counts.
    run.push(106_500, alert(true));
    assert_eq!(run.of("detection"), Outcome::Pass);
    assert_eq!(run.judge().verdict.moments.alerted, Some(at(106_500)));
}

#[test]
fn a_check_on_its_way_when_it_struck_counts() {
    let mut run = Run::plain();
    failures(&mut run, &[(99_900, 100_100), (104_000, 104_100)]);
    assert_eq!(run.of("detection"), Outcome::Pass);
    assert!(run.judge().verdict.spoiled.is_empty());
}
