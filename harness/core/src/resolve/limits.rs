//! The figures that a drill is judged by.

use std::collections::BTreeMap;

use crate::plan::{Automation, ComponentKind, Duration, Figure, Share};
use crate::scenario::{DataHarm, Detector, FaultKind, OwnFault, PageDamage, Service};
use crate::stamp::{Nanos, SECOND};
use crate::terms::{ComponentTerm, DetectorTerm, Domain, Limit, RtoTerm, Source, Status, Terms, Thresholds};

use super::drill::Drill;
use super::{criteria, held, moving, scope, tiers};

/// Integrity checks that must pass where the scenario does not name its own.
pub const DEFAULT_CHECKS: [&str; 5] = ["page_checksums", "amcheck", "constraints", "static_tables", "journey"];

/// The check that no effect is left of a fault that spoils data.
pub const EFFECT_CHECK: &str = "fault_effect";

/// Clients are not served.
const FAILING: &str = "application_failing";

/// Stability window where the scenario gives none.
pub(super) const STABILITY: Nanos = 5 * SECOND;
/// Settle time where the scenario gives none.
const SETTLE: Nanos = 30 * SECOND;
/// Response threshold where neither plan nor scenario give one.
pub(super) const RESPONSE: Nanos = 3 * SECOND;
/// Error threshold where neither plan nor scenario give one, parts per million.
pub(super) const ERRORS_PPM: u32 = 50_000;

/// Every distinct RTO that holds for the disaster, its own first.
pub(super) fn rto(drill: &Drill) -> Vec<Limit> {
    let own = drill.disaster().into_iter().flat_map(|disaster| &disaster.rto);
    let parts = hit_components(drill).flat_map(|(_, component)| &component.rto);
    let classes = drill
        .plan
        .tiers
        .iter()
        .filter(|tier| hit_components(drill).any(|(name, _)| tier.components.contains(name)))
        .flat_map(|tier| &tier.rto);
    tiers::distinct(own.chain(parts).chain(classes).chain(&drill.plan.rto))
}

/// Every distinct RPO that holds for a component: none unless the disaster hits it.
pub(super) fn rpo(drill: &Drill, component: &str) -> Vec<Limit> {
    if !drill.hits(component) {
        return Vec::new();
    }
    let own = drill.disaster().into_iter().flat_map(|disaster| &disaster.rpo);
    let part = drill
        .plan
        .components
        .get(component)
        .into_iter()
        .flat_map(|component| &component.rpo);
    tiers::distinct(part.chain(own).chain(&drill.plan.rpo))
}

/// The smallest RPO above zero of any component of the drill.
pub(super) fn rpo_smallest(drill: &Drill) -> Option<Nanos> {
    drill
        .components()
        .into_iter()
        .flat_map(|component| rpo(drill, component))
        .map(|limit| limit.plan)
        .filter(|plan| *plan > 0)
        .min()
}

fn hit_components<'a>(drill: &'a Drill) -> impl Iterator<Item = (&'a String, &'a crate::plan::Component)> {
    drill
        .plan
        .components
        .iter()
        .filter(|(name, _)| drill.hits(name))
        .filter(|(name, _)| drill.components().contains(name.as_str()))
}

/// Kinds of the alert rules that the plan counts on to notice the disaster, each once.
fn detection(drill: &Drill) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for name in drill.disaster().into_iter().flat_map(|disaster| &disaster.detection) {
        if let Some(rule) = drill.plan.monitoring.alerts.get(name)
            && !kinds.contains(&rule.kind)
        {
            kinds.push(rule.kind.clone());
        }
    }
    kinds
}

/// Kinds of alert that count as noticing the striking fault: the scenario's, else those of the rules that the plan
/// names for the disaster, else those that such a fault can cause. `None`: nobody can.
pub(super) fn kinds(drill: &Drill) -> Option<Vec<String>> {
    let fault = drill.striking()?;
    match &fault.detector {
        Some(Detector::None) => None,
        Some(Detector::Alerts(kinds)) => Some(kinds.clone()),
        None if !detection(drill).is_empty() => Some(detection(drill)),
        None => caused(drill, &fault.inject),
    }
}

/// Kinds of alert that such a fault can cause; `None` where no check of a plan sees it.
fn caused(drill: &Drill, fault: &FaultKind) -> Option<Vec<String>> {
    let serves = |service: &str| -> &'static [&'static str] {
        match drill.scenario.services.get(service) {
            Some(Service::Postgres(_)) => &["database_unreachable", FAILING],
            Some(Service::S3(_)) => &["store_unreachable", FAILING],
            Some(Service::Application(_)) | None => &[FAILING],
        }
    };
    let kinds: &[&str] = match fault {
        FaultKind::Kill { service }
        | FaultKind::Pause { service }
        | FaultKind::LoseData { service }
        | FaultKind::Run(OwnFault { service, .. }) => serves(service),
        FaultKind::Cut { link, .. } | FaultKind::Delay { link, .. } => serves(&link[1]),
        // Such pages fit their checksums: what is missing is known to nobody. WAL and the control file are read when
        // a server starts: one that runs goes by what it holds in memory, but for who happens to ask it for them.
        FaultKind::DamagePages {
            how: PageDamage::Zeroed | PageDamage::Stale,
            ..
        }
        | FaultKind::DamageControlFile { .. }
        | FaultKind::DamageWal { .. } => return None,
        FaultKind::DamagePages { .. } => &["data_corruption", "queries_failing", FAILING],
        FaultKind::TruncateRelation { .. } | FaultKind::RemoveRelation { .. } => {
            &["data_corruption", "queries_failing", FAILING, "database_unreachable"]
        }
        FaultKind::DamageBackup { .. } => &["backup_corrupt"],
        FaultKind::SpoilData { how, .. } => match how {
            DataHarm::Delete | DataHarm::Drop | DataHarm::Truncate => &["rows_missing", FAILING],
            DataHarm::SkewIndex => &["data_corruption", FAILING],
            // As many rows as before, every page sound, every request answered: only who reads the content notices.
            DataHarm::WrongUpdate | DataHarm::Encrypt | DataHarm::BadMigration => return None,
        },
        // No check of a plan reads objects and compares them with their rows.
        FaultKind::SpoilObjects { .. } => return None,
    };
    Some(kinds.iter().map(|kind| (*kind).to_owned()).collect())
}

/// Kinds that the plan counts on for the disaster and that a fault of this kind is sure to cause, so that nobody may say
/// that no plan could notice it. What a command does is not known, nor how long a delay is felt; and clients need not
/// feel what does not take a service away.
pub(super) fn sure(drill: &Drill, fault: &FaultKind) -> Vec<String> {
    if matches!(fault, FaultKind::Run(_) | FaultKind::Delay { .. }) {
        return Vec::new();
    }
    let takes_away = takes_away(fault);
    let caused = caused(drill, fault).unwrap_or_default();
    let mut sure = detection(drill);
    sure.retain(|kind| caused.contains(kind) && (takes_away || kind != FAILING));
    sure
}

/// Whether clients and monitor lose a service at once.
fn takes_away(fault: &FaultKind) -> bool {
    matches!(
        fault,
        FaultKind::Kill { .. } | FaultKind::Pause { .. } | FaultKind::LoseData { .. } | FaultKind::Cut { .. }
    )
}

/// Where no alert is to notice the fault: the kinds that the plan counts on for the disaster, else those that a service
/// taken away can cause. One of them raised tells that it was noticed all the same.
fn unexpected(drill: &Drill) -> Vec<String> {
    match drill.striking() {
        Some(fault) if kinds(drill).is_none() => {
            let detection = detection(drill);
            if detection.is_empty() && takes_away(&fault.inject) {
                caused(drill, &fault.inject).unwrap_or_default()
            } else {
                detection
            }
        }
        _ => Vec::new(),
    }
}

/// The thresholds of the client's path: the plan's, else the scenario's, else a default.
pub(super) fn thresholds(drill: &Drill) -> Thresholds {
    let monitoring = &drill.plan.monitoring;
    let judging = &drill.scenario.judging;
    let slow = monitoring.slow.iter().find_map(|figure: &Figure<Duration>| {
        let response = figure.value()?.nanos()?;
        Some((response, figure.source()))
    });
    let (response, response_source) = slow.unwrap_or_else(|| match judging.response.and_then(Duration::nanos) {
        Some(response) => (response, assumed("the scenario (the plan gives no response time)")),
        None => (RESPONSE, assumed("3 s by default (the plan gives no response time)")),
    });
    let failing = monitoring.errors.iter().find_map(|figure: &Figure<Share>| {
        let share = figure.value()?;
        Some((share.ppm, figure.source()))
    });
    let (errors_ppm, errors_source) = failing.unwrap_or_else(|| match judging.errors {
        Some(share) => (share.ppm, assumed("the scenario (the plan gives no error rate)")),
        None => (ERRORS_PPM, assumed("5 % by default (the plan gives no error rate)")),
    });
    Thresholds {
        response,
        response_source,
        errors_ppm,
        errors_source,
    }
}

fn assumed(place: &str) -> Source {
    Source {
        place: place.to_owned(),
        status: Status::Assumed,
    }
}

/// The terms of a sound drill.
pub(super) fn terms(drill: &Drill) -> Terms {
    let scenario = &drill.scenario;
    let plan = drill.plan;
    let disaster = drill.disaster();
    let components = drill
        .components()
        .into_iter()
        .map(|name| (name.to_owned(), component(drill, name)))
        .collect::<BTreeMap<_, _>>();
    let limits = rto(drill);
    let rto = (!limits.is_empty()).then(|| RtoTerm {
        limits,
        from: disaster.and_then(|disaster| disaster.rto_from).unwrap_or_default(),
        until: disaster.map(|disaster| disaster.rto_until).unwrap_or_default(),
    });
    let thresholds = thresholds(drill);
    let tiers = tiers::terms(drill, &thresholds);
    let detector = match kinds(drill) {
        Some(kinds) => DetectorTerm::Alerts {
            kinds,
            deadline: disaster
                .and_then(|disaster| disaster.detection_deadline.as_ref())
                .and_then(Figure::limit),
        },
        None => DetectorTerm::None,
    };
    let nanos = |duration: Option<Duration>, default: Nanos| duration.and_then(Duration::nanos).unwrap_or(default);
    Terms {
        plan: plan.plan.clone(),
        scenario: drill.name(),
        disaster: scenario.disaster.clone(),
        rto,
        components,
        order: tiers.len() > 1 && plan.tiers.iter().any(tiers::is_ordered),
        tiers,
        detector,
        automated: disaster.is_some_and(|disaster| disaster.automated == Automation::Yes),
        calendar_scale: scenario.calendar_scale,
        stability: nanos(scenario.judging.stability, STABILITY),
        settle: nanos(scenario.judging.settle, SETTLE),
        procedure_deadline: nanos(Some(scenario.procedure.deadline), 0),
        run_limit: nanos(Some(scenario.give_up), 0),
        required_checks: required_checks(drill),
        at_drill_size: true,
        tool: scenario.backup.tool.clone().filter(|_| scenario.backup.is_own()),
        availability_ppm: plan
            .availability
            .iter()
            .find_map(|figure| Some((figure.value()?.ppm, figure.source()))),
        criteria: criteria::terms(drill),
        latent: drill.striking().is_some_and(|fault| fault.inject.is_latent()),
        about_plan: criteria::contradictions(drill),
        assumptions: scope::assumptions(drill),
        stand_ins: scope::stand_ins(drill),
        not_covered: scope::not_covered(drill),
        damage: drill.striking().and_then(|fault| fault.inject.damage()),
        own_fault: drill
            .striking()
            .is_some_and(|fault| matches!(fault.inject, FaultKind::Run(_))),
        unexpected_alerts: unexpected(drill),
        left_out: held::not_held(drill).into_iter().map(str::to_owned).collect(),
        altered: Vec::new(),
        summary: drill.summary.clone(),
        twin: drill.twin.map(|_| scenario.summary.clone()),
        denser: scope::denser_terms(drill),
    }
}

/// Those of the scenario, else the default ones; and that no effect is left of a fault that spoils data.
fn required_checks(drill: &Drill) -> Vec<String> {
    let given = drill.scenario.judging.checks.clone();
    let mut checks = given.unwrap_or_else(|| DEFAULT_CHECKS.map(str::to_owned).to_vec());
    let spoils = drill.striking().is_some_and(|fault| {
        matches!(
            fault.inject,
            FaultKind::SpoilData { .. } | FaultKind::SpoilObjects { .. }
        )
    });
    if spoils && !checks.iter().any(|check| check == EFFECT_CHECK) {
        checks.push(EFFECT_CHECK.to_owned());
    }
    checks.extend(drill.scenario.checks.keys().cloned());
    checks
}

fn component(drill: &Drill, name: &str) -> ComponentTerm {
    let kind = drill.plan.components.get(name).map(|component| component.kind);
    let domain = match kind {
        Some(ComponentKind::Objects) => Domain::Key,
        Some(ComponentKind::Artefact) => Domain::Artefact,
        Some(ComponentKind::Database | ComponentKind::Service | ComponentKind::Secret | ComponentKind::External)
        | None => Domain::Store,
    };
    let backed_up = scope::component_backed_up(drill) == Some(name);
    let moving = match domain {
        Domain::Store if backed_up => moving::of_database(drill),
        Domain::Key => moving::of_files(drill),
        Domain::Store | Domain::Artefact => None,
    };
    ComponentTerm {
        rpo: rpo(drill, name),
        domain,
        backup_cycle: moving.map(|moving| moving.every),
    }
}
