//! Every alert of a run is listed, with what it is to the detection of the fault.

use super::builder::*;
use crate::event::Event;
use crate::verdict::AlertPart;

/// An alert of another rule and kind.
fn other(rule: &str, of_kind: &str, is_raised: bool) -> Event {
    let mut event = alert(is_raised);
    if let Event::Alert { rule: name, kind, .. } = &mut event {
        (*name, *kind) = (rule.to_owned(), of_kind.to_owned());
    }
    event
}

#[test]
fn an_alert_that_stood_before_the_strike_or_tells_of_something_else_is_listed() {
    let mut run = Run::plain();
    for (ms, event) in [
        (40_000, other("backup_old", "backup_old", true)),
        (45_000, other("backup_old", "backup_old", false)),
        (90_000, other("backup_old", "backup_old", true)),
        (STRIKE + 1, other("slow", "slow", true)),
        (112_000, other("health", "down", true)),
        (120_000, alert(false)),
    ] {
        let place = run.events.iter().position(|(stamp, _)| stamp.early > ms * MS);
        let place = place.unwrap_or(run.events.len());
        run.events.insert(place, (at(ms), event));
    }
    let verdict = run.judge().verdict;
    let told: Vec<_> = verdict
        .alerts
        .iter()
        .map(|alert| (alert.rule.as_str(), alert.part, alert.cleared))
        .collect();
    assert_eq!(
        told,
        [
            ("backup_old", AlertPart::BeforeStrike, Some(at(45_000))),
            ("backup_old", AlertPart::BeforeStrike, None),
            ("slow", AlertPart::OtherKind, None),
            ("database", AlertPart::Counted, Some(at(120_000))),
            ("health", AlertPart::SameKind, None),
        ]
    );
    assert_eq!(verdict.moments.alerted, Some(verdict.alerts[3].raised));
}

#[test]
fn the_alert_that_counts_is_listed_however_many_there_were() {
    let mut run = Run::plain();
    for _ in 0..500 {
        run.events.insert(7, (at(40_000), other("noise", "noise", true)));
    }
    let alerts = run.judge().verdict.alerts;
    assert!(alerts.len() < 100, "{}", alerts.len());
    assert!(alerts.iter().any(|alert| alert.part == AlertPart::Counted));
}
