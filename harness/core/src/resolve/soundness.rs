//! What makes a scenario unsound against its plan: names that lead nowhere, and drills that could not come out otherwise.

use std::collections::BTreeSet;

use crate::document::{Mistake, Place, listed};
use crate::plan::{Duration, unfixed};
use crate::scenario::{DataHarm, Detector, FaultKind, Scenario, Service, Strike};
use crate::stamp::{MINUTE, Nanos, SECOND};
use crate::verdict::Outcome;

use super::drill::{CANARY_MAX, Drill};
use super::tiers::{RATE_MIN, SAMPLE_SERVICES, own};
use super::{criteria, damage, limits, loopholes, moving, own as own_commands, steps};

/// No plan clock needs to run faster: a year in five minutes.
const SCALE_MAX: u32 = 100_000;
/// Operations per second that one machine could be asked for at all.
const RATE_MAX: u32 = 1_000_000;

/// The clients' end of a link.
pub(super) const CLIENTS: &str = "clients";

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
    steps::mistakes(drill, &mut found);
    times(drill, &mut found);
    strike(drill, &mut found);
    expectation(drill, &mut found);
    found
}

/// A drill keeps only duties that its plan has; it can be run all the same.
fn duties(drill: &Drill, found: &mut Vec<Mistake>) {
    for (index, duty) in drill.scenario.duties.iter().enumerate() {
        if !drill.plan.drills.iter().any(|known| known.what == *duty) {
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

fn kind_of(service: &Service) -> &'static str {
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

fn load(drill: &Drill, found: &mut Vec<Mistake>) {
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

fn faults(drill: &Drill, found: &mut Vec<Mistake>) {
    let at = drill.at("faults");
    let faults = &drill.scenario.faults;
    let mut names = BTreeSet::new();
    let mut striking = None;
    for (index, fault) in faults.iter().enumerate() {
        let at = at.then(index);
        if !names.insert(&fault.name) {
            found.push(Mistake::new(
                at.then("name"),
                format!("a second fault named `{}`", fault.name),
                "taken",
                "give each fault a name of its own",
            ));
        }
        if fault.strikes {
            if let Some(first) = striking {
                found.push(Mistake::new(
                    at.then("strikes"),
                    format!("a second fault strikes; the first is `{first}`"),
                    "strikes too",
                    "RTO and RPO count from one instant: leave `strikes: true` on one fault, the others are conditions",
                ));
            }
            striking.get_or_insert(&fault.name);
        }
        injected(drill, found, &at.then("inject"), &fault.inject);
        damage::placed(drill, found, &at, fault);
        if let Some(Detector::Alerts(kinds)) = &fault.detector
            && kinds.is_empty()
        {
            found.push(Mistake::new(
                at.then("detector"),
                "an empty list of alerts",
                "nothing could notice",
                "name the kinds of alert, or write `detector: none` if no plan could notice",
            ));
        }
        if let Some(Detector::Alerts(kinds)) = &fault.detector {
            raised(drill, found, &at.then("detector").then("alerts"), kinds);
        }
        if let Some(after) = fault.reported_after {
            let at = at.then("reported_after");
            fixed(found, &at, after);
            if fault.detector != Some(Detector::None) || !fault.strikes {
                found.push(Mistake::new(
                    at,
                    "a person reports what an alert should have told",
                    "only with `detector: none`",
                    "write `detector: none` on the fault that strikes, or leave `reported_after` out",
                ));
            }
        }
    }
    if striking.is_none() {
        found.push(Mistake::new(
            at,
            "no fault strikes",
            "none with `strikes: true`",
            "RTO and RPO count from the fault that strikes: set `strikes: true` on one",
        ));
    }
}

/// Kinds of alert that a scenario waits for must be kinds that the plan can raise.
fn raised(drill: &Drill, found: &mut Vec<Mistake>, at: &Place, kinds: &[String]) {
    let mut known: Vec<&str> = drill
        .plan
        .monitoring
        .alerts
        .values()
        .map(|rule| rule.kind.as_str())
        .collect();
    known.sort_unstable();
    known.dedup();
    for (index, kind) in kinds.iter().enumerate() {
        if !known.contains(&kind.as_str()) {
            found.push(Mistake::new(
                at.then(index),
                format!("no alert of the plan is of kind `{kind}`"),
                "never raised",
                format!(
                    "name what its rules raise: {}; or write `detector: none` if no plan could notice",
                    listed(&known)
                ),
            ));
        }
    }
}

fn injected(drill: &Drill, found: &mut Vec<Mistake>, at: &Place, kind: &FaultKind) {
    match kind {
        FaultKind::Kill { service: name } => hurt(drill, found, at.then("kill"), name),
        FaultKind::Pause { service: name } => hurt(drill, found, at.then("pause"), name),
        FaultKind::LoseData { service: name } => {
            hurt(drill, found, at.then("lose_data"), name);
            if let Some(held) = drill.scenario.services.get(name)
                && kind_of(held) != "postgres"
            {
                // Nothing compares what other services held before and after: a loss there would pass unseen.
                found.push(Mistake::new(
                    at.then("lose_data").then("service"),
                    format!(
                        "`{name}` is a service of kind `{}`: only loss of a Postgres server's data is judged",
                        kind_of(held)
                    ),
                    "no Postgres server",
                    "name a service of kind `postgres`, or use `kill`",
                ));
            }
        }
        FaultKind::Cut { link, .. } => joined(drill, found, at.then("cut").then("link"), link),
        FaultKind::Delay { link, by } => {
            let at = at.then("delay");
            joined(drill, found, at.then("link"), link);
            positive(found, &at.then("by"), *by);
        }
        FaultKind::DamagePages { .. }
        | FaultKind::TruncateRelation { .. }
        | FaultKind::RemoveRelation { .. }
        | FaultKind::DamageControlFile { .. }
        | FaultKind::DamageWal { .. }
        | FaultKind::DamageBackup { .. } => damage::mistakes(drill, found, at, kind),
        FaultKind::Run(fault) => own_commands::fault(drill, found, &at.then("run"), fault),
        FaultKind::SpoilData {
            service: name,
            table,
            how,
            share,
        } => {
            let at = at.then("spoil_data");
            service(found, drill, at.then("service"), name, Some("postgres"));
            hurt(drill, found, at.clone(), name);
            let loaded = drill.scenario.load.rates.keys().map(String::as_str);
            if !drill.scenario.load.rates.contains_key(table) {
                found.push(Mistake::unknown(at.then("table"), "table under load:", table, loaded));
            }
            let some = matches!(how, DataHarm::WrongUpdate | DataHarm::Delete | DataHarm::Encrypt);
            if let Some(share) = share
                && (!some || share.ppm == 0)
            {
                found.push(Mistake::new(
                    at.then("share"),
                    if some {
                        "a share of 0 %".to_owned()
                    } else {
                        format!("a share of what `{how:?}` does to the whole table")
                    },
                    "hurts nothing, or the whole",
                    "leave `share` out, or use it with `wrong_update`, `delete` or `encrypt`",
                ));
            }
        }
        FaultKind::SpoilObjects {
            service: name, count, ..
        } => {
            let at = at.then("spoil_objects");
            service(found, drill, at.then("service"), name, Some("s3"));
            let store = match drill.scenario.services.get(&drill.scenario.load.application) {
                Some(Service::Application(application)) => application.store.as_deref(),
                _ => None,
            };
            if store != Some(name.as_str()) || !drill.scenario.load.rates.contains_key("files") {
                found.push(Mistake::new(
                    at.then("service"),
                    format!("no row of the load points at objects in `{name}`"),
                    "nothing would miss them",
                    "name the application's `store`, and give `files` a rate in the load",
                ));
            }
            if !(2..=1000).contains(count) {
                found.push(Mistake::new(
                    at.then("count"),
                    format!("{count} objects"),
                    "out of bounds",
                    "between 2 and 1000",
                ));
            }
        }
    }
}

pub(super) fn hurt(drill: &Drill, found: &mut Vec<Mistake>, at: Place, name: &str) {
    let at = at.then("service");
    service(found, drill, at.clone(), name, None);
    if let Some(Service::Postgres(held)) = drill.scenario.services.get(name)
        && held.empty
    {
        found.push(Mistake::new(
            at,
            format!("nothing runs on `{name}` that could be hurt"),
            "an empty host",
            "name a service that runs before the strike",
        ));
    }
}

/// Links that carry something: the application's to its clients, database and store, and the one that backups take.
fn joined(drill: &Drill, found: &mut Vec<Mistake>, at: Place, link: &[String; 2]) {
    let name = &drill.scenario.load.application;
    let Some(Service::Application(application)) = drill.scenario.services.get(name) else {
        return;
    };
    let mut links = vec![(CLIENTS, name.as_str()), (name.as_str(), application.database.as_str())];
    if let Some(store) = &application.store {
        links.push((name, store));
    }
    let backup = &drill.scenario.backup;
    if let (Some(database), Some(store)) = (&backup.database, &backup.store) {
        links.push((database, store));
    }
    if !links.iter().any(|(one, other)| *one == link[0] && *other == link[1]) {
        let known = links
            .iter()
            .map(|(one, other)| format!("[{one}, {other}]"))
            .collect::<Vec<_>>()
            .join(", ");
        let turned = links.iter().any(|(one, other)| *one == link[1] && *other == link[0]);
        let help = if turned {
            format!("the client's side comes first: write [{}, {}]", link[1], link[0])
        } else {
            format!("the links of this drill, client's side first: {known}")
        };
        found.push(Mistake::new(
            at,
            format!("no link joins `{}` to `{}`", link[0], link[1]),
            "no such link",
            help,
        ));
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

fn expectation(drill: &Drill, found: &mut Vec<Mistake>) {
    let at = drill.at("expect");
    let Scenario { expect, .. } = &drill.scenario;
    let fails = expect.findings.values().any(|outcome| *outcome == Outcome::Fail);
    let undecided = expect
        .findings
        .values()
        .any(|outcome| *outcome == Outcome::Inconclusive);
    let contradiction = match expect.exit {
        0 => fails || undecided,
        1 => false,
        3 => fails,
        _ => {
            found.push(Mistake::new(
                at.then("exit"),
                format!("exit code {}", expect.exit),
                "no verdict has this",
                "0: all targets met, 1: one missed, 3: undecided",
            ));
            false
        }
    };
    if contradiction {
        found.push(Mistake::new(
            at.then("findings"),
            format!("findings that are worse than exit code {} allows", expect.exit),
            "contradicts `exit`",
            "the worst finding decides: fail makes 1, inconclusive makes 3",
        ));
    }
    for id in expect.findings.keys() {
        let id_at = at.then("findings").then(id);
        let (root, part) = id.split_once('.').unwrap_or((id, ""));
        let part = part.split('#').next().unwrap_or("");
        if (root == "tier" || root == "rpo") && part.is_empty() {
            found.push(Mistake::new(
                id_at,
                format!("`{id}` does not say of what"),
                "incomplete",
                "write `rpo.COMPONENT` or `tier.LEVEL`",
            ));
        } else if root == "rpo" && limits::rpo(drill, part).is_empty() {
            let known = drill
                .components()
                .into_iter()
                .filter(|name| !limits::rpo(drill, name).is_empty())
                .collect::<Vec<_>>();
            found.push(Mistake::unknown(
                id_at,
                "component with an RPO in this drill:",
                part,
                known,
            ));
        } else if root == "tier"
            && !part
                .parse()
                .is_ok_and(|level| drill.scenario.tiers.contains_key(&level))
        {
            let known: Vec<String> = drill.scenario.tiers.keys().map(u8::to_string).collect();
            found.push(Mistake::unknown(id_at, "tier", part, known.iter().map(String::as_str)));
        }
    }
}
