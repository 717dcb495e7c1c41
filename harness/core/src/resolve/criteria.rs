//! Demands of a plan without a figure, and where a plan contradicts itself about the disaster that is drilled.

use crate::document::Mistake;
use crate::terms::{CriterionTerm, Demanded, Source, Status};

use super::drill::Drill;
use super::limits;

pub(super) fn mistakes(drill: &Drill, found: &mut Vec<Mistake>) {
    let at = drill.at("judging").then("criteria");
    let criteria = &drill.scenario.judging.criteria;
    for (index, criterion) in criteria.iter().enumerate() {
        let at = at.then(index).then("demand");
        if criteria[..index]
            .iter()
            .any(|other| id(&other.demand) == id(&criterion.demand))
        {
            found.push(Mistake::new(
                at.clone(),
                "a second demand of this kind",
                "taken",
                "put what is demanded into one",
            ));
        }
        let Demanded::NoLoss { tiers } = &criterion.demand else {
            continue;
        };
        let known: Vec<String> = drill.scenario.tiers.keys().map(u8::to_string).collect();
        if tiers.is_empty() {
            found.push(Mistake::new(
                at.then("no_loss").then("tiers"),
                "no tiers",
                "empty",
                format!("name at least one of: {}", known.join(", ")),
            ));
        }
        for (number, level) in tiers.iter().enumerate() {
            if !drill.scenario.tiers.contains_key(level) {
                found.push(Mistake::unknown(
                    at.then("no_loss").then("tiers").then(number),
                    "tier with load",
                    &level.to_string(),
                    known.iter().map(String::as_str),
                ));
            }
        }
    }
    for (index, name) in drill.scenario.monitor_without.iter().enumerate() {
        let checks = &drill.plan.monitoring.checks;
        if !checks.contains_key(name) {
            found.push(Mistake::unknown(
                drill.at("monitor_without").then(index),
                "check of the plan",
                name,
                checks.keys().map(String::as_str),
            ));
        }
    }
}

fn id(demand: &Demanded) -> &'static str {
    match demand {
        Demanded::NoLoss { .. } => "no_loss",
        Demanded::MonitoringRestored => "monitoring_restored",
    }
}

pub(super) fn terms(drill: &Drill) -> Vec<CriterionTerm> {
    let criteria = drill.scenario.judging.criteria.iter();
    criteria
        .map(|criterion| CriterionTerm {
            demand: criterion.demand.clone(),
            source: Source {
                place: criterion.place.clone(),
                status: Status::Stated,
            },
        })
        .collect()
}

/// What the plan says against itself about this disaster.
pub(super) fn contradictions(drill: &Drill) -> Vec<String> {
    let mut list = Vec::new();
    let Some(disaster) = drill.disaster() else {
        return list;
    };
    for limit in limits::rto(drill) {
        for step in &disaster.steps {
            let late = step.from.and_then(|from| Some((from, from.nanos()?)));
            if let Some((from, _)) = late.filter(|(_, nanos)| *nanos > limit.plan) {
                list.push(format!(
                    "its own timeline begins `{}` after {from} ({}), beyond its RTO of {} ({})",
                    step.what, step.place, limit.text, limit.source.place
                ));
            }
        }
    }
    for criterion in &drill.scenario.judging.criteria {
        let Demanded::NoLoss { tiers } = &criterion.demand else {
            continue;
        };
        let levels: Vec<String> = tiers.iter().map(u8::to_string).collect();
        for component in drill.components() {
            for limit in limits::rpo(drill, component).iter().filter(|limit| limit.plan > 0) {
                list.push(format!(
                    "it demands that tiers {} lose nothing ({}), and allows their database a loss of {} ({})",
                    levels.join(", "),
                    criterion.place,
                    limit.text,
                    limit.source.place
                ));
            }
        }
    }
    list
}
