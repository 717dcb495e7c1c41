//! How far a verdict reaches: what is assumed, what stood in for what, what was not covered.

use crate::document::listed;
use crate::plan::{Automation, BackupKind, Component, ComponentKind, Duration, Figure};
use crate::scenario::Service;
use crate::stamp::{Nanos, SECOND};
use crate::terms::{DenserTerm, PEOPLE, StandIn, Status};

use super::drill::Drill;
use super::moving::{self, By};
use super::{held, limits};

/// The component whose Postgres the backups are taken of.
pub(super) fn component_backed_up<'a>(drill: &'a Drill) -> Option<&'a str> {
    let backup = drill.scenario.backup.database.as_ref()?;
    match drill.scenario.services.get(backup)? {
        Service::Postgres(service) => service.component.as_deref(),
        Service::S3(_) | Service::Application(_) => None,
    }
}

/// What is not in the plan and was taken to be so.
pub(super) fn assumptions(drill: &Drill) -> Vec<String> {
    let mut list = Vec::new();
    let plan = drill.plan;
    let judging = &drill.scenario.judging;
    let thresholds = limits::thresholds(drill);
    if thresholds.response_source.status == Status::Assumed {
        let millis = thresholds.response / 1_000_000;
        list.push(format!(
            "response time of the client's path: {millis} ms, from {}",
            thresholds.response_source.place
        ));
    }
    if thresholds.errors_source.status == Status::Assumed {
        let share = crate::plan::Share {
            ppm: thresholds.errors_ppm,
        };
        list.push(format!(
            "error rate of the client's path: {share}, from {}",
            thresholds.errors_source.place
        ));
    }
    for (name, check) in &plan.monitoring.checks {
        for (what, every) in [("interval", &check.every), ("timeout", &check.timeout)] {
            let name = format!("{what} of check `{name}`");
            unless_stated(&mut list, &name, &every.to_string(), every.status, &every.place);
        }
    }
    for (name, rule) in &plan.monitoring.alerts {
        let failures = &rule.failures;
        let text = format!("{failures} in a row");
        let name = format!("failures of alert `{name}`");
        unless_stated(&mut list, &name, &text, failures.status, &failures.place);
    }
    if let Some(disaster) = drill.disaster() {
        let people: [(&str, Option<&Figure<Duration>>); 3] = [
            ("time to detect", disaster.detection_deadline.as_ref()),
            ("time for people to respond", disaster.respond.as_ref()),
            ("time for people to decide", disaster.decide.as_ref()),
        ];
        for (name, value) in people {
            match value {
                Some(value) => unless_stated(&mut list, name, &value.to_string(), value.status, &value.place),
                None if disaster.automated != Automation::Yes && name != "time to detect" => {
                    list.push(format!("{name}: the plan gives none, so none is credited"));
                }
                None => {}
            }
        }
    }
    if let Some(after) = drill.striking().and_then(|fault| fault.reported_after) {
        list.push(format!(
            "time until a person reports what no alert tells: {after} of plan time, from the scenario"
        ));
    }
    if drill.scenario.backup.wal.is_some()
        && !drill.archive_timeout_given
        && let Some(timeout) = drill.scenario.backup.wal.as_ref().and_then(|wal| wal.archive_timeout)
    {
        list.push(match planned(drill, BackupKind::Wal) {
            Some(_) => format!("archive_timeout: {timeout} of plan time, as often as the plan ships WAL"),
            None => format!("archive_timeout: {timeout} of plan time, a fifth of the smallest RPO"),
        });
    } else if let Some(timeout) = drill.scenario.backup.wal.as_ref().and_then(|wal| wal.archive_timeout) {
        list.push(format!("archive_timeout: {timeout} of plan time, from the scenario"));
    }
    for (name, value, default) in [
        ("stability window", judging.stability, 5),
        ("settle time", judging.settle, 30),
    ] {
        if let Some(nanos) = value.and_then(Duration::nanos)
            && nanos != default * SECOND
        {
            let value = value.map(|value| value.to_string()).unwrap_or_default();
            list.push(format!(
                "{name}: {value} of drill time, from the scenario (default {default} s)"
            ));
        }
    }
    list
}

fn unless_stated(list: &mut Vec<String>, name: &str, text: &str, status: Status, place: &str) {
    match status {
        Status::Stated => {}
        Status::Derived => list.push(format!("{name}: {text}, derived from {place}")),
        Status::Assumed => list.push(format!("{name}: {text}, assumed ({place})")),
    }
}

/// What played the part of what the plan names.
pub(super) fn stand_ins(drill: &Drill) -> Vec<StandIn> {
    let mut list = Vec::new();
    for name in drill.components() {
        if let Some(component) = drill.plan.components.get(name) {
            let drilled = match component.kind {
                ComponentKind::Objects => "firedrill's own S3 server, a local process",
                _ => "a local Postgres server",
            };
            list.push(StandIn {
                planned: title(name, component),
                drilled: drilled.to_owned(),
            });
        }
    }
    let tool = &drill.scenario.backup.tool;
    if drill.scenario.backup.is_own() {
        list.push(StandIn {
            planned: "the plan's backup tool".to_owned(),
            drilled: format!(
                "{}, by the scenario's own commands",
                tool.as_deref().unwrap_or("a tool without a name")
            ),
        });
        if drill.scenario.backup.store.is_none() {
            list.push(StandIn {
                planned: "the plan's backup store".to_owned(),
                drilled: "a directory of this machine that outlives the database's host".to_owned(),
            });
        }
    }
    if drill.scenario.backup.store.is_some() {
        let places = backup_places(drill);
        let planned = if places.is_empty() {
            "the plan's backup store".to_owned()
        } else {
            places.join(", ")
        };
        list.push(StandIn {
            planned,
            drilled: "firedrill's own S3 server, a local process".to_owned(),
        });
        if !drill.scenario.backup.is_own() {
            list.push(StandIn {
                planned: "the plan's backup tool".to_owned(),
                drilled: "firedrill's reference backup tool".to_owned(),
            });
        }
    }
    list.push(StandIn {
        planned: "the company's application and its users".to_owned(),
        drilled: "firedrill's sample application under open-loop load".to_owned(),
    });
    list.extend(super::tiers::stand_ins(drill));
    if let Some(disaster) = drill.disaster() {
        let drilled = match disaster.automated {
            Automation::Yes => "nobody: the plan calls this disaster automated",
            _ => "time credited as the plan allows it, not measured",
        };
        list.push(StandIn {
            planned: PEOPLE.to_owned(),
            drilled: drilled.to_owned(),
        });
    }
    list.extend(drill.scenario.stand_ins.iter().cloned());
    list
}

/// Where the plan keeps the backups of the database that the drill backs up.
fn backup_places<'a>(drill: &'a Drill) -> Vec<&'a str> {
    let database = component_backed_up(drill).unwrap_or_default();
    let mut places: Vec<&str> = Vec::new();
    for policy in drill.plan.backups.values() {
        // A replica is no backup store.
        if policy.kind != BackupKind::Replica && policy.of.iter().any(|component| component == database) {
            places.extend(policy.places.iter().map(String::as_str));
        }
    }
    places.dedup();
    places
}

/// What the verdict says nothing about.
pub(super) fn not_covered(drill: &Drill) -> Vec<String> {
    let mut list = Vec::new();
    let held = drill.components();
    let not_held = held::not_held(drill);
    let places = backup_places(drill);
    for (name, component) in &drill.plan.components {
        // What keeps the backups has a stand-in of its own.
        let keeps = |place: &&str| component.title.as_ref().is_some_and(|title| title.contains(place));
        if component.kind == ComponentKind::External && places.iter().any(keeps) {
            continue;
        }
        if not_held.contains(&name.as_str()) {
            let limits: Vec<String> = limits::rpo(drill, name).into_iter().map(|limit| limit.text).collect();
            let why = drill.scenario.leaves_out.get(name);
            list.push(format!(
                "{} is not part of the drill, so that its RPO of {} is not judged{}",
                title(name, component),
                limits.join(", "),
                why.map(|why| format!(": {why}")).unwrap_or_default()
            ));
        } else if !held.contains(name.as_str()) {
            list.push(format!("{} is not part of the drill", title(name, component)));
        } else if !drill.hits(name) && component.kind == ComponentKind::Objects {
            list.push(format!(
                "loss of {} is not judged by an RPO: the plan's disaster does not hit it; a kept row whose object is gone counts all the same",
                title(name, component)
            ));
        } else if !drill.hits(name) {
            let title = title(name, component);
            list.push(format!(
                "loss of {title} is shown, not judged: the plan's disaster does not hit it"
            ));
        }
    }
    for tier in &drill.plan.tiers {
        if !drill.scenario.tiers.contains_key(&tier.level) {
            list.push(format!(
                "tier {} ({}) has no load",
                tier.level,
                tier.services.join(", ")
            ));
        }
    }
    let planned: Vec<&str> = drill.plan.sites.keys().map(String::as_str).collect();
    if planned.len() > 1 {
        list.push(format!(
            "distance between sites ({}): all processes of the drill run on one machine",
            listed(&planned)
        ));
    }
    if let Some(moving) = moving::of_database(drill)
        && moving.by == By::Wal
        && !drill.plan.backups.values().any(|policy| policy.kind == BackupKind::Wal)
    {
        list.push("WAL shipping is the scenario's: the plan has no policy for it".to_owned());
    }
    list.extend(denser(drill));
    list.push("power loss: killing a process leaves what the kernel holds in its cache".to_owned());
    list.push("data of production size: restore time grows with it".to_owned());
    list.extend(drill.scenario.not_covered.iter().cloned());
    list
}

/// How often the plan takes the backups of a kind of the database that the drill backs up: the shortest interval that it
/// states, in plan nanoseconds and as written.
pub(super) fn planned(drill: &Drill, kind: BackupKind) -> Option<(Nanos, Duration)> {
    let database = component_backed_up(drill)?;
    let policies = drill.plan.backups.values();
    policies
        .filter(|policy| policy.kind == kind && policy.of.iter().any(|component| component == database))
        .filter_map(|policy| policy.every.as_ref()?.value())
        .filter_map(|every| Some((every.nanos()?, *every)))
        .min_by_key(|(nanos, _)| *nanos)
}

/// Backups that the drill takes more often than the plan does: what they save, the plan would lose.
pub(super) fn denser(drill: &Drill) -> Vec<String> {
    let lines = denser_kinds(drill).into_iter().map(|(kind, every, cadence)| {
        let (plans, drills) = match kind {
            BackupKind::Dump => ("dumps", "dumps"),
            BackupKind::Wal => ("ships WAL", "ships it"),
            _ => ("takes a base backup", "takes one"),
        };
        format!(
            "the plan {plans} every {every}; the drill {drills} every {cadence}: the verdict is about the drill's cadence"
        )
    });
    lines.collect()
}

/// The same in short, for the line beside the verdict.
pub(super) fn denser_terms(drill: &Drill) -> Vec<DenserTerm> {
    let component = component_backed_up(drill).unwrap_or_default();
    let terms = denser_kinds(drill).into_iter().map(|(kind, every, cadence)| {
        let what = match kind {
            BackupKind::Dump => "a dump",
            BackupKind::Wal => "WAL shipped",
            _ => "a base backup",
        };
        DenserTerm {
            component: component.to_owned(),
            says: format!("{what} every {cadence}, the plan's every {every}"),
        }
    });
    terms.collect()
}

/// Kinds of backup that the drill takes more often: the plan's interval, then the drill's.
fn denser_kinds(drill: &Drill) -> Vec<(BackupKind, Duration, Duration)> {
    let backup = &drill.scenario.backup;
    let kinds = [
        (BackupKind::Dump, backup.dump.as_ref().map(|dump| dump.every)),
        (BackupKind::Base, backup.base.as_ref().map(|base| base.every)),
        (BackupKind::Wal, backup.wal.as_ref().and_then(|wal| wal.archive_timeout)),
    ];
    let mut list = Vec::new();
    for (kind, cadence) in kinds {
        if let Some(cadence) = cadence
            && let Some((nanos, every)) = planned(drill, kind)
            && cadence.nanos().is_some_and(|drilled| drilled < nanos)
        {
            list.push((kind, every, cadence));
        }
    }
    list
}

fn title(name: &str, component: &Component) -> String {
    match &component.title {
        Some(title) => format!("{title} ({name})"),
        None => name.to_owned(),
    }
}
