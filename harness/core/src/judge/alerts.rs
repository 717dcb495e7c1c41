//! Alerts of the run, each with what it is to the detection of the fault: one that stood before the strike, or tells of
//! something else, is no noise to be left out, since it says what people would have seen.

use crate::event::Event;
use crate::terms::DetectorTerm;
use crate::verdict::{AlertPart, AlertRun};

use super::detection;
use super::facts::Facts;

/// More alerts than a report lists; the one that counts is always among them.
const ALERTS_MAX: usize = 60;

/// In the order in which they were raised.
pub(crate) fn of(facts: &Facts<'_>) -> Vec<AlertRun> {
    let counted = detection::alert(facts);
    let mut alerts: Vec<AlertRun> = Vec::new();
    for (record, (stamp, event)) in facts.records.iter().zip(&facts.events) {
        let Event::Alert { rule, kind, raised, .. } = event else {
            continue;
        };
        if !raised {
            let standing = |alert: &&mut AlertRun| alert.rule == *rule && alert.cleared.is_none();
            if let Some(alert) = alerts.iter_mut().rev().find(standing) {
                alert.cleared = Some(*stamp);
            }
            continue;
        }
        let of_kind = matches!(&facts.terms.detector, DetectorTerm::Alerts { kinds, .. } if kinds.contains(kind));
        let part = if counted == Some(record.seq) {
            AlertPart::Counted
        } else if facts.struck.is_none_or(|struck| stamp.late < struck.early) {
            AlertPart::BeforeStrike
        } else if of_kind {
            AlertPart::SameKind
        } else {
            AlertPart::OtherKind
        };
        alerts.push(AlertRun {
            rule: rule.clone(),
            kind: kind.clone(),
            seq: record.seq,
            raised: *stamp,
            cleared: None,
            part,
        });
    }
    let mut number = 0;
    alerts.retain(|alert| {
        number += 1;
        number <= ALERTS_MAX || alert.part == AlertPart::Counted
    });
    alerts
}
