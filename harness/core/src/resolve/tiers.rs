//! Which services of the application play which tier of the plan.

use std::collections::BTreeMap;

use crate::plan::{Duration, Figure, Tier};
use crate::terms::{Limit, StandIn, Thresholds, TierTerm};

use super::drill::Drill;

/// The services of the sample application with its own tiers, by which it holds and releases.
pub const SAMPLE_SERVICES: [(&str, u8); 8] = [
    ("emergency", 0),
    ("auth", 1),
    ("payments", 1),
    ("bookings", 2),
    ("chat", 2),
    ("files", 2),
    ("analytics", 3),
    ("notifications", 3),
];

/// Operations per second and tier below which a window of 500 ms holds too few of them (20) to be judged.
pub(super) const RATE_MIN: u32 = 40;

/// The sample application's own tier of a service.
pub(super) fn own(service: &str) -> Option<u8> {
    SAMPLE_SERVICES
        .iter()
        .find(|(name, _)| *name == service)
        .map(|(_, tier)| *tier)
}

/// Services of the load by tier. A plan without tiers has one: all services.
pub(super) fn mapping(drill: &Drill) -> BTreeMap<u8, Vec<String>> {
    let mut mapping: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for service in drill.scenario.load.rates.keys() {
        let given = drill
            .scenario
            .tiers
            .iter()
            .find(|(_, services)| services.contains(service))
            .map(|(level, _)| *level);
        let level = if drill.plan.tiers.is_empty() {
            Some(0)
        } else {
            given.or_else(|| own(service))
        };
        if let Some(level) = level {
            mapping.entry(level).or_default().push(service.clone());
        }
    }
    mapping
}

/// What each tier with load is held to.
pub(super) fn terms(drill: &Drill, thresholds: &Thresholds) -> Vec<TierTerm> {
    let mut terms = Vec::new();
    for (level, services) in &drill.scenario.tiers {
        let figures = drill
            .plan
            .tiers
            .iter()
            .filter(|tier| tier.level == *level)
            .flat_map(|tier| tier.max_downtime.iter().chain(&tier.rto));
        terms.push(TierTerm {
            level: *level,
            services: services.clone(),
            max_downtime: distinct(figures),
            thresholds: thresholds.clone(),
        });
    }
    terms
}

/// Whether the plan says when this tier's turn comes: levels alone tell what is urgent, not what is recovered first.
pub(super) fn is_ordered(tier: &Tier) -> bool {
    tier.order.is_some() || tier.recovered_from.is_some() || tier.recovered_until.is_some()
}

/// Who plays the tiers of the plan.
pub(super) fn stand_ins(drill: &Drill) -> Vec<StandIn> {
    drill
        .plan
        .tiers
        .iter()
        .filter_map(|tier| {
            let services = drill.scenario.tiers.get(&tier.level)?;
            Some(StandIn {
                planned: format!("tier {}: {}", tier.level, tier.services.join(", ")),
                drilled: format!("{} of the sample application", services.join(", ")),
            })
        })
        .collect()
}

/// The limits of figures, each distinct one once.
pub(super) fn distinct<'a>(figures: impl IntoIterator<Item = &'a Figure<Duration>>) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::new();
    for limit in figures.into_iter().filter_map(Figure::limit) {
        let same = |other: &Limit| other.plan == limit.plan && other.comparator == limit.comparator;
        if !limits.iter().any(same) {
            limits.push(limit);
        }
    }
    limits
}
