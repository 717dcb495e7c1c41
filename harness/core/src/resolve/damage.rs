//! What makes damage of files unsound: nothing to damage, or no way to damage it while the server runs.

use crate::document::{Mistake, Place};
use crate::scenario::{ConditionTime, Fault, FaultKind, Service};

use super::drill::Drill;
use super::faults::hurt;
use super::soundness::service;

/// More pages than this is not damage but loss.
const PAGES_MAX: u32 = 1_000;

pub(super) fn mistakes(drill: &Drill, found: &mut Vec<Mistake>, at: &Place, kind: &FaultKind) {
    let (key, name) = match kind {
        FaultKind::DamagePages { service, pages, .. } => {
            if *pages == 0 || *pages > PAGES_MAX {
                found.push(Mistake::new(
                    at.then("damage_pages").then("pages"),
                    format!("{pages} pages"),
                    "out of bounds",
                    format!("between 1 and {PAGES_MAX}"),
                ));
            }
            ("damage_pages", service)
        }
        FaultKind::TruncateRelation { service, .. } => ("truncate_relation", service),
        FaultKind::RemoveRelation { service, .. } => ("remove_relation", service),
        FaultKind::DamageControlFile { service } => ("damage_control_file", service),
        FaultKind::DamageWal { service, .. } => ("damage_wal", service),
        FaultKind::DamageBackup { store, .. } => {
            let at = at.then("damage_backup").then("store");
            service(found, drill, at.clone(), store, Some("s3"));
            if drill.scenario.backup.store.as_ref() != Some(store) {
                found.push(Mistake::new(
                    at,
                    format!("no backup of this drill goes to `{store}`"),
                    "holds no backup",
                    "name the store of the scenario's `backup` section",
                ));
            }
            return;
        }
        FaultKind::Kill { .. }
        | FaultKind::Run(_)
        | FaultKind::Pause { .. }
        | FaultKind::LoseData { .. }
        | FaultKind::Cut { .. }
        | FaultKind::Delay { .. }
        | FaultKind::SpoilData { .. }
        | FaultKind::SpoilObjects { .. } => return,
    };
    let at = at.then(key);
    hurt(drill, found, at.clone(), name);
    if matches!(
        drill.scenario.services.get(name),
        Some(Service::S3(_) | Service::Application(_))
    ) {
        service(found, drill, at.then("service"), name, Some("postgres"));
    }
}

/// Whether the fault may stand where it does.
pub(super) fn placed(drill: &Drill, found: &mut Vec<Mistake>, at: &Place, fault: &Fault) {
    // An exam of the fault itself expects no verdict.
    let exam = drill.scenario.expect.exit == 3;
    if fault.strikes && !exam && matches!(fault.inject, FaultKind::DamageBackup { .. }) {
        found.push(Mistake::new(
            at.then("strikes"),
            "a backup that is damaged needs no recovery by itself",
            "cannot strike",
            "make it a condition (`when: before_strike`) beside a fault that the backup is needed for",
        ));
    }
    if fault.strikes && fault.when != ConditionTime::default() {
        found.push(Mistake::new(
            at.then("when"),
            "the fault that strikes is injected by the rule `strike` of the scenario",
            "has no effect",
            "leave `when` out, or take `strikes: true` off",
        ));
    }
    if let ConditionTime::AtStep { name, .. } = &fault.when {
        let steps = drill.scenario.procedure.steps.iter().map(|step| step.name.as_str());
        if !steps.clone().any(|step| step == name) {
            let at = at.then("when").then("at_step").then("name");
            found.push(Mistake::unknown(at, "step of the procedure", name, steps));
        }
    }
    let of_files = !matches!(
        fault.inject,
        FaultKind::SpoilData { .. } | FaultKind::SpoilObjects { .. }
    );
    if fault.strikes
        && of_files
        && fault.inject.is_latent()
        && let Some(disaster) = drill.disaster()
        && disaster.rto_from.is_none()
        && !super::limits::rto(drill).is_empty()
    {
        found.push(Mistake::new(
            drill.at("disaster"),
            format!(
                "the fault can stay unseen for long, and the plan does not say from when the RTO of `{}` counts",
                drill.scenario.disaster
            ),
            "no `rto_from`",
            "add `rto_from: fault`, `impact` or `declared` to the disaster of the plan",
        ));
    }
}
