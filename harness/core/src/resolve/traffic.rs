//! What is wrong with the traffic that a scenario asks for: services that nobody has, rates that could not be judged.

use crate::document::{Mistake, Place};
use crate::scenario::Service;

use super::drill::{CANARY_MAX, Drill};
use super::soundness::{positive, service};
use super::tiers::{RATE_MIN, SAMPLE_SERVICES, own};

/// Operations per second that one machine could be asked for at all.
const RATE_MAX: u32 = 1_000_000;

pub(super) fn load(drill: &Drill, found: &mut Vec<Mistake>) {
    let load = &drill.scenario.load;
    let at = drill.at("load");
    service(
        found,
        drill,
        at.then("application"),
        &load.application,
        Some("application"),
    );
    if load.rates.is_empty() {
        found.push(Mistake::new(
            at.then("rates"),
            "no traffic",
            "empty",
            "a drill measures what its clients see: give at least one service a rate, such as `payments: 60`",
        ));
    }
    let with_store = match drill.scenario.services.get(&load.application) {
        Some(Service::Application(application)) => application.store.is_some(),
        _ => true,
    };
    for (name, rate) in &load.rates {
        let at = at.then("rates").then(name);
        if own(name).is_none() {
            let known = SAMPLE_SERVICES.iter().map(|(name, _)| *name);
            found.push(Mistake::unknown(at.clone(), "service of the application", name, known));
        }
        if *rate > RATE_MAX {
            found.push(Mistake::new(
                at.clone(),
                format!("{rate} operations per second"),
                "too many",
                format!("at most {RATE_MAX}"),
            ));
        }
        if name == "files" && !with_store {
            found.push(Mistake::new(
                at,
                "`files` needs an object store, and the application has none",
                "no store",
                "give the application a `store`, or take `files` out of the load",
            ));
        }
    }
    tiers(drill, found);
    if load.canary == 0 || load.canary > CANARY_MAX {
        found.push(Mistake::new(
            at.then("canary"),
            format!("{} canary writes per second", load.canary),
            "out of bounds",
            format!(
                "between 1 and {CANARY_MAX}; 20 writes per RPO of plan time are wanted, so with a short RPO lower \
                 `calendar_scale`"
            ),
        ));
    }
    if let Some(deadline) = load.deadline {
        positive(found, &at.then("deadline"), deadline);
    }
}

fn tiers(drill: &Drill, found: &mut Vec<Mistake>) {
    let planned: Vec<u8> = drill.plan.tiers.iter().map(|tier| tier.level).collect();
    for (level, services) in &drill.scenario.tiers {
        let at = drill.at("load").then("rates");
        if !planned.is_empty() && !planned.contains(level) {
            found.push(Mistake::new(
                Place::of("tiers").then(level),
                format!("tier {level} ({}) is not in the plan", services.join(", ")),
                "no such tier",
                format!(
                    "the plan has tiers {planned:?}; say which of them each service plays, such as \
                     `tiers: {{ 1: [payments] }}`"
                ),
            ));
        }
        let rate: u64 = services
            .iter()
            .filter_map(|service| drill.scenario.load.rates.get(service))
            .map(|rate| u64::from(*rate))
            .sum();
        if rate < u64::from(RATE_MIN) {
            let tier = if planned.is_empty() {
                "all services together".to_owned()
            } else {
                format!("tier {level} ({})", services.join(", "))
            };
            let first = services.first().cloned().unwrap_or_default();
            found.push(Mistake::new(
                at.then(first),
                format!("{tier}: {rate} operations per second"),
                "too few to be judged",
                format!("a window of 500 ms needs 20 operations: give the tier at least {RATE_MIN} per second"),
            ));
        }
    }
}
