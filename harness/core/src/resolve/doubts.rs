//! What does not forbid a drill but may leave its verdict undecided, foreseen before it runs.

use crate::document::Mistake;
use crate::plan::Figure;
use crate::scenario::{Action, Service, Strike};
use crate::stamp::{MILLISECOND, MINUTE, Nanos};

use super::drill::Drill;
use super::limits;
use super::moving::{self, By};
use super::{scope, tiers, written};

/// A push, a probe or a timer on a machine of two cores, drill nanoseconds.
const DELAY: i128 = 100 * MILLISECOND as i128;
/// A dump of a drill's database likewise.
const DUMP: i128 = 400 * MILLISECOND as i128;
/// Probes and their timeouts are no shorter, drill nanoseconds.
const FLOOR: i128 = 250 * MILLISECOND as i128;
/// Longer than anyone waits for a strike, drill nanoseconds.
const WAIT_MAX: i128 = 10 * MINUTE as i128;

/// All doubts about one drill that is otherwise sound.
pub(super) fn doubts(drill: &Drill) -> Vec<Mistake> {
    let mut found = Vec::new();
    quantum(drill, &mut found);
    steady(drill, &mut found);
    strike(drill, &mut found);
    alerts(drill, &mut found);
    order(drill, &mut found);
    checksums(drill, &mut found);
    denser(drill, &mut found);
    timeouts(drill, &mut found);
    written::doubts(drill, &mut found);
    found
}

/// Probes whose timeout falls to the floor: services work in real time, and what is slow for a moment then looks dead.
fn timeouts(drill: &Drill, found: &mut Vec<Mistake>) {
    let scale = i128::from(drill.scenario.calendar_scale.max(1));
    let short: Vec<(String, i128)> = drill
        .plan
        .monitoring
        .checks
        .iter()
        .filter_map(|(name, check)| {
            let timeout = check.timeout.value()?;
            let plan = i128::from(timeout.nanos()?);
            (plan / scale < FLOOR).then(|| (format!("`{name}` ({timeout})"), plan))
        })
        .collect();
    let Some(least) = short.iter().map(|(_, plan)| plan / FLOOR).min() else {
        return;
    };
    let names: Vec<&str> = short.iter().map(|(name, _)| name.as_str()).collect();
    found.push(
        Mistake::new(
            drill.at("calendar_scale"),
            format!(
                "probes of {} wait 250 ms of drill time, the least there is: services answer in real time, and one that is \
                 slow for a moment will look dead",
                names.join(", ")
            ),
            "impatient probes",
            match least {
                0 | 1 => "expect a false alarm to spoil a run now and then".to_owned(),
                most => format!("lower the scale to {most}, or expect a false alarm to spoil a run now and then"),
            },
        )
        .warning(),
    );
}

/// Backups more often than the plan takes them.
fn denser(drill: &Drill, found: &mut Vec<Mistake>) {
    for line in scope::denser(drill) {
        found.push(
            Mistake::new(
                drill.at("backup"),
                line,
                "a loss that the plan allows may not show",
                "take backups as often as the plan says; `wal: {}` ships WAL at the plan's own interval",
            )
            .warning(),
        );
    }
}

/// Page checksums are verified by a base backup of the recovered cluster, which has to go somewhere.
fn checksums(drill: &Drill, found: &mut Vec<Mistake>) {
    let mut services = drill.scenario.services.values();
    if services.any(|service| matches!(service, Service::S3(_))) {
        return;
    }
    found.push(
        Mistake::new(
            drill.at("services"),
            "no S3 service: there is nowhere to read the whole recovered cluster into, so `page_checksums`, which every \
             drill requires, cannot run",
            "nothing can pass",
            "add one that nothing else uses: `scratch: { s3: {} }`",
        )
        .warning(),
    );
}

/// What rounding and floors add to the figures of the monitor, drill nanoseconds.
fn rounding(drill: &Drill) -> i128 {
    let scale = i128::from(drill.scenario.calendar_scale.max(1));
    let floors = drill
        .plan
        .monitoring
        .checks
        .values()
        .flat_map(|check| [&check.every, &check.timeout])
        .filter_map(|figure| figure.value()?.nanos())
        .map(|plan| (FLOOR - i128::from(plan) / scale).max(0))
        .max()
        .unwrap_or(0);
    floors.max(moving::archive_rounding(drill))
}

fn quantum(drill: &Drill, found: &mut Vec<Mistake>) {
    let scale = i128::from(drill.scenario.calendar_scale);
    let delay = match moving::of_database(drill) {
        Some(moving) if moving.by == By::Dump => DUMP,
        _ => DELAY,
    };
    let quantum = scale * (delay + rounding(drill));
    let mut missed: Vec<String> = Vec::new();
    let rto = limits::rto(drill).into_iter().map(|limit| ("RTO".to_owned(), limit));
    let rpo = drill.components().into_iter().flat_map(|component| {
        let name = format!("RPO of {component}");
        limits::rpo(drill, component)
            .into_iter()
            .map(move |limit| (name.clone(), limit))
    });
    let tiers = drill.plan.tiers.iter().flat_map(|tier| {
        let name = format!("downtime of tier {}", tier.level);
        tier.max_downtime
            .iter()
            .filter_map(Figure::limit)
            .map(move |limit| (name.clone(), limit))
    });
    for (name, limit) in rto.chain(rpo).chain(tiers) {
        if limit.plan > 0 && 2 * quantum * 10 > i128::from(limit.plan) {
            missed.push(format!("{name} ({})", limit.text));
        }
    }
    if !missed.is_empty() {
        let seconds = 2 * quantum / 1_000_000_000;
        found.push(
            Mistake::new(
                drill.at("calendar_scale"),
                format!(
                    "figures will be known to about {seconds} s of plan time, over 10 % of {}",
                    missed.join(", ")
                ),
                "coarse",
                "what takes a moment of drill takes long on this plan clock: lower the scale, or expect a near miss to \
                 be undecided",
            )
            .warning(),
        );
    }
}

fn steady(drill: &Drill, found: &mut Vec<Mistake>) {
    let Some(steady) = drill.scenario.steady.nanos() else {
        return;
    };
    let mut too_short = |what: String, wanted: Nanos| {
        found.push(
            Mistake::new(
                drill.at("steady"),
                format!("{} of steady state is shorter than {what}", drill.scenario.steady),
                "RPO could not have failed",
                format!(
                    "let it run for more than {} min of plan time",
                    (wanted + MINUTE - 1) / MINUTE
                ),
            )
            .warning(),
        );
    };
    for component in drill.components() {
        let limits = limits::rpo(drill, component);
        let Some(largest) = limits
            .iter()
            .max_by_key(|limit| limit.plan)
            .filter(|limit| limit.plan > 0)
        else {
            continue;
        };
        let wanted = largest.plan.saturating_add(largest.plan / 2);
        if steady < wanted {
            too_short(format!("1.5 times the RPO of {component} ({})", largest.text), wanted);
        }
        if let Some(moving) = moving::of_database(drill) {
            let wanted = moving.every.saturating_mul(2);
            if steady < wanted {
                let name = match moving.by {
                    By::Wal => "WAL shipping",
                    By::Dump => "dumps",
                    By::Base => "base backups",
                    By::Files => "copies of files",
                };
                too_short(format!("two cycles of {name}"), wanted);
            }
        }
    }
}

fn strike(drill: &Drill, found: &mut Vec<Mistake>) {
    let every = match &drill.scenario.strike {
        Strike::WorstForRpo | Strike::Random => moving::of_database(drill).map(|moving| moving.every),
        Strike::WorstForRto => drill.scenario.backup.base.as_ref().and_then(|base| base.every.nanos()),
        Strike::At(_) => None,
    };
    let Some(every) = every else { return };
    let wait = i128::from(every) / i128::from(drill.scenario.calendar_scale.max(1));
    if wait > WAIT_MAX {
        found.push(
            Mistake::new(
                drill.at("strike"),
                format!(
                    "the strike may wait for {} min of drill time",
                    wait / i128::from(MINUTE)
                ),
                "a long wait",
                "raise `calendar_scale`, or say when: `strike: { at: 20 min }`",
            )
            .warning(),
        );
    }
}

fn alerts(drill: &Drill, found: &mut Vec<Mistake>) {
    let Some(kinds) = limits::kinds(drill) else { return };
    let rules = &drill.plan.monitoring.alerts;
    if !rules.values().any(|rule| kinds.contains(&rule.kind)) {
        found.push(
            Mistake::new(
                drill.at("faults"),
                format!(
                    "no alert rule of the plan is of a kind that this fault causes ({})",
                    kinds.join(", ")
                ),
                "nobody will notice",
                "`detection` will fail: add an alert rule to the plan, or state `detector: none` on the fault",
            )
            .warning(),
        );
    }
}

fn order(drill: &Drill, found: &mut Vec<Mistake>) {
    let steps = &drill.scenario.procedure.steps;
    let releases = steps.iter().any(|step| matches!(step.action, Action::Release { .. }));
    let ordered = drill.plan.tiers.iter().any(tiers::is_ordered);
    if ordered && drill.scenario.tiers.len() > 1 && !releases && drill.twin.is_none() {
        found.push(
            Mistake::new(
                drill.at("procedure"),
                "the plan brings its tiers back in an order, and the procedure releases none",
                "order will be undecided",
                "hold the tiers, and release them in order: `do: { release: { tiers: [0, 1, 2] } }`",
            )
            .warning(),
        );
    }
}
