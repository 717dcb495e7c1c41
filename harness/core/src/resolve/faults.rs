//! What is wrong with the faults of a scenario: none or two that strike, nothing there to be hurt, nobody who could notice.

use std::collections::BTreeSet;

use crate::document::{Mistake, Place, listed};
use crate::scenario::{DataHarm, Detector, FaultKind, Service};

use super::drill::Drill;
use super::soundness::{fixed, kind_of, positive, service};
use super::{damage, limits, own as own_commands, written};

/// The clients' end of a link.
const CLIENTS: &str = "clients";

pub(super) fn faults(drill: &Drill, found: &mut Vec<Mistake>) {
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
        if let FaultKind::SpoilObjects { written: Some(_), .. } = &fault.inject {
            let at = at.then("inject").then("spoil_objects").then("written");
            written::placed(found, &at, fault);
        }
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
        if fault.strikes && fault.detector == Some(Detector::None) {
            let sure = limits::sure(drill, &fault.inject);
            if !sure.is_empty() {
                let sure: Vec<&str> = sure.iter().map(String::as_str).collect();
                found.push(Mistake::new(
                    at.then("detector"),
                    format!(
                        "`none` says that no plan could notice this; the plan counts on {} for `{}`, which such a fault raises",
                        listed(&sure),
                        drill.scenario.disaster
                    ),
                    "the plan notices it",
                    "leave `detector` out: the time until the alert is part of the RTO",
                ));
            }
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
            service: name,
            count,
            written: range,
            ..
        } => {
            let at = at.then("spoil_objects");
            service(found, drill, at.then("service"), name, Some("s3"));
            if !drill.keeps_files(name) {
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
            if let Some(range) = range {
                written::mistakes(drill, found, &at.then("written"), range);
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
