//! What makes a procedure unsound: steps that wait for each other, and actions on what is not there.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Mistake, Place};
use crate::scenario::{Action, RestoreFrom, Service, TargetRule};

use super::aside;
use super::drill::Drill;
use super::own;
use super::soundness::{positive, service};
use super::{tiers, written};

/// More steps than any runbook has.
const STEPS_MAX: usize = 500;

const MODES: [&str; 3] = ["normal", "read_only", "maintenance"];

pub(super) fn mistakes(drill: &Drill, found: &mut Vec<Mistake>) {
    let procedure = &drill.scenario.procedure;
    let at = drill.at("procedure");
    let whole = positive(found, &at.then("deadline"), procedure.deadline);
    if procedure.steps.len() > STEPS_MAX {
        found.push(Mistake::new(
            at.then("steps"),
            format!("{} steps", procedure.steps.len()),
            "too many",
            format!("at most {STEPS_MAX}"),
        ));
        return;
    }
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, step) in procedure.steps.iter().enumerate() {
        let at = at.then("steps").then(index);
        if step.name.is_empty() || names.insert(&step.name, index).is_some() {
            found.push(Mistake::new(
                at.then("name"),
                format!("a second step named `{}`", step.name),
                "taken, or empty",
                "give each step a name of its own: others wait for it by name",
            ));
        }
        if let Some(deadline) = step.deadline
            && let Some(nanos) = positive(found, &at.then("deadline"), deadline)
            && whole.is_some_and(|whole| nanos > whole)
        {
            found.push(Mistake::new(
                at.then("deadline"),
                format!(
                    "the step may take {deadline}, the whole procedure {}",
                    procedure.deadline
                ),
                "longer than the whole",
                "shorten this deadline, or lengthen the procedure's",
            ));
        }
        action(drill, found, &at.then("do"), &step.action);
    }
    dependencies(drill, found, &at, &names);
    aside::mistakes(drill, found);
}

/// Unknown names in `after`, and circles.
fn dependencies(drill: &Drill, found: &mut Vec<Mistake>, at: &Place, names: &BTreeMap<&str, usize>) {
    let steps = &drill.scenario.procedure.steps;
    let mut waits: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); steps.len()];
    for (index, step) in steps.iter().enumerate() {
        match &step.after {
            None if index > 0 => {
                waits[index].insert(index - 1);
            }
            None => {}
            Some(after) => {
                for (number, name) in after.iter().enumerate() {
                    match names.get(name.as_str()) {
                        Some(other) => {
                            waits[index].insert(*other);
                        }
                        None => {
                            let at = at.then("steps").then(index).then("after").then(number);
                            found.push(Mistake::unknown(at, "step", name, names.keys().copied()));
                        }
                    }
                }
            }
        }
    }
    // Take away what waits for nothing, again and again: what is left waits for itself.
    let mut left: BTreeSet<usize> = (0..steps.len()).collect();
    loop {
        let free: Vec<usize> = left
            .iter()
            .copied()
            .filter(|index| waits[*index].is_disjoint(&left))
            .collect();
        if free.is_empty() {
            break;
        }
        for index in free {
            left.remove(&index);
        }
    }
    if let Some(first) = left.first() {
        let circle: Vec<&str> = left.iter().map(|index| steps[*index].name.as_str()).collect();
        found.push(Mistake::new(
            at.then("steps").then(first).then("after"),
            format!("steps wait for each other: {}", circle.join(", ")),
            "would never start",
            "take one of them out of the other's `after`; a step without `after` waits for the one before it",
        ));
    }
}

fn action(drill: &Drill, found: &mut Vec<Mistake>, at: &Place, action: &Action) {
    match action {
        Action::Hold { tiers } => levels(drill, found, &at.then("hold"), tiers),
        Action::Release { tiers } => levels(drill, found, &at.then("release"), tiers),
        Action::Fence { service: name } => {
            service(found, drill, at.then("fence").then("service"), name, None);
        }
        Action::Start { service: name } => {
            service(found, drill, at.then("start").then("service"), name, None);
        }
        Action::SalvageWal { from } => {
            let at = at.then("salvage_wal").then("from");
            service(found, drill, at.clone(), from, Some("postgres"));
            if drill.scenario.backup.wal.is_none() {
                found.push(Mistake::new(
                    at,
                    "there is no archive of WAL that it could be brought into",
                    "no WAL is shipped",
                    "add `wal: { archive_timeout: 1 min }` to `backup`, or take this step out",
                ));
            }
        }
        Action::Restore { into, from, target, .. } => {
            let at = at.then("restore");
            service(found, drill, at.then("into"), into, Some("postgres"));
            let backup = &drill.scenario.backup;
            backed_up(drill, found, &at.then("from"), *from);
            if backup.is_own() {
                found.push(Mistake::new(
                    at.clone(),
                    "the reference tool restores, and the scenario's own commands take the backups",
                    "another tool's backups",
                    "restore with a command of your own: `run: { command: [...], restores: SERVICE }`",
                ));
            }
            if let TargetRule::BeforeAlert(margin) = target {
                super::soundness::fixed(found, &at.then("target").then("before_alert"), *margin);
                if *from == RestoreFrom::Dump {
                    found.push(Mistake::new(
                        at.then("target"),
                        "a dump cannot be restored up to an instant",
                        "needs WAL",
                        "restore from `base_and_wal`, or take the target out",
                    ));
                }
            }
            if let TargetRule::BeforeWal(search) = target {
                let at = at.then("target").then("before_wal");
                if *from == RestoreFrom::Dump || backup.wal.is_none() {
                    found.push(Mistake::new(
                        at.clone(),
                        "there is no archived WAL that could be searched and replayed",
                        "needs WAL",
                        "restore from `base_and_wal`, and give `backup` a `wal` section",
                    ));
                }
                let rates = &drill.scenario.load.rates;
                if !rates.contains_key(&search.table) {
                    let known = rates.keys().map(String::as_str);
                    found.push(Mistake::unknown(
                        at.then("table"),
                        "table under load:",
                        &search.table,
                        known,
                    ));
                }
            }
        }
        Action::ShipWal { service: name } => {
            let at = at.then("ship_wal").then("service");
            service(found, drill, at.clone(), name, Some("postgres"));
            if drill.scenario.backup.wal.is_none() {
                found.push(Mistake::new(
                    at,
                    "no WAL is shipped in this drill",
                    "no archive",
                    "give `backup` a `wal` section, or take the step out",
                ));
            }
        }
        Action::RestoreFiles {
            into, written: range, ..
        } => {
            let restore = at.then("restore_files");
            let at = restore.then("into");
            service(found, drill, at.clone(), into, Some("s3"));
            if drill.scenario.backup.files.is_none() {
                found.push(Mistake::new(
                    at,
                    "the bucket of files is not backed up",
                    "no such backup",
                    "add `files: { every: 1 d }` to `backup`",
                ));
            }
            if let Some(range) = range {
                if !drill.keeps_files(into) {
                    found.push(Mistake::new(
                        restore.then("into"),
                        format!("no row of the load points at objects in `{into}`"),
                        "nothing is written there",
                        "name the application's `store`, and give `files` a rate in the load",
                    ));
                }
                written::mistakes(drill, found, &restore.then("written"), range);
            }
        }
        Action::Repoint {
            application, database, ..
        } => {
            let at = at.then("repoint");
            service(found, drill, at.then("application"), application, Some("application"));
            service(found, drill, at.then("database"), database, Some("postgres"));
            if let Some(Service::Postgres(held)) = drill.scenario.services.get(database)
                && held.empty
                && !restored(drill, database)
            {
                found.push(Mistake::new(
                    at.then("database"),
                    format!("nothing runs on `{database}`: no step restores into it"),
                    "an empty host",
                    "add a `restore` into it before this step",
                ));
            }
        }
        Action::Mode { application, mode } => {
            let at = at.then("mode");
            service(found, drill, at.then("application"), application, Some("application"));
            if !MODES.contains(&mode.as_str()) {
                found.push(Mistake::unknown(at.then("mode"), "mode", mode, MODES));
            }
        }
        Action::Validate { application } => {
            service(
                found,
                drill,
                at.then("validate").then("application"),
                application,
                Some("application"),
            );
        }
        Action::Run(step) => own::step(drill, found, &at.then("run"), step),
    }
}

/// A mistake unless backups of the kind are taken.
pub(super) fn backed_up(drill: &Drill, found: &mut Vec<Mistake>, at: &Place, from: RestoreFrom) {
    let backup = &drill.scenario.backup;
    let missing = match from {
        RestoreFrom::BaseAndWal if backup.base.is_none() => "base: { every: 1 d }",
        RestoreFrom::Dump if backup.dump.is_none() => "dump: { every: 6 h }",
        RestoreFrom::BaseAndWal | RestoreFrom::Dump => return,
    };
    found.push(Mistake::new(
        at.clone(),
        "nothing of this kind is backed up",
        "no such backup",
        format!("add `{missing}` to `backup`, or restore from what is there"),
    ));
}

fn restored(drill: &Drill, database: &str) -> bool {
    drill
        .scenario
        .procedure
        .steps
        .iter()
        .any(|step| step.action.restores() == Some(database))
}

/// Tiers that a step holds or releases: those of the plan, which must be the application's own.
fn levels(drill: &Drill, found: &mut Vec<Mistake>, at: &Place, tiers: &[u8]) {
    let at = at.then("tiers");
    if drill.plan.tiers.is_empty() {
        found.push(Mistake::new(
            at,
            format!("the plan `{}` has no tiers", drill.plan.plan),
            "nothing to hold or release",
            "take this step out; `mode: { mode: maintenance, ... }` closes the whole application",
        ));
        return;
    }
    for (index, level) in tiers.iter().enumerate() {
        let at = at.then(index);
        if !drill.plan.tiers.iter().any(|tier| tier.level == *level) {
            let known: Vec<String> = drill.plan.tiers.iter().map(|tier| tier.level.to_string()).collect();
            let known = known.iter().map(String::as_str);
            found.push(Mistake::unknown(at, "tier in the plan:", &level.to_string(), known));
            continue;
        }
        let services = drill.scenario.tiers.get(level).into_iter().flatten();
        for name in services.filter(|name| tiers::own(name).is_some_and(|own| own != *level)) {
            let own = tiers::own(name).unwrap_or_default();
            found.push(Mistake::new(
                at.clone(),
                format!("tier {level} has `{name}`, which the application holds and releases with its tier {own}"),
                "not the application's own tier",
                format!("map `{name}` to tier {own}, or do not hold and release in this drill"),
            ));
        }
    }
}
