//! What would let a drill pass that has not earned it: a scenario may ask more than its plan, never less.

use crate::document::{Mistake, Place, listed};
use crate::plan::{Duration, Share};
use crate::scenario::{FaultKind, Service};
use crate::stamp::{Nanos, SECOND};

use super::drill::Drill;
use super::limits::{DEFAULT_CHECKS, ERRORS_PPM, RESPONSE, STABILITY};
use super::tiers::own;

/// Longer, and what goes wrong after the recovery would be put down to settling.
const SETTLE_MAX: Nanos = 60 * SECOND;

pub(super) fn mistakes(drill: &Drill, found: &mut Vec<Mistake>) {
    databases(drill, found);
    struck(drill, found);
    tiers(drill, found);
    rates(drill, found);
    judging(drill, found);
    unbuilt(drill, found);
}

/// Components that the disaster hits; `None` where it hits all, or where the plan has no such disaster.
fn hits<'a>(drill: &'a Drill) -> Option<Vec<&'a str>> {
    let hits: Vec<&str> = drill.disaster()?.hits.iter().map(String::as_str).collect();
    (!hits.is_empty()).then_some(hits)
}

/// The databases whose loss is judged: without a component that the disaster hits no RPO holds for them.
fn databases(drill: &Drill, found: &mut Vec<Mistake>) {
    let scenario = &drill.scenario;
    let used = scenario.services.values().filter_map(|service| match service {
        Service::Application(application) => Some(&application.database),
        Service::Postgres(_) | Service::S3(_) => None,
    });
    let restored = scenario
        .procedure
        .steps
        .iter()
        .filter_map(|step| step.action.restores());
    let mut names: Vec<&str> = used.map(String::as_str).chain(restored).collect();
    names.sort();
    names.dedup();
    for name in names {
        let Some(Service::Postgres(held)) = scenario.services.get(name) else {
            continue;
        };
        let at = drill.at("services").then(name).then("postgres");
        match &held.component {
            None => {
                let known: Vec<&str> = drill.plan.components.keys().map(String::as_str).collect();
                let known = hits(drill).unwrap_or(known);
                found.push(Mistake::new(
                    at,
                    format!("`{name}` names no component of the plan, so no RPO would hold for its data"),
                    "no `component`",
                    format!("add `component: NAME` with what it holds: {}", listed(&known)),
                ));
            }
            // One that the plan does not have is told as an unknown name.
            Some(component) if drill.plan.components.contains_key(component) && !drill.hits(component) => {
                if let Some(hits) = hits(drill) {
                    found.push(Mistake::new(
                        at.then("component"),
                        format!(
                            "the disaster `{}` does not hit `{component}`, so no RPO would hold for the data of `{name}`",
                            scenario.disaster
                        ),
                        "not hit",
                        format!("name a component that it hits: {}", listed(&hits)),
                    ));
                }
            }
            Some(_) => {}
        }
    }
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
            FaultKind::Run(own) => ("run", &own.service),
            // Which of its two ends a link belongs to is not known.
            FaultKind::Cut { .. } | FaultKind::Delay { .. } => continue,
        };
        let component = match drill.scenario.services.get(name) {
            Some(Service::Postgres(held)) => held.component.as_deref(),
            Some(Service::S3(held)) => held.component.as_deref(),
            // An application stands for no component.
            Some(Service::Application(_)) | None => continue,
        };
        if component.is_some_and(|component| hits.contains(&component)) {
            continue;
        }
        let holds = match component {
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

/// Keys that the engine does not act on: a verdict would seem to cover what was never done.
fn unbuilt(drill: &Drill, found: &mut Vec<Mistake>) {
    if drill.scenario.backup.files.is_some() {
        found.push(Mistake::new(
            drill.at("backup").then("files"),
            "copies of the application's bucket, which no drill takes yet",
            "not built yet",
            "leave `files` out of `backup`",
        ));
    }
    if drill.scenario.load.capacity {
        found.push(Mistake::new(
            drill.at("load").then("capacity"),
            "a measurement of capacity, which no drill makes yet",
            "not built yet",
            "leave `capacity` out of `load`",
        ));
    }
}
