//! Demands of the plan without a figure, each a finding of its own, and how long a latent fault stayed unseen.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Edge, Event, Role};
use crate::ledger::Operation;
use crate::terms::Demanded;
use crate::verdict::{Achieved, Finding, Outcome};

use super::classify::Classified;
use super::detection;
use super::duration::count;
use super::facts::Facts;
use super::finding::plain;
use super::key::Fate;

/// One finding for each demand.
pub(crate) fn findings(facts: &Facts<'_>, classified: &Classified, operations: &[Operation]) -> Vec<Finding> {
    facts
        .terms
        .criteria
        .iter()
        .map(|term| {
            let mut finding = match &term.demand {
                Demanded::NoLoss { tiers } => no_loss(facts, classified, operations, tiers),
                Demanded::MonitoringRestored => monitoring(facts),
            };
            finding.because = format!("{}; demanded in {}", finding.because, term.source.place);
            finding.source = Some(term.source.clone());
            finding
        })
        .collect()
}

/// Every write that services of these tiers acknowledged is kept, preload included.
fn no_loss(facts: &Facts<'_>, classified: &Classified, operations: &[Operation], tiers: &[u8]) -> Finding {
    let levels: Vec<String> = tiers.iter().map(u8::to_string).collect();
    let title = format!("No loss for tiers {}", levels.join(", "));
    let make =
        |outcome, achieved, because| plain("criterion.no_loss".into(), title.clone(), outcome, achieved, because);
    // Preload and canary bear no tier of their own: they count with the space of keys that a tier's clients use.
    let spaces: BTreeSet<u16> = facts
        .ground
        .slots
        .iter()
        .flatten()
        .filter(|slot| slot.role == Role::Workload && slot.tier.is_some_and(|tier| tiers.contains(&tier)))
        .map(|slot| slot.space)
        .collect();
    let mine = |class: u16| facts.ground.slot(class).filter(|slot| spaces.contains(&slot.space));
    let (mut acked, mut lost, mut possibly) = (0_u64, 0_u64, 0_u64);
    let mut open: Option<String> = None;
    for write in classified.writes(operations) {
        let Some(slot) = mine(write.operation.class) else {
            continue;
        };
        if let Err(why) = &facts.reads[usize::from(slot.component)] {
            open.get_or_insert_with(|| why.clone());
        }
        acked += 1;
        match write.fate {
            Fate::Lost => lost += 1,
            Fate::Possibly => possibly += 1,
            _ => {}
        }
    }
    if let Some(why) = open {
        return make(Outcome::Inconclusive, Achieved::Nothing, why);
    }
    if acked == 0 {
        return make(
            Outcome::Inconclusive,
            Achieved::Nothing,
            "no write of theirs was ever acknowledged, so none could have been lost".into(),
        );
    }
    let achieved = Achieved::Count {
        lower: lost,
        upper: Some(lost + possibly),
    };
    let outcome = match (lost, possibly) {
        (1.., _) => Outcome::Fail,
        (0, 1..) => Outcome::Inconclusive,
        (0, 0) => Outcome::Pass,
    };
    let because = format!(
        "{} of {acked} lost, {possibly} possibly lost",
        count(lost, "acknowledged write", "acknowledged writes")
    );
    make(outcome, achieved, because)
}

/// The monitor watched to the end of the load, and nothing that it called out stands any more.
fn monitoring(facts: &Facts<'_>) -> Finding {
    let make = |outcome, holds: Option<bool>, because: String| {
        let achieved = holds.map_or(Achieved::Nothing, Achieved::Holds);
        plain(
            "criterion.monitoring_restored".into(),
            "Monitoring restored".into(),
            outcome,
            achieved,
            because,
        )
    };
    let (Some(struck), Some(stopped)) = (facts.struck, facts.load_stopped()) else {
        return make(
            Outcome::Inconclusive,
            None,
            "nothing struck, or the load never ended".into(),
        );
    };
    let ended_early = facts
        .events
        .iter()
        .any(|(stamp, event)| matches!(event, Event::Monitor { edge: Edge::Ended, .. }) && stamp.late < stopped.early);
    if ended_early {
        return make(
            Outcome::Fail,
            Some(false),
            "the monitor stopped watching before the end".into(),
        );
    }
    let begun = facts
        .events
        .iter()
        .any(|(_, event)| matches!(event, Event::Monitor { edge: Edge::Begun, .. }));
    let probed = facts
        .events
        .iter()
        .any(|(stamp, event)| matches!(event, Event::Probe { .. }) && stamp.early > struck.late);
    if !begun || !probed {
        return make(
            Outcome::Inconclusive,
            None,
            "no look of the monitor after the strike is recorded".into(),
        );
    }
    let mut standing: BTreeMap<&str, bool> = BTreeMap::new();
    let mut unhealthy: BTreeMap<&str, bool> = BTreeMap::new();
    for (stamp, event) in &facts.events {
        if stamp.early > stopped.late {
            continue;
        }
        match event {
            Event::Alert { rule, raised, .. } => {
                standing.insert(rule, *raised);
            }
            Event::Probe { check, healthy, .. } => {
                unhealthy.insert(check, !healthy);
            }
            _ => {}
        }
    }
    let stands: Vec<&str> = standing
        .iter()
        .filter(|(_, raised)| **raised)
        .map(|(rule, _)| *rule)
        .collect();
    let ill: Vec<&str> = unhealthy
        .iter()
        .filter(|(_, ill)| **ill)
        .map(|(check, _)| *check)
        .collect();
    if stands.is_empty() {
        let words = format!(
            "it watched to the end, and {} that it raised {} cleared",
            count(standing.len() as u64, "alert", "alerts"),
            if standing.len() == 1 { "is" } else { "are" }
        );
        return make(Outcome::Pass, Some(true), words);
    }
    make(
        Outcome::Fail,
        Some(false),
        format!(
            "at the end these alerts still stood: {}; checks unhealthy at their last look: {}",
            stands.join(", "),
            if ill.is_empty() {
                "none".to_owned()
            } else {
                ill.join(", ")
            }
        ),
    )
}

/// From the strike of a latent fault to the first alert that it can cause. `None` for a fault that shows at once, and
/// where nothing was noticed: `detection` tells that.
pub(crate) fn dwell(facts: &Facts<'_>) -> Option<Finding> {
    if !facts.terms.latent {
        return None;
    }
    let (struck, alerted) = (facts.struck?, detection::alerted(facts)?);
    let bounds = facts.calendar.between(struck, alerted).widened(facts.calendar.quantum);
    let because = format!(
        "it stayed unseen for {}, from the strike to the alert; the plan sets no limit of its own for this",
        bounds.words()
    );
    let mut finding = plain(
        "dwell".into(),
        "Dwell: time unseen".into(),
        Outcome::Pass,
        bounds.achieved(),
        because,
    );
    finding.shown = true;
    Some(finding)
}
