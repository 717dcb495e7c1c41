//! What makes a scenario unsound against its plan: names that lead nowhere, and drills that could not come out otherwise.

use std::collections::BTreeSet;

use crate::document::{Mistake, Place};
use crate::plan::{Duration, unfixed};
use crate::scenario::{Service, Strike};
use crate::stamp::{MINUTE, Nanos, SECOND};

use super::drill::Drill;
use super::expectation::expectation;
use super::faults::faults;
use super::traffic::load;
use super::{criteria, limits, loopholes, monitor, moving, own as own_commands, steps};

/// No plan clock needs to run faster: a year in five minutes.
const SCALE_MAX: u32 = 100_000;

/// All mistakes of one drill.
pub(super) fn mistakes(drill: &Drill) -> Vec<Mistake> {
    let mut found = Vec::new();
    names(drill, &mut found);
    duties(drill, &mut found);
    services(drill, &mut found);
    loopholes::mistakes(drill, &mut found);
    load(drill, &mut found);
    backup(drill, &mut found);
    own_commands::mistakes(drill, &mut found);
    faults(drill, &mut found);
    criteria::mistakes(drill, &mut found);
    monitor::mistakes(drill, &mut found);
    steps::mistakes(drill, &mut found);
    times(drill, &mut found);
    strike(drill, &mut found);
    expectation(drill, &mut found);
    found
}

/// A drill keeps only duties that its plan has; it can be run all the same.
fn duties(drill: &Drill, found: &mut Vec<Mistake>) {
    let all: BTreeSet<&str> = drill.plan.drills.iter().map(|known| known.what.as_str()).collect();
    for (index, duty) in drill.scenario.duties.iter().enumerate() {
        if !all.contains(duty.as_str()) {
            let known = drill.plan.drills.iter().map(|known| known.what.as_str());
            let at = Place::of("duties").then(index);
            found.push(Mistake::unknown(at, "drill of the plan", duty, known).warning());
        }
    }
}

/// A duration in nanoseconds, or a mistake at its place.
pub(super) fn fixed(found: &mut Vec<Mistake>, at: &Place, duration: Duration) -> Option<Nanos> {
    let nanos = duration.nanos();
    if nanos.is_none() {
        found.push(unfixed(at.clone(), duration));
    }
    nanos
}

/// Like [`fixed`], and zero is a mistake too.
pub(super) fn positive(found: &mut Vec<Mistake>, at: &Place, duration: Duration) -> Option<Nanos> {
    let nanos = fixed(found, at, duration)?;
    if nanos == 0 {
        found.push(Mistake::new(
            at.clone(),
            "a duration of zero",
            "zero",
            "write how long it takes, such as `10 s`",
        ));
        return None;
    }
    Some(nanos)
}

/// A mistake unless the scenario has a service of this name and kind.
pub(super) fn service(found: &mut Vec<Mistake>, drill: &Drill, at: Place, name: &str, kind: Option<&str>) {
    let services = &drill.scenario.services;
    match (services.get(name), kind) {
        (None, kind) => {
            let known = services
                .iter()
                .filter(|(_, service)| kind.is_none_or(|kind| kind_of(service) == kind))
                .map(|(name, _)| name.as_str());
            found.push(Mistake::unknown(at, "service", name, known));
        }
        (Some(service), Some(kind)) if kind_of(service) != kind => found.push(Mistake::new(
            at,
            format!("`{name}` is a service of kind `{}`", kind_of(service)),
            format!("not of kind `{kind}`"),
            format!("name a service of kind `{kind}`"),
        )),
        (Some(_), _) => {}
    }
}

pub(super) fn kind_of(service: &Service) -> &'static str {
    match service {
        Service::Postgres(_) => "postgres",
        Service::S3(_) => "s3",
        Service::Application(_) => "application",
    }
}

fn names(drill: &Drill, found: &mut Vec<Mistake>) {
    let scenario = &drill.scenario;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let all = std::iter::once((drill.at("scenario"), scenario.scenario.as_str()))
        .chain(
            scenario
                .services
                .keys()
                .map(|name| (drill.at("services").then(name), name.as_str())),
        )
        .chain(drill.twin.map(|twin| (Place::of("twins").then(twin), twin)));
    for (at, name) in all {
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            found.push(Mistake::new(
                at,
                format!("`{name}` is no name"),
                "no name",
                "use 1 to 64 lower-case letters, digits, `-` and `_`",
            ));
        }
    }
    if drill.disaster().is_none() {
        let known = drill.plan.disasters.keys().map(String::as_str);
        let kind = format!("disaster in the plan `{}`:", drill.plan.plan);
        found.push(Mistake::unknown(drill.at("disaster"), &kind, &scenario.disaster, known));
    }
}

fn services(drill: &Drill, found: &mut Vec<Mistake>) {
    let sites = &drill.plan.sites;
    for (name, held) in &drill.scenario.services {
        let at = drill.at("services").then(name).then(kind_of(held));
        let (component, site) = match held {
            Service::Postgres(held) => (held.component.as_ref(), held.site.as_ref()),
            Service::S3(held) => (held.component.as_ref(), held.site.as_ref()),
            Service::Application(held) => {
                service(found, drill, at.then("database"), &held.database, Some("postgres"));
                if let Some(Service::Postgres(database)) = drill.scenario.services.get(&held.database)
                    && database.empty
                {
                    found.push(Mistake::new(
                        at.then("database"),
                        format!(
                            "nothing runs on `{}` until a restore makes a cluster there",
                            held.database
                        ),
                        "an empty host",
                        "begin with a database that runs, and repoint the application in the procedure",
                    ));
                }
                if let Some(store) = &held.store {
                    service(found, drill, at.then("store"), store, Some("s3"));
                }
                (None, held.site.as_ref())
            }
        };
        if let Some(component) = component
            && !drill.plan.components.contains_key(component)
        {
            let known = drill.plan.components.keys().map(String::as_str);
            found.push(Mistake::unknown(at.then("component"), "component", component, known));
        }
        if let Some(site) = site
            && !sites.contains_key(site)
        {
            found.push(Mistake::unknown(
                at.then("site"),
                "site",
                site,
                sites.keys().map(String::as_str),
            ));
        }
    }
}

fn backup(drill: &Drill, found: &mut Vec<Mistake>) {
    let backup = &drill.scenario.backup;
    let at = drill.at("backup");
    let any = backup.base.is_some() || backup.dump.is_some() || backup.wal.is_some() || backup.files.is_some();
    match &backup.database {
        Some(database) => service(found, drill, at.then("database"), database, Some("postgres")),
        None if any => found.push(Mistake::new(
            at.clone(),
            "backups of no database",
            "no `database`",
            "add `database: NAME` with the Postgres service that is backed up",
        )),
        None => {}
    }
    match &backup.store {
        Some(store) => service(found, drill, at.then("store"), store, Some("s3")),
        None if any && (!backup.is_own() || backup.files.is_some()) => found.push(Mistake::new(
            at.clone(),
            "backups to no store",
            "no `store`",
            "add `store: NAME` with the S3 service that holds the backups",
        )),
        None => {}
    }
    for (key, cadence) in [("base", &backup.base), ("dump", &backup.dump), ("files", &backup.files)] {
        if let Some(cadence) = cadence {
            positive(found, &at.then(key).then("every"), cadence.every);
        }
    }
    if let Some(wal) = &backup.wal {
        let at = at.then("wal");
        if let Some(timeout) = wal.archive_timeout {
            positive(found, &at.then("archive_timeout"), timeout);
        }
        if let Some(broken) = wal.broken_after {
            fixed(found, &at.then("broken_after"), broken);
        }
        if backup.base.is_none() {
            found.push(Mistake::new(
                at,
                "WAL is shipped, and there is no base backup to replay it on",
                "no `base`",
                "add `base: { every: 1 d }`; the first one is taken before the load starts",
            ));
        }
    }
}

fn times(drill: &Drill, found: &mut Vec<Mistake>) {
    let scenario = &drill.scenario;
    let scale = scenario.calendar_scale;
    if scale == 0 || scale > SCALE_MAX {
        found.push(Mistake::new(
            drill.at("calendar_scale"),
            format!("a calendar scale of {scale}"),
            "out of bounds",
            format!("between 1 (real time) and {SCALE_MAX} seconds of plan per second of drill"),
        ));
    }
    if let Some(steady) = positive(found, &drill.at("steady"), scenario.steady)
        && scale > 0
        && steady / i64::from(scale) < SECOND
    {
        found.push(Mistake::new(
            drill.at("steady"),
            format!(
                "{} of plan time is less than a second at scale {scale}",
                scenario.steady
            ),
            "no steady state could be seen",
            format!("with this scale at least {} s; better ten times that", scale),
        ));
    }
    let judging = &scenario.judging;
    let at = drill.at("judging");
    let bounded = [
        ("stability", judging.stability, SECOND),
        ("settle", judging.settle, SECOND),
        ("response", judging.response, 1),
    ];
    // What makes the verdict milder is bounded closer, in `loopholes`.
    for (key, value, least) in bounded {
        if let Some(duration) = value
            && let Some(nanos) = positive(found, &at.then(key), duration)
            && !(least..=10 * MINUTE).contains(&nanos)
        {
            found.push(Mistake::new(
                at.then(key),
                format!("`{duration}` of drill time"),
                "out of bounds",
                "between 1 s (response: above 0) and 10 min",
            ));
        }
    }
    if let Some(give_up) = positive(found, &drill.at("give_up"), scenario.give_up) {
        for limit in limits::rto(drill).iter().filter(|limit| limit.plan >= give_up) {
            found.push(Mistake::new(
                drill.at("give_up"),
                format!(
                    "the drill gives up after {}, and the RTO is {}",
                    scenario.give_up, limit.text
                ),
                "could not have failed",
                format!(
                    "a run must be able to miss its target: give up later than {} ({})",
                    limit.text, limit.source.place
                ),
            ));
        }
    }
}

fn strike(drill: &Drill, found: &mut Vec<Mistake>) {
    let scenario = &drill.scenario;
    let at = drill.at("strike");
    match &scenario.strike {
        Strike::WorstForRpo if moving::of_database(drill).is_none() => found.push(Mistake::new(
            at,
            "the strike waits for a restorable point, and no backup makes one",
            "would never come",
            "add a `backup` that the procedure restores from, or say when: `strike: { at: 10 min }`",
        )),
        Strike::WorstForRto if scenario.backup.base.is_none() => found.push(Mistake::new(
            at,
            "the strike waits for a base backup, and there is none",
            "would never come",
            "add `base: { every: ... }` to `backup`, or choose `worst_for_rpo`",
        )),
        Strike::At(instant) => {
            if let Some(nanos) = fixed(found, &at.then("at"), *instant)
                && scenario.steady.nanos().is_some_and(|steady| nanos < steady)
            {
                found.push(Mistake::new(
                    at.then("at"),
                    format!(
                        "the strike at {instant} comes before the steady state of {} is over",
                        scenario.steady
                    ),
                    "too early",
                    "both count from the start of the steady state: strike later, or shorten `steady`",
                ));
            }
        }
        Strike::WorstForRpo | Strike::WorstForRto | Strike::Random => {}
    }
}
