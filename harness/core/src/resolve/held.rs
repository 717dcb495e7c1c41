//! What the drill's services hold of the plan: whose loss is judged, and what is left out.
//!
//! The one idea: which RPO holds for a service's data follows from the component that it names, so that naming another,
//! or none, would make the plan's RPO vanish without a word.

use crate::document::{Mistake, listed};
use crate::plan::ComponentKind;
use crate::scenario::{Action, Fault, FaultKind, Service, Step};

use super::drill::Drill;
use super::limits;
use super::soundness::kind_of;

pub(super) fn mistakes(drill: &Drill, found: &mut Vec<Mistake>) {
    kinds(drill, found);
    databases(drill, found);
    left_out(drill, found);
}

/// Components that the disaster hits; `None` where it hits all, or where the plan has no such disaster.
pub(super) fn hits<'a>(drill: &'a Drill) -> Option<Vec<&'a str>> {
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
        let bystands = held.component.is_some() && bystands(drill);
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
            // One that the plan does not have is told as an unknown name, one of another kind by [`kinds`].
            Some(component)
                if is_kind(drill, component, ComponentKind::Database) && !drill.hits(component) && !bystands =>
            {
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

/// Whether the drill leaves every database as it is: only objects and backups are hurt, and no step puts anything in a
/// database's place. None can lose data then, and a disaster of objects need not hit the database whose rows point at them.
fn bystands(drill: &Drill) -> bool {
    let spares = |fault: &Fault| {
        matches!(
            fault.inject,
            FaultKind::SpoilObjects { .. } | FaultKind::DamageBackup { .. }
        )
    };
    let leaves = |step: &Step| {
        matches!(
            step.action,
            Action::RestoreFiles { .. }
                | Action::Hold { .. }
                | Action::Release { .. }
                | Action::Mode { .. }
                | Action::Validate { .. }
        )
    };
    drill.scenario.faults.iter().all(spares) && drill.scenario.procedure.steps.iter().all(leaves)
}

fn is_kind(drill: &Drill, component: &str, kind: ComponentKind) -> bool {
    let component = drill.plan.components.get(component);
    component.is_some_and(|component| component.kind == kind)
}

/// How data is ordered and what its loss is follow from the kind of the component: a server of another kind would be
/// judged as what it is not.
fn kinds(drill: &Drill, found: &mut Vec<Mistake>) {
    for (name, service) in &drill.scenario.services {
        let (kind, word) = match service {
            Service::Postgres(_) => (ComponentKind::Database, "database"),
            Service::S3(_) => (ComponentKind::Objects, "objects"),
            Service::Application(_) => continue,
        };
        // One that the plan does not have is told as an unknown name.
        let Some(component) = service
            .component()
            .filter(|component| drill.plan.components.contains_key(*component) && !is_kind(drill, component, kind))
        else {
            continue;
        };
        let fit = drill.plan.components.iter().filter(|(_, other)| other.kind == kind);
        let fit: Vec<&str> = fit.map(|(name, _)| name.as_str()).collect();
        found.push(Mistake::new(
            drill.at("services").then(name).then(kind_of(service)).then("component"),
            format!(
                "`{name}` is a {} server, and `{component}` is not of kind `{word}` in the plan",
                kind_of(service)
            ),
            "of another kind",
            if fit.is_empty() {
                format!("the plan has no component of kind `{word}`: add what it protects there")
            } else {
                format!("name a component of kind `{word}`: {}", listed(&fit))
            },
        ));
    }
}

/// Names of components that the disaster hits, that have an RPO and keep data, and that no service of the drill holds.
pub(super) fn not_held<'a>(drill: &'a Drill) -> Vec<&'a str> {
    let held = drill.components();
    let components = drill.plan.components.iter().filter(|(name, component)| {
        let keeps = match component.kind {
            ComponentKind::Database | ComponentKind::Objects | ComponentKind::Artefact => true,
            ComponentKind::Secret | ComponentKind::Service | ComponentKind::External => false,
        };
        keeps && !held.contains(name.as_str()) && !limits::rpo(drill, name).is_empty()
    });
    components.map(|(name, _)| name.as_str()).collect()
}

/// A store of data that the disaster hits is held, or the scenario says why not. What is built and deployed no service
/// of a drill can hold: the scope of the verdict names it all the same.
fn left_out(drill: &Drill, found: &mut Vec<Mistake>) {
    let left_out = &drill.scenario.leaves_out;
    let not_held = not_held(drill);
    for name in &not_held {
        if is_kind(drill, name, ComponentKind::Artefact) || left_out.contains_key(*name) {
            continue;
        }
        let limits = limits::rpo(drill, name);
        let limit = limits
            .first()
            .map(|limit| format!("{} ({})", limit.text, limit.source.place));
        found.push(Mistake::new(
            drill.at("services"),
            format!(
                "the disaster `{}` hits `{name}`, which has an RPO of {}, and no service of the drill holds it",
                drill.scenario.disaster,
                limit.unwrap_or_default()
            ),
            format!("`{name}` is not held"),
            format!(
                "give the service that holds its data `component: {name}`; or say why the drill does without: \
                 `leaves_out: {{ {name}: WHY }}`, and the verdict's scope names it"
            ),
        ));
    }
    for (name, why) in left_out {
        let at = drill.at("leaves_out").then(name);
        if !drill.plan.components.contains_key(name) {
            found.push(Mistake::unknown(at, "component", name, not_held.iter().copied()));
        } else if !not_held.contains(&name.as_str()) {
            found.push(Mistake::new(
                at,
                format!("`{name}` is held by a service of the drill, or no RPO holds for it in this disaster"),
                "nothing to leave out",
                "take it out of `leaves_out`",
            ));
        } else if why.trim().is_empty() {
            found.push(Mistake::new(
                at,
                format!("`{name}` is left out without a word"),
                "no reason",
                "say why the drill does without it",
            ));
        }
    }
}
