//! What would let a drill pass that has not earned it: a scenario may ask more than its plan, never less.

use crate::document::{Mistake, Place, listed};
use crate::plan::{ComponentKind, Duration, Share};
use crate::scenario::{FaultKind, Service};
use crate::stamp::{Nanos, SECOND};

use super::drill::Drill;
use super::held::{self, hits};
use super::limits::{DEFAULT_CHECKS, ERRORS_PPM, RESPONSE, STABILITY};
use super::tiers::own;

/// Longer, and what goes wrong after the recovery would be put down to settling.
const SETTLE_MAX: Nanos = 60 * SECOND;

pub(super) fn mistakes(drill: &Drill, found: &mut Vec<Mistake>) {
    held::mistakes(drill, found);
    struck(drill, found);
    tiers(drill, found);
    rates(drill, found);
    judging(drill, found);
}

/// What the striking fault hurts must be what the disaster is about, or the drill is one of a milder disaster.
fn struck(drill: &Drill, found: &mut Vec<Mistake>) {
    let Some(hits) = hits(drill) else {
        return;
    };
    for (index, fault) in drill
        .scenario
        .faults
        .iter()
        .enumerate()
        .filter(|(_, fault)| fault.strikes)
    {
        let (key, name) = match &fault.inject {
            FaultKind::Kill { service } => ("kill", service),
            FaultKind::Pause { service } => ("pause", service),
            FaultKind::LoseData { service } => ("lose_data", service),
            FaultKind::DamagePages { service, .. } => ("damage_pages", service),
            FaultKind::TruncateRelation { service, .. } => ("truncate_relation", service),
            FaultKind::RemoveRelation { service, .. } => ("remove_relation", service),
            FaultKind::DamageControlFile { service } => ("damage_control_file", service),
            FaultKind::DamageWal { service, .. } => ("damage_wal", service),
            // It never strikes: told where it stands.
            FaultKind::DamageBackup { .. } => continue,
            FaultKind::Run(own) => ("run", &own.service),
            FaultKind::SpoilData { service, .. } => ("spoil_data", service),
            FaultKind::SpoilObjects { service, .. } => ("spoil_objects", service),
            FaultKind::Cut { link, .. } | FaultKind::Delay { link, .. } => {
                if !link.iter().any(|name| is_hit(drill, name, &hits)) {
                    let key = if matches!(fault.inject, FaultKind::Cut { .. }) {
                        "cut"
                    } else {
                        "delay"
                    };
                    found.push(Mistake::new(
                        drill.at("faults").then(index).then("inject").then(key).then("link"),
                        format!(
                            "the fault strikes the link from `{}` to `{}`, neither of which the disaster `{}` hits: it hits {}",
                            link[0],
                            link[1],
                            drill.scenario.disaster,
                            listed(&hits)
                        ),
                        "not what the disaster hits",
                        "strike a link to a service that holds what the disaster hits, or drill another disaster",
                    ));
                }
                continue;
            }
        };
        // One that there is not is told as an unknown name.
        let Some(service) = drill
            .scenario
            .services
            .get(name)
            .filter(|_| !is_hit(drill, name, &hits))
        else {
            continue;
        };
        let holds = match service.component() {
            Some(component) => format!("holds `{component}`"),
            None => "holds no component of the plan".to_owned(),
        };
        found.push(Mistake::new(
            drill.at("faults").then(index).then("inject").then(key).then("service"),
            format!(
                "the fault strikes `{name}`, which {holds}; the disaster `{}` hits {}",
                drill.scenario.disaster,
                listed(&hits)
            ),
            "not what the disaster hits",
            "strike a service that holds what the disaster hits, or drill another disaster",
        ));
    }
}

/// Whether a service is what the disaster hits: it holds such a component, or it is an application and the disaster hits
/// a service of the plan.
fn is_hit(drill: &Drill, name: &str, hits: &[&str]) -> bool {
    match drill.scenario.services.get(name) {
        Some(Service::Application(_)) => hits.iter().any(|component| {
            let component = drill.plan.components.get(*component);
            component.is_some_and(|component| component.kind == ComponentKind::Service)
        }),
        Some(service) => service.component().is_some_and(|component| hits.contains(&component)),
        None => false,
    }
}

/// A service moved to a laxer tier would be held to a longer downtime.
fn tiers(drill: &Drill, found: &mut Vec<Mistake>) {
    for (level, services) in &drill.scenario.tiers {
        for service in services {
            if let Some(own) = own(service)
                && *level > own
                && drill.plan.tiers.iter().any(|tier| tier.level == own)
            {
                found.push(Mistake::new(
                    Place::of("tiers").then(level),
                    format!(
                        "`{service}` is in tier {level}; the application has it in tier {own}, and so has the plan"
                    ),
                    "a laxer tier",
                    format!("put `{service}` into tier {own} or a more urgent one, or leave it out of `tiers`"),
                ));
            }
        }
    }
}

fn rates(drill: &Drill, found: &mut Vec<Mistake>) {
    for (name, _) in drill.scenario.load.rates.iter().filter(|(_, rate)| **rate == 0) {
        found.push(Mistake::new(
            drill.at("load").then("rates").then(name),
            format!("0 operations per second of `{name}`"),
            "never asked for",
            format!("nobody would see `{name}` fail: give it a rate above 0, or take it out of the load"),
        ));
    }
}

fn judging(drill: &Drill, found: &mut Vec<Mistake>) {
    let judging = &drill.scenario.judging;
    let monitoring = &drill.plan.monitoring;
    let at = drill.at("judging");
    let slow = monitoring.slow.iter().find_map(|figure| figure.value()?.nanos());
    let failing = monitoring.errors.iter().find_map(|figure| Some(figure.value()?.ppm));
    let whose = |planned: bool| {
        if planned {
            "the plan's own threshold"
        } else {
            "the default"
        }
    };
    if let Some(response) = judging.response
        && response.nanos().is_some_and(|nanos| nanos > slow.unwrap_or(RESPONSE))
    {
        let (most, whose) = (millis(slow.unwrap_or(RESPONSE)), whose(slow.is_some()));
        found.push(looser(
            at.then("response"),
            response,
            format!("at most {most}, {whose}"),
        ));
    }
    if let Some(errors) = judging.errors
        && errors.ppm > failing.unwrap_or(ERRORS_PPM)
    {
        let ppm = failing.unwrap_or(ERRORS_PPM);
        let whose = whose(failing.is_some());
        found.push(looser(
            at.then("errors"),
            errors,
            format!("at most {}, {whose}", Share { ppm }),
        ));
    }
    // Zero and what has no fixed length is told with all other durations.
    let nanos = |duration: Duration| duration.nanos().filter(|nanos| *nanos > 0);
    if let Some(stability) = judging.stability
        && nanos(stability).is_some_and(|nanos| nanos < STABILITY)
    {
        found.push(looser(
            at.then("stability"),
            stability,
            format!("at least {}", millis(STABILITY)),
        ));
    }
    if let Some(settle) = judging.settle
        && nanos(settle).is_some_and(|nanos| nanos > SETTLE_MAX)
    {
        found.push(looser(
            at.then("settle"),
            settle,
            format!("at most {}", millis(SETTLE_MAX)),
        ));
    }
    if let Some(checks) = &judging.checks {
        let missing: Vec<&str> = DEFAULT_CHECKS
            .into_iter()
            .filter(|check| !checks.iter().any(|other| other == check))
            .collect();
        if !missing.is_empty() {
            found.push(Mistake::new(
                at.then("checks"),
                format!("the checks leave out {}", listed(&missing)),
                "fewer than by default",
                format!(
                    "`checks` may only add to {}: name these too, or leave `checks` out",
                    listed(&DEFAULT_CHECKS)
                ),
            ));
        }
    }
}

fn millis(nanos: Nanos) -> String {
    if nanos % SECOND == 0 {
        format!("{} s", nanos / SECOND)
    } else {
        format!("{} ms", nanos / 1_000_000)
    }
}

fn looser(at: Place, written: impl std::fmt::Display, bound: String) -> Mistake {
    Mistake::new(
        at,
        format!("`{written}` makes judging milder; expected {bound}"),
        "too mild",
        "judge as strictly or more strictly, or leave it out",
    )
}
